// What storage does wrong under a whole model: a read that is tried again, or an error that says
// what and where; never a wrong token. After an error the session goes on where it was.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "core/base/status.h"
#include "core/exec/session.h"
#include "loaders/registry.h"
#include "tests/fault/faulty_storage.h"
#include "tests/streaming/streamed_model.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

using record_bank::Fault;

constexpr int kTokens = 40;
constexpr int kTokensBeforeGuesses = 30;  // the predictor believes nothing that it has not seen some times

Fault Error(int error) {
  Fault fault;
  fault.error = error;
  return fault;
}

Fault Short(int64_t bytes) {
  Fault fault;
  fault.most_bytes = bytes;
  return fault;
}

Fault Flip() {
  Fault fault;
  fault.flip_bit = true;
  return fault;
}

class FaultTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = MakeModel();
    const Handle<kl_runtime> runtime = MakeRuntime(WithThreads(2));
    prompt_ = StreamedPrompt();
    Handle<kl_model> model;
    kinglet::Error error;
    ASSERT_EQ(LoadStreamed(runtime.get(), path_, StreamSettings(), &model, &error), KL_OK)
        << error.message;
    expected_ = Continue(MakeStreamedSession(model.get()).get(), prompt_, kTokens);
    ASSERT_EQ(expected_.size(), size_t{kTokens});
  }

  virtual std::string MakeModel() const { return MakeStreamedModel(folder_.path(), "q4_0", 3); }

  std::string Prepare() {
    const std::string prepared = folder_.path() + "/prepared";
    const Handle<kl_runtime> runtime = MakeRuntime(WithThreads(2));
    kinglet::Error error;
    uint64_t bytes = 0;
    EXPECT_EQ(kl_model_prepare_experts(runtime.get(), path_.c_str(), prepared.c_str(), nullptr,
                                       nullptr, &bytes, &error),
              KL_OK)
        << error.message;
    return prepared;
  }

  absl::StatusOr<std::unique_ptr<Model>> TryLoad(uint64_t memory_bytes,
                                                 const std::string& expert_file = "") {
    ModelOptions options;
    options.memory_bytes = memory_bytes;
    options.session_context_length = kStreamedContext;
    options.session_batch = 32;
    options.expert_file = expert_file;
    auto source = LoadSource(path_, AllLoaders());
    if (!source.ok()) return source.status();
    return Model::Load(storage_.runtime(), *std::move(source), options);
  }
  // As this process is now.
  uint64_t SmallestBudgetNow() {
    const std::string refused(TryLoad(1 << 20).status().message());
    const std::string before = "smallest budget that works is ";
    const size_t at = refused.find(before);
    EXPECT_NE(at, std::string::npos) << refused;
    return at == std::string::npos
               ? 0
               : std::strtoull(refused.c_str() + at + before.size(), nullptr, 10);
  }
  // A handful of slots: nearly every expert is read each time.
  void Load(const std::string& expert_file = "") {
    auto model = TryLoad(SmallestBudgetNow() + (1 << 20), expert_file);
    ASSERT_TRUE(model.ok()) << model.status();
    model_ = *std::move(model);
    ASSERT_NE(model_->experts(), nullptr);
    ASSERT_LE(Stats().slot_count, 12u) << "too many of 48 experts would be in memory";
    ASSERT_NE(storage_.disk(), nullptr);
    NewSession();
  }
  void NewSession() {
    SessionOptions options;
    options.context_length = kStreamedContext;
    options.batch = 32;
    options.sampler.temperature = 0;
    auto session = Session::Create(model_.get(), options);
    ASSERT_TRUE(session.ok()) << session.status();
    session_ = *std::move(session);
  }

  absl::Status Prefill() { return session_->Prefill(Rest(), nullptr); }
  // Of the prompt, what is not computed yet.
  absl::Span<const int32_t> Rest() const {
    return absl::MakeConstSpan(prompt_).subspan(static_cast<size_t>(session_->position()));
  }
  absl::Status Decode(int32_t token) { return session_->Prefill({&token, 1}, nullptr); }
  // Goes on from wherever the session is, without faults.
  void ExpectTheRightTokens() {
    if (static_cast<size_t>(session_->position()) < prompt_.size()) {
      const absl::Status status = Prefill();
      ASSERT_TRUE(status.ok()) << status;
    }
    while (Decoded() < expected_.size() && !HasFailure()) ExpectTheNextToken();
    EXPECT_EQ(Stats().leased_count, 0u);
  }
  size_t Decoded() const { return static_cast<size_t>(session_->position()) - prompt_.size(); }
  void ExpectTheNextToken() {
    const size_t at = Decoded();
    const auto token = session_->Sample();
    ASSERT_TRUE(token.ok()) << token.status();
    ASSERT_EQ(*token, expected_[at]) << "token " << at;
    const absl::Status status = Decode(*token);
    ASSERT_TRUE(status.ok()) << status;
  }
  kl_bank_stats Stats() const { return model_->experts()->bank()->Stats(); }

  // What the C API would say: cut to the length of a kl_error.
  static void ExpectError(const absl::Status& status, kl_code code,
                          const std::vector<std::string>& texts) {
    kl_error error = EmptyError();
    EXPECT_EQ(FillError(status, &error), code) << status;
    for (const std::string& text : texts) {
      EXPECT_NE(std::string(error.message).find(text), std::string::npos)
          << "expected " << text << " in: " << error.message;
    }
  }
  // What was begun while the disk was ill fails yet, and whoever asks for it meanwhile with it.
  void Heal() {
    EXPECT_TRUE(Within10Seconds([this] { return Stats().pending_count == 0; }));
    storage_.disk()->Always(Fault());
  }
  template <typename Condition>
  static bool Within10Seconds(const Condition& condition) {
    for (int i = 0; i < 10000 && !condition(); ++i) usleep(1000);
    return condition();
  }

  const TempFolder folder_;
  std::string path_;
  std::vector<int32_t> prompt_;
  std::vector<int32_t> expected_;
  FaultyStorage storage_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<Session> session_;
};

