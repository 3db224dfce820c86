#include "core/exec/model.h"

#include <filesystem>

#include "core/base/status.h"
#include "core/exec/fake_plugin.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

using testing::HasSubstr;

VocabularyData Vocabulary(size_t size) {
  VocabularyData data;
  data.model = "llama";
  data.tokens = {"<unk>"};
  while (data.tokens.size() < size) data.tokens.push_back(std::string("t") + std::to_string(data.tokens.size()));
  data.scores.assign(size, 0.0f);
  data.kinds.assign(size, 1);
  data.kinds[0] = 2;
  data.unknown_id = 0;
  return data;
}

class ModelTest : public testing::Test {
 protected:
  ModelTest() : source_(MakeFakeSource()), runtime_(MakeFakeRuntime(plugin_)) {}
  absl::StatusOr<std::unique_ptr<Model>> Load() { return Model::Load(runtime_.get(), std::move(source_), options_); }
  absl::Status Refused() { return Load().status(); }

  FakePlugin plugin_;
  std::unique_ptr<ModelSource> source_;
  std::unique_ptr<Runtime> runtime_;
  ModelOptions options_;
};

TEST_F(ModelTest, LoadsAndCounts) {
  const auto model = Load();
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->parameter_count(), 128u);
  EXPECT_EQ((*model)->main_type(), KL_TYPE_F32);
  EXPECT_EQ((*model)->cache_types().keys, KL_TYPE_F32) << "as precise as the weights";
  EXPECT_EQ((*model)->cache_types().values, KL_TYPE_F32);
  EXPECT_EQ((*model)->bytes_per_token(), 2 * 8 * 8 * 4u) << "of an operator that is not embed, all";
  EXPECT_EQ((*model)->tokenizer(), nullptr);
  EXPECT_EQ((*model)->budget()->used_bytes(), 2 * 8 * 8 * 4u);
}

TEST_F(ModelTest, UnknownArchitectureListsTheKnownOnes) {
  source_->architecture = "mamba";
  const absl::Status status = Refused();
  EXPECT_EQ(CodeFromStatus(status), KL_UNSUPPORTED);
  EXPECT_THAT(std::string(status.message()), HasSubstr("architecture \"mamba\"; known are fake"));
}

TEST_F(ModelTest, APackedCacheUnderABudgetIsRefused) {
  options_.memory_bytes = uint64_t{1} << 30;
  options_.packed_cache = true;
  const absl::Status status = Refused();
  EXPECT_EQ(CodeFromStatus(status), KL_INVALID_ARGUMENT);
  EXPECT_THAT(std::string(status.message()), HasSubstr("fake.model: a packed cache cannot be used under a memory budget"));
}

