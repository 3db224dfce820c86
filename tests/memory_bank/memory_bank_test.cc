// A model with a memory bank: against numpy, against the model without one, and against itself for
// any threads and batch.
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "tests/memory_bank/memory_bank_files.h"
#include "tests/support/npy.h"
#include "tests/support/start_command.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

using Rows = std::vector<std::vector<float>>;

constexpr char kModel[] = "tests/golden/sigmoid_hybrid.gguf";

std::vector<int32_t> GoldenTokens() {
  std::ifstream file("tests/golden/tokens.txt");
  std::string text;
  std::getline(file, text);
  std::vector<int32_t> tokens;
  for (absl::string_view word : absl::StrSplit(text, ',')) {
    tokens.push_back(-1);
    EXPECT_TRUE(absl::SimpleAtoi(word, &tokens.back())) << word;
  }
  return tokens;
}

bool SameBits(const Rows& a, const Rows& b) {
  if (a.size() != b.size() || a.empty()) return false;
  for (size_t t = 0; t < a.size(); ++t) {
    if (a[t].size() != b[t].size() ||
        memcmp(a[t].data(), b[t].data(), a[t].size() * sizeof(float)) != 0)
      return false;
  }
  return true;
}

class MemoryBankTest : public testing::Test {
 protected:
  std::string Bank(const BankSettings& settings, const std::string& name = "bank.klbank") {
    const std::string path = folder_.path() + "/" + name;
    WriteBank(path, settings);
    return path;
  }
  Rows LogitsOn(kl_model* model, const std::vector<uint64_t>& path, int32_t batch = 32) {
    const Handle<kl_session> session = MakeGreedySession(model, {64, batch});
    SetPath(session.get(), path);
    return AllLogits(session.get(), tokens_);
  }

  const TempFolder folder_;
  const std::vector<int32_t> tokens_ = GoldenTokens();
};

TEST_F(MemoryBankTest, GivesTheLogitsOfNumpy) {
  const std::string bank = Bank(GoldenBank());
  const Rows golden = ReadNpyRows("tests/golden/memory.logits.npy");
  {
    const Handle<kl_runtime> reference = MakeReferenceRuntime();
    EXPECT_LE(LargestDifference(LogitsOn(LoadWithBank(reference.get(), kModel, bank).get(), {1, 3}),
                                golden),
              1e-4);
  }
  const Handle<kl_runtime> runtime = MakeRuntime(WithThreads(2));
  const Handle<kl_model> model = LoadWithBank(runtime.get(), kModel, bank);
  for (int32_t batch : {1, 5, 32}) {
    EXPECT_LE(LargestDifference(LogitsOn(model.get(), {1, 3}, batch), golden), 1e-4) << batch;
  }
  EXPECT_GT(LargestDifference(LogitsOn(model.get(), {1, 2}), golden), 1e-2);
  EXPECT_GT(LargestDifference(LogitsOn(model.get(), {}), golden), 1e-2);
}

TEST_F(MemoryBankTest, WithoutAPathItsGenericBlocksOrNothing) {
  BankSettings settings = GoldenBank();
  const Handle<kl_runtime> runtime = MakeRuntime(WithThreads(2));
  const Rows alone =
      AllLogits(MakeGreedySession(LoadModel(runtime.get(), kModel).get(), {64, 32}).get(), tokens_);
  const Handle<kl_model> with = LoadWithBank(runtime.get(), kModel, Bank(settings));
  // A session that was never told anything.
  const Rows untold = AllLogits(MakeGreedySession(with.get(), {64, 32}).get(), tokens_);
  EXPECT_TRUE(SameBits(untold, LogitsOn(with.get(), {})));
  EXPECT_FALSE(SameBits(untold, alone));
  settings.generic = false;
  const Handle<kl_model> without =
      LoadWithBank(runtime.get(), kModel, Bank(settings, "no_generic.klbank"));
  EXPECT_TRUE(SameBits(LogitsOn(without.get(), {}), alone));
}

