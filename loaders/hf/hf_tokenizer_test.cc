#include "loaders/hf/hf_tokenizer.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

using testing::HasSubstr;

nlohmann::json Parse(const std::string& text) {
  nlohmann::json value = nlohmann::json::parse(text, nullptr, false);
  EXPECT_FALSE(value.is_discarded()) << text;
  return value;
}

constexpr char kByteLevel[] = R"json({
  "added_tokens": [{"id": 3, "content": "<|end|>", "special": true, "lstrip": false, "rstrip": true},
                   {"id": 4, "content": "<tool>", "special": false, "lstrip": true}],
  "normalizer": {"type": "NFC"},
  "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
    {"type": "Split", "pattern": {"Regex": "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},
     "behavior": "Isolated", "invert": false},
    {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]},
  "post_processor": {"type": "ByteLevel"},
  "model": {"type": "BPE", "byte_fallback": false, "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}})json";

constexpr char kSentencePiece[] = R"json({
  "added_tokens": [{"id": 0, "content": "<unk>", "special": true}, {"id": 1, "content": "<s>", "special": true},
                   {"id": 2, "content": "</s>", "special": true}],
  "normalizer": {"type": "Sequence", "normalizers": [
    {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
  "pre_tokenizer": null,
  "post_processor": {"type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]},
  "model": {"type": "BPE", "unk_token": "<unk>", "byte_fallback": true,
    "vocab": {"<unk>": 0, "<s>": 1, "</s>": 2, "<0x0A>": 3, "▁": 4, "a": 5, "▁a": 6},
    "merges": [["▁", "a"]]}})json";

TEST(HfTokenizerTest, ByteLevelBpe) {
  const auto data = TranslateHfTokenizer("t", Parse(kByteLevel), {});
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->model, "gpt2");
  EXPECT_EQ(data->pre, "qwen2");
  EXPECT_TRUE(data->split_patterns.empty());
  EXPECT_EQ(data->tokens, (std::vector<std::string>{"a", "b", "ab", "<|end|>", "<tool>"}));
  EXPECT_EQ(data->kinds, (std::vector<int32_t>{1, 1, 1, 3, 4}));
  EXPECT_EQ(data->merges, std::vector<std::string>{"a b"});
  EXPECT_EQ(data->right_strip_ids, std::vector<int32_t>{3});
  EXPECT_EQ(data->left_strip_ids, std::vector<int32_t>{4});
  EXPECT_EQ(data->add_bos, false);
  EXPECT_EQ(data->ignore_merges, false);
}

TEST(HfTokenizerTest, UnknownExpressionsAreHandedOn) {
  nlohmann::json tokenizer = Parse(kByteLevel);
  tokenizer["pre_tokenizer"] = Parse(R"json({"type": "Sequence", "pretokenizers": [
    {"type": "Split", "pattern": {"Regex": "[0-9]"}, "behavior": "Isolated"},
    {"type": "Split", "pattern": {"String": "a.b"}, "behavior": "Isolated"},
    {"type": "Digits", "individual_digits": true},
    {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}]})json");
  const auto data = TranslateHfTokenizer("t", tokenizer, {});
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->pre, "");
  ASSERT_EQ(data->split_patterns.size(), 4u);
  EXPECT_EQ(data->split_patterns[0], "[0-9]");
  EXPECT_EQ(data->split_patterns[1], "a\\.b");
  EXPECT_EQ(data->split_patterns[2], "\\p{N}");
}

TEST(HfTokenizerTest, ByteLevelAloneIsGpt2) {
  nlohmann::json tokenizer = Parse(kByteLevel);
  tokenizer["pre_tokenizer"] = Parse(R"({"type": "ByteLevel", "add_prefix_space": false})");
  EXPECT_EQ(TranslateHfTokenizer("t", tokenizer, {})->pre, "gpt-2");
}

TEST(HfTokenizerTest, SentencePieceBpe) {
  const auto data = TranslateHfTokenizer("t", Parse(kSentencePiece), {});
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->model, "llama");
  EXPECT_EQ(data->kinds, (std::vector<int32_t>{2, 3, 3, 6, 1, 1, 1}));
  EXPECT_EQ(data->merges, std::vector<std::string>{"\xE2\x96\x81 a"});
  EXPECT_EQ(data->unknown_id, 0);
  EXPECT_EQ(data->bos_id, 1) << "from the post-processor's template";
  EXPECT_EQ(data->add_bos, true);
  EXPECT_EQ(data->add_eos, false);
  EXPECT_EQ(data->add_space_prefix, true);
}

