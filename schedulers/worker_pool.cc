#include "schedulers/worker_pool.h"

#include <sched.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/base/cpu_info.h"
#include "schedulers/futex.h"

namespace kinglet {
namespace {

// state_: epoch in the upper half; in the lower half "closed" and the number of workers inside.
constexpr uint64_t kClosed = 1ull << 31;
constexpr uint64_t kJoinedMask = kClosed - 1;

// Waits between two nodes of a run take microseconds and a futex takes 50, so a worker spins for
// longer than the longest node that one thread runs alone; it sleeps long before a person notices.
constexpr int64_t kSpinNs = 200 * 1000;
// With more threads than cores whoever spins keeps another from working.
constexpr int64_t kCrowdedSpinNs = 2 * 1000;
constexpr int kPausesPerClockRead = 32;

uint32_t EpochOf(uint64_t state) { return static_cast<uint32_t>(state >> 32); }

inline void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield" ::: "memory");
#endif
}

int64_t NowNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1000000000} + now.tv_nsec;
}

// Spins until done() or the time is over; returns done().
template <typename Done>
bool SpinUntil(int64_t spin_ns, const Done& done) {
  if (done()) return true;
  if (spin_ns <= 0) return false;
  const int64_t deadline = NowNs() + spin_ns;
  do {
    for (int i = 0; i < kPausesPerClockRead; ++i) {
      Pause();
      if (done()) return true;
    }
  } while (NowNs() < deadline);
  return false;
}

int AllowedCpuCount() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
  return CPU_COUNT(&allowed);
}

}  // namespace

WorkerPool::WorkerPool(int thread_count)
    : thread_count_(thread_count), ranges_(thread_count), state_(kClosed) {
  const int core_count = static_cast<int>(UsableThreadCount());
  spin_ns_ = thread_count <= core_count ? kSpinNs : kCrowdedSpinNs;
  most_woken_ = std::max(core_count, AllowedCpuCount()) - 1;
}

