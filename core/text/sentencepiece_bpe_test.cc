#include "core/text/sentencepiece_bpe.h"

#include <chrono>
#include <cstdio>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Vocabulary {
  VocabularyData data;
  std::vector<TokenKind> kinds;

  int32_t Add(const std::string& text, float score, TokenKind kind = TokenKind::kNormal) {
    data.tokens.push_back(text);
    data.scores.push_back(score);
    kinds.push_back(kind);
    return static_cast<int32_t>(data.tokens.size()) - 1;
  }
};

// <unk>, then the 256 bytes (byte b has id 1 + b).
Vocabulary WithBytes() {
  Vocabulary vocabulary;
  vocabulary.data.model = "llama";
  vocabulary.data.unknown_id = vocabulary.Add("<unk>", 0, TokenKind::kUnknown);
  for (int byte = 0; byte < 256; byte++) {
    char text[8];
    std::snprintf(text, sizeof(text), "<0x%02X>", byte);
    vocabulary.Add(text, 0, TokenKind::kByte);
  }
  return vocabulary;
}

std::vector<int32_t> Ids(const Vocabulary& vocabulary, absl::string_view text) {
  auto bpe = SentencePieceBpe::Create(&vocabulary.data, vocabulary.kinds);
  EXPECT_TRUE(bpe.ok()) << bpe.status();
  std::vector<int32_t> ids;
  const absl::Status status = (*bpe)->Encode(text, &ids);
  EXPECT_TRUE(status.ok()) << status;
  return ids;
}

TEST(SentencePieceBpeTest, HighestScoreMergesFirst) {
  Vocabulary vocabulary = WithBytes();
  const int32_t a = vocabulary.Add("a", -10);
  vocabulary.Add("b", -11);
  const int32_t c = vocabulary.Add("c", -12);
  const int32_t ab = vocabulary.Add("ab", -3);
  const int32_t bc = vocabulary.Add("bc", -2);
  EXPECT_THAT(Ids(vocabulary, "abc"), ElementsAre(a, bc));
  vocabulary.data.scores[ab] = -1;
  EXPECT_THAT(Ids(vocabulary, "abc"), ElementsAre(ab, c));
}

TEST(SentencePieceBpeTest, SpacesAreMarks) {
  Vocabulary vocabulary = WithBytes();
  const int32_t a = vocabulary.Add("a", -10);
  const int32_t mark = vocabulary.Add("\u2581", -11);
  const int32_t mark_a = vocabulary.Add("\u2581a", -1);
  const int32_t marks = vocabulary.Add("\u2581\u2581", -2);
  EXPECT_THAT(Ids(vocabulary, " a"), ElementsAre(mark_a));
  EXPECT_THAT(Ids(vocabulary, "a "), ElementsAre(a, mark));
  EXPECT_THAT(Ids(vocabulary, "   a"), ElementsAre(marks, mark_a));
}

TEST(SentencePieceBpeTest, TokensMayReachOverWords) {
  Vocabulary vocabulary = WithBytes();
  vocabulary.Add("a", -10);
  vocabulary.Add("\u2581", -11);
  vocabulary.Add("\u2581a", -3);
  vocabulary.Add("a\u2581", -2);
  const int32_t both = vocabulary.Add("a\u2581a", -1);
  EXPECT_THAT(Ids(vocabulary, "a a"), ElementsAre(both));
}

TEST(SentencePieceBpeTest, UnknownCharactersFallBackToBytes) {
  Vocabulary vocabulary = WithBytes();
  const int32_t a = vocabulary.Add("a", -10);
  EXPECT_THAT(Ids(vocabulary, "a\u00E9"), ElementsAre(a, 1 + 0xC3, 1 + 0xA9));
}

TEST(SentencePieceBpeTest, InvalidUtf8FallsBackToBytes) {
  Vocabulary vocabulary = WithBytes();
  const int32_t a = vocabulary.Add("a", -10);
  EXPECT_THAT(Ids(vocabulary,
                  "\xFF"
                  "a\xE2\x82"),
              ElementsAre(1 + 0xFF, a, 1 + 0xE2, 1 + 0x82));
}

TEST(SentencePieceBpeTest, WithoutBytesTheUnknownTokenStandsIn) {
  Vocabulary vocabulary;
  vocabulary.data.model = "llama";
  const int32_t a = vocabulary.Add("a", -1);
  const int32_t unknown = vocabulary.Add("<unk>", 0, TokenKind::kUnknown);
  vocabulary.data.unknown_id = unknown;
  EXPECT_THAT(Ids(vocabulary,
                  "a\u00E9"
                  "a"),
              ElementsAre(a, unknown, a));

  vocabulary.data.unknown_id = -1;
  auto bpe = SentencePieceBpe::Create(&vocabulary.data, vocabulary.kinds);
  ASSERT_TRUE(bpe.ok());
  std::vector<int32_t> ids;
  EXPECT_THAT(std::string((*bpe)->Encode("\u00E9", &ids).message()), HasSubstr("byte 0xC3"));
}

TEST(SentencePieceBpeTest, OnlyNormalTokensComeOutOfMerges) {
  Vocabulary vocabulary = WithBytes();
  const int32_t left = vocabulary.Add("<", -10);
  const int32_t right = vocabulary.Add("s>", -1);
  vocabulary.Add("s", -11);
  vocabulary.Add(">", -12);
  vocabulary.Add("<s>", 0, TokenKind::kControl);
  EXPECT_THAT(Ids(vocabulary, "<s>"), ElementsAre(left, right));
}

TEST(SentencePieceBpeTest, AListOfMergesReplacesScores) {
  Vocabulary vocabulary = WithBytes();
  const int32_t a = vocabulary.Add("a", 0);
  vocabulary.Add("b", 0);
  vocabulary.Add("c", 0);
  vocabulary.Add("ab", 0);
  const int32_t bc = vocabulary.Add("bc", 0);
  vocabulary.Add("abc", 0);  // no merge makes it
  vocabulary.data.scores.clear();
  vocabulary.data.merges = {"b c", "a b"};
  EXPECT_THAT(Ids(vocabulary, "abc"), ElementsAre(a, bc));
}

TEST(SentencePieceBpeTest, AMegabyteWithoutSpacesTakesSeconds) {
  for (bool cross : {false, true}) {
    Vocabulary vocabulary = WithBytes();
    std::string text = "a";
    for (int i = 0; i < 12; i++) {
      vocabulary.Add(text, -static_cast<float>(i));
      text += text;
    }
    if (cross) vocabulary.Add("b\u2581b", -20);
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ((1u << 20) / 2048, Ids(vocabulary, std::string(1 << 20, 'a')).size());
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    EXPECT_LT(seconds.count(), 20);
  }
}

}  // namespace
}  // namespace kinglet