TEST(HfTokenizerTest, MetaspaceSaysWhetherASpaceGoesInFront) {
  nlohmann::json tokenizer = Parse(kSentencePiece);
  tokenizer["normalizer"] = nullptr;
  tokenizer["pre_tokenizer"] = Parse(R"({"type": "Metaspace", "prepend_scheme": "never"})");
  EXPECT_EQ(TranslateHfTokenizer("t", tokenizer, {})->add_space_prefix, false);
  tokenizer["pre_tokenizer"]["prepend_scheme"] = "first";
  EXPECT_EQ(TranslateHfTokenizer("t", tokenizer, {})->add_space_prefix, true);
}

TEST(HfTokenizerTest, TokensOfTheConfigurationAreTextOrObjects) {
  const nlohmann::json config = Parse(R"({
    "bos_token": null, "eos_token": {"content": "<|end|>", "lstrip": false}, "pad_token": "<tool>",
    "add_bos_token": true,
    "chat_template": [{"name": "tool_use", "template": "T"}, {"name": "default", "template": "D"}]})");
  HfTokenizerContext context;
  context.tokenizer_config = &config;
  context.eos_ids = {2, 3, 2};
  const auto data = TranslateHfTokenizer("t", Parse(kByteLevel), context);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->bos_id, -1);
  EXPECT_EQ(data->eos_id, 3);
  EXPECT_EQ(data->padding_id, 4);
  EXPECT_EQ(data->extra_end_ids, std::vector<int32_t>{2});
  EXPECT_EQ(data->add_bos, false) << "there is no token to add";
  EXPECT_EQ(data->chat_template, "D");
}

TEST(HfTokenizerTest, HolesInTheNumberingAreUnused) {
  nlohmann::json tokenizer = Parse(kByteLevel);
  tokenizer["added_tokens"][1]["id"] = 6;
  const auto data = TranslateHfTokenizer("t", tokenizer, {});
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->tokens.size(), 7u);
  EXPECT_EQ(data->kinds[5], static_cast<int32_t>(TokenKind::kUnused));
}

struct Refusal {
  const char* name;
  const char* pointer;  // what is replaced in kByteLevel
  const char* value;
  const char* message;
};

class HfTokenizerRefusalTest : public testing::TestWithParam<Refusal> {};

TEST_P(HfTokenizerRefusalTest, SaysWhatIsWrong) {
  nlohmann::json tokenizer = Parse(kByteLevel);
  tokenizer[nlohmann::json::json_pointer(GetParam().pointer)] = Parse(GetParam().value);
  const auto data = TranslateHfTokenizer("tokenizer.json", tokenizer, {});
  ASSERT_FALSE(data.ok());
  EXPECT_THAT(std::string(data.status().message()), HasSubstr("tokenizer.json"));
  EXPECT_THAT(std::string(data.status().message()), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Tokenizer, HfTokenizerRefusalTest,
    testing::Values(
        Refusal{"NoModel", "/model", "null", "field \"model\""},
        Refusal{"Unigram", "/model/type", "\"Unigram\"", "type BPE, found \"Unigram\""},
        Refusal{"WordPieceNormalizer", "/normalizer", R"({"type": "BertNormalizer"})",
                "BertNormalizer"},
        Refusal{"UnknownPreTokenizer", "/pre_tokenizer", R"({"type": "Whitespace"})", "Whitespace"},
        Refusal{"NoPreTokenizer", "/pre_tokenizer", "null", "found neither"},
        Refusal{"SplitThatDropsMatches", "/pre_tokenizer/pretokenizers/0/behavior", "\"Removed\"",
                "Removed"},
        Refusal{"SplitWithoutPattern", "/pre_tokenizer/pretokenizers/0/pattern", "{}",
                "a Regex or a String"},
        Refusal{"VocabularyIsAList", "/model/vocab", "[]", "an object"},
        Refusal{"NoMerges", "/model/merges", "[]", "merges"},
        Refusal{"MergeOfThree", "/model/merges", R"([["a", "b", "c"]])", "merge 0"},
        Refusal{"MergeWithSpaces", "/model/merges", R"([["a b", "c"]])", "without spaces"},
        Refusal{"HugeId", "/model/vocab/ab", "4000000000", "an id from 0 to"},
        Refusal{"NegativeId", "/model/vocab/ab", "-1", "an id from 0 to"},
        Refusal{"IdIsText", "/model/vocab/ab", "\"2\"", "an id from 0 to"},
        Refusal{"TwoTokensWithOneId", "/model/vocab/ab", "1", "one text"},
        Refusal{"AddedTokenIsText", "/added_tokens/0", "\"x\"", "added_tokens"}),
    [](const testing::TestParamInfo<Refusal>& info) { return info.param.name; });

}  // namespace
}  // namespace kinglet
