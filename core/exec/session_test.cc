#include "core/exec/session.h"

#include <fstream>
#include <iterator>

#include "core/base/checksum.h"
#include "core/base/status.h"
#include "core/exec/fake_plugin.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Ids 0 .. 11; after id t the fake model says t + 1. "é" is spelled by two byte tokens, 11 ends.
VocabularyData Vocabulary() {
  VocabularyData data;
  data.model = "llama";
  data.tokens = {"<unk>", "a", "b", "<0xC3>", "<0xA9>", "c", "d", "e", "f", "g", "h", "</s>"};
  data.scores.assign(data.tokens.size(), 0.0f);
  data.kinds = {2, 1, 1, 6, 6, 1, 1, 1, 1, 1, 1, 3};
  data.unknown_id = 0;
  data.eos_id = 11;
  return data;
}

class SessionTest : public testing::Test {
 protected:
  SessionTest() : runtime_(MakeFakeRuntime(plugin_)) {
    auto source = MakeFakeSource(12);
    source->vocabulary = Vocabulary();
    model_ = std::move(Model::Load(runtime_.get(), std::move(source), {})).value();
    options_.sampler.temperature = 0;
    options_.batch = 4;
  }
  std::unique_ptr<Session> NewSession() {
    auto session = Session::Create(model_.get(), options_);
    EXPECT_TRUE(session.ok()) << session.status();
    return session.ok() ? *std::move(session) : nullptr;
  }
  // Generates from `first` on; the pieces of text go to pieces_.
  absl::StatusOr<Generation> Generate(Session* session, int32_t first, int64_t most) {
    KL_RETURN_IF_ERROR(session->Prefill({&first, 1}, nullptr));
    return session->Generate(most, [this](absl::string_view piece) {
      pieces_.emplace_back(piece);
      return true;
    });
  }

  FakePlugin plugin_;
  std::unique_ptr<Runtime> runtime_;
  std::unique_ptr<Model> model_;
  SessionOptions options_;
  std::vector<std::string> pieces_;
};

TEST_F(SessionTest, PrefillGoesInBatchesAndOnlyTheLastMakesLogits) {
  const auto session = NewSession();
  std::vector<uint64_t> progress;
  const std::vector<int32_t> tokens = {1, 2, 3, 4, 5, 6, 7, 8, 9, 3};
  ASSERT_TRUE(session->Prefill(tokens, [&](const char*, uint64_t done, uint64_t) {
                       progress.push_back(done);
                       return true;
                     }).ok());
  EXPECT_THAT(Fake::log().run_rows, ElementsAre(4, 4, 2));
  EXPECT_THAT(progress, ElementsAre(0, 4, 8, 10));
  EXPECT_EQ(std::count(Fake::log().ran.begin(), Fake::log().ran.end(), "fake_matmul"), 1);
  EXPECT_EQ(session->tokens(), tokens);
  ASSERT_EQ(session->Logits()->size(), 12u);
  EXPECT_EQ(*session->Sample(), 4);
}

TEST_F(SessionTest, LogitsOfEveryTokenComeInOrder) {
  const auto session = NewSession();
  std::vector<size_t> indices, best;
  ASSERT_TRUE(session->PrefillLogits({5, 1, 7, 7, 2, 9}, [&](size_t index, absl::Span<const float> logits) {
                       indices.push_back(index);
                       best.push_back(std::max_element(logits.begin(), logits.end()) - logits.begin());
                       return true;
                     }).ok());
  EXPECT_THAT(indices, ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(best, ElementsAre(6, 2, 8, 8, 3, 10));
}

TEST_F(SessionTest, IdsOutsideTheVocabularyComputeNothing) {
  const auto session = NewSession();
  for (int32_t wrong : {-1, 12}) {
    EXPECT_EQ(CodeFromStatus(session->Prefill({1, wrong}, nullptr)), KL_INVALID_ARGUMENT);
  }
  EXPECT_EQ(session->position(), 0);
  EXPECT_TRUE(Fake::log().ran.empty());
}

TEST_F(SessionTest, GenerateStopsAtTheEndTokenAndLeavesItOut) {
  const auto session = NewSession();
  const auto result = Generate(session.get(), 7, -1);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->stop, StopReason::kEndToken);
  EXPECT_EQ(result->token_count, 3u);
  EXPECT_THAT(pieces_, ElementsAre("f", "g", "h"));
  EXPECT_EQ(session->tokens(), (std::vector<int32_t>{7, 8, 9, 10}));
}

TEST_F(SessionTest, GenerateStopsAtTheLength) {
  const auto session = NewSession();
  const auto result = Generate(session.get(), 5, 2);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->stop, StopReason::kLength);
  EXPECT_EQ(result->token_count, 2u);
  EXPECT_EQ(session->position(), 3);
  EXPECT_EQ(session->Generate(0, nullptr)->stop, StopReason::kLength);
}

TEST_F(SessionTest, GenerateStopsAtTheEndOfTheContext) {
  options_.context_length = 3;
  const auto session = NewSession();
  const auto result = Generate(session.get(), 5, -1);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->stop, StopReason::kContext);
  EXPECT_EQ(session->position(), 3);
  EXPECT_THAT(pieces_, ElementsAre("d", "e", "f")) << "the last one was sampled, but has no room";
}

