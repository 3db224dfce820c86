#include "core/exec/expert_predictor.h"

#include <cmath>
#include <limits>

#include "core/exec/fake_experts.h"
#include "core/exec/prepared_plan.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

// Six experts, of which two are chosen.
class ExpertPredictorTest : public testing::Test {
 protected:
  ExpertPredictorTest() : kernels_(false), registry_(kernels_.MakeRegistry()) {
    prepared_ = std::move(PreparedPlan::Create(model_.plan, *registry_, {8, 1, 16}, 1)).value();
    predictor_ = std::make_unique<ExpertPredictor>(prepared_->experts());
  }
  std::vector<int32_t> Predict(size_t layer, const std::vector<float>& logits, int64_t most = 4,
                               size_t distance = 1) {
    std::vector<int32_t> ids(8, -1);
    ids.resize(
        static_cast<size_t>(predictor_->Predict(layer, distance, logits.data(), most, ids.data())));
    return ids;
  }
  void Observe(size_t layer, const std::vector<int32_t>& ids, const std::vector<float>& logits = {}) {
    predictor_->Observe(layer, ids.data(), static_cast<int64_t>(ids.size()), logits.empty() ? nullptr : logits.data());
  }
  // Tokens whose previews show what is chosen in the end, each expert equally often.
  void Learn(int tokens, size_t layer = 1, size_t distance = 1) {
    for (int t = 0; t < tokens; ++t) {
      Predict(layer, Preferring(t % 6, (t + 1) % 6), 4, distance);
      Observe(layer, {t % 6, (t + 1) % 6});
    }
  }
  static std::vector<float> Preferring(int a, int b) {
    std::vector<float> logits = {0.1f, 0.2f, 0.3f, 0.2f, 0.1f, 0.0f};
    logits[static_cast<size_t>(a)] = 5;
    logits[static_cast<size_t>(b)] = 2;
    return logits;
  }

  FakeExpertModel model_;
  FakeExpertKernels kernels_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<PreparedPlan> prepared_;
  std::unique_ptr<ExpertPredictor> predictor_;
};

TEST_F(ExpertPredictorTest, GuessesNothingBeforeItHasSeenEnough) {
  EXPECT_THAT(Predict(1, Preferring(2, 3)), IsEmpty());
  Observe(1, {2, 3});
  EXPECT_THAT(Predict(1, Preferring(2, 3)), IsEmpty());
  Learn(60);
  EXPECT_THAT(Predict(1, Preferring(2, 3)), UnorderedElementsAre(2, 3));
  EXPECT_THAT(Predict(1, Preferring(5, 0)), UnorderedElementsAre(5, 0));
}

TEST_F(ExpertPredictorTest, LearnsEachDistanceByItself) {
  Learn(60, 1, 2);
  EXPECT_THAT(Predict(1, Preferring(2, 3), 4, 2), UnorderedElementsAre(2, 3));
  EXPECT_THAT(Predict(1, Preferring(2, 3), 4, 1), IsEmpty());
}

TEST_F(ExpertPredictorTest, ALayerIsLikeTheOthersUntilItShowsThatItIsNot) {
  Learn(60, 1);
  // Each expert as often as in layer 1.
  for (int t = 0; t < 12; ++t) Observe(2, {t % 6, (t + 1) % 6});
  EXPECT_THAT(Predict(2, Preferring(2, 3)), UnorderedElementsAre(2, 3));
  for (int t = 0; t < 60; ++t) {
    Predict(2, Preferring(t % 6, (t + 1) % 6));
    Observe(2, {(t + 2) % 6, (t + 3) % 6});
  }
  for (const int32_t id : Predict(2, Preferring(2, 3))) EXPECT_TRUE(id != 2 && id != 3) << id;
  EXPECT_THAT(Predict(1, Preferring(2, 3)), UnorderedElementsAre(2, 3));
}

TEST_F(ExpertPredictorTest, PreviewsThatSayNothingAreNotBelieved) {
  for (int t = 0; t < 300; ++t) {
    Predict(1, Preferring(t % 6, (t + 1) % 6));
    Observe(1, {(t * 7 / 3) % 6, (t * 7 / 3 + 2) % 6});
  }
  EXPECT_THAT(Predict(1, Preferring(2, 3)), IsEmpty());
}

TEST_F(ExpertPredictorTest, TheLikeliestComesFirstAndAtMostSoMany) {
  // The first of a preview always comes true, the second in four of five tokens.
  for (int t = 0; t < 180; ++t) {
    const int a = t % 6, b = (t + 1) % 6;
    Predict(1, Preferring(a, b));
    Observe(1, {a, t % 5 == 0 ? (t + 3) % 6 : b});
  }
  EXPECT_THAT(Predict(1, Preferring(4, 1)), ElementsAre(4, 1));
  EXPECT_THAT(Predict(1, Preferring(4, 1), 1), ElementsAre(4));
  EXPECT_THAT(Predict(1, Preferring(4, 1), 0), IsEmpty());
  EXPECT_THAT(Predict(1, Preferring(4, 1), -3), IsEmpty()) << "a cache that has no room for guesses";
}

