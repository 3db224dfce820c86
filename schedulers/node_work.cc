#include "schedulers/node_work.h"

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace kinglet {
namespace {

std::string Label(const NodeRun& node) {
  return absl::StrCat("node ", node.name == nullptr ? "?" : node.name, ", kernel ",
                      node.kernel->name);
}

}  // namespace

kl_run RunOf(const NodeRun& node, uint32_t phase, int worker, int worker_count) {
  kl_run run = node.run;
  run.phase = phase;
  run.begin = 0;
  run.end = 0;
  run.worker = static_cast<uint32_t>(worker);
  run.worker_count = static_cast<uint32_t>(worker_count);
  run.worker_scratch = node.worker_scratch_base == nullptr
                           ? nullptr
                           : static_cast<char*>(node.worker_scratch_base) +
                                 static_cast<uint64_t>(worker) * node.worker_scratch_stride;
  run.pthreadpool = nullptr;
  run.weight_bytes =
      node.weight_bytes == nullptr ? nullptr : node.weight_bytes + worker * NodeRun::kWeightBytesStride;
  return run;
}

absl::Status QueryWork(const NodeRun& node, int worker_count, kl_work* work) {
  const kl_run run = RunOf(node, 0, 0, worker_count);
  *work = {};
  work->struct_size = sizeof *work;
  node.kernel->work(&run, work);
  if (work->phase_count > KL_MAX_PHASES) {
    return absl::InternalError(absl::StrCat(Label(node), ": work() asked for ", work->phase_count,
                                            " phases, at most ", KL_MAX_PHASES,
                                            " are possible; the kernel has to be corrected"));
  }
  for (uint32_t phase = 0; phase < work->phase_count; ++phase) {
    if (work->unit_count[phase] < 0) {
      return absl::InternalError(absl::StrCat(Label(node), ": work() asked for ",
                                              work->unit_count[phase], " units in phase ", phase,
                                              "; the kernel has to be corrected"));
    }
  }
  return absl::OkStatus();
}

absl::Status KernelFailed(const NodeRun& node, kl_code code) {
  return StatusFromCode(code, absl::StrCat(Label(node), ": run() returned code ", code));
}

absl::Status CheckCancelled(const std::atomic<bool>* cancel, const NodeRun& next) {
  if (cancel == nullptr || !cancel->load(std::memory_order_relaxed)) return absl::OkStatus();
  return absl::CancelledError(
      absl::StrCat("cancelled before node ", next.name == nullptr ? "?" : next.name));
}

}  // namespace kinglet
