#include "core/exec/expert_predictor.h"

#include "core/exec/fake_experts.h"
#include "core/exec/prepared_plan.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ExpertPredictorTest : public testing::Test {
 protected:
  ExpertPredictorTest() : kernels_(false), registry_(kernels_.MakeRegistry()) {
    prepared_ = std::move(PreparedPlan::Create(model_.plan, *registry_, {8, 1, 16}, 1)).value();
    predictor_ = std::make_unique<ExpertPredictor>(prepared_->experts());
  }
  void Token(const std::vector<std::vector<int32_t>>& layers, int times = 1) {
    for (int i = 0; i < times; ++i) {
      for (size_t l = 0; l < layers.size(); ++l) {
        predictor_->Observe(l, layers[l].data(), static_cast<int64_t>(layers[l].size()));
      }
    }
  }
  std::vector<int32_t> Predict(size_t layer, int64_t most = 4) {
    std::vector<int32_t> ids(8, -1);
    ids.resize(static_cast<size_t>(predictor_->Predict(layer, most, ids.data())));
    return ids;
  }

  FakeExpertModel model_;
  FakeExpertKernels kernels_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<PreparedPlan> prepared_;
  std::unique_ptr<ExpertPredictor> predictor_;
};

TEST_F(ExpertPredictorTest, GuessesNothingBeforeItHasSeenEnough) {
  EXPECT_THAT(Predict(0), IsEmpty());
  Token({{0, 1}, {2, 3}, {4, 5}}, 3);
  EXPECT_THAT(Predict(0), IsEmpty()) << "three sightings are too few";
  Token({{0, 1}, {2, 3}, {4, 5}}, 2);
  EXPECT_THAT(Predict(0), ElementsAre(2, 3));
}

TEST_F(ExpertPredictorTest, FollowsTheLayersRoundToTheNextToken) {
  Token({{0, 1}, {2, 3}, {4, 5}}, 8);
  EXPECT_THAT(Predict(0), ElementsAre(2, 3));
  EXPECT_THAT(Predict(1), ElementsAre(4, 5));
  EXPECT_THAT(Predict(2), ElementsAre(0, 1)) << "the first layer of the next token";
}

TEST_F(ExpertPredictorTest, TheLikeliestComesFirstAndAtMostSoMany) {
  Token({{0, 1}, {2, 3}, {4, 5}}, 6);
  Token({{0, 1}, {2, 1}, {4, 5}}, 4);
  EXPECT_THAT(Predict(0), ElementsAre(2, 3));
  EXPECT_THAT(Predict(0, 1), ElementsAre(2));
  EXPECT_THAT(Predict(0, 0), IsEmpty());
  EXPECT_THAT(Predict(0, -3), IsEmpty()) << "a cache that has no room for guesses";
}

TEST_F(ExpertPredictorTest, ChanceIsTheMeanOverWhatWasChosenBefore) {
  // 4 follows 0 always and 1 never: half.
  Token({{0}, {4}, {0}}, 8);
  Token({{1}, {3}, {0}}, 8);
  Token({{0, 1}, {4, 3}, {0}});
  const std::vector<int32_t> ids = Predict(0);
  EXPECT_THAT(ids, ElementsAre(3, 4));
}

TEST_F(ExpertPredictorTest, ItGivesUpWhileItsGuessesAreUselessAndComesBack) {
  Token({{0, 1}, {2, 3}, {4, 5}}, 8);
  uint64_t useful = 0, useless = 0;
  const double first = predictor_->threshold();
  predictor_->Judge(0, 31);
  EXPECT_EQ(predictor_->threshold(), first) << "too few to judge";
  for (int i = 0; i < 20; ++i) predictor_->Judge(useful, useless += 40);
  EXPECT_GT(predictor_->threshold(), 1.0);
  EXPECT_THAT(Predict(0), IsEmpty());
  for (int i = 0; i < 40; ++i) predictor_->Judge(useful += 40, useless);
  EXPECT_LT(predictor_->threshold(), first);
  EXPECT_THAT(Predict(0), ElementsAre(2, 3));
}

TEST_F(ExpertPredictorTest, WhatWasNotGuessedHereIsNotJudged) {
  const double first = predictor_->threshold();
  predictor_->Disregard(0, 1000);
  predictor_->Judge(0, 1010);
  EXPECT_EQ(predictor_->threshold(), first);
  predictor_->Judge(0, 1040);
  EXPECT_GT(predictor_->threshold(), first);
}

TEST_F(ExpertPredictorTest, CountsDoNotOverflow) {
  Token({{0, 1}, {2, 3}, {4, 5}}, 200000);
  EXPECT_THAT(Predict(0), ElementsAre(2, 3));
  // The recent counts more: after as many again of something else, that is what is guessed.
  Token({{0, 1}, {4, 5}, {4, 5}}, 200000);
  EXPECT_THAT(Predict(0), ElementsAre(4, 5));
}

TEST_F(ExpertPredictorTest, ItsMemoryIsKnownBefore) {
  EXPECT_EQ(ExpertPredictor::RequiredBytes(prepared_->experts()),
            kFakeLayers * kFakeExperts * (kFakeExperts + 1) * 2);
}

}  // namespace
}  // namespace kinglet
