#include "core/text/streaming_detokenizer.h"

#include <random>

#include "core/text/byte_alphabet.h"
#include "core/text/utf8.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

using testing::ElementsAre;

// Ids 0 to 255 are the bytes.
std::unique_ptr<Tokenizer> Bytes() {
  VocabularyData data;
  data.model = "gpt2";
  data.pre = "gpt-2";
  for (const std::string& character : ByteAlphabet()) data.tokens.push_back(character);
  data.merges = {"a b"};
  auto tokenizer = Tokenizer::Create(std::move(data));
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return *std::move(tokenizer);
}

std::vector<std::string> Stream(const Tokenizer& tokenizer, const std::string& bytes) {
  StreamingDetokenizer stream(&tokenizer, {});
  std::vector<std::string> parts;
  for (char byte : bytes) parts.push_back(stream.Push(static_cast<uint8_t>(byte)));
  parts.push_back(stream.Flush());
  return parts;
}

TEST(StreamingDetokenizerTest, WaitsForWholeCharacters) {
  auto tokenizer = Bytes();
  EXPECT_THAT(Stream(*tokenizer, "a\u00E9\u4F60"),
              ElementsAre("a", "", "\u00E9", "", "", "\u4F60", ""));
  EXPECT_THAT(Stream(*tokenizer, "\U0001F600"), ElementsAre("", "", "", "\U0001F600", ""));
}

TEST(StreamingDetokenizerTest, InvalidBytesComeOutAsSoonAsTheyAreHopeless) {
  auto tokenizer = Bytes();
  EXPECT_THAT(Stream(*tokenizer,
                     "\xFF"
                     "a"),
              ElementsAre("\uFFFD", "a", ""));
  EXPECT_THAT(Stream(*tokenizer,
                     "\xF0\x9F"
                     "a"),
              ElementsAre("", "",
                          "\uFFFD"
                          "a",
                          ""));
  EXPECT_THAT(Stream(*tokenizer, "\xE4\xF0"), ElementsAre("", "\uFFFD", "\uFFFD"));
}

TEST(StreamingDetokenizerTest, FlushReplacesACharacterThatWasCutOff) {
  auto tokenizer = Bytes();
  StreamingDetokenizer stream(tokenizer.get(), {});
  stream.Push(0xF0);
  stream.Push(0x9F);
  EXPECT_EQ("\uFFFD", stream.Flush());
  EXPECT_EQ("", stream.Flush());
  EXPECT_EQ("z", stream.Push('z'));
}

TEST(StreamingDetokenizerTest, PartsJoinToTheWholeText) {
  auto tokenizer = Bytes();
  std::mt19937 random(3);
  for (int round = 0; round < 2000; round++) {
    std::string bytes;
    for (uint32_t n = random() % 40; n > 0; n--) {
      if (random() % 3 == 0) {
        bytes.push_back(static_cast<char>(random()));
      } else {
        AppendUtf8(random() % 0xD800, &bytes);
      }
    }
    std::string joined;
    for (const std::string& part : Stream(*tokenizer, bytes)) {
      ASSERT_EQ(part.size(), ValidUtf8Length(part, 0));
      joined += part;
    }
    ASSERT_EQ(ReplaceInvalidUtf8(bytes), joined);
  }
}

TEST(StreamingDetokenizerTest, LeavesOutTheSpacePrefix) {
  VocabularyData data;
  data.model = "llama";
  data.tokens = {"<unk>", "<s>", "</s>", "\u2581hi", "\u2581"};
  data.kinds = {2, 3, 3, 1, 1};
  data.scores = {0, 0, 0, -1, -2};
  auto tokenizer = Tokenizer::Create(std::move(data));
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  StreamingDetokenizer stream(tokenizer->get(), {});
  EXPECT_EQ("", stream.Push(1));
  EXPECT_EQ("hi", stream.Push(3));
  EXPECT_EQ(" hi", stream.Push(3));
  EXPECT_EQ("", stream.Push(2));
  EXPECT_EQ("", stream.Push(4));
  EXPECT_EQ(" hi", stream.Push(3));

  DecodeOptions going_on;
  going_on.at_start = false;
  StreamingDetokenizer answer(tokenizer->get(), going_on);
  EXPECT_EQ(" hi", answer.Push(3));
}

TEST(StreamingDetokenizerTest, IgnoresIdsOutsideTheVocabulary) {
  auto tokenizer = Bytes();
  StreamingDetokenizer stream(tokenizer.get(), {});
  EXPECT_EQ("", stream.Push(-5));
  EXPECT_EQ("", stream.Push(1000));
  EXPECT_EQ("", stream.Flush());
}

}  // namespace
}  // namespace kinglet