TEST_F(ModelTest, BudgetTooSmallSaysWhatHoldsHowMuch) {
  options_.memory_bytes = 511;
  const absl::Status status = Refused();
  EXPECT_EQ(CodeFromStatus(status), KL_OUT_OF_BUDGET);
  EXPECT_THAT(std::string(status.message()), HasSubstr("fake.model"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("511 bytes are too few; the smallest budget that works is"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("weights 512"));
}

TEST_F(ModelTest, VocabularyLargerThanTheTableIsRefused) {
  source_->vocabulary = Vocabulary(9);
  const absl::Status status = Refused();
  EXPECT_EQ(CodeFromStatus(status), KL_DATA_CORRUPT);
  EXPECT_THAT(std::string(status.message()), HasSubstr("9 tokens"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("8 rows"));
}

TEST_F(ModelTest, TokenizerTakesTheVocabularyOver) {
  source_->vocabulary = Vocabulary(8);
  const auto model = Load();
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_NE((*model)->tokenizer(), nullptr);
  EXPECT_EQ((*model)->tokenizer()->TokenText(3), "t3");
  EXPECT_FALSE((*model)->source().vocabulary.has_value()) << "kept once, not twice";
}

TEST_F(ModelTest, DamagedVocabularyNamesTheFile) {
  source_->vocabulary = Vocabulary(8);
  source_->vocabulary->eos_id = 8;
  EXPECT_THAT(std::string(Refused().message()), HasSubstr("fake.model"));
}

TEST_F(ModelTest, ProgressCanStopTheLoading) {
  Fake::log().pack_weights = true;
  options_.progress = [](const char*, uint64_t, uint64_t) { return false; };
  EXPECT_EQ(CodeFromStatus(Refused()), KL_CANCELLED);
  EXPECT_EQ(Fake::log().packed_units, 0);
}

TEST_F(ModelTest, VocabularyOnlyNeedsNoArchitectureAndHasNoPlan) {
  source_->architecture = "mamba";
  source_->vocabulary = Vocabulary(8);
  options_.vocabulary_only = true;
  const auto model = Load();
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->prepared(), nullptr);
  EXPECT_NE((*model)->tokenizer(), nullptr);
}

TEST_F(ModelTest, NetworkIsNoLanguageModel) {
  source_->graph.emplace();
  EXPECT_THAT(std::string(Refused().message()), HasSubstr("load it as a network"));
}

TEST_F(ModelTest, CacheOfAnotherTypeIsRefused) {
  options_.cache_types.values = KL_TYPE_Q4_0;
  EXPECT_THAT(std::string(Refused().message()), HasSubstr("values are cached as f32, f16 or q8_0, not as q4_0"));
}

TEST_F(ModelTest, KeysAndValuesAreChosenOneByOne) {
  options_.cache_types.keys = KL_TYPE_Q8_0;
  const auto model = Load();
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->cache_types().keys, KL_TYPE_Q8_0);
  EXPECT_EQ((*model)->cache_types().values, KL_TYPE_F32);
}

TEST_F(ModelTest, FactsThatContradictThePlanAreADefectOfThePlugin) {
  for (int64_t claimed : {0, 7, 9, -1}) {
    source_ = MakeFakeSource();
    source_->metadata.Insert("fake.claimed_vocabulary", claimed);
    const absl::Status status = Refused();
    EXPECT_EQ(CodeFromStatus(status), KL_INTERNAL) << claimed;
    EXPECT_THAT(std::string(status.message()), HasSubstr("architecture fake"));
  }
}

TEST_F(ModelTest, ContextBeyondThePositionsOf32BitsIsADefectOfThePlugin) {
  for (int64_t claimed : {int64_t{0}, int64_t{1} << 31}) {
    source_ = MakeFakeSource();
    source_->metadata.Insert("fake.claimed_context", claimed);
    EXPECT_EQ(CodeFromStatus(Refused()), KL_INTERNAL) << claimed;
  }
}

TEST_F(ModelTest, PackedCacheReplacesPackingUntilTheWeightsChange) {
  const TempFolder folder;
  Fake::log().pack_weights = true;
  options_.packed_cache = true;
  const auto load = [&](float weight) {
    source_ = MakeFakeSource();
    source_->path = folder.path() + "/fake.model";
    reinterpret_cast<float*>(const_cast<uint8_t*>(source_->Find("head")->data))[3] = weight;
    Fake::log().packed_units = 0;
    auto model = Load();
    EXPECT_TRUE(model.ok()) << model.status();
    return *std::move(model);
  };
  EXPECT_FALSE(load(0.25f)->prepared()->weights().is_from_cache());
  const int units = Fake::log().packed_units;
  EXPECT_GT(units, 0);
  EXPECT_TRUE(std::filesystem::exists(folder.path() + "/fake.model.kinglet-packed"));
  EXPECT_TRUE(load(0.25f)->prepared()->weights().is_from_cache());
  EXPECT_EQ(Fake::log().packed_units, 0);
  EXPECT_FALSE(load(0.5f)->prepared()->weights().is_from_cache()) << "stale";
  EXPECT_EQ(Fake::log().packed_units, units);
  EXPECT_TRUE(load(0.5f)->prepared()->weights().is_from_cache()) << "written anew";
}

TEST_F(ModelTest, PackedCacheThatCannotBeWrittenIsNoError) {
  Fake::log().pack_weights = true;
  options_.packed_cache = true;
  source_->path = "/nowhere/at/all";
  const auto model = Load();
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_FALSE((*model)->prepared()->weights().is_from_cache());
}

TEST_F(ModelTest, FingerprintFollowsTheWeights) {
  const auto first = Load();
  source_ = MakeFakeSource();
  const auto same = Load();
  source_ = MakeFakeSource();
  reinterpret_cast<float*>(const_cast<uint8_t*>(source_->Find("head")->data))[3] = 0.5f;
  const auto other = Load();
  ASSERT_TRUE(first.ok() && same.ok() && other.ok());
  EXPECT_EQ((*first)->Fingerprint(), (*same)->Fingerprint());
  EXPECT_NE((*first)->Fingerprint(), (*other)->Fingerprint());
}

}  // namespace
}  // namespace kinglet