TEST_F(FaultTest, FaultsThatPassChangeNoToken) {
  Load();
  // Of failures that a read may have once, one a script: nobody knows which reads they meet.
  storage_.disk()->Script(
      {Error(EIO), Error(EAGAIN), Short(4096), Error(EINTR), Short(8191), Fault(), Short(70000)});
  const absl::Status status = Prefill();
  ASSERT_TRUE(status.ok()) << status;
  for (const Fault& fault : {Short(100), Error(EIO), Error(EAGAIN), Short(4095)}) {
    storage_.disk()->Script({fault, Error(EINTR), Short(12288), Error(EAGAIN)});
    ExpectTheNextToken();
  }
  ExpectTheRightTokens();
  EXPECT_GE(Stats().retry_count, 20u);
  EXPECT_EQ(Stats().failed_count, 0u);
}

TEST_F(FaultTest, AFailingDiskStopsThePromptAndTheSessionGoesOnWhenItIsWell) {
  Load();
  storage_.disk()->Always(Error(EIO));
  const absl::Status failed = Prefill();
  ExpectError(failed, KL_IO_ERROR, {"node blk.", "record ", "offset ", "Input/output error"});
  EXPECT_EQ(session_->position(), 0);
  EXPECT_EQ(Stats().leased_count, 0u);
  ExpectError(Prefill(), KL_IO_ERROR, {"Input/output error"});
  Heal();
  ExpectTheRightTokens();
}

TEST_F(FaultTest, AFailureBetweenTokensLosesNone) {
  Load();
  ASSERT_TRUE(Prefill().ok());
  for (int i = 0; i < 4; ++i) ExpectTheNextToken();
  const auto token = session_->Sample();
  ASSERT_TRUE(token.ok()) << token.status();
  storage_.disk()->Always(Error(EIO));
  const int32_t before = session_->position();
  ExpectError(Decode(*token), KL_IO_ERROR, {"Input/output error"});
  EXPECT_EQ(session_->position(), before);
  EXPECT_FALSE(session_->Sample().ok()) << "logits of a token that was not computed";
  Heal();
  ASSERT_TRUE(Decode(*token).ok());
  ExpectTheRightTokens();
}

