// Help, mistakes and exit statuses.
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/cli/program.h"

namespace kinglet {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const char* const kCommands[] = {"chat",   "bench",   "run",        "tokenize", "perplexity",
                                 "logits", "inspect", "make-model", "classify", "bank"};

TEST(UsageTest, HelpListsEveryCommand) {
  const ProgramResult result = RunKinglet({"help"});
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.out, StartsWith("Examples:\n"));
  for (const char* command : kCommands)
    EXPECT_THAT(result.out, HasSubstr(std::string("  ") + command + " "));
}

TEST(UsageTest, EachCommandsHelpBeginsWithAnExample) {
  for (const char* command : kCommands) {
    const ProgramResult by_flag = RunKinglet({command, "--help"});
    EXPECT_EQ(by_flag.status, 0);
    EXPECT_THAT(by_flag.out, StartsWith("Example")) << command;
    EXPECT_THAT(by_flag.out, HasSubstr(std::string("Usage: kinglet ") + command));
    EXPECT_EQ(by_flag.err, "");
    EXPECT_EQ(RunKinglet({"help", command}).out, by_flag.out);
  }
}

TEST(UsageTest, VersionIsPrinted) {
  EXPECT_THAT(RunKinglet({"--version"}).out, StartsWith("kinglet 0."));
  EXPECT_THAT(RunKinglet({"chat", "--version"}).out, StartsWith("kinglet 0."));
}

TEST(UsageTest, NoCommandShowsTheHelpAndIsAMistake) {
  const ProgramResult result = RunKinglet({});
  EXPECT_EQ(result.status, 64);
  EXPECT_THAT(result.out, HasSubstr("make-model"));
}

TEST(UsageTest, MistypedNamesAreMetWithNearMisses) {
  const ProgramResult command = RunKinglet({"bnech"});
  EXPECT_EQ(command.status, 64);
  EXPECT_THAT(command.err, HasSubstr("did you mean bench?"));
  const ProgramResult flag = RunKinglet({"chat", "--top_k", "3"});
  EXPECT_EQ(flag.status, 64);
  EXPECT_THAT(flag.err, HasSubstr("did you mean --top-k"));
  EXPECT_EQ(flag.out, "");
}

TEST(UsageTest, FlagsThatContradictEachOtherAreRefused) {
  EXPECT_EQ(RunKinglet({"chat", "--raw", "-sys", "x"}).status, 64);
  EXPECT_EQ(RunKinglet({"chat", "-p", "a", "-f", "b"}).status, 64);
  EXPECT_EQ(RunKinglet({"make-model", "--tied", "--untied", "-o", "x"}).status, 64);
  EXPECT_EQ(RunKinglet({"make-model", "--arch", "llama", "--active", "0.5", "-o", "x"}).status, 64);
  EXPECT_EQ(RunKinglet({"bench", "-m", "x", "-p", "0", "-n", "0"}).status, 64);
}

TEST(UsageTest, AMissingModelIsNoInput) {
  for (const char* command : {"chat", "bench"}) {
    const ProgramResult result = RunKinglet({command, "-m", "/nonexistent/model.gguf"});
    EXPECT_EQ(result.status, 66) << result.err;
    EXPECT_THAT(result.err, HasSubstr("/nonexistent/model.gguf"));
    EXPECT_EQ(result.out, "");
  }
  EXPECT_EQ(RunKinglet({"inspect", "/nonexistent/model.gguf"}).status, 66);
}

TEST(UsageTest, ADamagedModelIsBadData) {
  const std::string path = testing::TempDir() + "cli_damaged.gguf";
  std::ofstream(path) << "GGUF"
                      << std::string("\x03\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff", 12);
  const ProgramResult result = RunKinglet({"inspect", path});
  EXPECT_EQ(result.status, 65);
  EXPECT_THAT(result.err, HasSubstr(path));
}

TEST(UsageTest, AnUnwritableOutputIsAnIoError) {
  EXPECT_EQ(RunKinglet({"make-model", "-o", "/nonexistent/x.gguf"}).status, 74);
}

TEST(UsageTest, APluginFolderThatIsNotThereIsAPluginError) {
  EXPECT_EQ(RunKinglet({"chat", "-m", "/nonexistent/x", "--plugin-folder", "/nonexistent"}).status,
            72);
}

}  // namespace
}  // namespace kinglet
