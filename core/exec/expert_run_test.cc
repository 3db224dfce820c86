#include "core/exec/expert_run.h"

#include <cstring>

#include "core/base/status.h"
#include "core/exec/fake_experts.h"
#include "core/exec/program.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr Extents kLargest = {8, 1, 16};

// Runs a plan of three layers from memory, and from a bank.
class ExpertRunTest : public testing::TestWithParam<bool> {
 protected:
  ExpertRunTest() : kernels_(GetParam()), registry_(kernels_.MakeRegistry()), scheduler_(2) {
    Make(0, &in_memory_);
    expected_ = Run(in_memory_.program.get(), 5, &status_);
    EXPECT_TRUE(status_.ok()) << status_;
    Fake::log().run_rows.clear();
  }

  struct Loaded {
    std::unique_ptr<PreparedPlan> prepared;
    std::unique_ptr<Budget> budget;
    std::unique_ptr<Budget> bank_budget;
    std::unique_ptr<ExpertBank> bank;
    std::unique_ptr<Program> program;
  };
  // slots 0: without a bank.
  void Make(uint64_t slots, Loaded* loaded) {
    loaded->prepared =
        std::move(PreparedPlan::Create(model_.plan, *registry_, kLargest, 2)).value();
    if (slots > 0) {
      ASSERT_TRUE(loaded->prepared->LeaveExperts().ok());
    }
    loaded->budget = std::make_unique<Budget>(0);
    const auto parallel_for = [this](int64_t count, kl_parallel_body body, void* context) {
      scheduler_.ParallelFor(count, body, context);
    };
    ASSERT_TRUE(loaded->prepared->LoadWeights(loaded->budget.get(), parallel_for, nullptr).ok());
    if (slots > 0) {
      FakeBank::Table();
      loaded->bank_budget = std::make_unique<Budget>(1000 + (slots - 2) * 100);
      const ExpertLayout& layout = loaded->prepared->experts();
      ExpertOptions options;
      options.prefetch = prefetch_;
      auto opened = ExpertBank::Open(FakeBank::Table(), nullptr, layout,
                                     ExpertSource::OfModel(layout), loaded->bank_budget.get(), options);
      ASSERT_TRUE(opened.ok()) << opened.status();
      loaded->bank = *std::move(opened);
    }
    auto program = Program::Create(
        *loaded->prepared, GreedyPlanner(), kLargest, [](kl_value) { return kl_tensor(); }, nullptr,
        loaded->bank.get());
    ASSERT_TRUE(program.ok()) << program.status();
    loaded->program = *std::move(program);
  }
  static int32_t Choice(size_t layer, int64_t token, int64_t place) {
    return static_cast<int32_t>((token * 2 + static_cast<int64_t>(layer) + place * 3) %
                                kFakeExperts);
  }
  std::vector<float> Run(Program* program, int64_t tokens, absl::Status* status,
                         const std::atomic<bool>* cancel = nullptr) {
    float* x = static_cast<float*>(program->tensor(model_.first_x).data);
    for (int64_t i = 0; i < tokens * kFakeWidth; ++i) x[i] = static_cast<float>(i % 13) / 4 + 1;
    for (size_t l = 0; l < kFakeLayers; ++l) {
      int32_t* choices = static_cast<int32_t*>(program->tensor(model_.choices[l]).data);
      float* weights = static_cast<float*>(program->tensor(model_.weights[l]).data);
      for (int64_t t = 0; t < tokens; ++t) {
        for (int64_t i = 0; i < kFakeChosen; ++i) {
          choices[t * kFakeChosen + i] = wrong_expert_ ? 99 : Choice(l, t, i);
          weights[t * kFakeChosen + i] = static_cast<float>(i + 1) / 1024;
        }
      }
    }
    *status = program->Run(&scheduler_, tokens, 1, 0, cancel);
    const float* y = static_cast<const float*>(program->tensor(model_.plan.outputs[0]).data);
    return {y, y + tokens * kFakeWidth};
  }
  // A run from a bank gives what the run from memory gave.
  void ExpectSame(Loaded* loaded) {
    absl::Status status;
    EXPECT_EQ(Run(loaded->program.get(), 5, &status), expected_);
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_THAT(FakeBank::state().leases, IsEmpty());
    EXPECT_THAT(FakeBank::state().tickets, IsEmpty());
  }
  void ExpectFailure(Loaded* loaded, kl_code code, const std::string& text) {
    absl::Status status;
    Run(loaded->program.get(), 5, &status);
    EXPECT_EQ(CodeFromStatus(status), code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
    EXPECT_THAT(FakeBank::state().leases, IsEmpty());
    EXPECT_THAT(FakeBank::state().tickets, IsEmpty());
  }

  FakeExpertModel model_;
  FakeExpertKernels kernels_;
  std::unique_ptr<Registry> registry_;
  FakeScheduler scheduler_;
  bool prefetch_ = false;
  bool wrong_expert_ = false;
  absl::Status status_;
  std::vector<float> expected_;
  Loaded in_memory_;
};

TEST_P(ExpertRunTest, ComputesTheSameFromABank) {
  Loaded loaded;
  Make(6, &loaded);
  ExpectSame(&loaded);
  ASSERT_EQ(FakeBank::state().demanded.size(), kFakeLayers) << "a ticket a layer";
  // Tokens 0 .. 4 choose 0 3, 2 5, 4 1, 0 3, 2 5 in the first layer.
  EXPECT_THAT(FakeBank::state().demanded[0], UnorderedElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_EQ(FakeBank::state().most_leases, 6u);
}

TEST_P(ExpertRunTest, RunsInWavesWhenTheExpertsOfABatchDoNotFit) {
  Loaded loaded;
  Make(2, &loaded);
  ExpectSame(&loaded);
  EXPECT_EQ(FakeBank::state().most_leases, 2u);
  std::vector<int64_t> rows = Fake::log().run_rows;
  EXPECT_THAT(rows, testing::Each(1)) << "each token has experts of its own";
  EXPECT_EQ(rows.size(), 5 * kFakeLayers);
  Fake::log().run_rows.clear();
  Loaded roomier;
  Make(4, &roomier);
  ExpectSame(&roomier);
  EXPECT_THAT(Fake::log().run_rows[0], 2);
}

TEST_P(ExpertRunTest, WaitsForWhatIsPendingOrExhausted) {
  Loaded loaded;
  Make(6, &loaded);
  FakeBank::state().answers = {KL_BANK_PENDING, KL_BANK_EXHAUSTED, KL_BANK_READY, KL_BANK_PENDING};
  ExpectSame(&loaded);
}

TEST_P(ExpertRunTest, AFailureNamesTheNodeGivesEverythingBackAndTheNextRunIsRight) {
  Loaded loaded;
  Make(6, &loaded);
  FakeBank::state().answers = {KL_BANK_READY, KL_BANK_READY, KL_BANK_FAILED};
  ExpectFailure(&loaded, KL_IO_ERROR, "node blk.0.ffn: bank fake_bank: record 7: the disk is gone");
  ExpectSame(&loaded);
}

TEST_P(ExpertRunTest, ACancelEndsTheWait) {
  Loaded loaded;
  Make(6, &loaded);
  FakeBank::state().answers = {KL_BANK_READY, KL_BANK_PENDING, KL_BANK_PENDING};
  std::atomic<bool> cancel{false};
  FakeBank::state().cancelled_by_pending = &cancel;
  absl::Status status;
  Run(loaded.program.get(), 5, &status, &cancel);
  EXPECT_EQ(CodeFromStatus(status), KL_CANCELLED);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("while node blk.0.ffn waited for its experts"));
  EXPECT_THAT(FakeBank::state().leases, IsEmpty());
  EXPECT_THAT(FakeBank::state().tickets, IsEmpty());
  FakeBank::state().answers.clear();
  ExpectSame(&loaded);
}

TEST_P(ExpertRunTest, ABankThatGivesTooFewIsFoundOut) {
  Loaded loaded;
  Make(6, &loaded);
  FakeBank::state().answers = {KL_BANK_READY, KL_BANK_DONE};
  ExpectFailure(&loaded, KL_INTERNAL, "the bank gave 1 of 6 experts; the bank is defective");
}

TEST_P(ExpertRunTest, ABankThatStaysExhaustedIsAnError) {
  Loaded loaded;
  Make(6, &loaded);
  FakeBank::state().answers.assign(1000, KL_BANK_EXHAUSTED);
  ExpectFailure(&loaded, KL_OUT_OF_MEMORY, "give it more memory");
}

TEST_P(ExpertRunTest, ARouterThatNamesNoExpertIsFoundOut) {
  Loaded loaded;
  Make(6, &loaded);
  wrong_expert_ = true;
  ExpectFailure(&loaded, KL_INTERNAL,
                "token 0 was routed to expert 99 of 6; the router's kernel is defective");
}

TEST_P(ExpertRunTest, PrefetchesTheNextLayerOfABatchThatWantsMost) {
  prefetch_ = true;
  Loaded loaded;
  Make(14, &loaded);
  ExpectSame(&loaded);
  ASSERT_EQ(FakeBank::state().prefetched.size(), kFakeLayers - 1)
      << "none from the last layer of a batch";
  EXPECT_THAT(FakeBank::state().prefetched[0], ElementsAre(6, 7, 8, 9, 10, 11));
}

TEST_P(ExpertRunTest, GuessesNothingWhereNoRouterCanBePreviewed) {
  prefetch_ = true;
  Loaded loaded;
  Make(14, &loaded);
  absl::Status status;
  for (int i = 0; i < 8; ++i) Run(loaded.program.get(), 1, &status);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_THAT(FakeBank::state().prefetched, IsEmpty());
}

TEST_P(ExpertRunTest, KeepsWhereTokensWereRouted) {
  for (const uint64_t slots : {0, 6}) {
    Loaded loaded;
    Make(slots, &loaded);
    EXPECT_EQ(loaded.program->experts()->routing(), nullptr);
    loaded.program->experts()->KeepRouting();
    absl::Status status;
    Run(loaded.program.get(), 5, &status);
    ASSERT_TRUE(status.ok()) << status;
    const uint16_t* routing = loaded.program->experts()->routing();
    for (int64_t t = 0; t < 5; ++t) {
      for (size_t l = 0; l < kFakeLayers; ++l) {
        for (int64_t i = 0; i < kFakeChosen; ++i) {
          EXPECT_EQ(routing[(static_cast<size_t>(t) * kFakeLayers + l) * kFakeChosen +
                            static_cast<size_t>(i)],
                    Choice(l, t, i));
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Packed, ExpertRunTest, testing::Bool());

}  // namespace
}  // namespace kinglet
