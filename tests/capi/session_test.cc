// Sessions through the C API: limits, rewinding, saving, cancelling, files that vanish.
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "tests/support/kinglet_test.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

constexpr char kHybrid[] = "tests/golden/sigmoid_hybrid.gguf";  // window 8 in six of its eight layers
constexpr char kOther[] = "tests/golden/sigmoid_rope.gguf";
const std::vector<int32_t> kPrompt = {7, 31, 2, 90, 55, 12, 12, 64, 3, 88};

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
}

class SessionTest : public testing::Test {
 protected:
  void SetUp() override {
    runtime_ = MakeRuntime(WithThreads(2));
    ASSERT_NE(runtime_, nullptr);
    model_ = LoadModel(runtime_.get(), kHybrid);
    ASSERT_NE(model_, nullptr);
  }
  Handle<kl_session> NewSession(int32_t context = 64, int32_t batch = 16) {
    return MakeGreedySession(model_.get(), {context, batch});
  }

  TempFolder folder_;
  Handle<kl_runtime> runtime_;
  Handle<kl_model> model_;
  Error error_;
};

TEST_F(SessionTest, IdsOutsideTheVocabularyAreRefused) {
  const Handle<kl_session> session = NewSession();
  for (int32_t wrong : {-1, 96, INT32_MAX, INT32_MIN}) {
    EXPECT_EQ(kl_session_decode(session.get(), wrong, &error_), KL_INVALID_ARGUMENT);
    EXPECT_NE(std::string(error_.message).find(std::to_string(wrong)), std::string::npos) << error_.message;
  }
  EXPECT_EQ(kl_session_position(session.get()), 0);
}

TEST_F(SessionTest, FullContextIsAnErrorAndTheSessionGoesOn) {
  const Handle<kl_session> session = NewSession(12);
  Continue(session.get(), kPrompt, 2);
  EXPECT_EQ(kl_session_decode(session.get(), 1, &error_), KL_FAILED_PRECONDITION);
  EXPECT_NE(std::string(error_.message).find("context"), std::string::npos);
  EXPECT_EQ(kl_session_rewind(session.get(), 0, &error_), KL_OK) << error_.message;
  EXPECT_EQ(kl_session_decode(session.get(), 1, &error_), KL_OK) << error_.message;
}

TEST_F(SessionTest, SamplingWithoutLogitsIsAnError) {
  const Handle<kl_session> session = NewSession();
  int32_t token = 0;
  EXPECT_EQ(kl_session_sample(session.get(), &token, &error_), KL_FAILED_PRECONDITION);
  EXPECT_EQ(kl_session_logits(session.get(), nullptr), nullptr);
}

TEST_F(SessionTest, RewindAndAgainGivesTheSameLogits) {
  const Handle<kl_session> session = NewSession();
  const std::vector<int32_t> first = Continue(session.get(), kPrompt, 5);
  ASSERT_EQ(kl_session_rewind(session.get(), 0, &error_), KL_OK) << error_.message;
  EXPECT_EQ(Continue(session.get(), kPrompt, 5), first);
}

TEST_F(SessionTest, RewindBeyondTheSlidingWindowIsRefused) {
  const Handle<kl_session> session = NewSession(64, 1);
  Continue(session.get(), kPrompt, 30);
  EXPECT_EQ(kl_session_rewind(session.get(), 5, &error_), KL_FAILED_PRECONDITION);
  EXPECT_EQ(kl_session_position(session.get()), 40);
  EXPECT_EQ(kl_session_rewind(session.get(), 41, &error_), KL_INVALID_ARGUMENT);
}

TEST_F(SessionTest, SavedSessionContinuesWithTheSameTokens) {
  const std::string path = folder_.path() + "/session";
  const Handle<kl_session> session = NewSession();
  Continue(session.get(), kPrompt, 20);
  ASSERT_EQ(kl_session_save(session.get(), path.c_str(), &error_), KL_OK) << error_.message;
  const std::vector<int32_t> expected = Continue(session.get(), {5}, 10);

  const Handle<kl_session> restored = NewSession();
  ASSERT_EQ(kl_session_restore(restored.get(), path.c_str(), &error_), KL_OK) << error_.message;
  EXPECT_EQ(kl_session_position(restored.get()), 30);
  size_t count = 0;
  EXPECT_NE(kl_session_logits(restored.get(), &count), nullptr);
  EXPECT_EQ(count, 96u);
  EXPECT_EQ(Continue(restored.get(), {5}, 10), expected);
}

