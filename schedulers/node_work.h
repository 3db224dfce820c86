// What every scheduler does with a node besides running its units.
#ifndef KINGLET_SCHEDULERS_NODE_WORK_H_
#define KINGLET_SCHEDULERS_NODE_WORK_H_

#include <atomic>

#include "absl/status/status.h"
#include "core/exec/scheduler.h"

namespace kinglet {

// Asks the kernel for its phases and units. Errors: counts that the contract does not allow.
absl::Status QueryWork(const NodeRun& node, int worker_count, kl_work* work);

// The kl_run of one worker for units [begin, end) of a phase.
kl_run RunOf(const NodeRun& node, uint32_t phase, int worker, int worker_count);

// The error for a code other than KL_OK that a kernel returned.
absl::Status KernelFailed(const NodeRun& node, kl_code code);

// Runs a node by `run` (which returns absl::Status) once, or as often as its hook says.
template <typename RunOnce>
absl::Status RunHooked(const NodeRun& node, const RunOnce& run) {
  if (node.hook == nullptr) return run();
  for (;;) {
    const absl::StatusOr<bool> more = node.hook->Next();
    if (!more.ok()) return more.status();
    if (!*more) return absl::OkStatus();
    const absl::Status status = run();
    if (!status.ok()) return status;
  }
}

// KL_CANCELLED when somebody asked for it.
absl::Status CheckCancelled(const std::atomic<bool>* cancel, const NodeRun& next);

}  // namespace kinglet

#endif  // KINGLET_SCHEDULERS_NODE_WORK_H_
