#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "loaders/hf/safetensors_test_builder.h"
#include "loaders/registry.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

using testing::HasSubstr;

absl::StatusOr<std::unique_ptr<ModelSource>> Load(const std::string& path) {
  return LoadSource(path, AllLoaders());
}

std::string Refusal(const std::string& path) { return std::string(Load(path).status().message()); }

constexpr char kConfig[] =
    R"({"model_type": "llama", "num_hidden_layers": 1, "hidden_size": 8, "vocab_size": 4,
  "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 16, "intermediate_size": 12,
  "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "bos_token_id": 1, "eos_token_id": 2})";

SafetensorsBuilder Weights() {
  return SafetensorsBuilder()
      .Tensor("model.embed_tokens.weight", {4, 8})
      .Tensor("model.layers.0.input_layernorm.weight", {8})
      .Tensor("model.layers.0.self_attn.rotary_emb.inv_freq", {2})
      .Tensor("lm_head.weight", {4, 8});
}

// kConfig with fields replaced or added.
std::string Config(const std::string& fields) {
  std::string text = kConfig;
  text.pop_back();
  return text + "," + fields + "}";
}

TEST(HfLoaderTest, FolderGivesGgufNamesAndKeys) {
  TempFolder folder;
  folder.Write("config.json", kConfig);
  folder.Write("model.safetensors", Weights().Bytes());
  const auto loaded = Load(folder.path() + "/");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const ModelSource& source = **loaded;
  EXPECT_EQ(source.format, "hf");
  EXPECT_EQ(source.architecture, "llama");
  EXPECT_EQ(source.metadata.Int("llama.block_count"), 1);
  EXPECT_EQ(source.metadata.Int("llama.attention.head_count_kv"), 1);
  EXPECT_EQ(source.metadata.Float("llama.rope.freq_base"), 10000.0);
  EXPECT_EQ(source.metadata.Int("kinglet.rope_interleaved"), 0);
  EXPECT_EQ(source.tensors.size(), 3u) << "inv_freq is no weight";
  ASSERT_NE(source.Find("output.weight"), nullptr);
  EXPECT_EQ(source.Find("output.weight")->file, source.files[0].get());
  EXPECT_FALSE(source.vocabulary.has_value());
}

TEST(HfLoaderTest, BareFileFindsItsConfigurationBesideIt) {
  TempFolder folder;
  const std::string path = folder.Write("tiny.safetensors", Weights().Bytes());
  EXPECT_THAT(Refusal(path), HasSubstr("config.json"));
  folder.Write("config.json", kConfig);
  EXPECT_TRUE(Load(path).ok()) << Load(path).status();
  folder.Write("tiny_config.json", kConfig);
  EXPECT_TRUE(Load(path).ok()) << Load(path).status();
  folder.Write("tiny_config.json", "nonsense");
  EXPECT_FALSE(Load(path).ok()) << "the file's own configuration goes first";
}

TEST(HfLoaderTest, TiedHeadLeavesTheCopyOut) {
  TempFolder folder;
  folder.Write("config.json", Config("\"tie_word_embeddings\": true"));
  folder.Write("model.safetensors", Weights().Bytes());
  const auto loaded = Load(folder.path());
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ((*loaded)->Find("output.weight"), nullptr);
}

TEST(HfLoaderTest, UnknownWeightIsRefusedNotIgnored) {
  TempFolder folder;
  folder.Write("config.json", kConfig);
  folder.Write("model.safetensors",
               Weights().Tensor("model.layers.0.self_attn.sinks", {2}).Bytes());
  EXPECT_THAT(Refusal(folder.path()), HasSubstr("model.layers.0.self_attn.sinks"));
}

class ShardsTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_.Write("config.json", kConfig);
    folder_.Write("a.safetensors",
                  SafetensorsBuilder().Tensor("model.embed_tokens.weight", {4, 8}).Bytes());
    folder_.Write("b.safetensors", SafetensorsBuilder()
                                       .Tensor("model.layers.0.input_layernorm.weight", {8})
                                       .Tensor("unused", {1})
                                       .Bytes());
  }
  void Index(const std::string& map) {
    folder_.Write("model.safetensors.index.json", "{\"weight_map\":" + map + "}");
  }

  TempFolder folder_;
};

