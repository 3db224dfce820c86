// The same tests for every scheduler and several numbers of threads.
#include "core/exec/scheduler.h"

#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "core/base/status.h"
#include "gtest/gtest.h"
#include "schedulers/registry.h"

namespace kinglet {
namespace {

// What the kernels below work on; kl_run::state points here.
struct State {
  int64_t unit_counts[2] = {0, 0};
  uint32_t phase_count = 1;
  std::vector<int64_t> values;  // one a unit of phase 0
  std::vector<int64_t> sums;    // one a unit of phase 1
  State* input = nullptr;       // the node before
  kl_code code = KL_OK;
  int64_t failing_unit = -1;
  void* pthreadpool = nullptr;
  std::atomic<int> run_count{0};
};

void CountUnits(const kl_run* run, kl_work* work) {
  const State& state = *static_cast<State*>(run->state);
  work->phase_count = state.phase_count;
  for (uint32_t p = 0; p < 2 && p < state.phase_count; ++p) {
    work->unit_count[p] = state.unit_counts[p];
  }
}

// Phase 0: value[i] = i + sum of what the node before made. Phase 1: every unit adds up all values.
// Both read what many units wrote, so a phase or node that starts too early gives another number.
kl_code RunUnits(const kl_run* run) {
  State& state = *static_cast<State*>(run->state);
  state.run_count.fetch_add(1);
  for (int64_t i = run->begin; i < run->end; ++i) {
    if (i == state.failing_unit) return state.code;
    int64_t sum = 0;
    if (run->phase == 0) {
      if (state.input != nullptr) {
        for (const int64_t value : state.input->sums) sum += value;
      }
      state.values[i] = (i + sum) % 1000003;
    } else {
      for (const int64_t value : state.values) sum += value;
      state.sums[i] = (sum * (i + 1)) % 1000003;
    }
    if (run->worker_scratch != nullptr) {
      int64_t* scratch = static_cast<int64_t*>(run->worker_scratch);
      *scratch += 1;  // a race when two workers get the same scratch
    }
  }
  return KL_OK;
}

class SchedulerTest : public testing::TestWithParam<std::tuple<std::string, int>> {
 protected:
  void SetUp() override {
    auto scheduler = CreateScheduler(std::get<0>(GetParam()), std::get<1>(GetParam()));
    ASSERT_TRUE(scheduler.ok()) << scheduler.status();
    scheduler_ = *std::move(scheduler);
    kernel_.struct_size = sizeof kernel_;
    kernel_.op = "test";
    kernel_.name = "test_kernel";
    kernel_.work = CountUnits;
    kernel_.run = RunUnits;
  }

  State* Add(int64_t units, int64_t second_units = -1) {
    states_.emplace_back();
    State& state = states_.back();
    if (states_.size() > 1) state.input = &states_[states_.size() - 2];
    state.phase_count = second_units >= 0 ? 2 : 1;
    state.unit_counts[0] = units;
    state.unit_counts[1] = std::max<int64_t>(0, second_units);
    state.values.assign(units, 0);
    state.sums.assign(state.unit_counts[1], 0);
    names_.push_back("node" + std::to_string(names_.size()));
    NodeRun node;
    node.kernel = &kernel_;
    node.name = names_.back().c_str();
    node.run.struct_size = sizeof node.run;
    node.run.state = &state;
    nodes_.push_back(node);
    return &state;
  }

  absl::Status RunAll() { return scheduler_->Run(nodes_.data(), nodes_.size(), cancel_); }

  std::unique_ptr<Scheduler> scheduler_;
  kl_kernel kernel_ = {};
  std::deque<State> states_;
  std::deque<std::string> names_;
  std::vector<NodeRun> nodes_;
  const std::atomic<bool>* cancel_ = nullptr;
};

TEST_P(SchedulerTest, NumbersAreThoseOfTheSerialOracle) {
  for (int n = 0; n < 40; ++n) Add(1 + n * 7 % 50, n % 3 == 0 ? 1 : n * 5 % 23);
  auto oracle = CreateScheduler("serial", 1);
  ASSERT_TRUE((*oracle)->Run(nodes_.data(), nodes_.size(), nullptr).ok());
  std::vector<std::vector<int64_t>> expected;
  for (const State& state : states_) expected.push_back(state.sums);

  for (int round = 0; round < 20; ++round) {
    for (State& state : states_) {
      std::fill(state.values.begin(), state.values.end(), -1);
      std::fill(state.sums.begin(), state.sums.end(), -1);
    }
    ASSERT_TRUE(RunAll().ok());
    for (size_t n = 0; n < states_.size(); ++n) ASSERT_EQ(states_[n].sums, expected[n]) << n;
  }
}

TEST_P(SchedulerTest, PhasesWithoutUnitsAndNodesWithoutPhasesDoNothing) {
  Add(0, 0);
  State* none = Add(5);
  none->phase_count = 0;
  State* last = Add(3, 2);
  ASSERT_TRUE(RunAll().ok());
  EXPECT_EQ(none->run_count.load(), 0);
  EXPECT_EQ(states_[0].run_count.load(), 0);
  EXPECT_EQ(last->sums[0], 3);
  ASSERT_TRUE(scheduler_->Run(nullptr, 0, nullptr).ok());
}

// ---- hooks (core/exec/node_hook.h) ----

// Lets its node run so many times, then fails if it is to.
class CountingHook : public NodeHook {
 public:
  CountingHook(State* state, int runs, absl::Status end = absl::OkStatus())
      : state_(state), runs_(runs), end_(std::move(end)) {}
  absl::StatusOr<bool> Next() override {
    thread_ = std::this_thread::get_id();
    runs_before_.push_back(state_->run_count.load());
    if (++asked_ <= runs_) return true;
    if (!end_.ok()) return end_;
    return false;
  }
  int asked() const { return asked_; }
  std::thread::id thread() const { return thread_; }
  const std::vector<int>& runs_before() const { return runs_before_; }

