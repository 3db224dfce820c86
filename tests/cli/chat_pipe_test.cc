// The chat through pipes: answers on stdout, everything else on stderr.
#include <algorithm>
#include <fstream>

#include "gmock/gmock.h"
#include "tests/cli/model_fixture.h"

namespace kinglet {
namespace {

using testing::HasSubstr;
using testing::Not;

class ChatPipeTest : public CliModelTest {
 protected:
  ProgramResult Chat(std::vector<std::string> flags, const std::string& input = "") {
    flags.insert(flags.begin(), {"chat", "-m", Model(), "--temp", "0", "-n", "12"});
    return RunKinglet(flags, input);
  }
};

TEST_F(ChatPipeTest, OneShotPrintsTheAnswerOnly) {
  const ProgramResult result = Chat({"-p", "Hello"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_FALSE(result.out.empty());
  EXPECT_EQ(result.out.back(), '\n');
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out, Not(HasSubstr("\033")));
}

TEST_F(ChatPipeTest, EachLineIsAMessage) {
  const ProgramResult one = Chat({}, "Hello\n");
  EXPECT_EQ(one.status, 0) << one.err;
  EXPECT_EQ(one.out, Chat({"-p", "Hello"}).out);
  const ProgramResult two = Chat({}, "Hello\n\nAnd you?");  // an empty line says nothing
  EXPECT_EQ(two.status, 0) << two.err;
  EXPECT_EQ(two.out.substr(0, one.out.size()), one.out);
  EXPECT_GT(two.out.size(), one.out.size());
}

TEST_F(ChatPipeTest, AQuotedBlockIsOneMessage) {
  const std::string file = testing::TempDir() + "chat_block.txt";
  std::ofstream(file) << "first\nsecond";
  EXPECT_EQ(Chat({}, "\"\"\"first\nsecond\n\"\"\"\n").out, Chat({"-f", file}).out);
}

TEST_F(ChatPipeTest, ThreadsAndSchedulersGiveTheSameAnswer) {
  const std::string wanted = Chat({"-p", "Once upon a time", "--scheduler", "serial"}).out;
  for (const char* threads : {"1", "2", "4"})
    EXPECT_EQ(Chat({"-p", "Once upon a time", "-t", threads}).out, wanted);
}

TEST_F(ChatPipeTest, BatchesGiveTheSameAnswer) {
  EXPECT_EQ(Chat({"-p", "Once upon a time", "-b", "3"}).out, Chat({"-p", "Once upon a time"}).out);
}

TEST_F(ChatPipeTest, SeedsRepeat) {
  const auto draw = [&](const char* seed) {
    return RunKinglet({"chat", "-m", Model(), "-n", "12", "--temp", "2", "--top-k", "0", "-s", seed,
                       "-p", "Hi"})
        .out;
  };
  EXPECT_EQ(draw("7"), draw("7"));
  EXPECT_NE(draw("7"), draw("8"));
}

TEST_F(ChatPipeTest, TheEnvironmentMirrorsFlags) {
  const ProgramResult result =
      RunKinglet({"chat", "-p", "Hello"}, "",
                 {{"KINGLET_MODEL", Model()}, {"KINGLET_TEMP", "0"}, {"KINGLET_PREDICT", "12"}});
  EXPECT_EQ(result.out, Chat({"-p", "Hello"}).out);
}

TEST_F(ChatPipeTest, LaterTurnsReuseTheCache) {
  const ProgramResult result = Chat({}, "Hello\nAnd you?\n/stats\n");
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.err, HasSubstr("were in the cache"));
  EXPECT_THAT(result.err, Not(HasSubstr("(0 of ")));
}

TEST_F(ChatPipeTest, RegenerateGivesTheGreedyAnswerAgain) {
  const std::string one = Chat({}, "Hello\n").out;
  EXPECT_EQ(Chat({}, "Hello\n/regen\n").out, one + one);
}

TEST_F(ChatPipeTest, ASavedConversationGoesOnAsIfItHadNotStopped) {
  const std::string file = testing::TempDir() + "chat_saved.json";
  const std::string whole = Chat({}, "Hello\nAnd you?\n").out;
  const ProgramResult first = Chat({}, "Hello\n/save " + file + "\n");
  EXPECT_EQ(first.status, 0) << first.err;
  const ProgramResult second = Chat({}, "/load " + file + "\nAnd you?\n");
  EXPECT_EQ(second.status, 0) << second.err;
  EXPECT_EQ(first.out + second.out, whole);
  EXPECT_THAT(second.err, Not(HasSubstr("read again")));
  // Without the cache the conversation is computed anew, with the same result.
  remove((file + ".cache").c_str());
  const ProgramResult third = Chat({}, "/load " + file + "\nAnd you?\n");
  EXPECT_EQ(third.out, second.out);
  EXPECT_THAT(third.err, HasSubstr("read again"));
}

TEST_F(ChatPipeTest, MistakesAreReportedAndTheChatGoesOn) {
  const ProgramResult result = Chat({}, "/claer\n/read /nonexistent\nHello\n");
  EXPECT_EQ(result.status, 64);
  EXPECT_THAT(result.err, HasSubstr("did you mean /clear"));
  EXPECT_THAT(result.err, HasSubstr("/nonexistent"));
  EXPECT_EQ(result.out, Chat({}, "Hello\n").out);
}

TEST_F(ChatPipeTest, ParametersAndSystemMessageCanBeSet) {
  const ProgramResult result =
      Chat({}, "/set parameter predict 3\n/set system You are brief.\n/show\nHello\n/stats\n");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("predict 3"));
  EXPECT_THAT(result.err, HasSubstr("system You are brief."));
  EXPECT_THAT(result.err, HasSubstr("template chatml"));
  EXPECT_THAT(result.err, HasSubstr("answer   3 tokens"));
}

TEST_F(ChatPipeTest, AFileCanBeReadIntoTheNextMessage) {
  const std::string file = testing::TempDir() + "chat_read.txt";
  std::ofstream(file) << "A note.\n";
  EXPECT_EQ(Chat({}, "/read " + file + "\nSum up\n").out,
            Chat({}, "\"\"\"A note.\nSum up\"\"\"\n").out);
}

TEST_F(ChatPipeTest, AFullContextIsSaidAndClearHelps) {
  const std::string longest(2000, 'x');
  const ProgramResult result = Chat({"-c", "64"}, longest + "\n/clear\nHello\n");
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("context is full"));
  EXPECT_THAT(result.err, HasSubstr("/clear"));
  EXPECT_EQ(result.out, Chat({}, "Hello\n").out);
}

