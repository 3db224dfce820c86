// "serial": one thread, one range of units a phase. The oracle for all other schedulers.
#include "core/base/status.h"
#include "schedulers/node_work.h"
#include "schedulers/registry.h"

namespace kinglet {
namespace {

class SerialScheduler : public Scheduler {
 public:
  static absl::StatusOr<std::unique_ptr<Scheduler>> Create(int /*thread_count*/) {
    return std::unique_ptr<Scheduler>(new SerialScheduler());
  }

  absl::Status Run(NodeRun* nodes, size_t count, const std::atomic<bool>* cancel) override {
    for (size_t n = 0; n < count; ++n) {
      KL_RETURN_IF_ERROR(RunHooked(nodes[n], [&] {
        KL_RETURN_IF_ERROR(CheckCancelled(cancel, nodes[n]));
        return RunOnce(nodes[n]);
      }));
    }
    return absl::OkStatus();
  }

  void ParallelFor(int64_t count, kl_parallel_body body, void* context) override {
    if (count > 0) body(context, 0, count);
  }

  int thread_count() const override { return 1; }
  void* pthreadpool() override { return nullptr; }

 private:
  static absl::Status RunOnce(const NodeRun& node) {
    kl_work work;
    KL_RETURN_IF_ERROR(QueryWork(node, 1, &work));
    for (uint32_t phase = 0; phase < work.phase_count; ++phase) {
      kl_run run = RunOf(node, phase, 0, 1);
      run.end = work.unit_count[phase];
      if (run.end == 0) continue;
      const kl_code code = node.kernel->run(&run);
      if (code != KL_OK) return KernelFailed(node, code);
    }
    return absl::OkStatus();
  }
};

}  // namespace
}  // namespace kinglet

KL_SCHEDULER(serial, SerialScheduler::Create)