TEST_F(MemoryBankTest, DeniedBlocksAreNeverRead) {
  const BankSettings settings = GoldenBank();
  const std::string bank = Bank(settings);
  const Handle<kl_runtime> runtime = MakeRuntime(WithThreads(2));
  Rows expected[4];
  {
    const Handle<kl_model> model = LoadWithBank(runtime.get(), kModel, bank);
    for (uint64_t leaf = 0; leaf < 4; ++leaf)
      expected[leaf] = LogitsOn(model.get(), {leaf / 2, leaf});
  }
  const Handle<kl_model> plain = LoadModel(runtime.get(), kModel);
  const Handle<kl_session> alone = MakeGreedySession(plain.get(), {64, 32});
  const Rows anchor = AllLogits(alone.get(), tokens_);
  // What is denied is damaged as well: reading it would be found out by its checksum.
  {
    const auto layout = MemoryLayout::Create(settings.shape);
    ASSERT_TRUE(layout.ok());
    std::fstream file(bank, std::ios::binary | std::ios::in | std::ios::out);
    file.seekg(112);
    uint64_t level_offset[2];
    file.read(reinterpret_cast<char*>(level_offset), sizeof level_offset);
    for (const uint64_t at : {level_offset[0] + 1 * layout->StrideBytes(1),
                              level_offset[1] + 2 * layout->StrideBytes(2),
                              level_offset[1] + 3 * layout->StrideBytes(2)}) {
      file.seekp(static_cast<std::streamoff>(at));
      file.write("damaged", 7);
    }
  }
  MemoryModelSettings denying;
  denying.denied = {{1, 0, 1}};
  const Handle<kl_model> model = LoadWithBank(runtime.get(), kModel, bank, denying);
  // Denied: the node and all below it, at both levels; what is left is the anchor. Others do not move.
  EXPECT_TRUE(SameBits(LogitsOn(model.get(), {1, 2}), anchor));
  EXPECT_TRUE(SameBits(LogitsOn(model.get(), {1, 3}), anchor));
  EXPECT_TRUE(SameBits(LogitsOn(model.get(), {0, 0}), expected[0]));
  EXPECT_TRUE(SameBits(LogitsOn(model.get(), {0, 1}), expected[1]));
  const Handle<kl_session> session = MakeGreedySession(model.get(), {64, 32});
  SetPath(session.get(), {1, 3});
  EXPECT_EQ(FetchOf(session.get()).states[0], KL_MEMORY_DENIED);
  EXPECT_EQ(FetchOf(session.get()).states[1], KL_MEMORY_DENIED);
  EXPECT_EQ(FetchOf(session.get()).blocks[1], KL_MEMORY_NOTHING);
  // Without the deny list the damage is an error of the first run.
  const Handle<kl_model> trusting = LoadWithBank(runtime.get(), kModel, bank);
  const Handle<kl_session> misled = MakeGreedySession(trusting.get(), {64, 32});
  SetPath(misled.get(), {1, 3});
  Error error;
  EXPECT_EQ(
      kl_session_prefill(misled.get(), tokens_.data(), tokens_.size(), nullptr, nullptr, &error),
      KL_DATA_CORRUPT)
      << error.message;
  EXPECT_NE(std::string(error.message).find("bank.klbank"), std::string::npos) << error.message;
  // Another path, and the session goes on.
  SetPath(misled.get(), {0, 1});
  EXPECT_TRUE(SameBits(AllLogits(misled.get(), tokens_), expected[1]));
}

