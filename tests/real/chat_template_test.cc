// Chat templates as released, against what the Jinja interpreter makes of them.
#include "core/text/chat_template.h"

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/testdata.h"

namespace kinglet {
namespace {

const ChatMessage kSystem = {"system", "Be brief."};
const ChatMessage kUser = {"user", " Hi there "};
const ChatMessage kAnswer = {"assistant", "<think>\nhm\n</think>\n\nA bird."};
const ChatMessage kQuestion = {"user", "Who are you?"};

struct Case {
  const char* name;
  const char* file;
  std::vector<ChatMessage> messages;
  const char* expected;
};

void PrintTo(const Case& test, std::ostream* out) { *out << test.name; }

class RealChatTemplateTest : public testing::TestWithParam<Case> {};

TEST_P(RealChatTemplateTest, WritesWhatTheTemplateWrites) {
  KL_REQUIRE_TESTDATA();
  const std::string path = TestDataFolder() + "/chat-templates/" + GetParam().file;
  std::ifstream file(path, std::ios::binary);
  ASSERT_TRUE(file.good()) << path;
  const std::string jinja((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  auto chat = ChatTemplate::FromJinja(jinja, "<bos>", "<eos>");
  ASSERT_TRUE(chat.ok()) << chat.status();
  auto segments = chat->Format(GetParam().messages, {});
  ASSERT_TRUE(segments.ok()) << segments.status();
  EXPECT_EQ(GetParam().expected, JoinSegments(*segments));
}

INSTANTIATE_TEST_SUITE_P(
    Files, RealChatTemplateTest,
    testing::Values(
        Case{"Qwen25StandsInItsSystemPrompt",
             "Qwen-Qwen2.5-7B-Instruct.jinja",
             {kUser},
             "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful "
             "assistant.<|im_end|>\n<|im_start|>user\n Hi there <|im_end|>\n"
             "<|im_start|>assistant\n"},
        Case{"Qwen25KeepsAGivenOne",
             "Qwen-Qwen2.5-7B-Instruct.jinja",
             {kSystem, kUser},
             "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n Hi there <|im_end|>\n"
             "<|im_start|>assistant\n"},
        Case{"Qwen3DropsThoughts",
             "Qwen-Qwen3-0.6B.jinja",
             {kUser, kAnswer, kQuestion},
             "<|im_start|>user\n Hi there <|im_end|>\n<|im_start|>assistant\nA bird.<|im_end|>\n"
             "<|im_start|>user\nWho are you?<|im_end|>\n<|im_start|>assistant\n"},
        Case{"Gemma2Trims",
             "google-gemma-2-2b-it.jinja",
             {kUser, {"assistant", "Hello."}, kQuestion},
             "<bos><start_of_turn>user\nHi there<end_of_turn>\n<start_of_turn>model\nHello."
             "<end_of_turn>\n<start_of_turn>user\nWho are you?<end_of_turn>\n"
             "<start_of_turn>model\n"},
        // The original puts a preamble about tools first, even when there are none.
        Case{"Hermes3WithoutTools",
             "NousResearch-Hermes-3-Llama-3.1-8B-tool_use.jinja",
             {kSystem, kQuestion},
             "<bos><|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWho are you?"
             "<|im_end|>\n<|im_start|>assistant\n"}),
    [](const testing::TestParamInfo<Case>& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace kinglet
