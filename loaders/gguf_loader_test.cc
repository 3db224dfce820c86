// What must load and what must be refused, one row a case.
#include <chrono>
#include <functional>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "loaders/gguf/gguf_test_builder.h"
#include "loaders/registry.h"
#include "tests/support/emulator.h"
#include "tests/support/memory_file.h"

namespace kinglet {
namespace {

using testing::HasSubstr;

absl::StatusOr<std::unique_ptr<ModelSource>> LoadBytes(const std::string& bytes) {
  const MemoryFile file(bytes);
  return LoadSource(file.path(), AllLoaders());
}

struct Case {
  std::string name;
  std::string bytes;
  std::string message;  // what the refusal must contain; for cases that load, empty
};

std::string NameOf(const testing::TestParamInfo<Case>& info) { return info.param.name; }

class MustRefuseTest : public testing::TestWithParam<Case> {};
class MustLoadTest : public testing::TestWithParam<Case> {};

TEST_P(MustRefuseTest, WithAMessageThatSaysWhatIsWrong) {
  const MemoryFile file(GetParam().bytes);
  const auto source = LoadSource(file.path(), AllLoaders());
  ASSERT_FALSE(source.ok());
  const std::string message(source.status().message());
  EXPECT_THAT(message, HasSubstr(file.path()));
  // core/text words what it refuses in its own way.
  if (message.find("vocabulary: ") == std::string::npos) {
    EXPECT_THAT(message, HasSubstr("expected"));
    EXPECT_THAT(message, HasSubstr("found"));
  }
  EXPECT_THAT(message, HasSubstr(GetParam().message));
  EXPECT_LT(message.size(), 600u) << "a hostile file must not flood the log";
}

TEST_P(MustLoadTest, WithoutComplaint) {
  const auto source = LoadBytes(GetParam().bytes);
  EXPECT_TRUE(source.ok()) << source.status();
}

GgufBuilder Metadata() { return GgufBuilder().Text("general.architecture", "llama"); }

// A value of each spoilt kind under one key.
Case Spoilt(const std::string& name, uint32_t type, const std::string& value, const std::string& message) {
  return {name, Metadata().Entry("key", type, value).Bytes(), message};
}

std::string NestedArrays(int depth) {
  std::string value;
  for (int i = 0; i < depth; i++) value += Little<uint32_t>(9) + Little<uint64_t>(1);
  return value + Little<uint32_t>(4) + Little<uint64_t>(0);
}

std::vector<Case> HeaderCases() {
  std::vector<Case> cases;
  for (uint32_t version : {0u, 1u, 4u, 0x7fffffffu}) {
    cases.push_back({absl::StrCat("Version", version), SmallModel().Version(version).Bytes(),
                     absl::StrCat("at byte 4: expected a little-endian GGUF file of version 2 or 3, found version ",
                                  version)});
  }
  cases.push_back({"BigEndianVersion", SmallModel().Version(0x03000000).Bytes(), "big-endian"});
  cases.push_back({"BigEndianMagic", "FUGG" + SmallModel().Bytes().substr(4), "big-endian"});
  cases.push_back({"TensorCountMinusOne", SmallModel().TensorCount(UINT64_MAX).Bytes(), "the number of tensors"});
  cases.push_back({"TensorCountTwoToThe60", SmallModel().TensorCount(uint64_t{1} << 60).Bytes(), "at byte 8"});
  cases.push_back(
      {"TensorCountTimesRecordWraps", SmallModel().TensorCount(UINT64_MAX / 33 + 2).Bytes(), "the number of tensors"});
  cases.push_back({"OneTensorTooMany", SmallModel().TensorCount(4).Bytes(), "tensor"});
  cases.push_back({"EntryCountMinusOne", SmallModel().EntryCount(UINT64_MAX).Bytes(), "at byte 16"});
  cases.push_back({"EntryCountTwoToThe60", SmallModel().EntryCount(uint64_t{1} << 60).Bytes(), "metadata entries"});
  cases.push_back({"EntryCountTimesRecordWraps", SmallModel().EntryCount(UINT64_MAX / 14 + 2).Bytes(), "entries"});
  cases.push_back({"OnlyTheMagic", "GGUF", "the end of the file"});
  return cases;
}

std::vector<Case> MetadataCases() {
  const std::string hundred_and_sixty_bytes =
      Metadata().Entry("key", 8, Little<uint64_t>(uint64_t{8} << 30)).Bytes() + std::string(60, 'x');
  const auto raw_key = [](uint64_t length) {
    return Metadata().RawEntry(Little(length) + "key" + Little<uint32_t>(4) + Little<uint32_t>(0)).Bytes();
  };
  return {
      {"KeyLengthMinusOne", raw_key(UINT64_MAX), "a length of 18446744073709551615"},
      {"KeyLengthZero", Metadata().U32("", 1).Bytes(), "a key of 1 to 65535 bytes"},
      {"KeyLengthTooLong", Metadata().U32(std::string(65536, 'k'), 1).Bytes(), "one of 65536"},
      {"DuplicateKey", Metadata().U32("key", 1).U32("key", 1).Bytes(), "\"key\" again"},
      Spoilt("StringLongerThanTheFile", 8, Little<uint64_t>(1000) + "short", "a length of 1000"),
      {"SmallFileThatAsksForGigabytes", hundred_and_sixty_bytes, "a length of 8589934592"},
      Spoilt("Type13", 13, std::string(16, '\0'), "found 13"),
      Spoilt("TypeMinusOne", UINT32_MAX, std::string(16, '\0'), "found 4294967295"),
      Spoilt("ArrayLength2To63", 9, Little<uint32_t>(4) + Little<uint64_t>(uint64_t{1} << 63), "the array length"),
      Spoilt("ArrayLengthWraps", 9, Little<uint32_t>(10) + Little<uint64_t>((uint64_t{1} << 61) + 1), "array length"),
      Spoilt("ArrayOneTooLong", 9, Little<uint32_t>(4) + Little<uint64_t>(2) + std::string(4, '\0'), "array length"),
      Spoilt("ArraysNestedTenThousandDeep", 9, NestedArrays(10000), "an array of arrays"),
      Spoilt("ArrayOfUnknownType", 9, Little<uint32_t>(13) + Little<uint64_t>(0), "an element type of 0 to 12"),
      Spoilt("BoolOfTwo", 7, Little<uint8_t>(2), "a bool of 0 or 1, found 2"),
      Spoilt("BoolOf255InAnArray", 9, Little<uint32_t>(7) + Little<uint64_t>(1) + "\xff", "a bool of 0 or 1"),
      Spoilt("IntegerAbove2To63", 10, Little<uint64_t>(UINT64_MAX), "below 2^63"),
      {"NoArchitecture", GgufBuilder().U32("key", 1).Bytes(), "general.architecture"},
      {"ArchitectureOfTheWrongType", GgufBuilder().U32("general.architecture", 1).Bytes(), "general.architecture"},
      {"EmptyArchitecture", GgufBuilder().Text("general.architecture", "").Bytes(), "general.architecture"},
  };
}

std::vector<Case> AlignmentCases() {
  std::vector<Case> cases;
  for (uint32_t alignment : {0u, 1u, 3u, 13u, 48u, 1u << 30}) {
    cases.push_back({absl::StrCat("Alignment", alignment), SmallModel().U32("general.alignment", alignment).Bytes(),
                     absl::StrCat("a power of two from 8 to 2097152, found ", alignment)});
  }
  cases.push_back({"AlignmentOfTheWrongType", SmallModel().Text("general.alignment", "32").Bytes(), "another type"});
  return cases;
}

GgufBuilder OneTensor(const std::vector<int64_t>& extents, uint32_t type, uint64_t offset) {
  return Metadata().RawTensor("t", extents, type, offset).Data(std::string(256, '\0'));
}

std::vector<Case> TensorCases() {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  const auto raw_rank = [](uint32_t rank) {
    return Metadata().RawTensorEntry(GgufString("t") + Little(rank)).Data(std::string(256, '\0')).Bytes();
  };
  std::vector<Case> cases = {
      {"NoDimensions", raw_rank(0), "1 to 4 dimensions of tensor \"t\", found 0"},
      {"FiveDimensions", raw_rank(5), "found 5"},
      {"FourBillionDimensions", raw_rank(UINT32_MAX), "found 4294967295"},
      {"ZeroExtent", OneTensor({4, 0}, KL_TYPE_F32, 0).Bytes(), "a positive dimension 1"},
      {"NegativeExtent", OneTensor({-4}, KL_TYPE_F32, 0).Bytes(), "a positive dimension 0"},
      {"ElementsWrap", OneTensor({kMost, 2}, KL_TYPE_F32, 0).Bytes(), "elements below 2^63"},
      {"BytesWrap", OneTensor({kMost / 32 * 32}, KL_TYPE_Q4_0, 0).Bytes(), "inside of the file"},
      {"BytesOfFloatsWrap", OneTensor({kMost}, KL_TYPE_F32, 0).Bytes(), "below 2^64 bytes"},
      {"RowsThatAreNoWholeBlocks", OneTensor({33}, KL_TYPE_Q4_0, 0).Bytes(), "whole blocks of 32 (q4_0)"},
      {"RowsThatAreNoWholeSuperBlocks", OneTensor({128}, KL_TYPE_Q4_K, 0).Bytes(), "whole blocks of 256 (q4_k)"},
      {"EmptyName", Metadata().Tensor("", {4}, KL_TYPE_F32).Bytes(), "a tensor name of 1 to 63 bytes"},
      {"NameOf64Bytes", Metadata().Tensor(std::string(64, 'n'), {4}, KL_TYPE_F32).Bytes(), "1 to 63 bytes"},
      {"DuplicateName", Metadata().Tensor("t", {4}, KL_TYPE_F32).Tensor("t", {4}, KL_TYPE_F32).Bytes(), "\"t\" again"},
      {"UnalignedOffset", OneTensor({4}, KL_TYPE_F32, 16).Bytes(), "to be a multiple of 32, found 16"},
      {"Overlap", OneTensor({16}, KL_TYPE_F32, 0).RawTensor("u", {4}, KL_TYPE_F32, 32).Bytes(), "\"t\" too"},
      {"SameOffset", OneTensor({4}, KL_TYPE_F32, 0).RawTensor("u", {4}, KL_TYPE_F32, 0).Bytes(), "data of its own"},
      {"PastTheEnd", OneTensor({4}, KL_TYPE_F32, 256).Bytes(), "is the download complete?"},
      {"LastByteMissing", OneTensor({65}, KL_TYPE_F32, 0).Bytes(), "inside of the file"},
      {"OffsetPlusSizeWraps", OneTensor({8}, KL_TYPE_F32, UINT64_MAX - 31).Bytes(), "inside of the file"},
  };
  for (uint32_t type : {4u, 5u, 9u, 15u, 16u, 31u, 32u, 33u, 36u, 37u, 38u, 39u, 42u, 256u, 257u, 0xffffffffu}) {
    cases.push_back({absl::StrCat("Type", type), OneTensor({256}, type, 0).Bytes(),
                     absl::StrCat("a known type for tensor \"t\", found type ", type)});
  }
  return cases;
}

// SmallModel with one key more, or of another value.
GgufBuilder Model(uint32_t blocks, uint32_t heads, uint32_t kv_heads) {
  return GgufBuilder()
      .Text("general.architecture", "llama")
      .U32("llama.block_count", blocks)
      .U32("llama.embedding_length", 32)
      .U32("llama.attention.head_count", heads)
      .U32("llama.attention.head_count_kv", kv_heads)
      .Tensor("token_embd.weight", {32, 4}, KL_TYPE_F32)
      .Tensor("blk.0.attn_norm.weight", {32}, KL_TYPE_F32);
}

GgufBuilder Experts(uint32_t count, uint32_t used, int64_t router_rows) {
  return SmallModel()
      .U32("llama.expert_count", count)
      .U32("llama.expert_used_count", used)
      .Tensor("blk.0.ffn_gate_inp.weight", {32, router_rows}, KL_TYPE_F32);
}

std::string WithNan(kl_dtype type, uint64_t bytes, uint64_t at) {
  std::string data(bytes, '\0');
  data[at + 1] = 0x7e;
  return Metadata().TensorWithData("t", {256}, type, data).Bytes();
}

std::vector<Case> SemanticCases() {
  return {
      {"NoBlocks", Model(0, 4, 2).Bytes(), "llama.block_count: expected an integer from 1"},
      {"MoreBlocksThanTensors", Model(2, 4, 2).Bytes(), "tensors of block 1"},
      {"FourBillionBlocks", Model(UINT32_MAX, 4, 2).Bytes(), "llama.block_count"},
      {"NoHeads", Model(1, 0, 2).Bytes(), "llama.attention.head_count: expected an integer from 1"},
      {"NoKeyValueHeads", Model(1, 4, 0).Bytes(), "llama.attention.head_count_kv"},
      {"KeyValueHeadsThatDoNotDivide", Model(1, 4, 3).Bytes(), "a divisor of the 4 heads of layer 0, found 3"},
      {"EmbeddingOfZero", Metadata().U32("llama.embedding_length", 0).Bytes(), "llama.embedding_length"},
      {"EmbeddingOfTheWrongType", Metadata().Text("llama.embedding_length", "32").Bytes(), "another type"},
      {"EmbeddingNarrowerThanMetadata",
       Metadata().U32("llama.embedding_length", 64).Tensor("token_embd.weight", {32, 4}, KL_TYPE_F32).Bytes(),
       "rows of llama.embedding_length = 64, found rows of 32"},
      {"EmbeddingOfOneDimension", Metadata().Tensor("token_embd.weight", {32}, KL_TYPE_F32).Bytes(), "two dimensions"},
      {"EpsilonNan", Metadata().F32("llama.attention.layer_norm_rms_epsilon", std::nanf("")).Bytes(), "a finite number"},
      {"RopeBaseInfinite", Metadata().F32("llama.rope.freq_base", INFINITY).Bytes(), "a finite number"},
      {"MoreExpertsUsedThanThereAre", Experts(2, 3, 2).Bytes(), "1 to the 2 experts that there are, found 3"},
      {"NoExpertsUsed", Experts(2, 0, 2).Bytes(), "1 to the 2 experts that there are, found 0"},
      {"RouterForMoreExperts", Experts(2, 1, 3).Bytes(), "2 rows, the model's expert_count, found 3"},
      {"ExpertsOfAnotherNumber", Experts(2, 1, 2).Tensor("blk.0.ffn_up_exps.weight", {32, 32, 3}, KL_TYPE_F32).Bytes(),
       "2 experts, found 3 dimensions, 3 experts"},
      {"OneExpertMissing", Experts(2, 1, 2).Tensor("blk.0.ffn_up.0.weight", {32, 32}, KL_TYPE_F32).Bytes(),
       "blk.0.ffn_up.1.weight"},
      {"LayoutOfTheWrongLength", SmallModel().Ints("llama.rope_layout", {1, 0}).Bytes(), "1 numbers, one for each"},
      {"LayoutOfTwo", SmallModel().Ints("llama.rope_layout", {2}).Bytes(), "integers from 0 to 1, found 2"},
      {"NanScaleQ4_0", WithNan(KL_TYPE_Q4_0, 144, 18), "a finite scale in block 1 of tensor \"t\""},
      {"NanScaleQ4_K", WithNan(KL_TYPE_Q4_K, 144, 2), "a finite scale in block 0"},
      {"NanScaleQ6_K", WithNan(KL_TYPE_Q6_K, 210, 208), "a finite scale in block 0"},
      {"NanScaleTq2_0", WithNan(KL_TYPE_TQ2_0, 66, 64), "a finite scale in block 0"},
  };
}

GgufBuilder Tokenizer(const std::string& model) {
  return SmallModel().Text("tokenizer.ggml.model", model).Texts("tokenizer.ggml.tokens", {"a", "b", "a", "<0x41>"});
}

std::vector<Case> TokenizerCases() {
  const std::vector<float> scores = {0, 1, 2, 3};
  const auto llama = [&] { return Tokenizer("llama").Floats("tokenizer.ggml.scores", scores); };
  return {
      {"ScoresOfTheWrongType", Tokenizer("llama").Ints("tokenizer.ggml.scores", {0, 1, 2, 3}).Bytes(),
       "tokenizer.ggml.scores: expected an array of floats"},
      {"TooFewScores", Tokenizer("llama").Floats("tokenizer.ggml.scores", {0, 1, 2}).Bytes(), "4 scores"},
      {"TooManyTypes", llama().Ints("tokenizer.ggml.token_type", {1, 1, 1, 6, 1}).Bytes(), "4 token types"},
      {"IdAboveTheVocabulary", llama().U32("tokenizer.ggml.bos_token_id", 4).Bytes(), "token 4"},
      {"IdMinusTwo", llama().I32("tokenizer.ggml.eos_token_id", -2).Bytes(), "a token id, found -2"},
      {"IdOfTheWrongType", llama().Text("tokenizer.ggml.eos_token_id", "3").Bytes(), "an integer"},
      {"EndOfTurnAboveTheVocabulary", llama().U32("tokenizer.ggml.eot_token_id", 1000).Bytes(), "token 1000"},
      {"ByteTokenSpeltWrong",
       SmallModel()
           .Text("tokenizer.ggml.model", "llama")
           .Texts("tokenizer.ggml.tokens", {"<0x-1>"})
           .Floats("tokenizer.ggml.scores", {0})
           .Ints("tokenizer.ggml.token_type", {6})
           .Bytes(),
       "<0x-1>"},
      {"ByteLevelWithoutMerges", Tokenizer("gpt2").Bytes(), "merges, found none"},
      {"TokensOfTheWrongType",
       SmallModel().Text("tokenizer.ggml.model", "llama").Ints("tokenizer.ggml.tokens", {1}).Bytes(),
       "an array of strings"},
      {"MoreTokensThanRows",
       SmallModel()
           .Text("tokenizer.ggml.model", "llama")
           .Texts("tokenizer.ggml.tokens", {"a", "b", "c", "d", "e"})
           .Floats("tokenizer.ggml.scores", {0, 0, 0, 0, 0})
           .Bytes(),
       "a row for each of the tokenizer's 5 tokens, found 4 rows"},
  };
}

std::vector<Case> LoadableCases() {
  std::vector<Case> cases = {
      {"SmallModel", SmallModel().Bytes(), ""},
      {"Version2", SmallModel().Version(2).Bytes(), ""},
      {"MetadataOnly", Metadata().Bytes(), ""},
      {"KeyOf65535Bytes", Metadata().U32(std::string(65535, 'k'), 1).Bytes(), ""},
      {"NameOf63Bytes", Metadata().Tensor(std::string(63, 'n'), {4}, KL_TYPE_F32).Bytes(), ""},
      {"Alignment8", Metadata().U32("general.alignment", 8).Alignment(8).Tensor("t", {2}, KL_TYPE_F32).Bytes(), ""},
      {"Alignment4096",
       Metadata().U32("general.alignment", 4096).Alignment(4096).Tensor("t", {2}, KL_TYPE_F32).Bytes(), ""},
      {"EmptyArrays", Metadata().Texts("a", {}).Floats("b", {}).Ints("c", {}).RawArray("d", 7, 0, "").Bytes(), ""},
      {"LastTensorNotPadded", Metadata().RawTensor("t", {1}, KL_TYPE_F32, 0).Data("1234").Bytes(), ""},
      {"TensorsOutOfOrder",
       Metadata()
           .RawTensor("t", {8}, KL_TYPE_F32, 32)
           .RawTensor("u", {8}, KL_TYPE_F32, 0)
           .Data(std::string(64, '\0'))
           .Bytes(),
       ""},
      {"BytesAfterTheLastTensor", SmallModel().Data("more").Bytes(), ""},
      {"DuplicateTokens", Tokenizer("llama").Floats("tokenizer.ggml.scores", {0, 1, 2, 3}).Bytes(), ""},
      {"IdsOfMinusOne",
       Tokenizer("llama")
           .Floats("tokenizer.ggml.scores", {0, 1, 2, 3})
           .U32("tokenizer.ggml.padding_token_id", UINT32_MAX)
           .I32("tokenizer.ggml.unknown_token_id", -1)
           .Bytes(),
       ""},
      {"FewerTokensThanRows",
       SmallModel()
           .Text("tokenizer.ggml.model", "llama")
           .Texts("tokenizer.ggml.tokens", {"a"})
           .Floats("tokenizer.ggml.scores", {0})
           .Bytes(),
       ""},
      {"NoTokenizer", SmallModel().Text("tokenizer.ggml.model", "no_vocab").Bytes(), ""},
      {"HeadsForEachLayer",
       Metadata()
           .U32("llama.block_count", 2)
           .Ints("llama.attention.head_count", {4, 8})
           .Ints("llama.attention.head_count_kv", {2, 8})
           .Bytes(),
       ""},
      {"ExpertsTogether", Experts(2, 1, 2).Tensor("blk.0.ffn_up_exps.weight", {32, 32, 2}, KL_TYPE_F32).Bytes(), ""},
      {"ExpertsOneByOne",
       Experts(2, 2, 2)
           .Tensor("blk.0.ffn_up.0.weight", {32, 32}, KL_TYPE_F32)
           .Tensor("blk.0.ffn_up.1.weight", {32, 32}, KL_TYPE_F32)
           .Bytes(),
       ""},
  };
  for (kl_dtype type = 0; type < KL_TYPE_U8; type++) {
    const kl_dtype_info info = kl_dtype_info_of(type);
    if (info.name == nullptr) continue;
    cases.push_back({absl::StrCat("Type_", info.name), Metadata().Tensor("t", {256, 2}, type).Bytes(), ""});
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Header, MustRefuseTest, testing::ValuesIn(HeaderCases()), NameOf);
INSTANTIATE_TEST_SUITE_P(Metadata, MustRefuseTest, testing::ValuesIn(MetadataCases()), NameOf);
INSTANTIATE_TEST_SUITE_P(Alignment, MustRefuseTest, testing::ValuesIn(AlignmentCases()), NameOf);
INSTANTIATE_TEST_SUITE_P(Tensors, MustRefuseTest, testing::ValuesIn(TensorCases()), NameOf);
INSTANTIATE_TEST_SUITE_P(Semantics, MustRefuseTest, testing::ValuesIn(SemanticCases()), NameOf);
INSTANTIATE_TEST_SUITE_P(Tokenizer, MustRefuseTest, testing::ValuesIn(TokenizerCases()), NameOf);
INSTANTIATE_TEST_SUITE_P(Loadable, MustLoadTest, testing::ValuesIn(LoadableCases()), NameOf);

TEST(GgufLoaderTest, SourceSaysWhatTheFileSays) {
  const auto loaded = LoadBytes(SmallModel().I32("negative", -7).Bool("flag", true).Ints("ints", {1, 2}).Bytes());
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const ModelSource& source = **loaded;
  EXPECT_EQ(source.format, "gguf");
  EXPECT_EQ(source.architecture, "llama");
  EXPECT_EQ(source.metadata.Int("negative"), -7);
  EXPECT_EQ(std::get<bool>(*source.metadata.Find("flag")), true);
  EXPECT_EQ(std::get<std::vector<int64_t>>(*source.metadata.Find("ints")), (std::vector<int64_t>{1, 2}));
  EXPECT_FALSE(source.vocabulary.has_value());
  ASSERT_EQ(source.tensors.size(), 3u);
  const SourceTensor* table = source.Find("token_embd.weight");
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->shape, (std::vector<int64_t>{4, 32})) << "outermost first";
  EXPECT_EQ(table->type, KL_TYPE_Q8_0);
  EXPECT_EQ(table->bytes, 4u * 34);
  EXPECT_EQ(table->data, source.files[0]->data() + table->file_offset);
  EXPECT_EQ(source.file_bytes, source.files[0]->size());
}

TEST(GgufLoaderTest, OnlyPermutedArchitecturesInterleaveTheirRope) {
  EXPECT_EQ((*LoadBytes(Metadata().Bytes()))->metadata.Int("kinglet.rope_interleaved"), 1);
  const auto qwen = LoadBytes(GgufBuilder().Text("general.architecture", "qwen2").Bytes());
  EXPECT_EQ((*qwen)->metadata.Int("kinglet.rope_interleaved"), 0);
  const auto told = LoadBytes(Metadata().Bool("kinglet.rope_interleaved", false).Bytes());
  EXPECT_EQ((*told)->metadata.Int("kinglet.rope_interleaved"), 0);
}

TEST(GgufLoaderTest, VocabularyIsReadInFull) {
  const auto loaded = LoadBytes(SmallModel()
                                    .Text("tokenizer.ggml.model", "gpt2")
                                    .Text("tokenizer.ggml.pre", "qwen2")
                                    .Texts("tokenizer.ggml.tokens", {"a", "b", "ab", "<end>"})
                                    .Ints("tokenizer.ggml.token_type", {1, 1, 1, 3})
                                    .Texts("tokenizer.ggml.merges", {"a b"})
                                    .U32("tokenizer.ggml.eos_token_id", 3)
                                    .U32("tokenizer.ggml.eot_token_id", 2)
                                    .Bool("tokenizer.ggml.add_bos_token", false)
                                    .Text("tokenizer.chat_template", "{{ x }}")
                                    .Bytes());
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ASSERT_TRUE((*loaded)->vocabulary.has_value());
  const VocabularyData& data = *(*loaded)->vocabulary;
  EXPECT_EQ(data.model, "gpt2");
  EXPECT_EQ(data.pre, "qwen2");
  EXPECT_EQ(data.tokens.size(), 4u);
  EXPECT_EQ(data.kinds, (std::vector<int32_t>{1, 1, 1, 3}));
  EXPECT_EQ(data.merges, std::vector<std::string>{"a b"});
  EXPECT_EQ(data.bos_id, -1);
  EXPECT_EQ(data.eos_id, 3);
  EXPECT_EQ(data.extra_end_ids, std::vector<int32_t>{2});
  EXPECT_EQ(data.add_bos, false);
  EXPECT_EQ(data.add_eos, std::nullopt);
  EXPECT_EQ(data.chat_template, "{{ x }}");
}

GgufBuilder ModelWithVocabulary() {
  return SmallModel()
      .Text("tokenizer.ggml.model", "llama")
      .Texts("tokenizer.ggml.tokens", {"a", "b", "<0x41>"})
      .Floats("tokenizer.ggml.scores", {0, 1, 2})
      .Ints("tokenizer.ggml.token_type", {1, 1, 6});
}

TEST(GgufLoaderTest, FileCutAnywhereIsRefused) {
  const std::string whole = ModelWithVocabulary().Bytes();
  ASSERT_TRUE(LoadBytes(whole).ok());
  // Behind the last tensor's last byte there is only padding.
  const size_t needed = whole.size() - 32 + (32 * 18) % 32;
  for (size_t size = 0; size < needed; size++) {
    ASSERT_FALSE(LoadBytes(whole.substr(0, size)).ok()) << size << " of " << whole.size() << " bytes";
  }
}

// Every byte of the header takes several values. Most files are refused, some load: none may crash or hang,
// which the sanitizer runs of this test make sure of.
TEST(GgufLoaderTest, NoChangedByteCrashesTheLoader) {
  const GgufBuilder model = ModelWithVocabulary();
  const std::string whole = model.Bytes();
  const size_t header_bytes = model.Header().size();
  int refused = 0, tried = 0;
  for (size_t at = 0; at < header_bytes; at++) {
    for (int value : {0x00, 0x01, 0x7f, 0x80, 0xff, whole[at] ^ 1, whole[at] ^ 0x20}) {
      std::string changed = whole;
      changed[at] = static_cast<char>(value);
      refused += LoadBytes(changed).ok() ? 0 : 1;
      tried++;
    }
  }
  EXPECT_GT(refused, tried / 3);
}

// Hardening must not make loading slow: a million tiny elements, one array of them or an entry each.
TEST(GgufLoaderTest, MillionEmptyStringsLoadInTime) {
  constexpr uint64_t kCount = 1000000;
  const auto started = std::chrono::steady_clock::now();
  const auto array = LoadBytes(Metadata().RawArray("key", 8, kCount, std::string(kCount * 8, '\0')).Bytes());
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_EQ(std::get<std::vector<std::string>>(*(*array)->metadata.Find("key")).size(), kCount);
  GgufBuilder entries = Metadata();
  for (uint64_t i = 0; i < kCount / 10; i++) entries.U32(absl::StrCat("key", i), 0);
  EXPECT_TRUE(LoadBytes(entries.Bytes()).ok());
  GgufBuilder tensors = Metadata();
  for (uint64_t i = 0; i < kCount / 10; i++) tensors.Tensor(absl::StrCat("t", i), {1}, KL_TYPE_F32);
  EXPECT_TRUE(LoadBytes(tensors.Bytes()).ok());
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - started;
  EXPECT_LT(seconds.count(), IsEmulated() ? 200 : 20) << "generous, for sanitizers; usually well under a second";
}

}  // namespace
}  // namespace kinglet