 private:
  State* const state_;
  const int runs_;
  const absl::Status end_;
  int asked_ = 0;
  std::vector<int> runs_before_;
  std::thread::id thread_;
};

TEST_P(SchedulerTest, AHookSaysHowOftenItsNodeRuns) {
  for (const int runs : {0, 1, 3}) {
    states_.clear();
    nodes_.clear();
    Add(10);
    State* hooked = Add(10, 4);
    State* after = Add(6, 1);
    CountingHook hook(hooked, runs);
    nodes_[1].hook = &hook;
    ASSERT_TRUE(RunAll().ok());
    EXPECT_EQ(hook.asked(), runs + 1);
    EXPECT_EQ(hook.thread(), std::this_thread::get_id()) << "on the caller's thread";
    EXPECT_EQ(hook.runs_before()[0], 0);
    // All units of one run are done before the hook is asked again.
    EXPECT_EQ(runs == 0, hooked->run_count.load() == 0);
    for (size_t i = 1; i < hook.runs_before().size(); ++i) {
      EXPECT_GT(hook.runs_before()[i], hook.runs_before()[i - 1]);
    }
    EXPECT_GT(after->run_count.load(), 0);
  }
}

TEST_P(SchedulerTest, AHooksErrorStopsTheRun) {
  Add(10);
  State* hooked = Add(10);
  State* after = Add(10);
  CountingHook hook(hooked, 1, absl::UnavailableError("the disk is gone"));
  nodes_[1].hook = &hook;
  const absl::Status status = RunAll();
  EXPECT_EQ(CodeFromStatus(status), KL_IO_ERROR);
  EXPECT_NE(status.message().find("the disk is gone"), absl::string_view::npos) << status;
  EXPECT_GT(hooked->run_count.load(), 0);
  EXPECT_EQ(after->run_count.load(), 0);
  nodes_[1].hook = nullptr;
  EXPECT_TRUE(RunAll().ok());
}

TEST_P(SchedulerTest, ACancelIsSeenBetweenTheRunsOfAHookedNode) {
  struct CancellingHook : NodeHook {
    std::atomic<bool> cancel{false};
    int asked = 0;
    absl::StatusOr<bool> Next() override {
      cancel = ++asked == 3;
      return true;
    }
  } hook;
  cancel_ = &hook.cancel;
  Add(10);
  nodes_[0].hook = &hook;
  EXPECT_EQ(CodeFromStatus(RunAll()), KL_CANCELLED);
  EXPECT_EQ(hook.asked, 3);
}

TEST_P(SchedulerTest, AKernelsErrorEndsTheRunsOfAHookedNode) {
  State* failing = Add(10);
  failing->failing_unit = 4;
  failing->code = KL_DATA_CORRUPT;
  CountingHook hook(failing, 5);
  nodes_[0].hook = &hook;
  EXPECT_EQ(CodeFromStatus(RunAll()), KL_DATA_CORRUPT);
  EXPECT_EQ(hook.asked(), 1);
}

TEST_P(SchedulerTest, ACancelIsSeenBeforeTheNextNode) {
  std::atomic<bool> cancel{true};
  cancel_ = &cancel;
  State* state = Add(10);
  const absl::Status status = RunAll();
  EXPECT_EQ(CodeFromStatus(status), KL_CANCELLED);
  EXPECT_NE(status.message().find("node0"), absl::string_view::npos) << status;
  EXPECT_EQ(state->run_count.load(), 0);
  cancel = false;
  EXPECT_TRUE(RunAll().ok());
}

TEST_P(SchedulerTest, ACancelFromAnotherThreadStopsALongRun) {
  std::atomic<bool> cancel{false};
  cancel_ = &cancel;
  for (int n = 0; n < 20000; ++n) Add(16);
  std::thread other([&] { cancel = true; });
  absl::Status status = RunAll();
  for (int i = 0; i < 10000 && status.ok(); ++i) status = RunAll();
  other.join();
  EXPECT_EQ(CodeFromStatus(status), KL_CANCELLED);
}

TEST_P(SchedulerTest, AKernelsErrorNamesNodeAndKernelAndStopsTheRun) {
  Add(10);
  State* failing = Add(10, 10);
  failing->failing_unit = 4;
  failing->code = KL_DATA_CORRUPT;
  State* after = Add(10);
  const absl::Status status = RunAll();
  EXPECT_EQ(CodeFromStatus(status), KL_DATA_CORRUPT);
  EXPECT_NE(status.message().find("node1"), absl::string_view::npos) << status;
  EXPECT_NE(status.message().find("test_kernel"), absl::string_view::npos) << status;
  EXPECT_EQ(after->run_count.load(), 0);
  failing->failing_unit = -1;
  EXPECT_TRUE(RunAll().ok());
}

TEST_P(SchedulerTest, ImpossibleWorkIsAnError) {
  State* state = Add(10);
  state->phase_count = KL_MAX_PHASES + 1;
  EXPECT_EQ(CodeFromStatus(RunAll()), KL_INTERNAL);
  state->phase_count = 1;
  state->unit_counts[0] = -1;
  EXPECT_EQ(CodeFromStatus(RunAll()), KL_INTERNAL);
}

TEST_P(SchedulerTest, EachWorkerHasItsOwnScratch) {
  constexpr uint64_t kStride = 64;
  State* state = Add(5000);
  std::vector<char> scratch(kStride * scheduler_->thread_count(), 0);
  nodes_[0].worker_scratch_base = scratch.data();
  nodes_[0].worker_scratch_stride = kStride;
  ASSERT_TRUE(RunAll().ok());
  int64_t total = 0;
  for (int w = 0; w < scheduler_->thread_count(); ++w) {
    total += *reinterpret_cast<int64_t*>(scratch.data() + w * kStride);
  }
  EXPECT_EQ(total, 5000);
  EXPECT_EQ(state->values[4999], 4999);
}

TEST_P(SchedulerTest, AKernelWithThreadsOfItsOwnGetsAllUnitsAndThePthreadpool) {
  kl_kernel own = kernel_;
  own.flags = KL_KERNEL_OWN_THREADS;
  own.run = [](const kl_run* run) -> kl_code {
    State& state = *static_cast<State*>(run->state);
    state.pthreadpool = run->pthreadpool;
    state.run_count.fetch_add(1);
    const bool whole = run->begin == 0 && run->end == state.unit_counts[0] && run->worker == 0;
    return whole ? KL_OK : KL_INTERNAL;
  };
  State* before = Add(10);
  State* threaded = Add(7);
  State* after = Add(10);
  after->input = before;
  nodes_[1].kernel = &own;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(RunAll().ok());
  EXPECT_EQ(threaded->run_count.load(), 5);
  EXPECT_EQ(threaded->pthreadpool, scheduler_->pthreadpool());
  EXPECT_EQ(after->values[9], 9);
}

TEST_P(SchedulerTest, ParallelForCoversTheRangeOnce) {
  for (const int64_t count : {0, 1, 2, 1000}) {
    std::vector<int> seen(count, 0);
    scheduler_->ParallelFor(
        count,
        [](void* context, int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) ++static_cast<int*>(context)[i];
        },
        seen.data());
    for (const int value : seen) ASSERT_EQ(value, 1);
  }
}

TEST_P(SchedulerTest, ThreadCountIsWhatWasAskedForOrOne) {
  const int count = scheduler_->thread_count();
  EXPECT_TRUE(count == std::get<1>(GetParam()) || count == 1);
}

INSTANTIATE_TEST_SUITE_P(All, SchedulerTest,
                         testing::Combine(testing::ValuesIn(SchedulerNames()),
                                          testing::Values(1, 2, 4, 8)),
                         [](const auto& info) {
                           return std::get<0>(info.param) + "_" +
                                  std::to_string(std::get<1>(info.param));
                         });

TEST(CreateSchedulerTest, UnknownNamesAndImpossibleCountsAreErrors) {
  const auto unknown = CreateScheduler("fast", 2);
  EXPECT_EQ(CodeFromStatus(unknown.status()), KL_NOT_FOUND);
  EXPECT_NE(unknown.status().message().find("pool, serial"), absl::string_view::npos);
  EXPECT_EQ(CodeFromStatus(CreateScheduler("pool", 0).status()), KL_INVALID_ARGUMENT);
  EXPECT_EQ(CodeFromStatus(CreateScheduler("pool", 100000).status()), KL_INVALID_ARGUMENT);
}

}  // namespace
}  // namespace kinglet