TEST_F(ChatPipeTest, RawContinuesPlainText) {
  const ProgramResult raw = Chat({"--raw", "-p", "Once upon a time"});
  EXPECT_EQ(raw.status, 0) << raw.err;
  EXPECT_NE(raw.out, Chat({"-p", "Once upon a time"}).out);
}

TEST_F(ChatPipeTest, AnUnknownTemplateIsRefusedWithTheNames) {
  const ProgramResult result = Chat({"--chat-template", "nonsense", "-p", "Hello"});
  EXPECT_EQ(result.status, 64);
  EXPECT_THAT(result.err, HasSubstr("chatml"));
  EXPECT_THAT(result.err, HasSubstr("--raw"));
}

TEST_F(ChatPipeTest, VerboseNamesPluginsAndKernels) {
  const ProgramResult result = Chat({"-v", "-p", "Hello"});
  EXPECT_THAT(result.err, HasSubstr("plugin reference"));
  EXPECT_THAT(result.err, HasSubstr("moe_ffn: "));
  EXPECT_EQ(result.out, Chat({"-p", "Hello"}).out);
}

TEST_F(ChatPipeTest, APluginThatCannotLoadIsLeftOutWithAWarning) {
  const std::string file = testing::TempDir() + "libkinglet_broken.so";
  std::ofstream(file) << "no library";
  const ProgramResult result = Chat({"--plugin", file, "-p", "Hello"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("is left out"));
  EXPECT_EQ(result.out, Chat({"-p", "Hello"}).out);
}

TEST_F(ChatPipeTest, AKernelThatDoesNotExistIsRefused) {
  EXPECT_NE(Chat({"--kernel", "matmul=nonsense", "-p", "Hello"}).status, 0);
}

TEST_F(ChatPipeTest, AModelBeyondTheBudgetIsRefused) {
  EXPECT_EQ(Chat({"--memory", "1KiB", "-p", "Hello"}).status, 71);
}

}  // namespace
}  // namespace kinglet
