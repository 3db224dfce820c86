// A profile of expert use pins the hottest experts in the cache, and changes no token.
#include <cstring>

#include "tests/streaming/streamed_model.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

constexpr uint32_t kLayers = 3, kExperts = 16;

class ProfileTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = MakeStreamedModel(folder_.path(), "q4_0", kLayers);
    runtime_ = MakeRuntime(WithThreads(2));
    settings_.prefetch = false;
  }

  // With room for most experts. A budget covers the process, which grows from model to model.
  Handle<kl_model> LoadRoomy() {
    StreamSettings settings = settings_;
    settings.memory_bytes = SmallestBudget(runtime_.get(), path_) + (50 << 20);
    return Load(settings);
  }
  Handle<kl_model> Load(const StreamSettings& settings) {
    Error error;
    Handle<kl_model> model;
    EXPECT_EQ(LoadStreamed(runtime_.get(), path_, settings, &model, &error), KL_OK) << error.message;
    return model;
  }

  // How often each expert is chosen for the test's prompt.
  void Count(kl_model* model) {
    counts_.assign(kLayers * kExperts, 0);
    const Handle<kl_session> session = MakeStreamedSession(model);
    Error error;
    const auto add = [](void* user, const kl_routing* routing) {
      ProfileTest& self = *static_cast<ProfileTest*>(user);
      ASSERT_EQ(routing->layer_count, kLayers);
      ASSERT_EQ(routing->expert_count, kExperts);
      self.token_count_ += routing->token_count;
      for (size_t i = 0; i < routing->token_count * kLayers * routing->place_count; ++i) {
        const size_t layer = i / routing->place_count % kLayers;
        if (routing->experts[i] != 0xffff) ++self.counts_[layer * kExperts + routing->experts[i]];
      }
    };
    ASSERT_EQ(kl_session_watch_routing(session.get(), add, this, &error), KL_OK) << error.message;
    Continue(session.get(), StreamedPrompt(), 10);
  }

  std::string WriteProfile(uint64_t fingerprint) {
    const std::string path = folder_.path() + "/profile";
    kl_expert_use use = {};
    use.struct_size = sizeof use;
    use.layer_count = kLayers;
    use.expert_count = kExperts;
    use.model = "streamed";
    use.fingerprint = fingerprint;
    use.token_count = token_count_;
    use.counts = counts_.data();
    Error error;
    EXPECT_EQ(kl_expert_profile_write(path.c_str(), &use, &error), KL_OK) << error.message;
    return path;
  }

  const TempFolder folder_;
  std::string path_;
  Handle<kl_runtime> runtime_;
  StreamSettings settings_;
  std::vector<uint64_t> counts_;
  uint64_t token_count_ = 0;
};

TEST_F(ProfileTest, HotExpertsArePinnedAndTokensStayTheSame) {
  const Handle<kl_model> plain = LoadRoomy();
  Count(plain.get());
  EXPECT_EQ(ExpertStats(plain.get()).pinned_count, 0u);
  settings_.expert_profile = WriteProfile(kl_model_fingerprint(plain.get()));
  const Handle<kl_model> pinned = LoadRoomy();
  const kl_expert_stats before = ExpertStats(pinned.get());
  EXPECT_TRUE(before.streamed);
  EXPECT_GT(before.pinned_count, 0u);
  EXPECT_GE(before.slot_count - before.pinned_count, 2 * kExperts);
  const auto expected = AllLogits(MakeStreamedSession(plain.get()).get(), StreamedPrompt());
  const auto logits = AllLogits(MakeStreamedSession(pinned.get()).get(), StreamedPrompt());
  ASSERT_EQ(logits.size(), expected.size());
  for (size_t t = 0; t < logits.size(); ++t) {
    ASSERT_EQ(memcmp(logits[t].data(), expected[t].data(), logits[t].size() * sizeof(float)), 0) << "token " << t;
  }
  EXPECT_GT(ExpertStats(pinned.get()).pinned_count, 0u);  // the session took its part of the memory
}

TEST_F(ProfileTest, PinsGiveWayToASession) {
  const Handle<kl_model> plain = LoadRoomy();
  Count(plain.get());
  settings_.expert_profile = WriteProfile(kl_model_fingerprint(plain.get()));
  const Handle<kl_model> model = LoadRoomy();
  const uint64_t pinned = ExpertStats(model.get()).pinned_count;
  // Sessions take memory from the cache until two layers no longer fit beside the pins.
  std::vector<Handle<kl_session>> sessions;
  for (int i = 0; i < 100 && ExpertStats(model.get()).slot_count > 20; ++i) {
    sessions.push_back(MakeStreamedSession(model.get()));
    ASSERT_NE(sessions.back(), nullptr);
  }
  EXPECT_LT(ExpertStats(model.get()).pinned_count, pinned);
  const auto tokens = Continue(sessions.back().get(), StreamedPrompt(), 10);
  sessions.clear();
  const Handle<kl_session> last = MakeStreamedSession(model.get());
  EXPECT_EQ(Continue(last.get(), StreamedPrompt(), 10), tokens);
  // The session has taken its part again; the rest is the cache's.
  EXPECT_GT(ExpertStats(model.get()).pinned_count, 0u);
}

TEST_F(ProfileTest, AnotherModelsProfileIsRefused) {
  const Handle<kl_model> plain = LoadRoomy();
  Count(plain.get());
  settings_.expert_profile = WriteProfile(kl_model_fingerprint(plain.get()) ^ 1);
  Error error;
  Handle<kl_model> model;
  EXPECT_EQ(LoadStreamed(runtime_.get(), path_, settings_, &model, &error), KL_FAILED_PRECONDITION);
  EXPECT_NE(std::string(error.message).find("another model"), std::string::npos) << error.message;
  // With everything in memory as well, where nothing has to be pinned.
  EXPECT_EQ(LoadStreamed(runtime_.get(), path_, settings_, &model, &error), KL_FAILED_PRECONDITION);
  settings_.expert_profile = path_;
  EXPECT_EQ(LoadStreamed(runtime_.get(), path_, settings_, &model, &error), KL_DATA_CORRUPT);
  settings_.expert_profile = folder_.path() + "/none";
  EXPECT_EQ(LoadStreamed(runtime_.get(), path_, settings_, &model, &error), KL_NOT_FOUND);
}

TEST_F(ProfileTest, TheSameFingerprintHoweverItIsLoaded) {
  const Handle<kl_model> streamed = LoadRoomy();
  const Handle<kl_model> whole = Load(StreamSettings());
  EXPECT_EQ(kl_model_fingerprint(streamed.get()), kl_model_fingerprint(whole.get()));
  EXPECT_NE(kl_model_fingerprint(whole.get()), 0u);
}

}  // namespace
}  // namespace kinglet
