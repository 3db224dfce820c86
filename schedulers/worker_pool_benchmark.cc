// What it costs to share one phase: no work, and work of a known length.
#include <benchmark/benchmark.h>
#include <time.h>

#include <atomic>

#include "schedulers/worker_pool.h"

namespace kinglet {
namespace {

int64_t NowNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1000000000} + now.tv_nsec;
}

// Two units for each worker, each of `unit_ns`.
void SharePhase(benchmark::State& state) {
  const int threads = static_cast<int>(state.range(0));
  int64_t unit_ns = state.range(1);
  auto pool = WorkerPool::Create(threads);
  if (!pool.ok()) {
    state.SkipWithError("no pool");
    return;
  }
  const auto body = [](void* context, int, int64_t begin, int64_t end) {
    const int64_t until = NowNs() + *static_cast<int64_t*>(context) * (end - begin);
    while (until > NowNs()) {
    }
    return true;
  };
  const auto no_body = [](void*, int, int64_t, int64_t) { return true; };
  for (auto _ : state) {
    if (unit_ns == 0) {
      (*pool)->Run(2 * threads, no_body, nullptr);
    } else {
      (*pool)->Run(2 * threads, body, &unit_ns);
    }
  }
}
BENCHMARK(SharePhase)
    ->ArgNames({"threads", "unit_ns"})
    ->ArgsProduct({{1, 2, 4, 8}, {0, 5000}})
    ->UseRealTime();

// A phase that every worker has to come to, as with units that take long: release and return.
void MeetEverybody(benchmark::State& state) {
  const int threads = static_cast<int>(state.range(0));
  auto pool = WorkerPool::Create(threads);
  if (!pool.ok()) {
    state.SkipWithError("no pool");
    return;
  }
  struct Meeting {
    std::atomic<int> arrived{0};
    int threads = 0;
  } meeting;
  meeting.threads = threads;
  const auto body = [](void* context, int, int64_t, int64_t) {
    Meeting& meeting = *static_cast<Meeting*>(context);
    meeting.arrived.fetch_add(1);
    while (meeting.arrived.load() < meeting.threads) {
    }
    return true;
  };
  for (auto _ : state) {
    meeting.arrived = 0;
    (*pool)->Run(threads, body, &meeting);
  }
}
BENCHMARK(MeetEverybody)->ArgNames({"threads"})->Arg(2)->UseRealTime();

}  // namespace
}  // namespace kinglet
