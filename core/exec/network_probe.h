// How long the nodes of a network take, each by itself, before the network is loaded.
#ifndef KINGLET_CORE_EXEC_NETWORK_PROBE_H_
#define KINGLET_CORE_EXEC_NETWORK_PROBE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/aligned_buffer.h"
#include "core/exec/node_chain.h"
#include "core/exec/plan.h"
#include "core/exec/prepared_plan.h"
#include "core/exec/runtime.h"
#include "core/model/model_source.h"

namespace kinglet {

// Plan and kernels of a network; no weights are packed, no arena is there. One thread at a time. Borrows the runtime.
class NetworkProbe {
 public:
  // Errors: those of Network::Load(), but for what only a kernel's prepare() finds.
  static absl::StatusOr<std::unique_ptr<NetworkProbe>> Open(Runtime* runtime, std::unique_ptr<ModelSource> source);

  size_t node_count() const { return plan_.nodes.size(); }
  const PlanNode& node(size_t index) const { return plan_.nodes[index]; }
  const kl_kernel& kernel(size_t index) const { return *prepared_->nodes()[index].kernel; }
  // What the time of a node depends on beside its kernel: operator, attributes, types and shapes, for constants (marked
  // "=") the share of zeros.
  const std::string& key(size_t index) const { return keys_[index]; }
  // Memory that one run goes through: weights, and activations as many as live at the same time.
  uint64_t touched_bytes() const { return touched_bytes_; }

  // Nanoseconds of a node, once for each of `passed_bytes`: as it runs when so much other memory has gone through the caches
  // since its constants were last used. Medians of a few runs.
  // Errors: what the kernel refuses; out of memory.
  absl::StatusOr<std::vector<double>> Time(size_t node, const std::vector<uint64_t>& passed_bytes);
  // Nanoseconds of two nodes together, in a run of many that takes turns between them, constants in the caches.
  absl::StatusOr<double> TimeTurns(size_t first, size_t second);

 private:
  NetworkProbe(Runtime* runtime, std::unique_ptr<ModelSource> source) : runtime_(runtime), source_(std::move(source)) {}
  uint64_t ConstantBytes(size_t node) const;
  // Median of runs of a chain, a node: all nodes but the first `warm_count` count.
  absl::StatusOr<double> Median(NodeChain* chain, size_t warm_count, size_t counted, uint64_t passed_bytes);
  absl::Status PassMemory(uint64_t bytes);

  Runtime* const runtime_;
  const std::unique_ptr<ModelSource> source_;
  Plan plan_;
  std::unique_ptr<PreparedPlan> prepared_;
  std::vector<std::string> keys_;
  uint64_t touched_bytes_ = 0;
  AlignedBuffer passed_;  // the largest that was asked for
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_NETWORK_PROBE_H_
