#include "core/text/byte_level_bpe.h"

#include <chrono>

#include "core/text/byte_alphabet.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Ids 0 to 255 are the bytes; merges follow.
VocabularyData Bytes() {
  VocabularyData data;
  data.model = "gpt2";
  data.pre = "gpt-2";
  for (const std::string& character : ByteAlphabet()) data.tokens.push_back(character);
  return data;
}

// Adds the merge and the token that it makes, and returns the token's id.
int32_t AddMerge(VocabularyData* data, const std::string& left, const std::string& right) {
  data->merges.push_back(left + " " + right);
  data->tokens.push_back(left + right);
  return static_cast<int32_t>(data->tokens.size()) - 1;
}

std::vector<int32_t> Ids(const VocabularyData& data, absl::string_view text) {
  const std::vector<TokenKind> kinds(data.tokens.size(), TokenKind::kNormal);
  auto bpe = ByteLevelBpe::Create(data, kinds);
  EXPECT_TRUE(bpe.ok()) << bpe.status();
  std::vector<int32_t> ids;
  const absl::Status status = (*bpe)->Encode(text, &ids);
  EXPECT_TRUE(status.ok()) << status;
  return ids;
}

TEST(ByteLevelBpeTest, BestRankedPairMergesFirst) {
  VocabularyData data = Bytes();
  const int32_t bc = AddMerge(&data, "b", "c");
  const int32_t ab = AddMerge(&data, "a", "b");
  EXPECT_THAT(Ids(data, "abc"), ElementsAre('a', bc));
  EXPECT_THAT(Ids(data, "abab"), ElementsAre(ab, ab));
}

TEST(ByteLevelBpeTest, OfEqualPairsTheLeftmostMergesFirst) {
  VocabularyData data = Bytes();
  const int32_t aa = AddMerge(&data, "a", "a");
  EXPECT_THAT(Ids(data, "aaa"), ElementsAre(aa, 'a'));
  EXPECT_THAT(Ids(data, "aaaaa"), ElementsAre(aa, aa, 'a'));
}

// The same rules by scanning (short pieces) and by heap (long ones).
TEST(ByteLevelBpeTest, LongPiecesMergeLikeShortOnes) {
  VocabularyData data = Bytes();
  AddMerge(&data, "a", "b");
  AddMerge(&data, "b", "a");
  AddMerge(&data, "ab", "a");
  AddMerge(&data, "c", "c");
  AddMerge(&data, "aba", "cc");
  // All of a text is one piece, merged by scanning up to 32 bytes and by heap beyond.
  const std::string word = "abacc";
  const std::vector<int32_t> one = Ids(data, word);
  ASSERT_EQ(1u, one.size());
  for (int count : {5, 6, 7, 20, 200}) {
    std::string text;
    for (int i = 0; i < count; i++) text += word;
    EXPECT_EQ(std::vector<int32_t>(count, one[0]), Ids(data, text)) << count;
  }
}

TEST(ByteLevelBpeTest, MergesStayInsidePieces) {
  VocabularyData data = Bytes();
  AddMerge(&data, "a", "\u0120");
  const int32_t space_b = AddMerge(&data, "\u0120", "b");
  EXPECT_THAT(Ids(data, "a b"), ElementsAre('a', space_b));
}

TEST(ByteLevelBpeTest, AWholePieceSkipsTheMergesOnlyWhereTheFamilySaysSo) {
  VocabularyData data = Bytes();
  const int32_t bc = AddMerge(&data, "b", "c");
  data.tokens.push_back("abc");  // no merge makes it
  const int32_t abc = static_cast<int32_t>(data.tokens.size()) - 1;
  EXPECT_THAT(Ids(data, "abc"), ElementsAre('a', bc));
  data.pre = "llama-bpe";
  EXPECT_THAT(Ids(data, "abc"), ElementsAre(abc));
  data.ignore_merges = false;
  EXPECT_THAT(Ids(data, "abc"), ElementsAre('a', bc));
}

TEST(ByteLevelBpeTest, ASpellingThatIsNoTokenFallsApartIntoBytes) {
  VocabularyData data = Bytes();
  data.merges = {"a b"};  // "ab" is not in the vocabulary
  EXPECT_THAT(Ids(data, "xab"), ElementsAre('x', 'a', 'b'));
  const int32_t abc = AddMerge(&data, "ab", "c");
  EXPECT_THAT(Ids(data, "abc"), ElementsAre(abc));
}

TEST(ByteLevelBpeTest, InvalidUtf8PassesThroughTheByteAlphabet) {
  VocabularyData data = Bytes();
  AddMerge(&data, "a", "b");
  EXPECT_THAT(Ids(data, "\xFF\xFEz\xE2\x82"), ElementsAre(0xFF, 0xFE, 'z', 0xE2, 0x82));
  const int32_t euro = AddMerge(&data, ByteAlphabet()[0xE2], ByteAlphabet()[0x82]);
  EXPECT_THAT(Ids(data, "\xE2\x82"), ElementsAre(euro));
}

TEST(ByteLevelBpeTest, OfDuplicatesTheLastTokenAndTheFirstMergeCount) {
  VocabularyData data = Bytes();
  AddMerge(&data, "a", "b");
  const int32_t bc = AddMerge(&data, "b", "c");
  data.merges.push_back("a b");
  data.tokens.push_back("ab");
  const int32_t ab = static_cast<int32_t>(data.tokens.size()) - 1;
  EXPECT_THAT(Ids(data, "abc"), ElementsAre(ab, 'c'));
  EXPECT_THAT(Ids(data, "bc"), ElementsAre(bc));
}

TEST(ByteLevelBpeTest, AMissingByteIsTheUnknownTokenOrAnError) {
  VocabularyData data = Bytes();
  AddMerge(&data, "a", "b");
  data.tokens['Q'] = "<unk>";
  const std::vector<TokenKind> kinds(data.tokens.size(), TokenKind::kNormal);
  std::vector<int32_t> ids;
  auto bpe = ByteLevelBpe::Create(data, kinds);
  ASSERT_TRUE(bpe.ok());
  EXPECT_THAT(std::string((*bpe)->Encode("aQ", &ids).message()), HasSubstr("byte 0x51"));
  data.unknown_id = 'Q';
  EXPECT_THAT(Ids(data, "aQ"), ElementsAre('a', 'Q'));
}

TEST(ByteLevelBpeTest, ControlTokensNeverComeOutOfMerges) {
  VocabularyData data = Bytes();
  const int32_t end = AddMerge(&data, "<", ">");
  std::vector<TokenKind> kinds(data.tokens.size(), TokenKind::kNormal);
  kinds[end] = TokenKind::kControl;
  auto bpe = ByteLevelBpe::Create(data, kinds);
  ASSERT_TRUE(bpe.ok());
  std::vector<int32_t> ids;
  ASSERT_TRUE((*bpe)->Encode("<>", &ids).ok());
  EXPECT_THAT(ids, ElementsAre('<', '>'));
}

TEST(ByteLevelBpeTest, AMegabyteWithoutSpacesTakesSeconds) {
  VocabularyData data = Bytes();
  std::string left = "a";
  for (int i = 0; i < 12; i++) {
    AddMerge(&data, left, left);
    left += left;
  }
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ((1u << 20) / 4096, Ids(data, std::string(1 << 20, 'a')).size());
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  EXPECT_LT(seconds.count(), 20);
}

}  // namespace
}  // namespace kinglet
