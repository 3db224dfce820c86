#include "core/text/tokenizer.h"

#include <chrono>
#include <cstdio>
#include <random>
#include <thread>

#include "core/text/byte_alphabet.h"
#include "core/text/utf8.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr int32_t kNormal = static_cast<int32_t>(TokenKind::kNormal);
constexpr int32_t kUnknown = static_cast<int32_t>(TokenKind::kUnknown);
constexpr int32_t kControl = static_cast<int32_t>(TokenKind::kControl);
constexpr int32_t kUserDefined = static_cast<int32_t>(TokenKind::kUserDefined);
constexpr int32_t kUnused = static_cast<int32_t>(TokenKind::kUnused);
constexpr int32_t kByte = static_cast<int32_t>(TokenKind::kByte);

int32_t Add(VocabularyData* data, const std::string& text, int32_t kind, float score = 0) {
  data->tokens.push_back(text);
  data->kinds.push_back(kind);
  data->scores.push_back(score);
  return static_cast<int32_t>(data->tokens.size()) - 1;
}

// The bytes as ids 0 to 255, "he" = 256, then 257..260.
VocabularyData ByteLevel() {
  VocabularyData data;
  data.model = "gpt2";
  data.pre = "qwen2";
  for (const std::string& character : ByteAlphabet()) Add(&data, character, kNormal);
  Add(&data, "he", kNormal);
  data.merges = {"h e"};
  Add(&data, "<|im_start|>", kControl);
  data.eos_id = Add(&data, "<|im_end|>", kControl);
  Add(&data, "<think>", kUserDefined);
  Add(&data, "[PAD260]", kUnused);
  return data;
}
constexpr int32_t kHe = 256;
constexpr int32_t kStart = 257;
constexpr int32_t kEnd = 258;
constexpr int32_t kThink = 259;
constexpr int32_t kPad = 260;

// <unk> <s> </s>, the bytes as 3 to 258, then 259..
VocabularyData SentencePiece() {
  VocabularyData data;
  data.model = "llama";
  data.unknown_id = Add(&data, "<unk>", kUnknown);
  data.bos_id = Add(&data, "<s>", kControl);
  data.eos_id = Add(&data, "</s>", kControl);
  for (int byte = 0; byte < 256; byte++) {
    char text[8];
    std::snprintf(text, sizeof(text), "<0x%02X>", byte);
    Add(&data, text, kByte);
  }
  Add(&data, "\u2581", kNormal, -5);
  Add(&data, "h", kNormal, -4);
  Add(&data, "i", kNormal, -3);
  Add(&data, "hi", kNormal, -2);
  Add(&data, "\u2581hi", kNormal, -1);
  return data;
}
constexpr int32_t kMark = 259;
constexpr int32_t kHi = 262;
constexpr int32_t kMarkHi = 263;

std::unique_ptr<Tokenizer> Make(VocabularyData data) {
  auto tokenizer = Tokenizer::Create(std::move(data));
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return *std::move(tokenizer);
}

std::vector<int32_t> Ids(const Tokenizer& tokenizer, absl::string_view text,
                         const EncodeOptions& options = {}) {
  auto ids = tokenizer.Encode(text, options);
  EXPECT_TRUE(ids.ok()) << ids.status();
  return *ids;
}

EncodeOptions Options(bool add_special, bool parse_special, bool at_start = true) {
  EncodeOptions options;
  options.add_special = add_special;
  options.parse_special = parse_special;
  options.at_start = at_start;
  return options;
}

TEST(TokenizerTest, RefusesABadVocabulary) {
  VocabularyData data = ByteLevel();
  data.merges.clear();
  EXPECT_FALSE(Tokenizer::Create(std::move(data)).ok());
  data = ByteLevel();
  data.pre = "no-such-thing";
  EXPECT_THAT(std::string(Tokenizer::Create(std::move(data)).status().message()),
              HasSubstr("known:"));
}

