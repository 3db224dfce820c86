#include "core/exec/expert_bank.h"

#include "core/base/status.h"
#include "core/exec/fake_experts.h"
#include "core/exec/prepared_plan.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

using testing::HasSubstr;

// The fake bank: 1000 bytes for two slots, 100 for each further one; 18 records.
class ExpertBankTest : public testing::Test {
 protected:
  ExpertBankTest() : kernels_(true), registry_(kernels_.MakeRegistry()), table_(FakeBank::Table()) {
    prepared_ = std::move(PreparedPlan::Create(model_.plan, *registry_, {8, 1, 16}, 1)).value();
  }
  absl::Status Open(uint64_t limit_bytes) {
    budget_ = std::make_unique<Budget>(limit_bytes);
    return OpenIn(budget_.get());
  }
  absl::Status OpenIn(Budget* budget) {
    auto opened =
        ExpertBank::Open(table_, nullptr, prepared_->experts(),
                         ExpertSource::OfModel(prepared_->experts()), budget, options_);
    if (!opened.ok()) return opened.status();
    bank_ = *std::move(opened);
    return absl::OkStatus();
  }

  FakeExpertModel model_;
  FakeExpertKernels kernels_;
  std::unique_ptr<Registry> registry_;
  const kl_bank& table_;
  ExpertOptions options_;
  std::unique_ptr<PreparedPlan> prepared_;
  std::unique_ptr<Budget> budget_;
  std::unique_ptr<ExpertBank> bank_;
};

TEST_F(ExpertBankTest, TakesAllThatIsLeftOfTheBudget) {
  ASSERT_TRUE(Open(1550).ok());
  EXPECT_EQ(bank_->budget_bytes(), 1550u);
  EXPECT_EQ(FakeBank::state().budget_bytes, 1550u);
  EXPECT_EQ(budget_->free_bytes(), 0u);
  EXPECT_EQ(bank_->Rebalance(), 7);
}

TEST_F(ExpertBankTest, TakesNoMoreThanAllExpertsNeed) {
  ASSERT_TRUE(Open(1 << 20).ok());
  EXPECT_EQ(bank_->budget_bytes(), 1000u + 18 * 100);
}

TEST_F(ExpertBankTest, ARecordIsVerifiedAtEachReadOrOnce) {
  ASSERT_TRUE(Open(1550).ok());
  EXPECT_EQ(FakeBank::state().verify, uint32_t{KL_BANK_VERIFY_ALWAYS});
  bank_.reset();
  options_.verifies_once = true;
  ASSERT_TRUE(Open(1550).ok());
  EXPECT_EQ(FakeBank::state().verify, uint32_t{KL_BANK_VERIFY_FIRST});
}

TEST_F(ExpertBankTest, ABudgetThatIsTooSmallIsRefusedWithTheOneThatWouldDo) {
  const absl::Status refused = Open(999);
  EXPECT_EQ(CodeFromStatus(refused), KL_OUT_OF_BUDGET);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("a budget of 1000 bytes would do"));
  EXPECT_EQ(budget_->used_bytes(), 0u);
  EXPECT_TRUE(Open(1000).ok());
}

TEST_F(ExpertBankTest, GivesWayToOthersDownToItsMinimumAndGrowsBack) {
  ASSERT_TRUE(Open(2000).ok());
  {
    const auto session = budget_->Reserve("a session", 450);
    ASSERT_TRUE(session.ok()) << session.status();
    EXPECT_LE(bank_->budget_bytes(), 1550u);
    EXPECT_EQ(FakeBank::state().budget_bytes, bank_->budget_bytes());
    EXPECT_FALSE(budget_->Reserve("too much", 600).ok());
    EXPECT_GE(bank_->budget_bytes(), 1000u);
  }
  EXPECT_EQ(bank_->Rebalance(), 12);
  EXPECT_EQ(bank_->budget_bytes(), 2000u);
}

TEST_F(ExpertBankTest, IsNotResizedForLessThanASlot) {
  ASSERT_TRUE(Open(2000).ok());
  { const auto held = budget_->Reserve("a little", 50); }
  const uint64_t before = bank_->budget_bytes();
  EXPECT_EQ(before, 1950u);
  bank_->Rebalance();
  EXPECT_EQ(bank_->budget_bytes(), before);
}

TEST_F(ExpertBankTest, UnderACapItKeepsItsMinimum) {
  ASSERT_TRUE(Open(2000).ok());
  bank_->Cap(1400);
  EXPECT_EQ(bank_->Rebalance(), 6);
  bank_->Cap(1);
  EXPECT_EQ(bank_->Rebalance(), 2);
  EXPECT_EQ(bank_->budget_bytes(), bank_->least_bytes());
  bank_->Cap(UINT64_MAX);
  EXPECT_EQ(bank_->Rebalance(), 12);
}

TEST_F(ExpertBankTest, WhatTheBankRefusesLeavesTheLedgerAsItWas) {
  ASSERT_TRUE(Open(2000).ok());
  FakeBank::state().refuses_resize = true;
  EXPECT_FALSE(budget_->Reserve("a session", 450).ok());
  EXPECT_EQ(bank_->budget_bytes(), 2000u);
  EXPECT_EQ(budget_->used_bytes(), 2000u);
  bank_->Cap(1200);
  bank_->Rebalance();
  EXPECT_EQ(bank_->budget_bytes(), 2000u);
}

TEST_F(ExpertBankTest, ClosingGivesEverythingBack) {
  ASSERT_TRUE(Open(2000).ok());
  bank_.reset();
  EXPECT_FALSE(FakeBank::state().open);
  EXPECT_EQ(budget_->used_bytes(), 0u);
  EXPECT_TRUE(budget_->Reserve("somebody", 2000).ok())
      << "and nobody is asked to give way any more";
}

TEST_F(ExpertBankTest, WithoutALimitAllExpertsAreThere) {
  ASSERT_TRUE(Open(0).ok());
  EXPECT_EQ(bank_->budget_bytes(), 1000u + 18 * 100);
}

}  // namespace
}  // namespace kinglet
