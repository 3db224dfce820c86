// The chat on a terminal.
#include <fstream>
#include <sstream>

#include "gmock/gmock.h"
#include "tests/cli/model_fixture.h"

namespace kinglet {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr char kControlC[] = "\x03";
constexpr char kControlD[] = "\x04";

class ChatTerminalTest : public CliModelTest {
 protected:
  static Environment Settings() {
    return {{"XDG_STATE_HOME", testing::TempDir() + "state"}, {"TERM", "xterm"}, {"NO_COLOR", "1"}};
  }
  static std::vector<std::string> Flags(const std::string& predict) {
    return {"chat", "-m", Model(), "--temp", "0", "-n", predict};
  }
};

TEST_F(ChatTerminalTest, AnswersAndLeavesOnControlD) {
  TerminalSession session(Flags("5"), Settings());
  ASSERT_TRUE(session.WaitFor("/help lists the commands")) << session.shown();
  ASSERT_TRUE(session.WaitForPrompt("> "));
  session.Send("Hello\r");
  ASSERT_TRUE(session.WaitFor("Hello")) << session.shown();
  ASSERT_TRUE(session.WaitForPrompt("> ")) << session.shown();
  session.Send("/stats\r");
  ASSERT_TRUE(session.WaitFor("tokens used")) << session.shown();
  ASSERT_TRUE(session.WaitForPrompt("> "));
  session.Send(kControlD);
  EXPECT_EQ(session.Wait(), 0);
}

TEST_F(ChatTerminalTest, SlashCommandsWork) {
  TerminalSession session(Flags("5"), Settings());
  ASSERT_TRUE(session.WaitForPrompt("> "));
  session.Send("/?\r");
  ASSERT_TRUE(session.WaitFor("/regen")) << session.shown();
  session.Send("/set parameter temp 0.5\r/show\r");
  ASSERT_TRUE(session.WaitFor("temp 0.5\r\n  top-k")) << session.shown();
  session.Send("/nonsense\r");
  ASSERT_TRUE(session.WaitFor("unknown command /nonsense")) << session.shown();
  session.Send("/bye\r");
  EXPECT_EQ(session.Wait(), 0);
  EXPECT_THAT(session.shown(), Not(HasSubstr("\033[31m")));  // NO_COLOR
}

TEST_F(ChatTerminalTest, ControlCStopsTheAnswerAndASecondOneLeaves) {
  const std::string model = testing::TempDir() + "cli_long.gguf";
  const ProgramResult made =
      RunKinglet({"make-model", "--context", "20000", "--layers", "16", "--embedding", "512",
                  "--ffn", "512", "--window", "0", "-o", model});
  ASSERT_EQ(made.status, 0) << made.err;
  TerminalSession session({"chat", "-m", model, "--raw", "--temp", "0"}, Settings());
  ASSERT_TRUE(session.WaitForPrompt("> ")) << session.shown();
  session.Send("Hello\r");
  ASSERT_TRUE(session.WaitFor("Hello\r\n"));
  ASSERT_TRUE(session.WaitForBytes(40));  // it reads, or the answer has begun
  session.Send(kControlC);
  ASSERT_TRUE(session.WaitForPrompt("> "));
  EXPECT_THAT(session.shown(), Not(HasSubstr("context of")));  // it did not end by itself
  session.Send(kControlC);
  EXPECT_EQ(session.Wait(), 130);
}

TEST_F(ChatTerminalTest, ControlCTwiceAtThePromptLeaves) {
  TerminalSession session(Flags("5"), Settings());
  ASSERT_TRUE(session.WaitForPrompt("> "));
  session.Send("half a line");
  session.Send(kControlC);
  ASSERT_TRUE(session.WaitFor("Ctrl-C again")) << session.shown();
  ASSERT_TRUE(session.WaitForPrompt("> "));
  session.Send(kControlC);
  EXPECT_EQ(session.Wait(), 130) << session.shown();
}

TEST_F(ChatTerminalTest, LinesAreRememberedForTheNextChat) {
  const std::string history = testing::TempDir() + "state/kinglet/chat_history";
  remove(history.c_str());
  {
    TerminalSession session(Flags("2"), Settings());
    ASSERT_TRUE(session.WaitForPrompt("> "));
    session.Send("remember me\r");
    ASSERT_TRUE(session.WaitForPrompt("> "));
    session.Send("/exit\r");
    EXPECT_EQ(session.Wait(), 0);
  }
  std::stringstream text;
  text << std::ifstream(history).rdbuf();
  EXPECT_THAT(text.str(), HasSubstr("remember"));
  TerminalSession session(Flags("2"), Settings());
  ASSERT_TRUE(session.WaitForPrompt("> "));
  session.Send("\x10\x10");  // Ctrl-P: back to "/exit", then to the line before
  EXPECT_TRUE(session.WaitFor("remember me")) << session.shown();
}

TEST_F(ChatTerminalTest, AMessageMayHaveSeveralLines) {
  TerminalSession session(Flags("2"), Settings());
  ASSERT_TRUE(session.WaitForPrompt("> "));
  session.Send("\"\"\"one\r");
  ASSERT_TRUE(session.WaitForPrompt("... ")) << session.shown();
  session.Send("two\"\"\"\r");
  ASSERT_TRUE(session.WaitForPrompt("> ")) << session.shown();
  session.Send("/exit\r");
  EXPECT_EQ(session.Wait(), 0);
}

}  // namespace
}  // namespace kinglet
