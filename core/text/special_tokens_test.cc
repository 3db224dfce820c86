#include "core/text/special_tokens.h"

#include <chrono>
#include <string>

#include "gtest/gtest.h"

namespace kinglet {
namespace {

constexpr size_t kTrusted = static_cast<size_t>(-1);

TEST(SpecialTokensTest, FindsTheLongestOne) {
  SpecialTokens specials;
  specials.Add("<a", 1, true);
  specials.Add("<a>", 2, true);
  specials.Add("<abcd>", 3, true);
  EXPECT_EQ(2, specials.Find("x<a>", 1, kTrusted).id);
  EXPECT_EQ(3u, specials.Find("x<a>", 1, kTrusted).length);
  EXPECT_EQ(1, specials.Find("<abc", 0, kTrusted).id);
  EXPECT_EQ(3, specials.Find("<abcd>", 0, kTrusted).id);
  EXPECT_EQ(-1, specials.Find("x<a>", 0, kTrusted).id);
}

TEST(SpecialTokensTest, StructuralOnesNeedTrustToTheirEnd) {
  SpecialTokens specials;
  specials.Add("<end>", 1, true);
  specials.Add("<e", 2, false);
  EXPECT_EQ(1, specials.Find("<end>", 0, 5).id);
  EXPECT_EQ(2, specials.Find("<end>", 0, 4).id);
  EXPECT_EQ(2, specials.Find("<end>", 0, 0).id);
}

TEST(SpecialTokensTest, TheLastOfEqualTextsIsFound) {
  SpecialTokens specials;
  specials.Add("<x>", 1, true);
  specials.Add("<x>", 7, true);
  EXPECT_EQ(7, specials.Find("<x>", 0, kTrusted).id);
}

TEST(SpecialTokensTest, IgnoresEmptyAndHugeOnes) {
  SpecialTokens specials;
  specials.Add("", 1, true);
  specials.Add(std::string(kLongestSpecialBytes + 1, 'a'), 2, true);
  EXPECT_FALSE(specials.MayStart('a'));
  EXPECT_EQ(-1, specials.Find("aaa", 0, kTrusted).id);
}

TEST(SpecialTokensTest, TenThousandSpecialTokensCostNoMoreThanOne) {
  SpecialTokens specials;
  for (int i = 0; i < 10000; i++) specials.Add("<unused" + std::to_string(i) + ">", i, true);
  std::string text;
  for (int i = 0; i < 200000; i++) text += "<unus";
  const auto start = std::chrono::steady_clock::now();
  for (size_t at = 0; at < text.size(); at++) {
    if (specials.MayStart(text[at])) {
      ASSERT_EQ(-1, specials.Find(text, at, kTrusted).id);
    }
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  EXPECT_LT(seconds.count(), 5);
}

}  // namespace
}  // namespace kinglet