TEST_F(FaultTest, RandomFaultsGiveErrorsAndNeverOtherTokens) {
  Load(Prepare());
  uint64_t state = 7;
  const auto random = [&state](uint64_t below) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (state >> 33) % below;
  };
  const auto script = [&] {
    std::vector<Fault> faults(random(12));
    for (Fault& fault : faults) {
      const uint64_t kind = random(4);
      if (kind == 0) fault = Error(random(3) == 0 ? EAGAIN : EIO);
      if (kind == 1) fault = Short(static_cast<int64_t>(random(2000000)));
      if (kind == 2) fault = Flip();
    }
    storage_.disk()->Script(faults);
  };
  int failures = 0;
  for (int rounds = 0; Decoded() < expected_.size() || session_->position() == 0; ++rounds) {
    ASSERT_LT(rounds, 1000);
    script();
    absl::Status status;
    if (static_cast<size_t>(session_->position()) < prompt_.size()) {
      status = Prefill();
    } else {
      status = Decode(expected_[Decoded()]);
    }
    if (!status.ok()) {
      ++failures;
      const kl_code code = CodeFromStatus(status);
      EXPECT_TRUE(code == KL_IO_ERROR || code == KL_DATA_CORRUPT) << status;
      continue;
    }
    storage_.disk()->Script({});
    const auto token = session_->Sample();
    ASSERT_TRUE(token.ok()) << token.status();
    if (Decoded() < expected_.size()) {
      ASSERT_EQ(*token, expected_[Decoded()]) << "token " << Decoded();
    }
  }
  EXPECT_GT(failures, 0) << "no fault was hard enough";
  EXPECT_EQ(Stats().leased_count, 0u);
}

TEST_F(FaultTest, AWrongChecksumIsReadAgainOnceThenNamed) {
  const std::string prepared = Prepare();
  Load(prepared);
  storage_.disk()->Script({Flip(), Fault(), Flip()});
  ASSERT_TRUE(Prefill().ok());
  EXPECT_GE(Stats().checksum_failure_count, 1u);
  storage_.disk()->Always(Flip());
  ExpectError(Decode(expected_[0]), KL_DATA_CORRUPT,
              {"checksum", "prepared", "the file is damaged"});
  Heal();
  ASSERT_TRUE(Decode(expected_[0]).ok());
  ExpectTheRightTokens();
}

TEST_F(FaultTest, ATruncatedModelSaysToLoadItAgainEachTime) {
  Load();
  ASSERT_TRUE(Prefill().ok());
  ASSERT_EQ(truncate(path_.c_str(), static_cast<off_t>(std::filesystem::file_size(path_) / 2)), 0);
  for (int i = 0; i < 3; ++i) {
    const absl::Status status = Decode(expected_[0]);
    ExpectError(status, KL_DATA_CORRUPT, {});
    EXPECT_TRUE(status.message().find("oad the model again") != std::string::npos ||
                status.message().find("oad it again") != std::string::npos)
        << status;
    EXPECT_EQ(Decoded(), 0u);
  }
}

TEST_F(FaultTest, ATruncatedPreparedFileIsNamed) {
  const std::string prepared = Prepare();
  Load(prepared);
  ASSERT_TRUE(Prefill().ok());
  ASSERT_EQ(truncate(prepared.c_str(), 4096), 0);
  ExpectError(Decode(expected_[0]), KL_DATA_CORRUPT, {"prepared", "has 4096 bytes, and had"});
}

TEST_F(FaultTest, AModelThatIsReplacedIsReadOn) {
  Load();
  ASSERT_TRUE(Prefill().ok());
  const std::string other = folder_.Write("other", "another file");
  ASSERT_EQ(rename(other.c_str(), path_.c_str()), 0);
  ExpectTheRightTokens();
}

TEST_F(FaultTest, AModelThatIsWrittenToIsNotUsedOn) {
  Load();
  ASSERT_TRUE(Prefill().ok());
  usleep(20000);  // the clock that files are stamped with has ticks
  FILE* file = fopen(path_.c_str(), "r+b");
  ASSERT_NE(file, nullptr);
  fseek(file, -100, SEEK_END);
  fputs("other weights", file);
  fclose(file);
  ExpectError(Decode(expected_[0]), KL_DATA_CORRUPT,
              {"was written to since it was opened", "load the model again"});
}

TEST_F(FaultTest, APreparedFileThatIsWrittenToIsCheckedRecordByRecord) {
  const std::string prepared = Prepare();
  Load(prepared);
  usleep(20000);
  ASSERT_EQ(utimensat(AT_FDCWD, prepared.c_str(), nullptr, 0), 0);
  ExpectTheRightTokens();  // the bytes are right
}