TEST_F(MemoryBankTest, SessionsHavePathsOfTheirOwn) {
  const Handle<kl_runtime> runtime = MakeRuntime(WithThreads(2));
  const Handle<kl_model> model = LoadWithBank(runtime.get(), kModel, Bank(GoldenBank()));
  const Rows first = LogitsOn(model.get(), {0, 1}), second = LogitsOn(model.get(), {1, 3});
  const Handle<kl_session> a = MakeGreedySession(model.get(), {64, 32}),
                           b = MakeGreedySession(model.get(), {64, 32});
  SetPath(a.get(), {0, 1});
  SetPath(b.get(), {1, 3});
  Rows of_a, of_b;
  for (int32_t token : tokens_) {
    of_a.push_back(AllLogits(a.get(), {token})[0]);
    of_b.push_back(AllLogits(b.get(), {token})[0]);
  }
  EXPECT_TRUE(SameBits(of_a, first));
  EXPECT_TRUE(SameBits(of_b, second));
}

TEST_F(MemoryBankTest, AnotherPathAppliesToWhatFollows) {
  const Handle<kl_runtime> runtime = MakeRuntime(WithThreads(2));
  const Handle<kl_model> model = LoadWithBank(runtime.get(), kModel, Bank(GoldenBank()));
  const std::vector<int32_t> begin(tokens_.begin(), tokens_.begin() + 10),
      rest(tokens_.begin() + 10, tokens_.end());
  const Rows whole = LogitsOn(model.get(), {0, 1});
  Rows expected;
  for (int32_t batch : {32, 3, 1}) {
    const Handle<kl_session> session = MakeGreedySession(model.get(), {64, batch});
    SetPath(session.get(), {0, 1});
    Rows logits = AllLogits(session.get(), begin);
    SetPath(session.get(), {0, 0});
    EXPECT_EQ(FetchOf(session.get()).origins[0], KL_MEMORY_KEPT);
    for (const auto& row : AllLogits(session.get(), rest)) logits.push_back(row);
    EXPECT_TRUE(SameBits(Rows(logits.begin(), logits.begin() + 10),
                         Rows(whole.begin(), whole.begin() + 10)));
    EXPECT_FALSE(SameBits(logits, whole));
    if (expected.empty()) expected = logits;
    EXPECT_TRUE(SameBits(logits, expected)) << batch;
  }
}

TEST_F(MemoryBankTest, SavedSessionsRememberTheirPath) {
  const std::string bank = Bank(GoldenBank()), saved = folder_.path() + "/session";
  const Handle<kl_runtime> runtime = MakeRuntime(WithThreads(2));
  const Handle<kl_model> model = LoadWithBank(runtime.get(), kModel, bank);
  const Rows expected = LogitsOn(model.get(), {1, 2});
  const std::vector<int32_t> begin(tokens_.begin(), tokens_.begin() + 10),
      rest(tokens_.begin() + 10, tokens_.end());
  {
    const Handle<kl_session> session = MakeGreedySession(model.get(), {64, 32});
    SetPath(session.get(), {1, 2});
    AllLogits(session.get(), begin);
    ASSERT_EQ(kl_session_save(session.get(), saved.c_str(), nullptr), KL_OK);
  }
  const Handle<kl_session> session = MakeGreedySession(model.get(), {64, 32});
  Error error;
  ASSERT_EQ(kl_session_restore(session.get(), saved.c_str(), &error), KL_OK) << error.message;
  EXPECT_EQ(FetchOf(session.get()).path.ids[1], 2u);
  EXPECT_TRUE(
      SameBits(AllLogits(session.get(), rest), Rows(expected.begin() + 10, expected.end())));
  // What the cache was computed with is not there.
  MemoryModelSettings denying;
  denying.denied = {{2, 0, 2}};
  const Handle<kl_model> others[] = {LoadModel(runtime.get(), kModel),
                                     LoadWithBank(runtime.get(), kModel, bank, denying)};
  for (const Handle<kl_model>& other : others) {
    const Handle<kl_session> stranger = MakeGreedySession(other.get(), {64, 32});
    EXPECT_EQ(kl_session_restore(stranger.get(), saved.c_str(), &error), KL_FAILED_PRECONDITION)
        << error.message;
  }
}