TEST_F(SessionTest, GenerateStopsWhenTheCallbackHasEnough) {
  const auto session = NewSession();
  ASSERT_TRUE(session->Prefill({5}, nullptr).ok());
  int calls = 0;
  const auto result = session->Generate(-1, [&](absl::string_view) { return ++calls < 2; });
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->stop, StopReason::kCallback);
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(session->tokens(), (std::vector<int32_t>{5, 6, 7})) << "what was handed out is in the session";
}

TEST_F(SessionTest, GenerateStopsWhenItIsCancelledAndTheSessionGoesOn) {
  const auto session = NewSession();
  ASSERT_TRUE(session->Prefill({5}, nullptr).ok());
  const auto result = session->Generate(-1, [&](absl::string_view) {
    session->Cancel();
    return true;
  });
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->stop, StopReason::kCancelled);
  EXPECT_TRUE(session->Prefill({6}, nullptr).ok()) << "no effect on later calls";
  EXPECT_EQ(*session->Sample(), 7);
}

TEST_F(SessionTest, CharactersOfSeveralTokensComeWhole) {
  const auto session = NewSession();
  ASSERT_TRUE(Generate(session.get(), 1, 4).ok());
  EXPECT_THAT(pieces_, ElementsAre("b", "\xC3\xA9", "c"));
}

TEST_F(SessionTest, CharacterThatIsCutOffComesAsAReplacement) {
  const auto session = NewSession();
  ASSERT_TRUE(Generate(session.get(), 2, 1).ok());
  EXPECT_THAT(pieces_, ElementsAre("\xEF\xBF\xBD"));
}

TEST_F(SessionTest, WithoutLogitsThereIsNothingToSample) {
  const auto session = NewSession();
  EXPECT_EQ(CodeFromStatus(session->Generate(-1, nullptr).status()), KL_FAILED_PRECONDITION);
  ASSERT_TRUE(session->Prefill({1, 2}, nullptr).ok());
  ASSERT_TRUE(session->Rewind(1).ok());
  EXPECT_TRUE(session->Logits()->empty());
  EXPECT_EQ(CodeFromStatus(session->Sample().status()), KL_FAILED_PRECONDITION);
}

TEST_F(SessionTest, ModelWithoutATokenizerCannotGenerateText) {
  const auto model = std::move(Model::Load(runtime_.get(), MakeFakeSource(12), {})).value();
  const auto session = std::move(Session::Create(model.get(), options_)).value();
  ASSERT_TRUE(session->Prefill({1}, nullptr).ok());
  EXPECT_THAT(std::string(session->Generate(1, nullptr).status().message()), HasSubstr("no tokenizer"));
  EXPECT_EQ(*session->Sample(), 2);
}

TEST_F(SessionTest, SizesThatMakeNoSenseAreRefused) {
  options_.batch = 0;
  EXPECT_EQ(CodeFromStatus(Session::Create(model_.get(), options_).status()), KL_INVALID_ARGUMENT);
  options_.batch = 4;
  options_.context_length = -1;
  EXPECT_EQ(CodeFromStatus(Session::Create(model_.get(), options_).status()), KL_INVALID_ARGUMENT);
}

TEST_F(SessionTest, BatchLargerThanTheContextIsCutToIt) {
  options_.batch = 1000000;
  options_.context_length = 5;
  const auto session = NewSession();
  ASSERT_TRUE(session->Prefill({1, 2, 3, 4, 5}, nullptr).ok());
  EXPECT_THAT(Fake::log().run_rows, ElementsAre(5));
}

TEST_F(SessionTest, RestoreThatTheSamplerRefusesChangesNothing) {
  const TempFolder folder;
  const std::string path = folder.path() + "/session";
  {
    const auto saved = NewSession();
    ASSERT_TRUE(saved->Prefill({1, 2, 3}, nullptr).ok());
    ASSERT_TRUE(saved->Save(path).ok());
  }
  // The generator's state, the header's last 32 bytes, becomes zero: whole by its checksum, but no state.
  std::ifstream in(path, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  uint32_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data() + 12, sizeof header_bytes);
  ASSERT_GT(bytes.size(), header_bytes);
  std::memset(&bytes[header_bytes - sizeof(RandomGenerator::State)], 0, sizeof(RandomGenerator::State));
  const uint64_t sum = ChecksumOf(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size() - 8);
  std::memcpy(&bytes[bytes.size() - 8], &sum, sizeof sum);
  std::ofstream(path, std::ios::binary) << bytes;

  const auto session = NewSession();
  ASSERT_TRUE(session->Prefill({7, 8}, nullptr).ok());
  const absl::Status status = session->Restore(path);
  EXPECT_EQ(CodeFromStatus(status), KL_INVALID_ARGUMENT) << status;
  EXPECT_EQ(session->tokens(), (std::vector<int32_t>{7, 8}));
  EXPECT_EQ(*session->Sample(), 9);
  EXPECT_TRUE(session->Prefill({1}, nullptr).ok());
}

}  // namespace
}  // namespace kinglet
