#include "core/text/pre_tokenizer.h"

#include <chrono>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> Pieces(const PreTokenizer& pre_tokenizer, const std::string& text) {
  std::vector<TextPiece> pieces;
  EXPECT_TRUE(pre_tokenizer.Split(text, &pieces).ok());
  std::vector<std::string> result;
  for (const TextPiece& piece : pieces) result.push_back(text.substr(piece.start, piece.length));
  return result;
}

std::vector<std::string> Split(const std::string& name, const std::string& text) {
  auto pre_tokenizer = PreTokenizer::FromName(name);
  EXPECT_TRUE(pre_tokenizer.ok()) << pre_tokenizer.status();
  return Pieces(**pre_tokenizer, text);
}

TEST(PreTokenizerTest, Gpt2KeepsOneSpaceWithTheWord) {
  EXPECT_THAT(Split("gpt-2", "Hello  world's 1234!!"),
              ElementsAre("Hello", " ", " world", "'s", " 1234", "!!"));
  EXPECT_THAT(Split("gpt-2", "a\n\nb   "), ElementsAre("a", "\n", "\n", "b", "   "));
}

TEST(PreTokenizerTest, Qwen2SplitsDigitsAndJoinsLineBreaks) {
  EXPECT_THAT(Split("qwen2", "I'LL pay 123!\n\n x"),
              ElementsAre("I", "'LL", " pay", " ", "1", "2", "3", "!\n\n", " x"));
}

TEST(PreTokenizerTest, Llama3TakesDigitsByThree) {
  EXPECT_THAT(Split("llama-bpe", "12345 ok"), ElementsAre("123", "45", " ok"));
}

TEST(PreTokenizerTest, StarcoderSplitsDigits) {
  EXPECT_THAT(Split("smollm", "x 12"), ElementsAre("x", " ", "1", "2"));
}

TEST(PreTokenizerTest, DefaultSplitsPunctuationAndDigits) {
  EXPECT_THAT(Split("", "a+b 12345"), ElementsAre("a", "+", "b", " ", "123", "45"));
}

TEST(PreTokenizerTest, DeepSeekCoderSplitsLinesAndDigits) {
  EXPECT_THAT(Split("deepseek-coder", "if x:\n 12"),
              ElementsAre("if", " x", ":", "\n", " ", "1", "2"));
}

TEST(PreTokenizerTest, DeepSeekLlmKeepsTrailingSpaceTogether) {
  EXPECT_THAT(Split("deepseek-llm", "tail   "), ElementsAre("tail", "   "));
  // The range :-~ of its punctuation holds the ASCII letters, too.
  EXPECT_THAT(Split("deepseek-llm", "\u03A9\u03BBmega 42"),
              ElementsAre("\u03A9\u03BB", "mega", " ", "42"));
}

TEST(PreTokenizerTest, TekkenBreaksWordsAtCapitals) {
  EXPECT_THAT(Split("tekken", "camelCase"), ElementsAre("camel", "Case"));
  EXPECT_THAT(Split("gpt-4o", "it's 1234"), ElementsAre("it's", " ", "123", "4"));
}

TEST(PreTokenizerTest, UsesUnicodeWhiteSpace) {
  // U+3000 is white space; U+180E no longer is.
  EXPECT_THAT(Split("gpt-2", "\u3000\u3000"), ElementsAre("\u3000\u3000"));
  EXPECT_THAT(Split("gpt-2", "a \u180E"), ElementsAre("a", " \u180E"));
}

TEST(PreTokenizerTest, EveryFamilyGivesBackTheText) {
  const std::string text =
      "Hello,  World's 12345\t\r\n\n  \u4F60\u597D\u3042 \U0001F600\u200D na\u00EFve _x1 \u0661  "
      "\n ";
  for (const char* name : {"default", "gpt-2", "starcoder", "falcon", "llama-bpe", "dbrx", "qwen2",
                           "tekken", "gpt-4o", "deepseek-coder", "deepseek-llm", "deepseek-v3"}) {
    std::string joined;
    for (const std::string& piece : Split(name, text)) {
      EXPECT_FALSE(piece.empty());
      joined += piece;
    }
    EXPECT_EQ(text, joined) << name;
  }
}

TEST(PreTokenizerTest, EmptyTextHasNoPieces) { EXPECT_THAT(Split("qwen2", ""), ElementsAre()); }

TEST(PreTokenizerTest, AnUnknownNameListsTheKnownOnes) {
  const absl::Status status = PreTokenizer::FromName("gpt-9").status();
  EXPECT_EQ(absl::StatusCode::kUnimplemented, status.code());
  EXPECT_THAT(std::string(status.message()), HasSubstr("'gpt-9'"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("deepseek-coder"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("qwen2"));
}

TEST(PreTokenizerTest, RefusesABrokenPatternAndSaysWhere) {
  const absl::Status status = PreTokenizer::FromPatterns({"a", "(b"}).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("'(b'"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("offset 2"));
  EXPECT_FALSE(PreTokenizer::FromPatterns({}).ok());
}

TEST(PreTokenizerTest, EmptyMatchesPartTheTextAndEnd) {
  auto pre_tokenizer = PreTokenizer::FromPatterns({"(?=b)|x*"});
  ASSERT_TRUE(pre_tokenizer.ok());
  EXPECT_THAT(Pieces(**pre_tokenizer, "xxbb"), ElementsAre("xx", "b", "b"));
  // Groups of three digits from the right, by an expression that matches nothing but places.
  pre_tokenizer = PreTokenizer::FromPatterns({"(?=(\\d{3})+(?!\\d))"});
  ASSERT_TRUE(pre_tokenizer.ok());
  EXPECT_THAT(Pieces(**pre_tokenizer, "\u00E91234567"), ElementsAre("\u00E91", "234", "567"));
}

TEST(PreTokenizerTest, AHostilePatternIsStopped) {
  auto pre_tokenizer = PreTokenizer::FromPatterns({"(a|aa|a.)+$"});
  ASSERT_TRUE(pre_tokenizer.ok());
  std::vector<TextPiece> pieces;
  const absl::Status status = (*pre_tokenizer)->Split(std::string(5000, 'a') + "b!", &pieces);
  EXPECT_EQ(absl::StatusCode::kResourceExhausted, status.code()) << status;
}

// Each of these makes a careless expression try every character of a run again for every character.
TEST(PreTokenizerTest, LongRunsTakeLinearTime) {
  constexpr size_t kBytes = 1 << 20;
  for (const char* name : {"default", "gpt-2", "starcoder", "falcon", "llama-bpe", "qwen2",
                           "tekken", "gpt-4o", "deepseek-coder", "deepseek-llm", "deepseek-v3"}) {
    auto pre_tokenizer = PreTokenizer::FromName(name);
    ASSERT_TRUE(pre_tokenizer.ok());
    for (const char* end : {"x", "\n", "!", ""}) {
      for (char filler : {'a', ' ', '\n', '!', '7'}) {
        std::vector<TextPiece> pieces;
        const auto start = std::chrono::steady_clock::now();
        const absl::Status status =
            (*pre_tokenizer)->Split(std::string(kBytes, filler) + end, &pieces);
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
        EXPECT_TRUE(status.ok()) << name << " '" << filler << "': " << status;
        EXPECT_LT(seconds.count(), 10) << name << " '" << filler << "' then '" << end << "'";
      }
    }
  }
}

}  // namespace
}  // namespace kinglet
