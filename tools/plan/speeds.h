// What a look of some seconds at this machine and at a few of the model's layers says about its speed.
#ifndef KINGLET_TOOLS_PLAN_SPEEDS_H_
#define KINGLET_TOOLS_PLAN_SPEEDS_H_

#include <cstdint>
#include <vector>

#include "tools/common/engine.h"
#include "tools/common/report.h"

namespace kinglet::tools {

// Experts read together, none of them in memory or in the system's cache before.
struct ReadSpeed {
  uint32_t together = 0;
  double ns = 0;     // until the last of them was there
  double bytes = 0;  // of storage
  double cpu_ns = 0; // processor time meanwhile: system calls, checksums, unpacking
};

struct Speeds {
  double memory_bytes_per_second = 0;
  bool spare_core = false;  // that no computing thread needs
  std::vector<ReadSpeed>
      reads;  // together rising; empty: the model has no experts that could be streamed
  // From running the first probed_layers layers with all they need in memory. Nanoseconds.
  int64_t probed_layers = 0;
  double layer_ns = 0;              // a layer, one token
  double overlap_ns = 0;            // of it, between the choice of experts and their use
  double router_ns = 0;             // of it, the router's product
  double rest_ns = 0;               // embeddings, head, all that is not a layer; one token
  int64_t prompt_tokens = 0;        // of the prompt that was tried
  double prompt_layer_ns = 0;       // a layer, all these tokens
  uint64_t layer_weight_bytes = 0;  // read from memory by a layer, one token
  uint64_t rest_weight_bytes = 0;
  double weight_bytes_per_second = 0;  // of large weights from storage; 0: not asked for
  double probe_seconds = 0;
};

// `planned` was loaded with plan_only from `path`. `options` are those of the load that is planned;
// prompt_tokens are tried in one batch, at most 128; streams_weights: large weights are read too.
// Errors: of loading a part of the model, of reading experts or weights.
Failure MeasureSpeeds(kl_runtime* runtime, const kl_model* planned, const std::string& path,
                      const kl_model_options& options, int64_t prompt_tokens, bool streams_weights, Speeds* speeds);

// Time until `together` experts are there: between what was measured, and beyond it as bandwidth
// says.
double ReadNs(const Speeds& speeds, double together);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_PLAN_SPEEDS_H_