TEST_F(MemoryBankTest, RefusesWhatDoesNotBelongTogether) {
  const Handle<kl_runtime> runtime = MakeRuntime();
  const auto refused = [&](const BankSettings& settings, const MemoryModelSettings& model,
                           kl_code code, const char* word) {
    Error error;
    EXPECT_EQ(TryLoadWithBank(runtime.get(), kModel, Bank(settings), model, &error), nullptr);
    EXPECT_EQ(error.code, code) << error.message;
    EXPECT_NE(std::string(error.message).find(word), std::string::npos) << error.message;
  };
  BankSettings settings = GoldenBank();
  settings.model_fingerprint = 17;
  refused(settings, {}, KL_FAILED_PRECONDITION, "fingerprint");
  settings = GoldenBank();
  settings.shape.layer_count = 7;
  refused(settings, {}, KL_FAILED_PRECONDITION, "7 layers");
  settings = GoldenBank();
  settings.shape.dim = 64;
  refused(settings, {}, KL_FAILED_PRECONDITION, "width 64");
  settings = GoldenBank();
  settings.shape.activation = MemoryActivation::kSilu;
  refused(settings, {}, KL_FAILED_PRECONDITION, "silu");
  settings = GoldenBank();
  settings.encoder_fingerprint = 17;
  refused(settings, {"tests/golden/encoder.gguf", {}, 0}, KL_FAILED_PRECONDITION, "fingerprint");
  settings = GoldenBank();
  settings.shape.encoder_width = 16;
  refused(settings, {"tests/golden/encoder.gguf", {}, 0}, KL_FAILED_PRECONDITION, "16");
  refused(GoldenBank(), {"tests/golden/sigmoid_rope.gguf", {}, 0}, KL_FAILED_PRECONDITION,
          "encoder");
  refused(GoldenBank(), {"", {{3, 0, 0}}, 0}, KL_INVALID_ARGUMENT, "level 3");
  refused(GoldenBank(), {"", {{2, 0, 4}}, 0}, KL_INVALID_ARGUMENT, "node 4");
  const Handle<kl_model> model = LoadWithBank(runtime.get(), kModel, Bank(GoldenBank()));
  const Handle<kl_session> session = MakeGreedySession(model.get(), {64, 32});
  Error error;
  for (const kl_memory_path& path :
       {PathOf({2, 4}), PathOf({0, 2}), PathOf({0}), PathOf({0, 0, 0})}) {
    EXPECT_EQ(kl_session_set_memory(session.get(), &path, &error), KL_INVALID_ARGUMENT)
        << error.message;
  }
  kl_memory_path path = PathOf({});
  EXPECT_EQ(kl_memory_route(model.get(), "moon", 4, &path, &error), KL_FAILED_PRECONDITION)
      << error.message;
  const Handle<kl_model> plain = LoadModel(runtime.get(), kModel);
  EXPECT_EQ(kl_memory_route(plain.get(), "moon", 4, &path, &error), KL_FAILED_PRECONDITION)
      << error.message;
}