TEST_F(FaultTest, ADiskThatHangsForAWhileOnlyTakesTime) {
  Load();
  ASSERT_TRUE(Prefill().ok());
  storage_.disk()->Hold();
  std::thread disk([this] {
    EXPECT_TRUE(Within10Seconds([this] { return storage_.disk()->waiting() > 0; }));
    usleep(1500000);
    storage_.disk()->LetAll();
  });
  const uint64_t stall_before = Stats().stall_ns;
  ExpectTheRightTokens();
  disk.join();
  EXPECT_GT(Stats().stall_ns - stall_before, 1000000000u);
}

TEST_F(FaultTest, CancellingWhileTheDiskHangsReturnsAtOnce) {
  Load();
  ASSERT_TRUE(Prefill().ok());
  storage_.disk()->Hold();
  absl::Status status;
  std::thread decoding([&] { status = Decode(expected_[0]); });
  ASSERT_TRUE(Within10Seconds([this] { return storage_.disk()->waiting() > 0; }));
  const auto begin = std::chrono::steady_clock::now();
  session_->Cancel();
  decoding.join();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
  ExpectError(status, KL_CANCELLED, {"cancelled"});
  EXPECT_EQ(Decoded(), 0u);
  EXPECT_EQ(Stats().leased_count, 0u);
  // Another session of the model waits for the same disk, and gets what was asked for meanwhile.
  storage_.disk()->LetAll();
  ASSERT_TRUE(Decode(expected_[0]).ok());
  ExpectTheRightTokens();
}

TEST_F(FaultTest, CancellingInTheMiddleOfAPrefetchHarmsNobody) {
  Load();
  ASSERT_TRUE(Prefill().ok());
  // Enough tokens for the predictor to begin guessing; then the reads of one are let through one by
  // one, guesses among them.
  for (int i = 0; i < kTokensBeforeGuesses; ++i) ExpectTheNextToken();
  for (int let = 0; let < 6; ++let) {
    EXPECT_TRUE(Within10Seconds([this] { return Stats().pending_count == 0; }));
    storage_.disk()->Hold();
    storage_.disk()->Let(let);
    absl::Status status;
    std::atomic<bool> done{false};
    std::thread decoding([&] {
      status = Decode(expected_[kTokensBeforeGuesses]);
      done = true;
    });
    EXPECT_TRUE(Within10Seconds([&] { return storage_.disk()->waiting() > 0 || done; }));
    session_->Cancel();
    decoding.join();
    storage_.disk()->LetAll();
    if (status.ok()) break;  // that was all that the token reads
    ExpectError(status, KL_CANCELLED, {});
    EXPECT_EQ(Decoded(), size_t{kTokensBeforeGuesses});
    EXPECT_EQ(Stats().leased_count, 0u);
  }
  EXPECT_GT(Stats().prefetch_count + Stats().dropped_prefetch_count, 0u) << "nothing was guessed";
  if (Decoded() == kTokensBeforeGuesses) {
    ASSERT_TRUE(Decode(expected_[kTokensBeforeGuesses]).ok());
  }
  ExpectTheRightTokens();
}

TEST_F(FaultTest, AModelIsFreedWhileReadsAreUnderWay) {
  Load();
  ASSERT_TRUE(Prefill().ok());
  storage_.disk()->Hold();
  std::thread decoding([this] { ExpectError(Decode(expected_[0]), KL_CANCELLED, {}); });
  ASSERT_TRUE(Within10Seconds([this] { return storage_.disk()->waiting() > 0; }));
  session_->Cancel();
  decoding.join();
  session_.reset();
  std::thread disk([reader = storage_.disk()] {
    usleep(100000);
    reader->LetAll();
  });
  model_.reset();  // waits for the reads that have begun
  disk.join();
}

TEST_F(FaultTest, AStorageWithoutResourcesIsAnErrorAfterAWhile) {
  Load();
  storage_.disk()->Always(Error(EAGAIN));
  ExpectError(Prefill(), KL_IO_ERROR, {"no resources for the read (EAGAIN)"});
  Heal();  // what was begun ends within the same second
  ExpectTheRightTokens();
}

