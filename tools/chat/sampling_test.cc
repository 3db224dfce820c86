#include "tools/chat/sampling.h"

#include "gtest/gtest.h"

namespace kinglet::tools {
namespace {

TEST(SamplingTest, ParametersAreSetByTheirNamesAndOtherPrograms) {
  Sampling sampling;
  EXPECT_EQ(SetParameter("temp", "0.2", &sampling), "");
  EXPECT_DOUBLE_EQ(sampling.temperature, 0.2);
  EXPECT_EQ(SetParameter("temperature", "0.5", &sampling), "");
  EXPECT_DOUBLE_EQ(sampling.temperature, 0.5);
  EXPECT_EQ(SetParameter("top_k", "7", &sampling), "");
  EXPECT_EQ(sampling.top_k, 7);
  EXPECT_EQ(SetParameter("num_predict", "12", &sampling), "");
  EXPECT_EQ(sampling.max_tokens, 12);
  EXPECT_EQ(SetParameter("seed", "-1", &sampling), "");
  EXPECT_EQ(sampling.seed, -1);
}

TEST(SamplingTest, WrongParametersChangeNothing) {
  Sampling sampling;
  EXPECT_NE(SetParameter("top-p", "1.5", &sampling), "");
  EXPECT_DOUBLE_EQ(sampling.top_p, 0.95);
  EXPECT_NE(SetParameter("top-pp", "0.5", &sampling).find("did you mean --top-p"),
            std::string::npos);
  EXPECT_NE(SetParameter("model", "x", &sampling), "");
}

TEST(SamplingTest, EveryParameterIsInTheDescription) {
  const std::string text = Sampling().Describe();
  for (const char* name :
       {"temp 0.8", "top-k 40", "top-p 0.95", "min-p 0.05", "seed -1", "repeat-last-n 64"}) {
    EXPECT_NE(text.find(name), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace kinglet::tools
