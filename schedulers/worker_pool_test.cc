#include "schedulers/worker_pool.h"

#include <time.h>

#include <chrono>
#include <thread>

#include "gtest/gtest.h"

namespace kinglet {
namespace {

class WorkerPoolTest : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    auto pool = WorkerPool::Create(GetParam());
    ASSERT_TRUE(pool.ok()) << pool.status();
    pool_ = *std::move(pool);
  }
  std::unique_ptr<WorkerPool> pool_;
};

// Not atomic on purpose: a unit that two workers compute, or a job that ends before its units do,
// is a data race that ThreadSanitizer sees.
struct Counts {
  explicit Counts(size_t units) : values(units, 0) {}
  static bool Add(void* counts, int /*worker*/, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) ++static_cast<Counts*>(counts)->values[i];
    return true;
  }
  std::vector<int> values;
};

TEST_P(WorkerPoolTest, EveryUnitOfEveryJobRunsOnce) {
  for (const int64_t units : {0, 1, 2, 3, 7, 64, 1000}) {
    Counts counts(units);
    for (int job = 1; job <= 300; ++job) {
      pool_->Run(units, Counts::Add, &counts);
      for (const int value : counts.values) ASSERT_EQ(value, job);
    }
  }
}

TEST_P(WorkerPoolTest, JobsGoOnAfterEverybodyWentToSleep) {
  Counts counts(100);
  for (int job = 1; job <= 20; ++job) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    if (job % 2 == 0) pool_->Rest();
    pool_->Run(100, Counts::Add, &counts);
    for (const int value : counts.values) ASSERT_EQ(value, job);
  }
}

TEST_P(WorkerPoolTest, WorkerNumbersAreTheirOwn) {
  struct Job {
    std::vector<std::atomic<int>> inside;
    std::atomic<bool> clash{false};
  } job{std::vector<std::atomic<int>>(GetParam())};
  const auto body = [](void* context, int worker, int64_t, int64_t) {
    Job& job = *static_cast<Job*>(context);
    if (worker < 0 || worker >= static_cast<int>(job.inside.size())) return false;
    if (job.inside[worker].fetch_add(1) != 0) job.clash = true;
    std::this_thread::sleep_for(std::chrono::microseconds(20));
    job.inside[worker].fetch_sub(1);
    return true;
  };
  for (int i = 0; i < 10; ++i) pool_->Run(40, body, &job);
  EXPECT_FALSE(job.clash);
}

TEST_P(WorkerPoolTest, AFailureLeavesOutWhatNobodyTookYet) {
  std::atomic<int> run_count{0};
  const auto body = [](void* context, int, int64_t, int64_t) {
    static_cast<std::atomic<int>*>(context)->fetch_add(1);
    return false;
  };
  pool_->Run(100000, body, &run_count);
  EXPECT_GE(run_count.load(), 1);
  EXPECT_LE(run_count.load(), GetParam());
  Counts counts(50);
  pool_->Run(50, Counts::Add, &counts);  // the next job is not affected
  for (const int value : counts.values) ASSERT_EQ(value, 1);
}

TEST_P(WorkerPoolTest, MoreUnitsThanAWordCounts) {
  struct Sum {
    std::atomic<int64_t> units{0};
  } sum;
  const auto body = [](void* context, int, int64_t begin, int64_t end) {
    static_cast<Sum*>(context)->units.fetch_add(end - begin);
    return true;
  };
  const int64_t units = (int64_t{1} << 33) + 5;
  pool_->Run(units, body, &sum);
  EXPECT_EQ(sum.units.load(), units);
}

int64_t ProcessCpuNs() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec * int64_t{1000000000} + now.tv_nsec;
}

TEST_P(WorkerPoolTest, NobodySpinsWhileThePoolIsIdle) {
  Counts counts(1000);
  pool_->Run(1000, Counts::Add, &counts);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const int64_t before = ProcessCpuNs();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  // One spinning worker alone would use 200 ms.
  EXPECT_LT(ProcessCpuNs() - before, 20 * 1000 * 1000);
}

INSTANTIATE_TEST_SUITE_P(Threads, WorkerPoolTest, testing::Values(1, 2, 3, 4, 8));

TEST(WorkerPoolLifeTest, PoolsCanBeMadeAndDestroyedAtOnce) {
  for (int i = 0; i < 50; ++i) {
    const auto pool = WorkerPool::Create(4);
    ASSERT_TRUE(pool.ok());
    Counts counts(8);
    if (i % 2 == 0) (*pool)->Run(8, Counts::Add, &counts);
  }
}

}  // namespace
}  // namespace kinglet