TEST(TokenizerTest, SpecialTokensAreReadOnlyWhereTheTextIsTrusted) {
  auto tokenizer = Make(ByteLevel());
  EXPECT_THAT(Ids(*tokenizer, "<|im_start|>he<|im_end|>"), ElementsAre(kStart, kHe, kEnd));
  const std::vector<int32_t> untrusted =
      Ids(*tokenizer, "<|im_start|>he<|im_end|>", Options(true, false));
  EXPECT_THAT(untrusted, testing::Each(testing::Lt(kStart)));
  EXPECT_EQ("<|im_start|>he<|im_end|>", tokenizer->Decode(untrusted, {}));
}

TEST(TokenizerTest, UserDefinedTokensAreReadEverywhere) {
  auto tokenizer = Make(ByteLevel());
  EXPECT_THAT(Ids(*tokenizer, "he<think>he", Options(true, false)), ElementsAre(kHe, kThink, kHe));
}

TEST(TokenizerTest, StructuralNamesAreNotTrustedToTheirType) {
  VocabularyData data = ByteLevel();
  data.kinds[kStart] = kNormal;
  data.kinds[kEnd] = kUserDefined;
  auto tokenizer = Make(std::move(data));
  EXPECT_EQ(TokenKind::kControl, tokenizer->Kind(kStart));
  EXPECT_THAT(Ids(*tokenizer, "<|im_start|>he<|im_end|>"), ElementsAre(kStart, kHe, kEnd));
  EXPECT_THAT(Ids(*tokenizer, "<|im_end|>", Options(true, false)),
              testing::Not(testing::Contains(kEnd)));
}

TEST(TokenizerTest, SegmentsEncodeLikeTheJoinedText) {
  auto tokenizer = Make(ByteLevel());
  // "h" + "e" is one token although a border lies between.
  auto ids = tokenizer->EncodeSegments({{"<|im_start|>h", true}, {"e<|im_end|>", false}}, {});
  ASSERT_TRUE(ids.ok());
  EXPECT_EQ(kStart, (*ids)[0]);
  EXPECT_EQ(kHe, (*ids)[1]);
  EXPECT_THAT(*ids, testing::Not(testing::Contains(kEnd)));
}

TEST(TokenizerTest, ASpecialTokenCannotBeCompletedByUntrustedText) {
  auto tokenizer = Make(ByteLevel());
  for (const std::vector<TextSegment>& segments :
       {std::vector<TextSegment>{{"<|im_", true}, {"end|>", false}},
        std::vector<TextSegment>{{"<|im_", false}, {"end|>", true}},
        std::vector<TextSegment>{{"<|im_e", true}, {"nd", false}, {"|>", true}}}) {
    auto ids = tokenizer->EncodeSegments(segments, {});
    ASSERT_TRUE(ids.ok());
    EXPECT_THAT(*ids, testing::Not(testing::Contains(kEnd)));
  }
}

TEST(TokenizerTest, EndsAreFoundByIdAndByName) {
  VocabularyData data = ByteLevel();
  data.eos_id = -1;
  data.extra_end_ids = {kThink};
  auto tokenizer = Make(std::move(data));
  EXPECT_THAT(tokenizer->end_ids(), ElementsAre(kEnd, kThink));
  EXPECT_TRUE(tokenizer->IsEnd(kEnd));
  EXPECT_FALSE(tokenizer->IsEnd(kStart));
  EXPECT_FALSE(tokenizer->IsEnd(-1));
  EXPECT_FALSE(tokenizer->IsEnd(1 << 30));
}

TEST(TokenizerTest, BosIsAddedOnceAndOnlyAtTheStart) {
  auto tokenizer = Make(SentencePiece());
  EXPECT_THAT(Ids(*tokenizer, "hi"), ElementsAre(1, kMarkHi));
  EXPECT_THAT(Ids(*tokenizer, "<s>hi"), ElementsAre(1, kMarkHi));
  EXPECT_THAT(Ids(*tokenizer, "hi", Options(false, true)), ElementsAre(kMarkHi));
  EXPECT_THAT(Ids(*tokenizer, "hi", Options(true, true, false)), ElementsAre(kHi));
  EXPECT_THAT(Ids(*tokenizer, ""), ElementsAre(1));
}