TEST_F(MemoryBankTest, FetchesAreReportedAndCounted) {
  const Handle<kl_runtime> runtime = MakeRuntime(WithThreads(2));
  MemoryModelSettings settings;
  settings.encoder = "tests/golden/encoder.gguf";
  settings.memory_bytes = 512 << 20;
  const Handle<kl_model> model = LoadWithBank(runtime.get(), kModel, Bank(GoldenBank()), settings);
  const std::string memory = kl_model_memory_text(model.get());
  EXPECT_NE(memory.find(" memory bank\n"), std::string::npos) << memory;
  EXPECT_NE(memory.find(" encoder\n"), std::string::npos) << memory;
  const Handle<kl_session> session = MakeGreedySession(model.get(), {64, 32});
  SetPath(session.get(), {0, 1});
  ASSERT_EQ(kl_session_wait_memory(session.get(), nullptr), KL_OK);
  const kl_memory_fetch cold = FetchOf(session.get());
  EXPECT_TRUE(cold.complete);
  EXPECT_EQ(cold.depth, 2u);
  EXPECT_EQ(cold.origins[0], KL_MEMORY_READ);
  EXPECT_EQ(cold.bytes, 8u * 3 * (5 + 3) * 32 * sizeof(float));
  EXPECT_EQ(cold.read_bytes, cold.bytes);
  EXPECT_GT(cold.ns, 0);
  const Handle<kl_session> other = MakeGreedySession(model.get(), {64, 32});
  SetPath(other.get(), {0, 1});
  ASSERT_EQ(kl_session_wait_memory(other.get(), nullptr), KL_OK);
  EXPECT_EQ(FetchOf(other.get()).origins[0], KL_MEMORY_WAS_THERE);
  EXPECT_EQ(FetchOf(other.get()).read_bytes, 0u);
}

// The vectors that numpy says, and the way that they lead.
TEST_F(MemoryBankTest, TextsAreRouted) {
  const char* const texts[] = {"the moon", "this and that other thing", "a"};
  const Rows golden = ReadNpyRows("tests/golden/encoder.vectors.npy");
  ASSERT_EQ(golden.size(), 3u);
  const Handle<kl_runtime> reference = MakeReferenceRuntime(), fast = MakeRuntime(WithThreads(2));
  for (kl_runtime* runtime : {reference.get(), fast.get()}) {
    kl_encoder* encoder = nullptr;
    Error error;
    ASSERT_EQ(kl_encoder_load(runtime, "tests/golden/encoder.gguf", &encoder, &error), KL_OK)
        << error.message;
    ASSERT_EQ(kl_encoder_width(encoder), 32u);
    for (size_t i = 0; i < 3; ++i) {
      std::vector<float> vector(32);
      size_t count = 0;
      ASSERT_EQ(
          kl_encoder_embed(encoder, texts[i], strlen(texts[i]), vector.data(), 32, &count, &error),
          KL_OK)
          << error.message;
      EXPECT_EQ(count, 32u);
      EXPECT_LE(LargestDifference({vector}, {golden[i]}), 1e-5) << texts[i];
    }
    EXPECT_EQ(kl_encoder_embed(encoder, "", 0, nullptr, 0, nullptr, &error), KL_INVALID_ARGUMENT);
    kl_encoder_free(encoder);
  }
  const std::string bank = Bank(GoldenBank());
  const Handle<kl_model> model =
      LoadWithBank(fast.get(), kModel, bank, {"tests/golden/encoder.gguf", {}, 0});
  Error error;
  for (size_t i = 0; i < 3; ++i) {
    kl_memory_path path = PathOf({});
    ASSERT_EQ(kl_memory_route(model.get(), texts[i], strlen(texts[i]), &path, &error), KL_OK)
        << error.message;
    EXPECT_EQ(path.depth, 2u);
    EXPECT_EQ(path.ids[1] / 2, path.ids[0]);
    EXPECT_LE(path.distances[0], path.runner_up_distances[0]);
  }
}

struct Anchor {
  const char* name;
  const char* flags;
  MemoryActivation activation;
};

constexpr Anchor kSmallThinker = {"smallthinker",
                                  "--arch smallthinker --preset tiny --layers 3 --embedding 256 "
                                  "--heads 8 --kv-heads 2 --head-length 32 "
                                  "--ffn 96 --experts 8 --experts-used 2 --window 16 --context 256",
                                  MemoryActivation::kRelu};
constexpr Anchor kLlama = {
    "llama",
    "--arch llama --preset tiny --layers 3 --embedding 256 --heads 8 --kv-heads 2 "
    "--head-length 32 --ffn 320 --context 256",
    MemoryActivation::kSilu};

struct AnchorCase {
  Anchor anchor;
  const char* type;
  kl_dtype bank_type;
};