absl::StatusOr<std::unique_ptr<WorkerPool>> WorkerPool::Create(int thread_count) {
  std::unique_ptr<WorkerPool> pool(new WorkerPool(thread_count));
  // Signals for the program go to its own threads; those of a fault stay with who caused it.
  sigset_t blocked, before;
  sigfillset(&blocked);
  for (const int fault : {SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) {
    sigdelset(&blocked, fault);
  }
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  int failure = 0;
  for (int index = 1; index < thread_count && failure == 0; ++index) {
    auto worker = std::make_unique<Worker>();
    worker->pool = pool.get();
    worker->index = index;
    failure = pthread_create(&worker->thread, nullptr, ThreadMain, worker.get());
    if (failure != 0) break;
    const std::string name = absl::StrCat("kinglet-", index);
    pthread_setname_np(worker->thread, name.c_str());
    pool->workers_.push_back(std::move(worker));
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (failure != 0) {
    return absl::ResourceExhaustedError(
        absl::StrCat("worker pool: thread ", pool->workers_.size() + 1, " of ", thread_count,
                     " could not be started: ", strerror(failure), "; ask for fewer threads"));
  }
  return pool;
}

WorkerPool::~WorkerPool() {
  stop_.store(true, std::memory_order_seq_cst);
  const uint64_t state = state_.load(std::memory_order_relaxed);
  state_.store((uint64_t{EpochOf(state)} + 1) << 32 | kClosed, std::memory_order_seq_cst);
  FutexWake(EpochWord(), INT32_MAX);
  for (const auto& worker : workers_) pthread_join(worker->thread, nullptr);
}

// A futex is 32 bits wide: the half that sleepers wait for. Both processors are little-endian.
const uint32_t* WorkerPool::EpochWord() const { return JoinedWord() + 1; }
const uint32_t* WorkerPool::JoinedWord() const {
  return reinterpret_cast<const uint32_t*>(&state_);
}

void* WorkerPool::ThreadMain(void* argument) {
  const Worker* worker = static_cast<Worker*>(argument);
  worker->pool->Serve(worker->index);
  return nullptr;
}

void WorkerPool::Serve(int index) {
  uint32_t last_epoch = 0;
  while (Join(&last_epoch)) {
    Work(index);
    Leave();
  }
}

bool WorkerPool::Join(uint32_t* last_epoch) {
  uint64_t state = 0;
  const auto is_open = [&] {
    state = state_.load(std::memory_order_acquire);
    return EpochOf(state) != *last_epoch && (state & kClosed) == 0;
  };
  const auto spin_over = [&] {
    return is_open() || stop_.load(std::memory_order_relaxed) ||
           rest_.load(std::memory_order_relaxed);
  };
  for (;;) {
    SpinUntil(spin_ns_, spin_over);
    if (stop_.load(std::memory_order_acquire)) return false;
    if (!is_open()) {
      // Before the state is looked at again: whoever opens an epoch after that sees a sleeper.
      sleeper_count_.fetch_add(1, std::memory_order_seq_cst);
      state = state_.load(std::memory_order_seq_cst);
      const bool open = EpochOf(state) != *last_epoch && (state & kClosed) == 0;
      if (!open && !stop_.load(std::memory_order_seq_cst)) FutexWait(EpochWord(), EpochOf(state));
      sleeper_count_.fetch_sub(1, std::memory_order_seq_cst);
      continue;
    }
    // Fails when the epoch was closed, or another one joined, meanwhile.
    if (state_.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel)) {
      *last_epoch = EpochOf(state);
      return true;
    }
  }
}

void WorkerPool::Leave() {
  const uint64_t before = state_.fetch_sub(1, std::memory_order_seq_cst);
  const bool last = (before & kClosed) != 0 && (before & kJoinedMask) == 1;
  if (last && caller_sleeps_.load(std::memory_order_seq_cst) != 0) FutexWake(JoinedWord(), 1);
}

void WorkerPool::Work(int index) {
  uint32_t begin = 0, end = 0;
  const auto run = [&] {
    if (!body_(context_, index, base_ + begin, base_ + end)) {
      failed_.store(true, std::memory_order_relaxed);
    }
    return !failed_.load(std::memory_order_relaxed);
  };
  while (ranges_[index].TakeFront(&begin, &end)) {
    if (!run()) return;
  }
  for (int distance = 1; distance < thread_count_; ++distance) {
    UnitRange& victim = ranges_[(index + distance) % thread_count_];
    while (victim.TakeBack(&begin, &end)) {
      if (!run()) return;
    }
  }
}

void WorkerPool::Open(uint32_t unit_count) {
  for (int worker = 0; worker < thread_count_; ++worker) {
    const uint64_t units = unit_count;
    ranges_[worker].Set(static_cast<uint32_t>(units * worker / thread_count_),
                        static_cast<uint32_t>(units * (worker + 1) / thread_count_));
  }
  const uint64_t state = state_.load(std::memory_order_relaxed);
  state_.store((uint64_t{EpochOf(state)} + 1) << 32, std::memory_order_seq_cst);
  if (sleeper_count_.load(std::memory_order_seq_cst) > 0) {
    const int64_t helpers = std::min<int64_t>(unit_count - 1, thread_count_ - 1);
    FutexWake(EpochWord(), static_cast<int>(std::min<int64_t>(helpers, most_woken_)));
  }
}

void WorkerPool::CloseAndWait() {
  state_.fetch_or(kClosed, std::memory_order_acq_rel);
  const auto all_left = [&] { return (state_.load(std::memory_order_acquire) & kJoinedMask) == 0; };
  if (SpinUntil(spin_ns_, all_left)) return;
  caller_sleeps_.store(1, std::memory_order_seq_cst);
  for (;;) {
    const uint64_t state = state_.load(std::memory_order_seq_cst);
    if ((state & kJoinedMask) == 0) break;
    FutexWait(JoinedWord(), static_cast<uint32_t>(state));
  }
  caller_sleeps_.store(0, std::memory_order_relaxed);
}

void WorkerPool::RunPart(uint32_t unit_count) {
  if (unit_count == 1 || thread_count_ == 1) {
    if (!body_(context_, 0, base_, base_ + unit_count)) {
      failed_.store(true, std::memory_order_relaxed);
    }
    return;
  }
  Open(unit_count);
  Work(0);
  CloseAndWait();
}

void WorkerPool::Run(int64_t unit_count, Body body, void* context) {
  constexpr int64_t kMostUnits = int64_t{1} << 31;  // of a UnitRange
  body_ = body;
  context_ = context;
  // Not written when they are false already, which is nearly always: workers spin on this line.
  if (failed_.load(std::memory_order_relaxed)) failed_.store(false, std::memory_order_relaxed);
  if (rest_.load(std::memory_order_relaxed)) rest_.store(false, std::memory_order_relaxed);
  for (base_ = 0; base_ < unit_count; base_ += kMostUnits) {
    RunPart(static_cast<uint32_t>(std::min(kMostUnits, unit_count - base_)));
    if (failed_.load(std::memory_order_relaxed)) return;
  }
}

void WorkerPool::Rest() { rest_.store(true, std::memory_order_relaxed); }

}  // namespace kinglet
