#include "core/base/fault_guard.h"

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <thread>

#include "core/base/mapped_file.h"
#include "gtest/gtest.h"
#include "tests/support/emulator.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

// A mapping of three pages' worth of bytes whose file was then cut to nothing.
class FaultGuardTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string path = folder_.Write("model", std::string(3 * 65536, 'x'));
    auto file = MappedFile::Open(path);
    ASSERT_TRUE(file.ok()) << file.status();
    file_ = *std::move(file);
    ASSERT_EQ(truncate(path.c_str(), 0), 0);
  }

  uint64_t Sum() const {
    uint64_t sum = 0;
    // Volatile: the compiler may not leave out reads whose sum nobody wants.
    const volatile uint8_t* data = file_->data();
    for (uint64_t i = 0; i < file_->size(); i++) sum += data[i];
    return sum;
  }

  TempFolder folder_;
  std::unique_ptr<MappedFile> file_;
};

TEST_F(FaultGuardTest, WatchedMappingReadsAsZerosAndSaysThatItIsDamaged) {
  ASSERT_TRUE(file_->ContainFaults().ok());
  EXPECT_TRUE(file_->CheckIntact().ok());
  std::thread threads[4];
  for (std::thread& thread : threads) thread = std::thread([this] { EXPECT_EQ(Sum(), 0u); });
  for (std::thread& thread : threads) thread.join();
  const absl::Status status = file_->CheckIntact();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(status.message().find(file_->path()), absl::string_view::npos) << status;
}

using FaultGuardDeathTest = FaultGuardTest;

TEST_F(FaultGuardTest, RunsWhatDoesNotFault) {
  int calls = 0;
  EXPECT_TRUE(RunGuarded("nothing", [&] { calls++; }).ok());
  EXPECT_EQ(calls, 1);
}

TEST_F(FaultGuardTest, FileCutShortIsAnErrorEveryTime) {
  for (int i = 0; i < 3; i++) {
    volatile uint64_t sum = 1;
    const absl::Status status = RunGuarded("model.gguf", [&] { sum = Sum(); });
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_NE(status.message().find("model.gguf"), absl::string_view::npos);
    EXPECT_EQ(sum, 1u);
  }
}

TEST_F(FaultGuardTest, InnerGuardCatchesAndTheOuterGoesOn) {
  volatile bool inner_failed = false, outer_went_on = false;
  const absl::Status outer = RunGuarded("outer", [&] {
    inner_failed = !RunGuarded("inner", [&] { (void)Sum(); }).ok();
    outer_went_on = true;
  });
  EXPECT_TRUE(outer.ok());
  EXPECT_TRUE(inner_failed);
  EXPECT_TRUE(outer_went_on);
  EXPECT_FALSE(RunGuarded("again", [&] { (void)Sum(); }).ok());
}

TEST_F(FaultGuardTest, EachThreadHasItsOwnGuard) {
  bool failed[4] = {};
  std::thread threads[4];
  for (int t = 0; t < 4; t++) {
    threads[t] = std::thread(
        [this, &failed, t] { failed[t] = !RunGuarded("x", [&] { (void)Sum(); }).ok(); });
  }
  for (std::thread& thread : threads) thread.join();
  for (bool one : failed) EXPECT_TRUE(one);
}

TEST_F(FaultGuardDeathTest, FaultOutsideOfAGuardEndsTheProcess) {
  EXPECT_EXIT(
      {
        signal(SIGBUS, SIG_DFL);
        (void)RunGuarded("x", [] {});
        volatile uint64_t sum = Sum();
        (void)sum;
      },
      testing::KilledBySignal(SIGBUS), "");
}

void ExitWithTen(int) { _exit(10); }

TEST_F(FaultGuardDeathTest, FaultOutsideOfAGuardGoesToTheEarlierHandler) {
  KL_SKIP_UNDER_EMULATOR("a death test of this style cannot start the program again");
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        signal(SIGBUS, ExitWithTen);
        (void)RunGuarded("x", [] {});
        volatile uint64_t sum = Sum();
        (void)sum;
      },
      testing::ExitedWithCode(10), "");
}

TEST_F(FaultGuardDeathTest, SignalSentFromOutsideIsNotTakenForAFault) {
  KL_SKIP_UNDER_EMULATOR("a death test of this style cannot start the program again");
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        signal(SIGBUS, ExitWithTen);
        (void)RunGuarded("x", [] { kill(getpid(), SIGBUS); });
        _exit(0);
      },
      testing::ExitedWithCode(10), "");
}

}  // namespace
}  // namespace kinglet