class MemoryOfAnchorTest : public testing::TestWithParam<AnchorCase> {};

// A bank as it is created changes no bit; one that holds something gives the same bits for any
// threads and batch.
TEST_P(MemoryOfAnchorTest, ZeroBankIsTheAnchorAndAnyBankIsDeterministic) {
  const TempFolder folder;
  const std::string path = folder.path() + "/model.gguf";
  const std::string make = StartCommand("./kinglet") + " make-model " + GetParam().anchor.flags +
                           " --type " + GetParam().type + " --vocab 512 --seed 7 -o " + path;
  ASSERT_EQ(system(make.c_str()), 0) << make;
  BankSettings settings = GoldenBank();
  settings.shape.layer_count = 3;
  settings.shape.dim = 256;
  settings.shape.type = GetParam().bank_type;
  settings.shape.activation = GetParam().anchor.activation;
  settings.shape.rows = {32, 4, 0, 0};
  WriteBank(folder.path() + "/full.klbank", settings);
  // Enough for work to be shared out by neurons.
  settings.shape.rows = {200, 75, 0, 0};
  WriteBank(folder.path() + "/large.klbank", settings);
  settings.zero_down = true;
  settings.shape.rows = {32, 4, 0, 0};
  WriteBank(folder.path() + "/zero.klbank", settings);
  std::vector<int32_t> tokens;
  for (int32_t i = 0; i < 50; ++i) tokens.push_back((i * i * 31 + 5) % 512);

  Rows alone, full, large;
  for (int32_t threads : {1, 2, 3}) {
    const Handle<kl_runtime> runtime = MakeRuntime(WithThreads(threads));
    const Handle<kl_model> anchor = LoadModel(runtime.get(), path);
    const Handle<kl_model> with_zero =
        LoadWithBank(runtime.get(), path, folder.path() + "/zero.klbank");
    const Handle<kl_model> with_full =
        LoadWithBank(runtime.get(), path, folder.path() + "/full.klbank");
    const Handle<kl_model> with_large =
        LoadWithBank(runtime.get(), path, folder.path() + "/large.klbank");
    for (int32_t batch : {1, 2, 7, 64}) {
      const auto logits = [&](const Handle<kl_model>& model, bool routed) {
        const Handle<kl_session> session = MakeGreedySession(model.get(), {64, batch});
        if (routed) SetPath(session.get(), {1, 2});
        return AllLogits(session.get(), tokens);
      };
      const Rows now = logits(anchor, false), now_full = logits(with_full, true),
                 now_large = logits(with_large, true);
      if (alone.empty()) {
        alone = now;
        full = now_full;
        large = now_large;
      }
      EXPECT_TRUE(SameBits(now, alone));
      EXPECT_TRUE(SameBits(logits(with_zero, true), alone))
          << threads << " threads, batch " << batch;
      EXPECT_TRUE(SameBits(now_full, full)) << threads << " threads, batch " << batch;
      EXPECT_TRUE(SameBits(now_large, large)) << threads << " threads, batch " << batch;
    }
  }
  EXPECT_FALSE(SameBits(full, alone));
  EXPECT_FALSE(SameBits(full, large));
}

INSTANTIATE_TEST_SUITE_P(Types, MemoryOfAnchorTest,
                         testing::Values(AnchorCase{kSmallThinker, "f32", KL_TYPE_F32},
                                         AnchorCase{kSmallThinker, "q8_0", KL_TYPE_Q8_0},
                                         AnchorCase{kSmallThinker, "q4_0", KL_TYPE_Q4_0},
                                         AnchorCase{kLlama, "f32", KL_TYPE_F16},
                                         AnchorCase{kLlama, "q8_0", KL_TYPE_Q8_0}),
                         [](const auto& info) {
                           return std::string(info.param.anchor.name) + "_" + info.param.type +
                                  "_" + std::to_string(info.index);
                         });

}  // namespace
}  // namespace kinglet