TEST_F(SessionTest, ASavedSessionKeepsTheTypesOfItsCache) {
  const std::string path = folder_.path() + "/session";
  model_ = LoadModel(runtime_.get(), kHybrid, {KL_TYPE_Q8_0, KL_TYPE_F16});
  ASSERT_NE(model_, nullptr);
  const Handle<kl_session> session = NewSession();
  Continue(session.get(), kPrompt, 30);  // past the windows
  ASSERT_EQ(kl_session_save(session.get(), path.c_str(), &error_), KL_OK) << error_.message;
  const std::vector<int32_t> expected = Continue(session.get(), {5}, 10);
  const Handle<kl_session> restored = NewSession(64, 3);
  ASSERT_EQ(kl_session_restore(restored.get(), path.c_str(), &error_), KL_OK) << error_.message;
  EXPECT_EQ(Continue(restored.get(), {5}, 10), expected);

  const Handle<kl_model> other = LoadModel(runtime_.get(), kHybrid, {KL_TYPE_F16, KL_TYPE_Q8_0});
  const Handle<kl_session> refused = MakeGreedySession(other.get(), {64, 16});
  EXPECT_EQ(kl_session_restore(refused.get(), path.c_str(), &error_), KL_FAILED_PRECONDITION);
  EXPECT_NE(std::string(error_.message).find("cache type"), std::string::npos) << error_.message;
  EXPECT_EQ(kl_session_position(refused.get()), 0);
}

// A program built before key_cache_type and value_cache_type sets cache_type alone.
TEST_F(SessionTest, TheTypeOfBothCachesIsThatOfKeysAndValues) {
  const auto cache_bytes = [&](kl_dtype both, kl_dtype keys, kl_dtype values) {
    kl_model_options options = {};
    options.struct_size = sizeof options;
    kl_model_default_options(&options);
    options.cache_type = both;
    options.key_cache_type = keys;
    options.value_cache_type = values;
    if (keys == KL_TYPE_NONE) options.struct_size = offsetof(kl_model_options, key_cache_type);
    kl_model* model = nullptr;
    EXPECT_EQ(kl_model_load(runtime_.get(), kHybrid, &options, &model, &error_), KL_OK) << error_.message;
    const Handle<kl_model> owned(model);
    const Handle<kl_session> session = MakeGreedySession(owned.get(), {64, 16});
    kl_session_info info = {};
    info.struct_size = sizeof info;
    EXPECT_EQ(kl_session_describe(session.get(), &info), KL_OK);
    return info.cache_bytes;
  };
  const uint64_t half = cache_bytes(KL_TYPE_F16, KL_TYPE_NONE, KL_TYPE_NONE);
  const uint64_t single = cache_bytes(KL_TYPE_F32, KL_TYPE_NONE, KL_TYPE_NONE);
  EXPECT_GT(single, half);
  EXPECT_EQ(cache_bytes(KL_TYPE_F32, KL_TYPE_F16, KL_TYPE_F32), half / 2 + single / 2);
  EXPECT_EQ(cache_bytes(KL_TYPE_F16, KL_TYPE_F32, KL_TYPE_F32), single);
}

TEST_F(SessionTest, EveryDamagedByteOfASessionFileIsNoticed) {
  const std::string path = folder_.path() + "/session";
  const Handle<kl_session> session = NewSession(16);
  Continue(session.get(), kPrompt, 1);
  ASSERT_EQ(kl_session_save(session.get(), path.c_str(), &error_), KL_OK) << error_.message;
  const std::string whole = ReadFile(path);
  const Handle<kl_session> target = NewSession(16);
  for (size_t at = 0; at < whole.size(); at += at < 200 ? 1 : 997) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x40);
    std::ofstream(path, std::ios::binary) << damaged;
    EXPECT_NE(kl_session_restore(target.get(), path.c_str(), &error_), KL_OK) << "byte " << at;
    std::ofstream(path, std::ios::binary) << whole.substr(0, at);
    EXPECT_NE(kl_session_restore(target.get(), path.c_str(), &error_), KL_OK) << "cut at " << at;
  }
  EXPECT_EQ(kl_session_position(target.get()), 0);
}

