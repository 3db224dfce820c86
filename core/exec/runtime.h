// What models and sessions share: the loaded plugins and the threads.
#ifndef KINGLET_CORE_EXEC_RUNTIME_H_
#define KINGLET_CORE_EXEC_RUNTIME_H_

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>

#include "core/abi/host.h"
#include "core/abi/planner.h"
#include "core/exec/program.h"
#include "core/exec/scheduler.h"
#include "core/plugin/registry.h"

namespace kinglet {

// Thread safe: runs of different sessions take turns on the one set of threads.
class Runtime {
 public:
  // `planner` lives as long as the runtime (a plugin's, or the core's greedy one).
  Runtime(std::unique_ptr<Registry> registry, std::unique_ptr<Scheduler> scheduler, const kl_planner* planner)
      : registry_(std::move(registry)), scheduler_(std::move(scheduler)), planner_(planner) {}

  const Registry& registry() const { return *registry_; }
  const kl_planner& planner() const { return *planner_; }
  int thread_count() const { return scheduler_->thread_count(); }

  absl::Status Run(Program* program, int64_t tokens, int64_t outputs, uint32_t wanted_count,
                   const std::atomic<bool>* cancel) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return program->Run(scheduler_.get(), tokens, outputs, wanted_count, cancel);
  }

  absl::Status CompleteLogits(Program* program) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return program->CompleteLogits(scheduler_.get());
  }

  void ParallelFor(int64_t count, kl_parallel_body body, void* context) {
    const std::lock_guard<std::mutex> lock(mutex_);
    scheduler_->ParallelFor(count, body, context);
  }

 private:
  const std::unique_ptr<Registry> registry_;
  const std::unique_ptr<Scheduler> scheduler_;
  const kl_planner* const planner_;
  std::mutex mutex_;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_RUNTIME_H_
