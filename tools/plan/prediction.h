// From needs, speeds and routing to what running will be like. Pure arithmetic.
//
//   token     layers * layer + rest, but no faster than memory brings the weights
//   stall     reads and guesses played through (read_ahead.h), which also slow computing down
//   prompt    batch by batch: a layer's experts are read once; reads of the next layer overlap where the cache has room
//   large weights that are streamed: what reading them takes longer than computing a token
#ifndef KINGLET_TOOLS_PLAN_PREDICTION_H_
#define KINGLET_TOOLS_PLAN_PREDICTION_H_

#include <cstdint>
#include <string>

#include "core/capi/kinglet.h"
#include "tools/plan/speeds.h"

namespace kinglet::tools {

// Of the model and of what is asked of it.
struct Task {
  int64_t layers = 0;
  int64_t expert_layers = 0;
  int64_t experts = 0;  // of a layer
  int64_t used = 0;     // of them, by a token
  int64_t prompt = 0;   // tokens
  int64_t predict = 0;
  int64_t batch = 0;
  bool guesses = false;  // experts of later layers are read ahead
  double prompt_experts = 0;     // different ones that a batch of the prompt asks for in a layer
  uint64_t touched_experts = 0;  // different ones of the whole conversation, all layers
  // The activations that a prompt of this length touches.
  uint64_t touched_activation_bytes = 0;
};

struct Prediction {
  uint64_t budget_bytes = 0;  // 0: none
  kl_memory_plan memory = {};
  std::string reader;       // who brings the experts, and how many fit
  uint64_t peak_bytes = 0;  // of resident memory
  // Below: only with speeds.
  double hit_rate = 1;
  double compute_ns = 0;  // a token
  double stall_ns = 0;
  double first_token_ns = 0;
  uint64_t memory_bytes_per_token = 0;
  uint64_t storage_bytes_per_token = 0;

  double tokens_per_second() const {
    return compute_ns + stall_ns > 0 ? 1e9 / (compute_ns + stall_ns) : 0;
  }
};

uint64_t PeakBytes(const kl_memory_plan& memory, const Task& task);
// Fills what depends on speeds. Requires memory, and hit_rate where memory.streamed.
void Predict(const Task& task, const Speeds& speeds, Prediction* prediction);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_PLAN_PREDICTION_H_