TEST_F(ShardsTest, IndexSaysWhichTensorsCount) {
  Index(
      R"({"model.embed_tokens.weight":"a.safetensors","model.layers.0.input_layernorm.weight":"b.safetensors"})");
  const auto loaded = Load(folder_.path());
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ((*loaded)->tensors.size(), 2u);
  EXPECT_EQ((*loaded)->files.size(), 2u);
}

TEST_F(ShardsTest, MissingFileOrTensorIsRefused) {
  Index(R"({"model.embed_tokens.weight":"c.safetensors"})");
  EXPECT_THAT(Refusal(folder_.path()), HasSubstr("c.safetensors"));
  Index(R"({"model.norm.weight":"a.safetensors"})");
  EXPECT_THAT(Refusal(folder_.path()),
              HasSubstr("expected the 1 tensors that the index puts there, found 0"));
}

TEST_F(ShardsTest, IndexMayNotPointOutOfItsFolder) {
  for (const char* file : {"../a.safetensors", "/etc/passwd", "sub/a.safetensors", "a.bin"}) {
    Index(std::string(R"({"model.embed_tokens.weight":")") + file + "\"}");
    EXPECT_THAT(Refusal(folder_.path()), HasSubstr("in this folder")) << file;
  }
  Index("[]");
  EXPECT_THAT(Refusal(folder_.path()), HasSubstr("weight_map"));
}

TEST(HfLoaderTest, FolderWithoutWeightsSaysWhatIsMissing) {
  TempFolder folder;
  folder.Write("config.json", kConfig);
  EXPECT_THAT(Refusal(folder.path()), HasSubstr("model.safetensors.index.json"));
  EXPECT_THAT(Refusal(folder.path() + "/missing"), HasSubstr("no such file"));
}

TEST(HfLoaderTest, TokenizerAndItsEndsAreRead) {
  TempFolder folder;
  folder.Write("config.json", kConfig);
  folder.Write("model.safetensors", Weights().Bytes());
  folder.Write("tokenizer.json", R"({"added_tokens": [{"id": 3, "content": "<e>", "special": true}],
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}})");
  folder.Write("tokenizer_config.json", R"({"eos_token": "<e>", "chat_template": "old"})");
  folder.Write("generation_config.json", R"({"eos_token_id": [3, 1]})");
  folder.Write("chat_template.jinja", "new");
  const auto loaded = Load(folder.path());
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ASSERT_TRUE((*loaded)->vocabulary.has_value());
  const VocabularyData& data = *(*loaded)->vocabulary;
  EXPECT_EQ(data.pre, "gpt-2");
  EXPECT_EQ(data.eos_id, 3);
  EXPECT_EQ(data.bos_id, 1);
  EXPECT_EQ(data.extra_end_ids, (std::vector<int32_t>{1, 2}));
  EXPECT_EQ(data.chat_template, "new");
}

TEST(HfLoaderTest, MoreTokensThanRowsAreRefused) {
  TempFolder folder;
  folder.Write("config.json", kConfig);
  folder.Write("model.safetensors", Weights().Bytes());
  folder.Write("tokenizer.json",
               R"({"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
    "model": {"vocab": {"a": 0, "b": 1, "ab": 2, "d": 3, "e": 4}, "merges": ["a b"]}})");
  EXPECT_THAT(Refusal(folder.path()), HasSubstr("5 tokens, found 4 rows"));
}

TEST(HfLoaderTest, DamagedSideFilesAreRefusedByName) {
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "generation_config.json"}) {
    TempFolder folder;
    folder.Write("config.json", kConfig);
    folder.Write("model.safetensors", Weights().Bytes());
    folder.Write("tokenizer.json",
                 R"({"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
      "model": {"vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}})");
    ASSERT_TRUE(Load(folder.path()).ok());
    folder.Write(name, "{");
    EXPECT_THAT(Refusal(folder.path()), HasSubstr(name));
  }
}

}  // namespace
}  // namespace kinglet
