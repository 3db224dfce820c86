#include "core/text/vocabulary.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

using testing::HasSubstr;

VocabularyData ByteLevel() {
  VocabularyData data;
  data.model = "gpt2";
  data.tokens = {"a", "b", "ab", "<|end|>"};
  data.kinds = {1, 1, 1, 3};
  data.merges = {"a b"};
  data.eos_id = 3;
  return data;
}

VocabularyData SentencePiece() {
  VocabularyData data;
  data.model = "llama";
  data.tokens = {"<unk>", "<0x0A>", "a"};
  data.kinds = {2, 6, 1};
  data.scores = {0, 0, -1};
  data.unknown_id = 0;
  return data;
}

std::string MessageOf(const VocabularyData& data) {
  return std::string(ValidateVocabulary(data).message());
}

TEST(VocabularyTest, AcceptsWholeVocabularies) {
  EXPECT_TRUE(ValidateVocabulary(ByteLevel()).ok());
  EXPECT_TRUE(ValidateVocabulary(SentencePiece()).ok());
}

TEST(VocabularyTest, AcceptsDuplicateTokensAndKindZero) {
  VocabularyData data = ByteLevel();
  data.tokens[1] = "a";
  data.kinds[1] = 0;
  EXPECT_TRUE(ValidateVocabulary(data).ok());
}

TEST(VocabularyTest, RefusesAnUnknownModelAndNamesTheKnownOnes) {
  VocabularyData data = ByteLevel();
  data.model = "bert";
  EXPECT_THAT(MessageOf(data), HasSubstr("'bert'"));
  EXPECT_THAT(MessageOf(data), HasSubstr("known: gpt2"));
}

TEST(VocabularyTest, RefusesAnEmptyVocabulary) {
  VocabularyData data = ByteLevel();
  data.tokens.clear();
  EXPECT_THAT(MessageOf(data), HasSubstr("found none"));
}

TEST(VocabularyTest, RefusesArraysOfUnequalLength) {
  VocabularyData data = ByteLevel();
  data.kinds.pop_back();
  EXPECT_THAT(MessageOf(data), HasSubstr("expected 4 token types"));
  data = SentencePiece();
  data.scores.push_back(1);
  EXPECT_THAT(MessageOf(data), HasSubstr("expected 3 scores"));
}

TEST(VocabularyTest, RefusesIdsOutsideTheVocabulary) {
  for (int32_t bad : {4, 1 << 30, -2}) {
    for (int32_t VocabularyData::*id : {&VocabularyData::bos_id, &VocabularyData::eos_id,
                                        &VocabularyData::unknown_id, &VocabularyData::padding_id}) {
      VocabularyData data = ByteLevel();
      data.*id = bad;
      EXPECT_THAT(MessageOf(data), HasSubstr("ids 0 to 3")) << bad;
    }
    for (std::vector<int32_t> VocabularyData::*ids :
         {&VocabularyData::extra_end_ids, &VocabularyData::left_strip_ids,
          &VocabularyData::right_strip_ids}) {
      VocabularyData data = ByteLevel();
      (data.*ids).push_back(bad);
      EXPECT_THAT(MessageOf(data), HasSubstr("ids 0 to 3")) << bad;
    }
  }
}

TEST(VocabularyTest, RefusesUnknownKinds) {
  for (int32_t bad : {-1, 7, 1 << 30}) {
    VocabularyData data = ByteLevel();
    data.kinds[2] = bad;
    EXPECT_THAT(MessageOf(data), HasSubstr("token 2 'ab' has type")) << bad;
  }
}

TEST(VocabularyTest, RefusesBadByteTokens) {
  for (const char* bad : {"<0x-1>", "<0x100>", "<0x1>", "<0x0G>", "0x0A", "", "<0x0A>>"}) {
    VocabularyData data = SentencePiece();
    data.tokens[1] = bad;
    EXPECT_THAT(MessageOf(data), HasSubstr("token 1 is marked as a byte")) << bad;
  }
}

TEST(VocabularyTest, RefusesScoresThatAreNotNumbers) {
  VocabularyData data = SentencePiece();
  data.scores[2] = std::nanf("");
  EXPECT_THAT(MessageOf(data), HasSubstr("token 2 'a' is not a number"));
}

TEST(VocabularyTest, RefusesByteLevelVocabulariesWithoutMerges) {
  VocabularyData data = ByteLevel();
  data.merges.clear();
  EXPECT_THAT(MessageOf(data), HasSubstr("needs its list of merges"));
}

TEST(VocabularyTest, RefusesSentencePieceWithoutScoresOrMerges) {
  VocabularyData data = SentencePiece();
  data.scores.clear();
  EXPECT_THAT(MessageOf(data), HasSubstr("needs a score for each token"));
}

TEST(VocabularyTest, RefusesMergesWithoutTwoParts) {
  for (const char* bad : {"", " ", "ab", "a ", " a"}) {
    VocabularyData data = ByteLevel();
    data.merges.push_back(bad);
    EXPECT_THAT(MessageOf(data), HasSubstr("merge 1 is")) << "'" << bad << "'";
  }
}

TEST(VocabularyTest, CutsHostileTextShortInMessages) {
  VocabularyData data = ByteLevel();
  data.model = std::string(1 << 20, 'x');
  EXPECT_LT(MessageOf(data).size(), 300u);
}

TEST(VocabularyTest, ParsesByteTokensInBothCases) {
  EXPECT_EQ(0, ParseByteToken("<0x00>"));
  EXPECT_EQ(0xAB, ParseByteToken("<0xAB>"));
  EXPECT_EQ(0xAB, ParseByteToken("<0xab>"));
  EXPECT_EQ(255, ParseByteToken("<0xFF>"));
  EXPECT_EQ(-1, ParseByteToken("<0xFFF>"));
}

}  // namespace
}  // namespace kinglet
