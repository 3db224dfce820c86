#include "core/text/sampler.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr float kInf = std::numeric_limits<float>::infinity();

// Every step off: the softmax itself.
SamplerOptions Plain() {
  SamplerOptions options;
  options.temperature = 1;
  options.top_k = 0;
  options.top_p = 1;
  options.min_p = 0;
  options.seed = 1;
  return options;
}

Sampler Make(const SamplerOptions& options) {
  auto sampler = Sampler::Create(options);
  EXPECT_TRUE(sampler.ok()) << sampler.status();
  return *std::move(sampler);
}

int32_t Pick(Sampler* sampler, const std::vector<float>& logits) {
  auto id = sampler->Sample(logits.data(), static_cast<int32_t>(logits.size()));
  EXPECT_TRUE(id.ok()) << id.status();
  return id.value_or(-1);
}

std::vector<float> LogitsOf(const std::vector<double>& probabilities) {
  std::vector<float> logits;
  for (double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
  return logits;
}

// The share of each token among many draws.
std::vector<double> Shares(const SamplerOptions& options, const std::vector<float>& logits) {
  constexpr int kDraws = 40000;
  Sampler sampler = Make(options);
  std::vector<double> shares(logits.size());
  for (int i = 0; i < kDraws; i++) shares[Pick(&sampler, logits)] += 1.0 / kDraws;
  return shares;
}

void ExpectShares(const std::vector<double>& expected, const std::vector<double>& found) {
  ASSERT_EQ(expected.size(), found.size());
  for (size_t i = 0; i < expected.size(); i++) {
    if (expected[i] == 0) {
      EXPECT_EQ(0, found[i]) << "token " << i;
    } else {
      EXPECT_NEAR(expected[i], found[i], 0.012) << "token " << i;
    }
  }
}

TEST(SamplerTest, DrawsByProbability) {
  ExpectShares({0.5, 0.3, 0.15, 0.05}, Shares(Plain(), LogitsOf({0.5, 0.3, 0.15, 0.05})));
}

TEST(SamplerTest, GreedyTakesTheLargestAndOfEqualsTheLowestId) {
  SamplerOptions options = Plain();
  for (float temperature : {0.0f, -1.0f}) {
    options.temperature = temperature;
    Sampler sampler = Make(options);
    EXPECT_EQ(2, Pick(&sampler, {0, 1, 3, 3, -5}));
    EXPECT_EQ(0, Pick(&sampler, {-1, -1, -1}));
    EXPECT_EQ(1, Pick(&sampler, {-kInf, -100}));
  }
}

TEST(SamplerTest, TopKKeepsTheLargestAndOfEqualsTheLowestIds) {
  SamplerOptions options = Plain();
  options.top_k = 2;
  ExpectShares({0, 0.6, 0, 0.4}, Shares(options, LogitsOf({0.1, 0.45, 0.15, 0.3})));
  ExpectShares({0.5, 0.5, 0, 0}, Shares(options, {1, 1, 1, 1}));
  options.top_k = 100;
  ExpectShares({0.5, 0.5}, Shares(options, {1, 1}));
}

TEST(SamplerTest, TopPKeepsTheFewestThatReachIt) {
  SamplerOptions options = Plain();
  options.top_p = 0.7f;
  ExpectShares({0.5 / 0.8, 0.3 / 0.8, 0, 0}, Shares(options, LogitsOf({0.5, 0.3, 0.15, 0.05})));
  options.top_p = 0;
  ExpectShares({0, 1}, Shares(options, LogitsOf({0.4, 0.6})));
}

TEST(SamplerTest, TopPLooksThroughALargeVocabulary) {
  SamplerOptions options = Plain();
  options.top_p = 0.5f;
  // 2,000 equal tokens: the first half by id stays, in whatever steps the search sorts them.
  const std::vector<float> logits(2000, 1.0f);
  Sampler sampler = Make(options);
  std::set<int32_t> seen;
  for (int i = 0; i < 20000; i++) seen.insert(Pick(&sampler, logits));
  EXPECT_EQ(1000u, seen.size());
  EXPECT_EQ(999, *seen.rbegin());
}

TEST(SamplerTest, TopPFollowsTopK) {
  SamplerOptions options = Plain();
  options.top_k = 2;
  options.top_p = 0.55f;
  // Of the two that are left the first one has 0.4 / 0.7 = 0.57.
  ExpectShares({1, 0, 0, 0}, Shares(options, LogitsOf({0.4, 0.3, 0.2, 0.1})));
}

TEST(SamplerTest, MinPIsRelativeToTheMostLikely) {
  SamplerOptions options = Plain();
  options.min_p = 0.5f;
  ExpectShares({0.4 / 0.7, 0.3 / 0.7, 0, 0}, Shares(options, LogitsOf({0.4, 0.3, 0.19, 0.11})));
  options.min_p = 1;
  ExpectShares({0.5, 0.5, 0}, Shares(options, {2, 2, 1}));
}

TEST(SamplerTest, TemperatureComesLast) {
  SamplerOptions options = Plain();
  options.temperature = 2;
  const double a = std::sqrt(0.8);
  const double b = std::sqrt(0.2);
  ExpectShares({a / (a + b), b / (a + b)}, Shares(options, LogitsOf({0.8, 0.2})));
  // Before top-p it would flatten the distribution and let the second token in.
  options.top_p = 0.75f;
  ExpectShares({1, 0}, Shares(options, LogitsOf({0.8, 0.2})));
  options = Plain();
  options.temperature = 1e-30f;
  ExpectShares({0, 1}, Shares(options, {1, 1.0001f}));
}

TEST(SamplerTest, RepeatPenaltyDividesOrMultiplies) {
  SamplerOptions options = Plain();
  options.temperature = 0;
  options.repeat_penalty = 2;
  Sampler sampler = Make(options);
  EXPECT_EQ(0, Pick(&sampler, {3, 2, 1}));
  sampler.Accept(0);
  sampler.Accept(0);  // counts once
  EXPECT_EQ(1, Pick(&sampler, {3, 2, 1}));
  EXPECT_EQ(0, Pick(&sampler, {5, 2, 1}));
  EXPECT_EQ(1, Pick(&sampler, {-1, -1.5f}));
  EXPECT_EQ(0, Pick(&sampler, {-1, -2.5f}));
}

TEST(SamplerTest, FrequencyCountsAndPresenceDoesNot) {
  SamplerOptions options = Plain();
  options.temperature = 0;
  options.frequency_penalty = 1;
  Sampler frequency = Make(options);
  options.frequency_penalty = 0;
  options.presence_penalty = 1;
  Sampler presence = Make(options);
  const std::vector<float> logits = {2.5f, 1};
  for (int times = 1; times <= 3; times++) {
    frequency.Accept(0);
    presence.Accept(0);
    EXPECT_EQ(times >= 2 ? 1 : 0, Pick(&frequency, logits)) << times;
    EXPECT_EQ(0, Pick(&presence, logits)) << times;
  }
  EXPECT_EQ(1, Pick(&presence, {1.5f, 1}));
}

TEST(SamplerTest, OnlyTheLastTokensAreRemembered) {
  SamplerOptions options = Plain();
  options.temperature = 0;
  options.presence_penalty = 10;
  options.repeat_last_n = 2;
  Sampler sampler = Make(options);
  const std::vector<float> logits = {3, 2, 1};
  sampler.Accept(0);
  EXPECT_EQ(1, Pick(&sampler, logits));
  sampler.Accept(1);
  EXPECT_EQ(2, Pick(&sampler, logits));
  sampler.Accept(2);
  EXPECT_EQ(0, Pick(&sampler, logits));
  sampler.Accept(-7);
  sampler.Accept(1000000);  // outside the vocabulary: no harm
  EXPECT_EQ(0, Pick(&sampler, logits));

  options.repeat_last_n = 0;
  Sampler forgetful = Make(options);
  forgetful.Accept(0);
  EXPECT_EQ(0, Pick(&forgetful, logits));
}

TEST(SamplerTest, PenaltiesCannotRuleOutTheLastToken) {
  SamplerOptions options = Plain();
  options.repeat_penalty = 100;
  options.frequency_penalty = 100;
  Sampler sampler = Make(options);
  sampler.Accept(1);
  EXPECT_EQ(1, Pick(&sampler, {-kInf, -3e38f, -kInf}));
}

TEST(SamplerTest, TokensAtMinusInfinityAreNeverPicked) {
  ExpectShares({0, 0.5, 0, 0.5}, Shares(Plain(), {-kInf, 2, -kInf, 2}));
}

TEST(SamplerTest, NonsenseFromTheModelIsAnError) {
  for (float temperature : {0.0f, 1.0f}) {
    SamplerOptions options = Plain();
    options.temperature = temperature;
    Sampler sampler = Make(options);
    const std::vector<float> nan = {0, std::nanf(""), 1};
    EXPECT_THAT(std::string(sampler.Sample(nan.data(), 3).status().message()),
                HasSubstr("token 1 is nan"));
    const std::vector<float> infinite = {0, 1, kInf};
    EXPECT_THAT(std::string(sampler.Sample(infinite.data(), 3).status().message()),
                HasSubstr("token 2 is inf"));
    const std::vector<float> nothing = {-kInf, -kInf};
    EXPECT_THAT(std::string(sampler.Sample(nothing.data(), 2).status().message()),
                HasSubstr("all 2 logits are -inf"));
    EXPECT_FALSE(sampler.Sample(nothing.data(), 0).ok());
    EXPECT_EQ(1, Pick(&sampler, {-kInf, 0}));  // and it goes on
  }
}

TEST(SamplerTest, RefusesOptionsOutsideTheirRangeAndNamesThem) {
  const auto message = [](const SamplerOptions& options) {
    return std::string(Sampler::Create(options).status().message());
  };
  SamplerOptions options;
  options.temperature = std::nanf("");
  EXPECT_THAT(message(options), HasSubstr("temperature"));
  options = {};
  options.top_p = -0.1f;
  EXPECT_THAT(message(options), HasSubstr("top_p"));
  options = {};
  options.min_p = 1.5f;
  EXPECT_THAT(message(options), HasSubstr("min_p"));
  options = {};
  options.repeat_penalty = 0;
  EXPECT_THAT(message(options), HasSubstr("repeat_penalty"));
  options = {};
  options.repeat_last_n = -1;
  EXPECT_THAT(message(options), HasSubstr("repeat_last_n"));
  options = {};
  options.frequency_penalty = kInf;
  EXPECT_THAT(message(options), HasSubstr("frequency_penalty"));
  options = {};
  options.seed = -2;
  EXPECT_THAT(message(options), HasSubstr("seed"));
}

std::vector<int32_t> Draws(Sampler* sampler, int count) {
  std::vector<float> logits(500);
  for (size_t i = 0; i < logits.size(); i++) {
    logits[i] = static_cast<float>((i * 37) % 101) / 20.0f;
  }
  std::vector<int32_t> ids;
  for (int i = 0; i < count; i++) {
    ids.push_back(Pick(sampler, logits));
    sampler->Accept(ids.back());
  }
  return ids;
}

// Written down once: a change here breaks everybody's saved seeds.
TEST(SamplerTest, TheSequenceOfASeedNeverChanges) {
  SamplerOptions options;
  options.seed = 42;
  options.repeat_penalty = 1.1f;
  options.top_k = 0;
  options.min_p = 0;
  Sampler sampler = Make(options);
  EXPECT_THAT(Draws(&sampler, 8), ElementsAre(73, 483, 217, 267, 417, 420, 90, 248));
}

TEST(SamplerTest, EqualSeedsGiveEqualTokens) {
  SamplerOptions options;
  options.seed = 5;
  options.top_k = 0;
  options.repeat_penalty = 1.3f;
  Sampler first = Make(options);
  Sampler second = Make(options);
  const std::vector<int32_t> ids = Draws(&first, 200);
  EXPECT_EQ(ids, Draws(&second, 200));
  first.Reset();
  EXPECT_EQ(ids, Draws(&first, 200));
  options.seed = 6;
  Sampler other = Make(options);
  EXPECT_NE(ids, Draws(&other, 200));
}

TEST(SamplerTest, ARandomSeedIsToldAndRepeats) {
  SamplerOptions options;
  options.top_k = 0;
  Sampler first = Make(options);
  options.seed = static_cast<int64_t>(first.seed());
  Sampler second = Make(options);
  EXPECT_EQ(Draws(&first, 50), Draws(&second, 50));
  EXPECT_NE(first.seed(), Make(SamplerOptions()).seed());
}

TEST(SamplerTest, ASavedStateGoesOnWithTheSameTokens) {
  SamplerOptions options;
  options.seed = 9;
  options.top_k = 0;
  options.repeat_penalty = 1.5f;
  options.repeat_last_n = 16;
  Sampler first = Make(options);
  for (int before : {3, 30}) {
    Draws(&first, before);
    const SamplerState state = first.Save();
    Sampler second = Make(options);
    ASSERT_TRUE(second.Restore(state).ok());
    EXPECT_EQ(state.recent, second.Save().recent);
    EXPECT_EQ(Draws(&first, 60), Draws(&second, 60)) << before;
  }
  EXPECT_EQ(16u, first.Save().recent.size());
}

TEST(SamplerTest, RefusesADamagedState) {
  SamplerOptions options;
  options.repeat_last_n = 2;
  Sampler sampler = Make(options);
  SamplerState state = sampler.Save();
  state.recent = {1, 2, 3};
  EXPECT_THAT(std::string(sampler.Restore(state).message()), HasSubstr("repeat_last_n is 2"));
  state.recent.clear();
  state.generator = {};
  EXPECT_THAT(std::string(sampler.Restore(state).message()), HasSubstr("all zero"));
}

TEST(SamplerWantedCount, FollowsTheOptions) {
  const auto wanted = [](const SamplerOptions& options) { return Sampler::Create(options)->WantedCount(64); };
  SamplerOptions options;
  options.seed = 1;
  EXPECT_EQ(wanted(options), 40u);
  options.top_k = 0;
  EXPECT_EQ(wanted(options), 0u);
  options.temperature = 0;
  EXPECT_EQ(wanted(options), 1u);
  options.repeat_penalty = 1.1f;
  EXPECT_EQ(wanted(options), 1u + 64u);
  options.repeat_last_n = 10;
  EXPECT_EQ(wanted(options), 1u + 10u);
  options.repeat_last_n = 0;
  EXPECT_EQ(wanted(options), 1u);
  options.repeat_last_n = 10;
  options.presence_penalty = -0.5f;
  EXPECT_EQ(wanted(options), 0u);
  options.presence_penalty = 0.5f;
  options.repeat_penalty = 0.9f;
  EXPECT_EQ(wanted(options), 0u);
  options.repeat_penalty = 1;
  options.top_k = 7;
  options.temperature = 1;
  EXPECT_EQ(wanted(options), 7u + 10u);
  options.top_k = std::numeric_limits<int32_t>::max();
  EXPECT_EQ(wanted(options), 0x7fffffffu + 10u);
}

TEST(SamplerWantedCount, TheOthersMayBeMinusInfinity) {
  constexpr int32_t kCount = 500;
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0, 3);
  for (const float penalty : {1.0f, 1.3f}) {
    for (const float temperature : {0.0f, 0.9f}) {
      SamplerOptions options;
      options.seed = 11;
      options.temperature = temperature;
      options.top_k = 12;
      options.top_p = 1;  // draws in the order that top-k left
      options.min_p = 0;
      options.repeat_penalty = penalty;
      options.repeat_last_n = 20;
      Sampler full = *Sampler::Create(options);
      Sampler sparse = *Sampler::Create(options);
      for (int step = 0; step < 400; ++step) {
        std::vector<float> logits(kCount);
        for (float& logit : logits) logit = normal(random);
        std::vector<float> sorted = logits;
        std::sort(sorted.begin(), sorted.end(), std::greater<float>());
        std::vector<float> few = logits;
        for (float& logit : few) {
          if (logit < sorted[static_cast<size_t>(sparse.WantedCount(0) - 1)]) {
            logit = -std::numeric_limits<float>::infinity();
          }
        }
        const auto expected = full.Sample(logits.data(), kCount);
        const auto found = sparse.Sample(few.data(), kCount);
        ASSERT_TRUE(expected.ok() && found.ok());
        ASSERT_EQ(*found, *expected) << "step " << step;
        full.Accept(*expected);
        sparse.Accept(*found);
      }
    }
  }
}

}  // namespace
}  // namespace kinglet