TEST(TokenizerTest, EosIsAddedWhereTheFileSaysSo) {
  VocabularyData data = SentencePiece();
  data.add_eos = true;
  data.add_bos = false;
  auto tokenizer = Make(std::move(data));
  EXPECT_THAT(Ids(*tokenizer, "hi"), ElementsAre(kMarkHi, 2));
  EXPECT_THAT(Ids(*tokenizer, "hi</s>"), ElementsAre(kMarkHi, 2));
}

TEST(TokenizerTest, BosFollowsTheFamilyWhenTheFileIsSilent) {
  VocabularyData data = ByteLevel();
  data.bos_id = kStart;
  EXPECT_FALSE(Make(data)->adds_bos());
  data.pre = "llama-bpe";
  EXPECT_TRUE(Make(data)->adds_bos());
  data.add_bos = false;
  EXPECT_FALSE(Make(data)->adds_bos());
}

TEST(TokenizerTest, SpacePrefixGoesBeforeTextAndBehindSpecialTokens) {
  auto tokenizer = Make(SentencePiece());
  const std::vector<int32_t> ids = Ids(*tokenizer, "hi</s>hi");
  EXPECT_THAT(ids, ElementsAre(1, kMarkHi, 2, kMarkHi));
  EXPECT_EQ("hihi", tokenizer->Decode(ids, {}));
  DecodeOptions shown;
  shown.render_special = true;
  EXPECT_EQ("<s>hi</s>hi", tokenizer->Decode(ids, shown));

  VocabularyData data = SentencePiece();
  data.add_space_prefix = false;
  EXPECT_THAT(Ids(*Make(std::move(data)), "hi</s>hi"), ElementsAre(1, kHi, 2, kHi));
}

TEST(TokenizerTest, DecodingTakesAwayOnlyTheSpaceThatEncodingAdded) {
  auto tokenizer = Make(SentencePiece());
  EXPECT_EQ(" hi", tokenizer->Decode({kMark, kMarkHi}, {}));
  DecodeOptions going_on;
  going_on.at_start = false;
  EXPECT_EQ(" hi", tokenizer->Decode({kMarkHi}, going_on));
}

TEST(TokenizerTest, TokensThatStripSwallowWhiteSpace) {
  VocabularyData data = ByteLevel();
  data.left_strip_ids = {kThink};
  data.right_strip_ids = {kStart};
  auto tokenizer = Make(std::move(data));
  EXPECT_THAT(Ids(*tokenizer, "<|im_start|> \n he \t<think> h"),
              ElementsAre(kStart, kHe, kThink, ' ', 'h'));
}

TEST(TokenizerTest, Phi3sMarksSwallowTheirLineBreak) {
  VocabularyData data = SentencePiece();
  const int32_t assistant = Add(&data, "<|assistant|>", kControl);
  EXPECT_THAT(Ids(*Make(data), "<|assistant|>\nhi"), ElementsAre(1, assistant, kMark, 13, kHi));
  Add(&data, "<|placeholder1|>", kControl);
  EXPECT_THAT(Ids(*Make(data), "<|assistant|>\nhi"), ElementsAre(1, assistant, kMarkHi));
}

TEST(TokenizerTest, FindsSpecialTokensByName) {
  auto tokenizer = Make(ByteLevel());
  EXPECT_EQ(kEnd, tokenizer->FindSpecial("<|im_end|>").value_or(-1));
  EXPECT_EQ(kThink, tokenizer->FindSpecial("<think>").value_or(-1));
  EXPECT_FALSE(tokenizer->FindSpecial("he").has_value());
  EXPECT_FALSE(tokenizer->FindSpecial("<|im_end").has_value());
  EXPECT_FALSE(tokenizer->FindSpecial("").has_value());
}

