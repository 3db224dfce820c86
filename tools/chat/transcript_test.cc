#include "tools/chat/transcript.h"

#include "gtest/gtest.h"

namespace kinglet::tools {
namespace {

TEST(TranscriptTest, MessagesSurviveTheRoundTrip) {
  const std::vector<Message> messages = {
      {"system", "Be brief."}, {"user", "\"Hi\"\n"}, {"assistant", "Grüß Gott"}};
  std::vector<Message> read;
  const Failure failure = ParseTranscript("x", FormatTranscript(messages), &read);
  ASSERT_TRUE(failure.ok()) << failure.message;
  ASSERT_EQ(read.size(), 3u);
  for (size_t i = 0; i < read.size(); ++i) {
    EXPECT_EQ(read[i].role, messages[i].role);
    EXPECT_EQ(read[i].content, messages[i].content);
  }
}

TEST(TranscriptTest, WhatIsNoConversationIsRefused) {
  for (const char* text :
       {"", "[]", "{}", "{\"format\": \"kinglet-chat\", \"version\": 2, \"messages\": []}",
        "{\"format\": \"kinglet-chat\", \"version\": 1}",
        "{\"format\": \"kinglet-chat\", \"version\": 1, \"messages\": [{\"role\": \"user\"}]}",
        "{\"format\": \"kinglet-chat\", \"version\": 1, \"messages\": [{\"role\": 1, \"content\": "
        "\"x\"}]}",
        "{\"format\": \"kinglet-chat\", \"version\": 1, \"messages\": [{\"role\": \"tool\", "
        "\"content\": \"x\"}]}"}) {
    std::vector<Message> read;
    EXPECT_EQ(ParseTranscript("x", text, &read).exit_status, kExitBadData) << text;
  }
}

}  // namespace
}  // namespace kinglet::tools