TEST_F(SessionTest, SessionOfAnotherModelIsRefused) {
  const std::string path = folder_.path() + "/session";
  const Handle<kl_model> other = LoadModel(runtime_.get(), kOther);
  const Handle<kl_session> saved = MakeGreedySession(other.get(), {64, 16});
  Continue(saved.get(), kPrompt, 1);
  ASSERT_EQ(kl_session_save(saved.get(), path.c_str(), &error_), KL_OK) << error_.message;
  EXPECT_EQ(kl_session_restore(NewSession().get(), path.c_str(), &error_), KL_FAILED_PRECONDITION);
  EXPECT_NE(std::string(error_.message).find("another model"), std::string::npos) << error_.message;
}

TEST_F(SessionTest, SavingIntoAMissingFolderIsAnError) {
  const Handle<kl_session> session = NewSession();
  EXPECT_EQ(kl_session_save(session.get(), (folder_.path() + "/none/session").c_str(), &error_), KL_NOT_FOUND)
      << error_.message;
}

TEST_F(SessionTest, CancelStopsThePrefillAndKeepsFinishedBatches) {
  const Handle<kl_session> session = NewSession(64, 4);
  const auto cancel_after_first_batch = [](void* user, const char*, uint64_t done, uint64_t) {
    if (done == 4) kl_session_cancel(static_cast<kl_session*>(user));
    return true;
  };
  EXPECT_EQ(kl_session_prefill(session.get(), kPrompt.data(), kPrompt.size(), cancel_after_first_batch, session.get(),
                               &error_),
            KL_CANCELLED);
  EXPECT_EQ(kl_session_position(session.get()), 4);
  EXPECT_EQ(kl_session_decode(session.get(), 1, &error_), KL_OK) << error_.message;
}

TEST_F(SessionTest, ProgressCallbackCanStopThePrefill) {
  const Handle<kl_session> session = NewSession(64, 4);
  const auto stop = [](void*, const char*, uint64_t done, uint64_t) { return done < 8; };
  EXPECT_EQ(kl_session_prefill(session.get(), kPrompt.data(), kPrompt.size(), stop, nullptr, &error_), KL_CANCELLED);
  EXPECT_EQ(kl_session_position(session.get()), 8);
}

TEST_F(SessionTest, SessionsOfOneModelOnManyThreadsDoNotDisturbEachOther) {
  const std::vector<int32_t> expected = Continue(NewSession().get(), kPrompt, 12);
  std::vector<std::vector<int32_t>> answers(4);
  std::vector<std::thread> threads;
  for (auto& answer : answers) {
    threads.emplace_back([this, &answer] { answer = Continue(NewSession().get(), kPrompt, 12); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& answer : answers) EXPECT_EQ(answer, expected);
}

TEST_F(SessionTest, ModelFileCutShortWhileInUseIsAnErrorNotACrash) {
  const std::string path = folder_.Write("model.gguf", ReadFile(kHybrid));
  const Handle<kl_runtime> runtime = MakeReferenceRuntime();
  const Handle<kl_model> model = LoadModel(runtime.get(), path);
  ASSERT_NE(model, nullptr);
  const Handle<kl_session> session = MakeGreedySession(model.get(), {64, 16});
  ASSERT_EQ(truncate(path.c_str(), 0), 0);
  EXPECT_EQ(kl_session_prefill(session.get(), kPrompt.data(), kPrompt.size(), nullptr, nullptr, &error_),
            KL_DATA_CORRUPT);
  EXPECT_NE(std::string(error_.message).find("model.gguf"), std::string::npos) << error_.message;
}

TEST_F(SessionTest, BudgetBelowTheNeedIsRefusedWithTheNumberThatWouldDo) {
  kl_model_options options = {};
  options.struct_size = sizeof options;
  kl_model_default_options(&options);
  options.memory_bytes = 1000;
  kl_model* model = nullptr;
  EXPECT_EQ(kl_model_load(runtime_.get(), kHybrid, &options, &model, &error_), KL_OUT_OF_BUDGET);
  EXPECT_NE(std::string(error_.message).find("1000"), std::string::npos) << error_.message;
}

TEST_F(SessionTest, OptionsOfAnOlderCallerAreReadAsFarAsTheyGo) {
  kl_session_options options = {};
  options.struct_size = offsetof(kl_session_options, batch);  // a caller that knows context_length only
  options.context_length = 24;
  options.batch = -5;  // beyond its struct: not to be read
  kl_session* session = nullptr;
  ASSERT_EQ(kl_session_create(model_.get(), &options, &session, &error_), KL_OK) << error_.message;
  EXPECT_EQ(kl_session_context_length(session), 24);
  kl_session_free(session);
}

}  // namespace
}  // namespace kinglet
