#include "core/exec/weight_run.h"

#include <cstring>

#include "core/base/status.h"
#include "core/exec/fake_experts.h"
#include "core/exec/fake_matmul.h"
#include "core/exec/program.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Extents kLargest = {6, 1, 16};

class WeightRunTest : public testing::TestWithParam<bool> {
 protected:
  WeightRunTest()
      : kernel_(GetParam()), registry_(kernel_.MakeRegistry()), scheduler_(2), budget_(0) {
    Make(/*streamed=*/false, UINT64_MAX);
    for (const int64_t tokens : {1, 5}) expected_.push_back(Run(tokens));
    Make(/*streamed=*/true, 1000);
  }
  void Make(bool streamed, uint64_t most_bytes) {
    program_.reset();
    stream_.reset();
    prepared_ = std::move(PreparedPlan::Create(model_.plan, *registry_, kLargest, 2)).value();
    if (streamed) {
      ASSERT_TRUE(prepared_->LeaveWeights().ok());
    }
    const auto parallel_for = [this](int64_t count, kl_parallel_body body, void* context) {
      scheduler_.ParallelFor(count, body, context);
    };
    ASSERT_TRUE(prepared_->LoadWeights(nullptr, parallel_for, nullptr).ok());
    if (streamed) {
      auto opened = WeightStream::Open(FakeBank::Table(), nullptr, *prepared_->streamed_weights(),
                                       "", most_bytes, &budget_);
      ASSERT_TRUE(opened.ok()) << opened.status();
      stream_ = *std::move(opened);
      ASSERT_TRUE(stream_->MeasureReading().ok());
      FakeBank::state().demanded.clear();
      FakeBank::state().most_leases = 0;
    }
    auto program = Program::Create(
        *prepared_, GreedyPlanner(), kLargest, [](kl_value) { return kl_tensor(); }, nullptr,
        nullptr, stream_.get());
    ASSERT_TRUE(program.ok()) << program.status();
    program_ = *std::move(program);
  }
  std::vector<float> Run(int64_t tokens) {
    float* x = static_cast<float*>(program_->tensor(model_.x).data);
    for (int64_t i = 0; i < tokens * kLargeColumns; ++i)
      x[i] = static_cast<float>(i % 23) / 32 - 0.25f;
    status_ = program_->Run(&scheduler_, tokens, 1, 0, cancel_);
    const float* z = static_cast<const float*>(program_->tensor(model_.plan.outputs[0]).data);
    return {z, z + tokens * kSmallRows};
  }
  void ExpectSame() {
    EXPECT_EQ(Run(1), expected_[0]);
    EXPECT_TRUE(status_.ok()) << status_;
    EXPECT_EQ(Run(5), expected_[1]);
    EXPECT_TRUE(status_.ok()) << status_;
    ExpectNothingHeld();
  }
  static void ExpectNothingHeld() {
    EXPECT_THAT(FakeBank::state().leases, IsEmpty());
    EXPECT_THAT(FakeBank::state().tickets, IsEmpty());
  }
  void ExpectFailure(kl_code code, const std::string& text) {
    Run(5);
    EXPECT_EQ(CodeFromStatus(status_), code) << status_;
    EXPECT_THAT(std::string(status_.message()), HasSubstr(text));
    ExpectNothingHeld();
  }

  FakeMatmulModel model_;
  FakeMatmulKernel kernel_;
  std::unique_ptr<Registry> registry_;
  FakeScheduler scheduler_;
  Budget budget_;
  std::unique_ptr<PreparedPlan> prepared_;
  std::unique_ptr<WeightStream> stream_;
  std::unique_ptr<Program> program_;
  const std::atomic<bool>* cancel_ = nullptr;
  absl::Status status_;
  std::vector<std::vector<float>> expected_;
};

TEST_P(WeightRunTest, ComputesTheSameFromABank) {
  ExpectSame();
  std::vector<uint64_t> asked;
  for (const auto& ids : FakeBank::state().demanded)
    asked.insert(asked.end(), ids.begin(), ids.end());
  EXPECT_THAT(asked, ElementsAre(0, 1, 2, 0, 1, 2)) << "once each a run, in order";
  EXPECT_EQ(FakeBank::state().most_leases, 1u);
}

TEST_P(WeightRunTest, KeepsWhatTheBudgetHolds) {
  EXPECT_EQ(stream_->facts().kept_count, 0u);
  EXPECT_EQ(stream_->facts().bytes_per_pass(), stream_->facts().total_bytes);
  EXPECT_GT(stream_->facts().bytes_per_second, 0u);
  Make(true, 1100);
  EXPECT_EQ(stream_->facts().kept_count, 1u);
  EXPECT_EQ(stream_->facts().kept_bytes, 3072 * kLargeColumns * sizeof(float)) << "the largest";
  EXPECT_EQ(budget_.used_bytes(), 1100u);
  ExpectSame();
  Make(true, 1 << 20);
  EXPECT_EQ(stream_->facts().bytes_per_pass(), 0u);
  EXPECT_EQ(stream_->facts().budget_bytes, 1300u) << "no more than all of them";
  ExpectSame();
}

TEST_P(WeightRunTest, WaitsForWhatIsPendingOrExhausted) {
  FakeBank::state().answers = {KL_BANK_PENDING, KL_BANK_EXHAUSTED, KL_BANK_READY, KL_BANK_PENDING};
  ExpectSame();
}

TEST_P(WeightRunTest, AFailureNamesTheNodeAndTheNextRunIsRight) {
  FakeBank::state().answers = {KL_BANK_READY, KL_BANK_FAILED};
  ExpectFailure(KL_IO_ERROR, "node large: bank fake_bank: record 7: the disk is gone");
  ExpectSame();
}

TEST_P(WeightRunTest, ACancelEndsTheWait) {
  std::atomic<bool> cancel{false};
  cancel_ = &cancel;
  FakeBank::state().answers = {KL_BANK_READY, KL_BANK_PENDING};
  FakeBank::state().cancelled_by_pending = &cancel;
  ExpectFailure(KL_CANCELLED, "while node large waited for its weights");
  FakeBank::state().cancelled_by_pending = nullptr;
  cancel_ = nullptr;
  ExpectSame();
}

TEST_P(WeightRunTest, ABankThatGivesNothingIsFoundOut) {
  FakeBank::state().answers = {KL_BANK_DONE};
  ExpectFailure(KL_INTERNAL, "the bank gave nothing for record 0; the bank is defective");
}

TEST_P(WeightRunTest, ProfilesNodeByNode) {
  program_->SetProfiling(true);
  ExpectSame();
  EXPECT_EQ(program_->profile()[0].run_count, 2u);
}

INSTANTIATE_TEST_SUITE_P(Packed, WeightRunTest, testing::Bool());

}  // namespace
}  // namespace kinglet
