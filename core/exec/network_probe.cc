#include "core/exec/network_probe.h"

#include <algorithm>
#include <set>
#include <utility>

#include "core/abi/dtype.h"
#include "core/base/status.h"
#include "core/exec/node_key.h"
#include "core/exec/plan_builder.h"

namespace kinglet {
namespace {

// Runs of a node that count, each with constants of its own, behind one that brings its activations into the caches, wakes
// the threads that it runs on and does not count.
constexpr size_t kCopies = 3;
// Beyond this a node's copies are the same one: by themselves they go through more memory than caches hold.
constexpr uint64_t kMostCopiedBytes = 64 << 20;
// Below this it does not matter where constants come from.
constexpr uint64_t kFewConstantBytes = 4096;
constexpr size_t kMostRepetitions = 11;
constexpr size_t kLeastRepetitions = 3;
constexpr double kEnoughNs = 3e7;
constexpr int kTurns = 16;

// Bytes of the values that live at the same time, at the node where they are most.
uint64_t MostLiveBytes(const Plan& plan) {
  const size_t count = plan.nodes.size();
  if (count == 0) return 0;
  std::vector<size_t> first(plan.values.size(), count), last(plan.values.size(), 0);
  for (size_t n = 0; n < count; ++n) {
    for (kl_value value : plan.nodes[n].operands) {
      if (value == KL_NO_VALUE) continue;
      first[value] = std::min(first[value], n);
      last[value] = n;
    }
  }
  std::vector<uint64_t> live(count);
  for (size_t v = 0; v < plan.values.size(); ++v) {
    if (plan.values[v].kind == ValueKind::kWeight) continue;
    const kl_tensor tensor = ShapedTensor(plan.values[v], Extents());
    for (size_t n = first[v]; n < count && n <= last[v]; ++n) live[n] += kl_tensor_bytes(&tensor);
  }
  return *std::max_element(live.begin(), live.end());
}

uint64_t AllConstantBytes(const Plan& plan) {
  std::set<const SourceTensor*> tensors;
  uint64_t bytes = 0;
  for (const PlanValue& value : plan.values) {
    for (const SourceTensor* tensor : value.tensors) bytes += tensors.insert(tensor).second ? tensor->bytes : 0;
  }
  return bytes;
}

}  // namespace

absl::StatusOr<std::unique_ptr<NetworkProbe>> NetworkProbe::Open(Runtime* runtime, std::unique_ptr<ModelSource> source) {
  std::unique_ptr<NetworkProbe> probe(new NetworkProbe(runtime, std::move(source)));
  const std::string& path = probe->source_->path;
  KL_ASSIGN_OR_RETURN(probe->plan_, BuildGraphPlan(*probe->source_));
  auto prepared = PreparedPlan::Create(probe->plan_, runtime->registry(), Extents(), runtime->thread_count());
  if (!prepared.ok()) return Annotate(prepared.status(), path);
  probe->prepared_ = *std::move(prepared);
  for (const auto& file : probe->source_->files) KL_RETURN_IF_ERROR(file->ContainFaults());
  for (const PlanNode& node : probe->plan_.nodes) probe->keys_.push_back(NodeKey(probe->plan_, node));
  for (const auto& file : probe->source_->files) KL_RETURN_IF_ERROR(file->CheckIntact());
  probe->touched_bytes_ = AllConstantBytes(probe->plan_) + MostLiveBytes(probe->plan_);
  return probe;
}

uint64_t NetworkProbe::ConstantBytes(size_t node) const {
  uint64_t bytes = 0;
  for (kl_value value : plan_.nodes[node].operands) {
    if (value == KL_NO_VALUE) continue;
    for (const SourceTensor* tensor : plan_.values[value].tensors) bytes += tensor->bytes;
  }
  return bytes;
}

absl::StatusOr<std::vector<double>> NetworkProbe::Time(size_t node, const std::vector<uint64_t>& passed_bytes) {
  const uint64_t bytes = ConstantBytes(node);
  const bool own_constants = (1 + kCopies) * bytes <= kMostCopiedBytes;
  const std::vector<size_t> nodes(1 + kCopies, node);
  KL_ASSIGN_OR_RETURN(const std::unique_ptr<NodeChain> chain, NodeChain::Create(runtime_, plan_, nodes, own_constants));
  KL_RETURN_IF_ERROR(chain->Run(1).status());
  std::vector<double> times;
  for (uint64_t passed : passed_bytes) {
    if (!times.empty() && bytes <= kFewConstantBytes) {
      times.push_back(times[0]);
      continue;
    }
    KL_ASSIGN_OR_RETURN(const double time, Median(chain.get(), 1, kCopies, passed));
    times.push_back(time);
  }
  return times;
}

absl::StatusOr<double> NetworkProbe::TimeTurns(size_t first, size_t second) {
  std::vector<size_t> nodes;
  for (int i = 0; i < 1 + kTurns; ++i) nodes.insert(nodes.end(), {first, second});
  KL_ASSIGN_OR_RETURN(const std::unique_ptr<NodeChain> chain,
                      NodeChain::Create(runtime_, plan_, nodes, /*own_constants=*/false));
  KL_RETURN_IF_ERROR(chain->Run(2).status());
  return Median(chain.get(), 2, kTurns, 0);
}

absl::StatusOr<double> NetworkProbe::Median(NodeChain* chain, size_t warm_count, size_t counted, uint64_t passed_bytes) {
  std::vector<double> times;
  double sum = 0;
  while (times.size() < kLeastRepetitions || (times.size() < kMostRepetitions && sum < kEnoughNs)) {
    KL_RETURN_IF_ERROR(PassMemory(passed_bytes));
    KL_ASSIGN_OR_RETURN(const int64_t ns, chain->Run(warm_count));
    times.push_back(static_cast<double>(ns) / static_cast<double>(counted));
    sum += static_cast<double>(ns);
  }
  std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
  return times[times.size() / 2];
}

absl::Status NetworkProbe::PassMemory(uint64_t bytes) {
  constexpr uint64_t kStep = 64, kUnit = 64 << 10;
  if (bytes > passed_.size()) {
    KL_ASSIGN_OR_RETURN(passed_, AlignedBuffer::Allocate(bytes, AlignedBuffer::HugePages::kAdvise));
    // Pages that nobody wrote to would all be one.
    for (uint64_t i = 0; i < bytes; i += kStep) passed_.data()[i] = 1;
  }
  const auto read = [](void* context, int64_t begin, int64_t end) {
    const volatile uint8_t* const data = static_cast<const uint8_t*>(context);
    for (uint64_t i = static_cast<uint64_t>(begin) * kUnit; i < static_cast<uint64_t>(end) * kUnit; i += kStep) {
      static_cast<void>(data[i]);
    }
  };
  if (bytes >= kUnit) runtime_->ParallelFor(static_cast<int64_t>(bytes / kUnit), read, passed_.data());
  return absl::OkStatus();
}

}  // namespace kinglet
