// The chat with a memory bank: the first message leads to a path, /memory says which, later
// messages keep it unless told otherwise.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "tests/cli/program.h"
#include "tests/memory_bank/memory_bank_files.h"

namespace kinglet {
namespace {

using testing::HasSubstr;
using testing::Not;

// Two messages that lead to different paths, as TextsLeadToDifferentPaths makes sure.
constexpr char kFirst[] = "the moon", kSecond[] = "this and that other thing";

class MemoryChatTest : public testing::Test {
 protected:
  static std::string At(const std::string& name) {
    return testing::TempDir() + "memory_chat_" + name;
  }

  static void SetUpTestSuite() {
    const ProgramResult made = RunKinglet({"make-model",
                                           "--arch",
                                           "smallthinker",
                                           "--preset",
                                           "tiny",
                                           "--layers",
                                           "3",
                                           "--embedding",
                                           "96",
                                           "--heads",
                                           "6",
                                           "--kv-heads",
                                           "2",
                                           "--head-length",
                                           "16",
                                           "--ffn",
                                           "64",
                                           "--window",
                                           "0",
                                           "--context",
                                           "256",
                                           "-o",
                                           At("model.gguf")});
    ASSERT_EQ(made.status, 0) << made.err;
    BankSettings settings = GoldenBank();
    settings.shape.branching = 4;
    settings.shape.layer_count = 3;
    settings.shape.dim = 96;
    settings.shape.rows = {32, 4, 0, 0};
    settings.shape.type = KL_TYPE_Q8_0;
    WriteBank(At("bank.klbank"), settings);
  }

