// From a network's nodes to its latency: every distinct node is timed once and looked up from then
// on.
#ifndef KINGLET_TOOLS_PREDICT_PREDICTOR_H_
#define KINGLET_TOOLS_PREDICT_PREDICTOR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/capi/kinglet.h"
#include "tools/common/progress.h"
#include "tools/common/report.h"
#include "tools/predict/time_table.h"

namespace kinglet::tools {

struct PredictedNode {
  std::string name;
  std::string op;
  std::string kernel;
  std::string plugin;
  double ns = 0;
};

struct NetworkForecast {
  std::string path;
  uint64_t touched_bytes = 0;        // that one run goes through
  std::vector<PredictedNode> nodes;  // in the order of the plan
  size_t distinct_count = 0;         // nodes that differ
  size_t timed_count = 0;            // of them, those that were not in the table yet
  size_t join_count = 0;             // times that a run goes over to another library's threads
  double join_ns = 0;                // of all of them
  size_t timed_join_count = 0;       // kinds of them that were not in the table yet
  std::optional<double> measured_ns;

  double ns() const;
};

// One thread. Borrows all that it gets.
class Predictor {
 public:
  Predictor(kl_runtime* runtime, TimeTable* table) : runtime_(runtime), table_(table) {}

  // Reads the network's file, never loads it. Errors: those of kl_network_probe_open and
  // kl_network_probe_time; interrupted.
  Failure Predict(const std::string& path, NetworkForecast* forecast);

 private:
  Failure TimeNodes(kl_network_probe* probe, NetworkForecast* forecast);
  Failure TimeJoins(kl_network_probe* probe, NetworkForecast* forecast);
  Failure TimeJoin(kl_network_probe* probe, uint32_t first, double* ns);

  kl_runtime* const runtime_;
  TimeTable* const table_;
  Progress progress_;
};

// Median nanoseconds of a run of the whole network, loaded and fed with made-up inputs: as many
// runs as half a second has, at least 15.
Failure MeasureNetwork(kl_runtime* runtime, const std::string& path, double* ns);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_PREDICT_PREDICTOR_H_