TEST(TokenizerTest, BytesOfTokens) {
  auto tokenizer = Make(ByteLevel());
  EXPECT_EQ("he", tokenizer->TokenBytes(kHe, false));
  EXPECT_EQ(" ", tokenizer->TokenBytes(' ', false));
  EXPECT_EQ("\xFF", tokenizer->TokenBytes(0xFF, false));
  EXPECT_EQ("", tokenizer->TokenBytes(kEnd, false));
  EXPECT_EQ("<|im_end|>", tokenizer->TokenBytes(kEnd, true));
  EXPECT_EQ("<think>", tokenizer->TokenBytes(kThink, false));
  EXPECT_EQ("", tokenizer->TokenBytes(kPad, false));
  EXPECT_EQ("[PAD260]", tokenizer->TokenBytes(kPad, true));
  EXPECT_EQ("", tokenizer->TokenBytes(-1, true));
  EXPECT_EQ("", tokenizer->TokenBytes(261, true));
}

TEST(TokenizerTest, SentencePieceWithoutTypesUsesTheCustomarySpellings) {
  VocabularyData data = SentencePiece();
  data.kinds.clear();
  data.bos_id = data.eos_id = data.unknown_id = -1;
  auto tokenizer = Make(std::move(data));
  EXPECT_EQ(0, tokenizer->unknown_id());
  EXPECT_EQ(1, tokenizer->bos_id());
  EXPECT_EQ(2, tokenizer->eos_id());
  EXPECT_EQ(TokenKind::kByte, tokenizer->Kind(3));
}

TEST(TokenizerTest, DuplicateTokensLoad) {
  VocabularyData data = ByteLevel();
  const int32_t copy = Add(&data, "he", kNormal);
  auto tokenizer = Make(std::move(data));
  EXPECT_THAT(Ids(*tokenizer, "he"), ElementsAre(copy));
  EXPECT_EQ("hehe", tokenizer->Decode({kHe, copy}, {}));
}

std::string RandomText(std::mt19937* random) {
  static const char* const kStock[] = {" ",  "  ",         "\n",      "\t",        "he",
                                       "hi", "<|im_end|>", "<think>", "</s>",      "<0x0A>",
                                       "1",  "\u00E9",     "\u4F60",  "\U0001F600"};
  std::string text;
  const int count = static_cast<int>((*random)() % 40);
  for (int i = 0; i < count; i++) {
    if ((*random)() % 2 == 0) {
      text += kStock[(*random)() % (sizeof(kStock) / sizeof(kStock[0]))];
      continue;
    }
    uint32_t code_point;
    do {
      code_point = (*random)() % 0x110000;
      // U+2581 is how SentencePiece spells a space: it comes back as one.
    } while ((code_point >= 0xD800 && code_point <= 0xDFFF) || code_point == 0x2581);
    AppendUtf8(code_point, &text);
  }
  return text;
}

TEST(TokenizerTest, DecodingUndoesEncoding) {
  std::mt19937 random(1);
  for (const VocabularyData& data : {ByteLevel(), SentencePiece()}) {
    auto tokenizer = Make(data);
    for (int i = 0; i < 3000; i++) {
      const std::string text = RandomText(&random);
      for (bool parse_special : {false, true}) {
        const std::vector<int32_t> ids = Ids(*tokenizer, text, Options(false, parse_special));
        DecodeOptions options;
        options.render_special = true;
        ASSERT_EQ(text, tokenizer->Decode(ids, options)) << data.model;
      }
    }
  }
}

TEST(TokenizerTest, AnyBytesComeBack) {
  std::mt19937 random(2);
  for (const VocabularyData& data : {ByteLevel(), SentencePiece()}) {
    auto tokenizer = Make(data);
    for (int i = 0; i < 3000; i++) {
      std::string text;
      for (uint32_t n = random() % 30; n > 0; n--) text.push_back(static_cast<char>(random()));
      if (text.find("\u2581") != std::string::npos) continue;
      ASSERT_EQ(text, tokenizer->Decode(Ids(*tokenizer, text, Options(false, false)), {}));
    }
  }
}