  ProgramResult Chat(std::vector<std::string> flags, const std::string& input) {
    flags.insert(flags.begin(), {"chat", "-m", At("model.gguf"), "--temp", "0", "-n", "8", "--bank",
                                 At("bank.klbank")});
    return RunKinglet(flags, input);
  }
  ProgramResult Routed(const std::string& input, std::vector<std::string> flags = {}) {
    flags.insert(flags.end(), {"--bank-encoder", "tests/golden/encoder.gguf"});
    return Chat(flags, input);
  }
  // The path that /memory showed last: "1 > 5".
  static std::string PathIn(const ProgramResult& result) {
    const size_t at = result.err.rfind("\npath    ");
    if (at == std::string::npos) return "none in: " + result.err;
    return result.err.substr(at + 9, result.err.find('\n', at + 1) - at - 9);
  }
  static std::string Lines(std::initializer_list<std::string> lines) {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    return text;
  }
};

TEST_F(MemoryChatTest, TextsLeadToDifferentPaths) {
  const ProgramResult first = Routed(Lines({kFirst, "/memory"})),
                      second = Routed(Lines({kSecond, "/memory"}));
  EXPECT_EQ(first.status, 0) << first.err;
  EXPECT_THAT(PathIn(first), testing::MatchesRegex("[0-9]+ > [0-9]+"));
  EXPECT_NE(PathIn(first), PathIn(second));
  EXPECT_THAT(first.err, HasSubstr("level 2 node "));
  EXPECT_THAT(first.err, HasSubstr("the next best at "));
  EXPECT_THAT(first.err, HasSubstr(" of it read, in "));
}

TEST_F(MemoryChatTest, AConversationKeepsItsPathUnlessToldOtherwise) {
  const std::string first = PathIn(Routed(Lines({kFirst, "/memory"}))),
                    second = PathIn(Routed(Lines({kSecond, "/memory"})));
  EXPECT_EQ(PathIn(Routed(Lines({kFirst, kSecond, "/memory"}))), first);
  EXPECT_EQ(PathIn(Routed(Lines({kFirst, kSecond, "/memory"}), {"--bank-reroute"})), second);
  EXPECT_EQ(PathIn(Routed(Lines({kFirst, "/clear", kSecond, "/memory"}))), second);
}

TEST_F(MemoryChatTest, ANewConversationAnswersAsInANewChat) {
  const std::string fresh = Routed(Lines({kSecond})).out;
  const std::string before = Routed(Lines({kFirst})).out;
  EXPECT_EQ(Routed(Lines({kFirst, "/clear", kSecond})).out, before + fresh);
  // The cache of a system message is of the old path as well.
  EXPECT_EQ(Routed(Lines({kFirst, "/clear", kSecond}), {"-sys", "Be brief."}).out,
            Routed(Lines({kFirst}), {"-sys", "Be brief."}).out +
                Routed(Lines({kSecond}), {"-sys", "Be brief."}).out);
}

TEST_F(MemoryChatTest, APathMayBeGiven) {
  const ProgramResult routed = Routed(Lines({kFirst, "/memory"}));
  std::string path = PathIn(routed);
  path.replace(path.find(" > "), 3, ",");
  const ProgramResult given =
      Chat({"--bank-path", path}, Lines({kFirst, "/memory"}));  // without an encoder
  EXPECT_EQ(given.status, 0) << given.err;
  EXPECT_EQ(given.out, routed.out);
  EXPECT_EQ(PathIn(given), PathIn(routed));
  const ProgramResult generic = Chat({"--bank-generic"}, Lines({kFirst, "/memory"}));
  EXPECT_EQ(PathIn(generic), "none, generic blocks");
  // Denied at its first level: nothing at both, not even a generic block. That is the model alone.
  const ProgramResult denied =
      Chat({"--bank-path", path, "--bank-deny", "1:" + path.substr(0, path.find(','))},
           Lines({kFirst, "/memory"}));
  EXPECT_EQ(denied.out, RunKinglet({"chat", "-m", At("model.gguf"), "--temp", "0", "-n", "8"}, Lines({kFirst})).out);
  EXPECT_THAT(denied.err, HasSubstr("denied, nothing"));
}

TEST_F(MemoryChatTest, SavedConversationsGoOnWithTheirPath) {
  const std::string saved = At("saved.json");
  const std::string whole = Routed(Lines({kFirst, kSecond})).out;
  const std::string begin = Routed(Lines({kFirst, "/save " + saved})).out;
  const ProgramResult loaded = Routed(Lines({"/load " + saved, kSecond, "/memory"}));
  EXPECT_EQ(begin + loaded.out, whole);
  EXPECT_THAT(loaded.err, Not(HasSubstr("read again")));
  // With other blocks denied the cache cannot be used: the conversation is read again, on the path
  // of its first message.
  const ProgramResult again = Routed(Lines({"/load " + saved, kSecond, "/memory"}),
                                     {"--bank-deny", "2:15", "--bank-deny", "2:0"});
  EXPECT_THAT(again.err, HasSubstr("read again"));
  EXPECT_EQ(PathIn(again), PathIn(loaded));
}

TEST_F(MemoryChatTest, CopiesInAFolderChangeNoAnswer) {
  const std::string wanted = Routed(Lines({kFirst})).out;
  for (int run = 0; run < 2; ++run) {
    const ProgramResult result =
        Routed(Lines({kFirst}), {"--bank-tier", testing::TempDir() + ":1MiB"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.out, wanted);
  }
  EXPECT_EQ(Routed(Lines({kFirst}), {"--bank-tier", "ram:64KiB"}).out, wanted);
}

TEST_F(MemoryChatTest, FlagsThatCannotBeObeyedAreUsageErrors) {
  EXPECT_THAT(Chat({"--bank-deny", "1"}, "").err, HasSubstr("expected LEVEL:ID"));
  EXPECT_THAT(Chat({"--bank-tier", "64KiB"}, "").err, HasSubstr("expected DIR:SIZE"));
  EXPECT_EQ(Chat({"--bank-path", "1"}, "").status, 64);
  EXPECT_THAT(Chat({}, "").err, HasSubstr("names no encoder"));
  const ProgramResult without = RunKinglet({"chat", "-m", At("model.gguf"), "--bank-generic"}, "");
  EXPECT_EQ(without.status, 64);
  EXPECT_THAT(without.err, HasSubstr("--bank FILE is missing"));
  EXPECT_THAT(RunKinglet({"chat", "-m", At("model.gguf")}, "/memory\n").err,
              HasSubstr("no memory bank"));
}

TEST_F(MemoryChatTest, LogitsAndPerplexityTakeABank) {
  const std::string bank = At("bank.klbank"), model = At("model.gguf");
  const ProgramResult logits =
      RunKinglet({"logits", "-m", model, "-p", kFirst, "-o", At("a.npy"), "--bank", bank,
                  "--bank-encoder", "tests/golden/encoder.gguf"});
  EXPECT_EQ(logits.status, 0) << logits.err;
  std::string text;
  for (int i = 0; i < 200; ++i) text += "the moon and the sun ";
  const auto perplexity = [&](std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"perplexity", "-m", model, "-f", "-", "-c", "64", "--bank", bank});
    const ProgramResult result = RunKinglet(flags, text);
    EXPECT_EQ(result.status, 0) << result.err;
    return result.out;
  };
  EXPECT_NE(perplexity({"--bank-path", "1,5"}), perplexity({"--bank-generic"}));
  perplexity({"--bank-encoder", "tests/golden/encoder.gguf"});
}

}  // namespace
}  // namespace kinglet
