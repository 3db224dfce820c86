// Experts that stay in their file change nothing but time: the same logits, to the last bit, for any budget, policy,
// reader and file; what storage gets wrong is an error that names the place.
#include <cstring>
#include <fstream>

#include "tests/streaming/streamed_model.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

// Said instead of looked up: qemu's own memory, which grows from test to test, would count.
constexpr uint64_t kProgramBytes = 32 << 20;

class StreamingTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    path_ = MakeStreamedModel(folder_.path(), GetParam(), 3);
    runtime_ = MakeRuntime(WithThreads(2));
    smallest_ = SmallestBudget(runtime_.get(), path_, kProgramBytes);
    ASSERT_GT(smallest_, 0u);
    Handle<kl_model> model;
    expected_ = Logits(StreamSettings(), &model);
    ASSERT_FALSE(ExpertStats(model.get()).streamed);
  }

  std::vector<std::vector<float>> Logits(const StreamSettings& settings, Handle<kl_model>* model) {
    Error error;
    EXPECT_EQ(LoadStreamed(runtime_.get(), path_, settings, model, &error), KL_OK) << error.message;
    if (*model == nullptr) return {};
    return AllLogits(MakeStreamedSession(model->get()).get(), StreamedPrompt());
  }

  void ExpectSame(const StreamSettings& settings) {
    Handle<kl_model> model;
    const std::vector<std::vector<float>> logits = Logits(settings, &model);
    ASSERT_NE(model, nullptr);
    const kl_expert_stats stats = ExpertStats(model.get());
    EXPECT_TRUE(stats.streamed);
    EXPECT_GT(stats.miss_count, 0u);
    EXPECT_GT(stats.read_bytes, 0u);
    EXPECT_EQ(stats.prepared, !settings.expert_file.empty()) << stats.description;
    ASSERT_EQ(logits.size(), expected_.size());
    for (size_t t = 0; t < logits.size(); ++t) {
      ASSERT_EQ(memcmp(logits[t].data(), expected_[t].data(), logits[t].size() * sizeof(float)), 0)
          << "token " << t << ", budget " << settings.memory_bytes << ", " << stats.description;
    }
  }

  // The smallest, in which a batch runs in waves of a few experts, and one that holds a layer.
  StreamSettings Tight() const { return Beyond(2 << 20); }
  StreamSettings Roomy() const { return Beyond(40 << 20); }
  StreamSettings Beyond(uint64_t more_bytes) const {
    StreamSettings settings;
    settings.memory_bytes = smallest_ + more_bytes;
    settings.program_bytes = kProgramBytes;
    return settings;
  }
  std::string Prepare() {
    const std::string prepared = folder_.path() + "/prepared";
    Error error;
    uint64_t bytes = 0;
    EXPECT_EQ(kl_model_prepare_experts(runtime_.get(), path_.c_str(), prepared.c_str(), nullptr, nullptr, &bytes, &error),
              KL_OK)
        << error.message;
    return prepared;
  }
  static void FlipByte(const std::string& path, int64_t offset) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(offset);
    const char byte = static_cast<char>(file.get() ^ 0x40);
    file.seekp(offset);
    file.put(byte);
  }

  const TempFolder folder_;
  std::string path_;
  Handle<kl_runtime> runtime_;
  uint64_t smallest_ = 0;
  std::vector<std::vector<float>> expected_;
};

TEST_P(StreamingTest, LogitsAreTheSameForAnyBudget) {
  ExpectSame(Tight());
  ExpectSame(Roomy());
}

TEST_P(StreamingTest, LogitsAreTheSameForAnyPolicyAndReader) {
  for (const char* policy : {"lru", "lfu", "s3fifo"}) {
    StreamSettings settings = Roomy();
    settings.policy = policy;
    ExpectSame(settings);
  }
  // io_uring is the default where it works.
  for (const char* reader : {"pread", "buffered"}) {
    StreamSettings settings = Tight();
    settings.reader = reader;
    settings.prefetch = false;
    ExpectSame(settings);
  }
}

TEST_P(StreamingTest, LogitsAreTheSameFromPreparedExperts) {
  StreamSettings settings = Tight();
  settings.expert_file = Prepare();
  ExpectSame(settings);
}

TEST_P(StreamingTest, ADamagedRecordIsAnErrorNotAToken) {
  StreamSettings settings = Tight();
  settings.expert_file = Prepare();
  // Every record but the last: whichever is read first.
  for (int64_t offset = 4096 + 100; offset < (40 << 20); offset += 64 << 10) FlipByte(settings.expert_file, offset);
  Error error;
  Handle<kl_model> model;
  const kl_code loaded = LoadStreamed(runtime_.get(), path_, settings, &model, &error);
  if (loaded != KL_OK) {
    EXPECT_EQ(loaded, KL_DATA_CORRUPT) << error.message;  // a file so small that its index was hit
    return;
  }
  const Handle<kl_session> session = MakeStreamedSession(model.get());
  const std::vector<int32_t> tokens = StreamedPrompt();
  EXPECT_EQ(kl_session_prefill(session.get(), tokens.data(), tokens.size(), nullptr, nullptr, &error), KL_DATA_CORRUPT);
  EXPECT_NE(std::string(error.message).find("prepared"), std::string::npos) << error.message;
}

TEST_P(StreamingTest, ExpertsOfAnotherModelAreRefused) {
  StreamSettings settings = Tight();
  settings.expert_file = path_;
  Error error;
  Handle<kl_model> model;
  EXPECT_EQ(LoadStreamed(runtime_.get(), path_, settings, &model, &error), KL_DATA_CORRUPT);
  EXPECT_NE(std::string(error.message).find("prepared experts"), std::string::npos) << error.message;
  settings.expert_file = folder_.path() + "/nothing";
  EXPECT_EQ(LoadStreamed(runtime_.get(), path_, settings, &model, &error), KL_NOT_FOUND);
}

// A type whose experts are packed, one that is used as it is in the file, one with mixed layouts.
INSTANTIATE_TEST_SUITE_P(Types, StreamingTest, testing::Values("q4_0", "q8_0", "f16"));

}  // namespace
}  // namespace kinglet