TEST_F(ExpertPredictorTest, AMarginMeansLessForAnExpertThatIsRarelyUsed) {
  // Experts 0 and 1 are chosen whatever the previews show.
  for (int t = 0; t < 240; ++t) {
    const bool busy = t % 2 == 0;
    Predict(1, busy ? Preferring(0, 1) : Preferring(2 + t % 4, 2 + (t + 1) % 4));
    Observe(1, {0, 1});
  }
  EXPECT_THAT(Predict(1, Preferring(0, 1)), UnorderedElementsAre(0, 1));
  EXPECT_THAT(Predict(1, Preferring(3, 4)), UnorderedElementsAre(0, 1));
}

TEST_F(ExpertPredictorTest, LogitsWithoutAnOrderAreNoPreview) {
  Learn(60);
  EXPECT_THAT(Predict(1, std::vector<float>(6, 2.5f)), IsEmpty());
  std::vector<float> broken = Preferring(2, 3);
  broken[4] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(Predict(1, broken), IsEmpty());
  broken[4] = std::numeric_limits<float>::infinity();
  EXPECT_THAT(Predict(1, broken), IsEmpty());
  Observe(1, {4, 5});
  EXPECT_THAT(Predict(1, Preferring(2, 3)), UnorderedElementsAre(2, 3));
  // Numbers whose difference is none.
  constexpr float kLargest = std::numeric_limits<float>::max();
  Predict(1, std::vector<float>{-kLargest, 0, 0, 0, 0, 1});
  Observe(1, {0, 5}, std::vector<float>{kLargest, 0, 0, 0, 0, 1});
  EXPECT_THAT(Predict(1, Preferring(2, 3)), IsEmpty());
}

// Layers between add the same to every token: without that the previews show the wrong experts.
TEST_F(ExpertPredictorTest, WhatLayersAddToEachTokenIsAddedToPreviews) {
  const auto drifted = [](std::vector<float> logits) {
    for (size_t e = 0; e < logits.size(); ++e) logits[e] += e < 3 ? 6.0f : -6.0f;
    return logits;
  };
  for (int t = 0; t < 120; ++t) {
    Predict(1, drifted(Preferring(t % 6, (t + 1) % 6)));
    Observe(1, {t % 6, (t + 1) % 6}, Preferring(t % 6, (t + 1) % 6));
  }
  EXPECT_THAT(Predict(1, drifted(Preferring(3, 4))), UnorderedElementsAre(3, 4));
  EXPECT_THAT(Predict(1, drifted(Preferring(1, 5))), UnorderedElementsAre(1, 5));
  // Logits that are no numbers teach nothing.
  std::vector<float> broken = Preferring(3, 4);
  broken[0] = std::numeric_limits<float>::quiet_NaN();
  Observe(1, {3, 4}, broken);
  EXPECT_THAT(Predict(1, drifted(Preferring(3, 4))), UnorderedElementsAre(3, 4));
}

TEST_F(ExpertPredictorTest, GuessesAreDearerWhileTheyAreUselessAndComeBack) {
  uint64_t useful = 0, useless = 0;
  const double first = predictor_->threshold();
  predictor_->Judge(0, 31);
  EXPECT_EQ(predictor_->threshold(), first) << "too few to judge";
  for (int i = 0; i < 20; ++i) predictor_->Judge(useful, useless += 40);
  const double dear = predictor_->threshold();
  EXPECT_GT(dear, first);
  Learn(60);
  EXPECT_THAT(Predict(1, Preferring(2, 3)), UnorderedElementsAre(2, 3)) << "sure ones go on";
  for (int i = 0; i < 40; ++i) predictor_->Judge(useful += 40, useless);
  EXPECT_LT(predictor_->threshold(), first);
}

TEST_F(ExpertPredictorTest, WhatWasNotGuessedHereIsNotJudged) {
  const double first = predictor_->threshold();
  predictor_->Disregard(0, 1000);
  predictor_->Judge(0, 1010);
  EXPECT_EQ(predictor_->threshold(), first);
  predictor_->Judge(0, 1040);
  EXPECT_GT(predictor_->threshold(), first);
}

TEST_F(ExpertPredictorTest, TheRecentCountsMore) {
  Learn(20000);
  EXPECT_THAT(Predict(1, Preferring(2, 3)), UnorderedElementsAre(2, 3));
  for (int t = 0; t < 20000; ++t) {
    Predict(1, Preferring(t % 6, (t + 1) % 6));
    Observe(1, {(t + 2) % 6, (t + 3) % 6});
  }
  for (const int32_t id : Predict(1, Preferring(2, 3))) EXPECT_TRUE(id != 2 && id != 3) << id;
}

}  // namespace
}  // namespace kinglet
