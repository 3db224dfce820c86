// Hugging Face folders against logits that the transformers library computed.
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include "tests/support/kinglet_test.h"
#include "tests/support/testdata.h"

namespace kinglet {
namespace {

namespace fs = std::filesystem;

class HuggingFaceTest : public testing::TestWithParam<const char*> {
 protected:
  // The published layout of a folder, from the flat test data.
  void SetUp() override {
    KL_REQUIRE_TESTDATA();
    const std::string source = TestDataFolder() + "/hf/tiny_" + GetParam();
    folder_ = fs::path(testing::TempDir()) / (std::string("kinglet_hf_") + GetParam());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    fs::copy_file(source + ".safetensors", folder_ / "model.safetensors");
    fs::copy_file(source + "_config.json", folder_ / "config.json");
    expected_ = nlohmann::json::parse(std::ifstream(source + "_logits.json"));
  }
  void TearDown() override {
    if (!folder_.empty()) fs::remove_all(folder_);
  }

  void CompareLogits(kl_runtime* runtime) {
    const Handle<kl_model> model = LoadModel(runtime, folder_.string());
    ASSERT_NE(model, nullptr);
    const auto sequences = expected_["sequences"].get<std::vector<std::vector<int32_t>>>();
    const auto logits = expected_["logits"].get<std::vector<std::vector<std::vector<float>>>>();
    ASSERT_FALSE(sequences.empty());
    for (size_t s = 0; s < sequences.size(); ++s) {
      const Handle<kl_session> session = MakeGreedySession(model.get());
      EXPECT_LE(LargestDifference(AllLogits(session.get(), sequences[s]), logits[s]), 1e-4) << "sequence " << s;
    }
  }

  fs::path folder_;
  nlohmann::json expected_;
};

TEST_P(HuggingFaceTest, ReferenceKernelsGiveTheLogitsOfTransformers) {
  const Handle<kl_runtime> runtime = MakeReferenceRuntime();
  CompareLogits(runtime.get());
}

TEST_P(HuggingFaceTest, FastKernelsGiveTheLogitsOfTransformers) {
  const Handle<kl_runtime> runtime = MakeRuntime(WithThreads(2));
  CompareLogits(runtime.get());
}

INSTANTIATE_TEST_SUITE_P(Families, HuggingFaceTest, testing::Values("llama", "qwen2", "mixtral"));

}  // namespace
}  // namespace kinglet