TEST_F(FaultTest, ABudgetBelowTheMinimumLeavesTheRuntimeUsable) {
  for (const uint64_t bytes : {uint64_t{1}, uint64_t{1} << 20, SmallestBudgetNow() - (8 << 20)}) {
    ExpectError(TryLoad(bytes).status(), KL_OUT_OF_BUDGET, {"the smallest budget that works is "});
  }
  Load();
  ExpectTheRightTokens();
}

TEST_F(FaultTest, TwoSessionsFailTogetherAndGoOnTogether) {
  Load();
  ASSERT_TRUE(Prefill().ok());
  std::unique_ptr<Session> first = std::move(session_);
  NewSession();
  ASSERT_TRUE(Prefill().ok());
  storage_.disk()->Always(Error(EIO));
  EXPECT_EQ(CodeFromStatus(Decode(expected_[0])), KL_IO_ERROR);
  std::swap(first, session_);
  EXPECT_EQ(CodeFromStatus(Decode(expected_[0])), KL_IO_ERROR);
  Heal();
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(Decode(expected_[0]).ok());
    ExpectTheRightTokens();
    std::swap(first, session_);
  }
}

// Attention weights and the head are streamed as well.
class WeightFaultTest : public FaultTest {
 protected:
  std::string MakeModel() const override {
    return MakeLargeWeightsModel(folder_.path(), "q4_0", /*dense=*/false);
  }
  void LoadStreamed() {
    Load();
    ASSERT_NE(model_, nullptr);
    ASSERT_NE(model_->weight_stream(), nullptr);
    ASSERT_NE(storage_.weight_disk(), nullptr);
  }
  kl_bank_stats WeightStats() const { return model_->weight_stream()->bank()->Stats(); }
  void HealWeights() {
    EXPECT_TRUE(Within10Seconds([this] { return WeightStats().pending_count == 0; }));
    storage_.weight_disk()->Always(Fault());
  }
};

TEST_F(WeightFaultTest, FaultsThatPassChangeNoToken) {
  LoadStreamed();
  storage_.weight_disk()->Script({Error(EIO), Error(EAGAIN), Short(4096), Error(EINTR)});
  ASSERT_TRUE(Prefill().ok());
  storage_.weight_disk()->Script({Short(100), Fault(), Error(EAGAIN)});
  ExpectTheRightTokens();
  EXPECT_GE(WeightStats().retry_count, 6u);
}

TEST_F(WeightFaultTest, AFailingDiskNamesTheNodeAndTheSessionGoesOn) {
  LoadStreamed();
  storage_.weight_disk()->Always(Error(EIO));
  ExpectError(Prefill(), KL_IO_ERROR, {"node blk.0.attn_q: ", "record ", "Input/output error"});
  HealWeights();
  ASSERT_TRUE(Prefill().ok());
  ExpectTheNextToken();
  storage_.weight_disk()->Script({Fault(), Fault(), Fault(), Fault(), Fault(), Fault(), Fault(),
                                  Fault(), Error(EIO), Error(EIO), Error(EIO), Error(EIO),
                                  Error(EIO), Error(EIO), Error(EIO), Error(EIO)});
  ExpectError(Decode(expected_[1]), KL_IO_ERROR, {"node blk.", "Input/output error"});
  EXPECT_EQ(WeightStats().leased_count, 0u);
  storage_.weight_disk()->Script({});
  HealWeights();
  ASSERT_TRUE(Decode(expected_[1]).ok());
  ExpectTheRightTokens();
}

TEST_F(WeightFaultTest, CancellingWhileTheDiskHangsReturnsAtOnce) {
  LoadStreamed();
  ASSERT_TRUE(Prefill().ok());
  storage_.weight_disk()->Hold();
  absl::Status status;
  std::thread decoding([&] { status = Decode(expected_[0]); });
  ASSERT_TRUE(Within10Seconds([this] { return storage_.weight_disk()->waiting() > 0; }));
  session_->Cancel();
  decoding.join();
  ExpectError(status, KL_CANCELLED, {"waited for its weights"});
  storage_.weight_disk()->LetAll();
  ASSERT_TRUE(Decode(expected_[0]).ok());
  ExpectTheRightTokens();
  EXPECT_EQ(WeightStats().leased_count, 0u);
}

}  // namespace
}  // namespace kinglet
