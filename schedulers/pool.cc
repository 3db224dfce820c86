// "pool": workers share the units of each phase; nodes with one unit run on the caller alone.
#include <utility>

#include "core/base/status.h"
#include "schedulers/lazy_pthreadpool.h"
#include "schedulers/node_work.h"
#include "schedulers/registry.h"
#include "schedulers/worker_pool.h"

namespace kinglet {
namespace {

struct PhaseJob {
  const NodeRun* node;
  uint32_t phase;
  int worker_count;
  std::atomic<kl_code> code{KL_OK};  // the first that is not KL_OK

  static bool RunUnits(void* job, int worker, int64_t begin, int64_t end) {
    PhaseJob& self = *static_cast<PhaseJob*>(job);
    kl_run run = RunOf(*self.node, self.phase, worker, self.worker_count);
    run.begin = begin;
    run.end = end;
    const kl_code code = self.node->kernel->run(&run);
    if (code == KL_OK) return true;
    kl_code none = KL_OK;
    self.code.compare_exchange_strong(none, code, std::memory_order_relaxed);
    return false;
  }
};

struct LoopJob {
  kl_parallel_body body;
  void* context;

  static bool RunUnits(void* job, int /*worker*/, int64_t begin, int64_t end) {
    const LoopJob& self = *static_cast<LoopJob*>(job);
    self.body(self.context, begin, end);
    return true;
  }
};

class PoolScheduler : public Scheduler {
 public:
  static absl::StatusOr<std::unique_ptr<Scheduler>> Create(int thread_count) {
    KL_ASSIGN_OR_RETURN(std::unique_ptr<WorkerPool> workers, WorkerPool::Create(thread_count));
    return std::unique_ptr<Scheduler>(new PoolScheduler(std::move(workers)));
  }

  absl::Status Run(NodeRun* nodes, size_t count, const std::atomic<bool>* cancel) override {
    bool pthreadpool_is_awake = false;
    absl::Status status;
    for (size_t n = 0; n < count && status.ok(); ++n) {
      const bool own_threads = (nodes[n].kernel->flags & KL_KERNEL_OWN_THREADS) != 0;
      if (!own_threads && std::exchange(pthreadpool_is_awake, false)) pthreadpool_.Quiet();
      status = RunHooked(nodes[n], [&] {
        KL_RETURN_IF_ERROR(CheckCancelled(cancel, nodes[n]));
        return own_threads ? RunAlone(nodes[n]) : RunShared(nodes[n]);
      });
      pthreadpool_is_awake = own_threads;
    }
    if (pthreadpool_is_awake) pthreadpool_.Quiet();
    return status;
  }

  void ParallelFor(int64_t count, kl_parallel_body body, void* context) override {
    LoopJob job = {body, context};
    if (count > 0) workers_->Run(count, LoopJob::RunUnits, &job);
  }

  int thread_count() const override { return workers_->thread_count(); }
  void* pthreadpool() override { return pthreadpool_.Get(); }

 private:
  explicit PoolScheduler(std::unique_ptr<WorkerPool> workers)
      : workers_(std::move(workers)), pthreadpool_(workers_->thread_count()) {}

  absl::Status RunShared(const NodeRun& node) {
    kl_work work;
    KL_RETURN_IF_ERROR(QueryWork(node, thread_count(), &work));
    for (uint32_t phase = 0; phase < work.phase_count; ++phase) {
      PhaseJob job = {&node, phase, thread_count()};
      workers_->Run(work.unit_count[phase], PhaseJob::RunUnits, &job);
      const kl_code code = job.code.load(std::memory_order_relaxed);
      if (code != KL_OK) return KernelFailed(node, code);
    }
    return absl::OkStatus();
  }

  // A kernel that threads by itself: all units on this thread, its threads from the pthreadpool.
  absl::Status RunAlone(const NodeRun& node) {
    workers_->Rest();
    kl_work work;
    KL_RETURN_IF_ERROR(QueryWork(node, thread_count(), &work));
    for (uint32_t phase = 0; phase < work.phase_count; ++phase) {
      kl_run run = RunOf(node, phase, 0, thread_count());
      run.end = work.unit_count[phase];
      run.pthreadpool = pthreadpool_.Get();
      if (run.end == 0) continue;
      const kl_code code = node.kernel->run(&run);
      if (code != KL_OK) return KernelFailed(node, code);
    }
    return absl::OkStatus();
  }

  const std::unique_ptr<WorkerPool> workers_;
  LazyPthreadpool pthreadpool_;
};

}  // namespace
}  // namespace kinglet

KL_SCHEDULER(pool, PoolScheduler::Create)