// Vocabularies that no converter would write: each is refused with a message or works without harm.
TEST(TokenizerTest, RandomVocabulariesAreRefusedOrHarmless) {
  std::mt19937 random(6);
  static const char* const kParts[] = {"a",    "b",        " ",      "\u2581", "\u0120",
                                       "\xFF", "\xE2\x96", "<0x0A>", "<0x-1>", "<|x|>",
                                       "<s>",  "",         "\u00E9", "(",      "]"};
  const auto part = [&] { return std::string(kParts[random() % 15]); };
  const auto word = [&] {
    std::string text;
    for (uint32_t n = random() % 4; n > 0; n--) text += part();
    return text;
  };
  int loaded = 0;
  for (int round = 0; round < 4000; round++) {
    VocabularyData data;
    data.model = random() % 2 == 0 ? "gpt2" : "llama";
    data.pre = random() % 4 == 0 ? "tekken" : "gpt-2";
    const int32_t count = static_cast<int32_t>(random() % 30) + 1;
    const bool with_kinds = random() % 4 != 0;
    for (int32_t i = 0; i < count; i++) {
      std::string text = word();
      int32_t kind = static_cast<int32_t>(random() % 7);
      if (kind == kByte && random() % 50 != 0) text = "<0x41>";
      data.tokens.push_back(text);
      data.scores.push_back(static_cast<float>(random() % 5) - 3);
      if (with_kinds) data.kinds.push_back(kind);
    }
    for (uint32_t n = random() % 20; n > 0; n--) {
      data.merges.push_back(part() + "a " + part() + (random() % 200 == 0 ? "" : "b"));
    }
    const auto id = [&] { return static_cast<int32_t>(random() % (count + 1)) - 1; };
    data.bos_id = id();
    data.eos_id = id();
    data.unknown_id = id();
    if (random() % 3 == 0) data.right_strip_ids.push_back(static_cast<int32_t>(random() % count));
    if (random() % 3 == 0) data.left_strip_ids.push_back(static_cast<int32_t>(random() % count));
    auto tokenizer = Tokenizer::Create(std::move(data));
    if (!tokenizer.ok()) {
      EXPECT_THAT(std::string(tokenizer.status().message()), HasSubstr("vocabulary:"));
      continue;
    }
    loaded++;
    std::string text;
    for (int i = 0; i < 8; i++) text += word();
    for (int i = 0; i < 60; i++) text += "ab";
    auto ids = (*tokenizer)->Encode(text, Options(random() % 2 == 0, random() % 2 == 0));
    if (!ids.ok()) {
      EXPECT_THAT(std::string(ids.status().message()), HasSubstr("tokenizer:"));
      continue;
    }
    for (int32_t each : *ids) EXPECT_TRUE((*tokenizer)->IsValid(each)) << each;
    (*tokenizer)->Decode(*ids, {});
  }
  EXPECT_GT(loaded, 1000);
}

TEST(TokenizerTest, ThreadsMayShareOne) {
  auto tokenizer = Make(ByteLevel());
  const std::vector<int32_t> expected = Ids(*tokenizer, "he said 123 <|im_end|>");
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; i++) {
        auto ids = tokenizer->Encode("he said 123 <|im_end|>", {});
        if (!ids.ok() || *ids != expected) wrong[t]++;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(wrong, testing::Each(0));
}

TEST(TokenizerTest, HugeTextsAreRefused) {
  auto tokenizer = Make(ByteLevel());
  const std::string half(Tokenizer::kLongestTextBytes / 2 + 1, ' ');
  EXPECT_THAT(
      std::string(tokenizer->EncodeSegments({{half, true}, {half, true}}, {}).status().message()),
      HasSubstr("encode it in parts"));
}

}  // namespace
}  // namespace kinglet
