// Threads that share the units of one job after the other.
//
//   caller (worker 0)                         workers 1 .. n-1
//   set ranges, open the epoch  -----------►  see it, join
//   take own units, steal                     take own units, steal
//   nothing left: close the epoch             nothing left: leave
//   wait until all that joined have left      wait for the next epoch: spin shortly, then sleep
//
// A worker that comes too late finds the epoch closed and touches nothing, so a job never waits for
// a thread that the system does not run: with more threads than cores it gets no slower than with
// as many as there are cores. All of it is one 64-bit word: {epoch, closed, joined}.
#ifndef KINGLET_SCHEDULERS_WORKER_POOL_H_
#define KINGLET_SCHEDULERS_WORKER_POOL_H_

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "schedulers/unit_range.h"

namespace kinglet {

// One caller at a time; Run() is not to be called from within a body.
class WorkerPool {
 public:
  // Computes units [begin, end). Different workers call it at the same time. false: a failure; the
  // units that nobody took yet are left out.
  using Body = bool (*)(void* context, int worker, int64_t begin, int64_t end);

  // Errors: the system refuses a thread.
  static absl::StatusOr<std::unique_ptr<WorkerPool>> Create(int thread_count);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Runs body over [0, unit_count) and returns when all of it is done.
  void Run(int64_t unit_count, Body body, void* context);

  int thread_count() const { return thread_count_; }

  // Until the next Run() workers sleep at once instead of spinning: somebody else needs the cores.
  void Rest();

 private:
  struct Worker {
    WorkerPool* pool = nullptr;
    int index = 0;
    pthread_t thread = {};
  };

  explicit WorkerPool(int thread_count);
  static void* ThreadMain(void* worker);
  void Serve(int index);
  // The epoch to work on, joined; false: the pool ends.
  bool Join(uint32_t* last_epoch);
  void Leave();
  void Work(int index);
  void RunPart(uint32_t unit_count);
  void Open(uint32_t unit_count);
  void CloseAndWait();
  const uint32_t* EpochWord() const;
  const uint32_t* JoinedWord() const;

  const int thread_count_;
  int64_t spin_ns_ = 0;
  int most_woken_ = 0;

  // Written by the caller while the epoch is closed and nobody is in it.
  Body body_ = nullptr;
  void* context_ = nullptr;
  int64_t base_ = 0;
  std::vector<UnitRange> ranges_;  // by worker

  // One cache line: read by all who spin.
  alignas(128) std::atomic<uint64_t> state_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> rest_{false};
  std::atomic<bool> failed_{false};
  // Written when somebody goes to sleep.
  alignas(128) std::atomic<uint32_t> sleeper_count_{0};
  std::atomic<uint32_t> caller_sleeps_{0};

  std::vector<std::unique_ptr<Worker>> workers_;  // without the caller
};

}  // namespace kinglet

#endif  // KINGLET_SCHEDULERS_WORKER_POOL_H_
