// Every model file of the test data loads with the facts that it should have.
#include <filesystem>
#include <string>

#include "gtest/gtest.h"
#include "loaders/common/block_scales.h"
#include "loaders/registry.h"
#include "tests/support/temp_folder.h"
#include "tests/support/testdata.h"

namespace kinglet {
namespace {

namespace fs = std::filesystem;

absl::StatusOr<std::unique_ptr<ModelSource>> Load(const std::string& path) {
  return LoadSource(path, AllLoaders());
}

struct Expected {
  const char* file;
  size_t tensor_count;
  int64_t block_count;
  size_t token_count;  // 0: no tokenizer
};

class GgufFilesTest : public testing::TestWithParam<Expected> {};

TEST_P(GgufFilesTest, LoadWithTheirFacts) {
  KL_REQUIRE_TESTDATA();
  const Expected& expected = GetParam();
  const auto loaded = Load(TestDataFolder() + "/" + expected.file);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const ModelSource& source = **loaded;
  EXPECT_EQ(source.format, "gguf");
  EXPECT_EQ(source.tensors.size(), expected.tensor_count);
  EXPECT_EQ(source.metadata.Int(source.architecture + ".block_count"), expected.block_count);
  EXPECT_EQ(source.vocabulary.has_value() ? source.vocabulary->tokens.size() : 0,
            expected.token_count);
  for (const SourceTensor& tensor : source.tensors) {
    EXPECT_GE(tensor.data, source.files[0]->data());
    EXPECT_LE(tensor.data + tensor.bytes, source.files[0]->data() + source.files[0]->size());
    EXPECT_TRUE(ValidateScales(tensor).ok());
  }
}

INSTANTIATE_TEST_SUITE_P(
    Files, GgufFilesTest,
    testing::Values(Expected{"llm/stories260K-f32.gguf", 48, 5, 512},
                    Expected{"llm/stories260K-f16.gguf", 48, 5, 512},
                    Expected{"llm/tinystories-656k-f16.gguf", 20, 2, 2048},
                    Expected{"llm/tinystories-656k-q8_0.gguf", 20, 2, 2048},
                    Expected{"llm/tinystories-656k-q4_0.gguf", 20, 2, 2048},
                    Expected{"llm/tinystories-656k-q4_k_m.gguf", 20, 2, 2048},
                    Expected{"hf/tiny_llama_f16.gguf", 21, 2, 0},
                    Expected{"hf/tiny_llama_q8.gguf", 20, 2, 0},
                    Expected{"tokenizers/ggml-vocab-deepseek-coder.gguf", 0, 32, 32256},
                    Expected{"tokenizers/ggml-vocab-gpt-2.gguf", 0, 12, 50257},
                    Expected{"tokenizers/ggml-vocab-llama-spm.gguf", 0, 32, 32000},
                    Expected{"tokenizers/ggml-vocab-qwen2.gguf", 0, 1, 151936}),
    [](const testing::TestParamInfo<Expected>& info) {
      std::string name = fs::path(info.param.file).stem().string();
      for (char& c : name) c = isalnum(static_cast<unsigned char>(c)) ? c : '_';
      return name;
    });

class HfFoldersTest : public testing::TestWithParam<Expected> {};

TEST_P(HfFoldersTest, LoadAsAFolderAndAsABareFile) {
  KL_REQUIRE_TESTDATA();
  const Expected& expected = GetParam();
  const std::string stem = TestDataFolder() + "/hf/" + expected.file;
  TempFolder folder;
  fs::copy_file(stem + ".safetensors", folder.path() + "/model.safetensors");
  fs::copy_file(stem + "_config.json", folder.path() + "/config.json");
  for (const std::string& path :
       {folder.path(), folder.path() + "/model.safetensors", stem + ".safetensors"}) {
    const auto loaded = Load(path);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    const ModelSource& source = **loaded;
    EXPECT_EQ(source.format, "hf");
    EXPECT_EQ(source.tensors.size(), expected.tensor_count);
    EXPECT_EQ(source.metadata.Int(source.architecture + ".block_count"), expected.block_count);
    EXPECT_EQ(source.metadata.Int("kinglet.rope_interleaved"), 0);
    EXPECT_FALSE(source.vocabulary.has_value());
  }
}

INSTANTIATE_TEST_SUITE_P(Folders, HfFoldersTest,
                         testing::Values(Expected{"tiny_llama", 21, 2, 0},
                                         Expected{"tiny_qwen2", 27, 2, 0},
                                         Expected{"tiny_mixtral", 41, 2, 0}),
                         [](const testing::TestParamInfo<Expected>& info) {
                           return info.param.file;
                         });

TEST(HfConfigurationTest, ReleasedSmallThinkerHasTheShapeOfItsReport) {
  KL_REQUIRE_TESTDATA();
  TempFolder folder;
  fs::copy_file(TestDataFolder() + "/llm/SmallThinker-4BA0.6B-Instruct.config.json",
                folder.path() + "/config.json");
  // No weights: eight bytes of length and an empty header.
  folder.Write("model.safetensors", std::string("\2\0\0\0\0\0\0\0{}", 10));
  const auto loaded = Load(folder.path());
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const Metadata& metadata = (*loaded)->metadata;
  EXPECT_EQ((*loaded)->architecture, "smallthinker");
  EXPECT_EQ(metadata.Int("smallthinker.block_count"), 32);
  EXPECT_EQ(metadata.Int("smallthinker.embedding_length"), 1536);
  EXPECT_EQ(metadata.Int("smallthinker.attention.head_count"), 12);
  EXPECT_EQ(metadata.Int("smallthinker.attention.head_count_kv"), 2);
  EXPECT_EQ(metadata.Int("smallthinker.attention.key_length"), 128);
  EXPECT_EQ(metadata.Int("smallthinker.expert_count"), 32);
  EXPECT_EQ(metadata.Int("smallthinker.expert_used_count"), 4);
  EXPECT_EQ(metadata.Float("smallthinker.rope.freq_base"), 1.5e6);
  EXPECT_EQ(metadata.Find("smallthinker.attention.sliding_window"), nullptr) << "no layer slides";
  EXPECT_EQ(std::get<std::vector<int64_t>>(*metadata.Find("smallthinker.rope_layout")),
            std::vector<int64_t>(32, 1));
}

}  // namespace
}  // namespace kinglet
