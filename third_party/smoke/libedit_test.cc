#include <histedit.h>

#include <string>

#include "gtest/gtest.h"

namespace {

TEST(LibeditTest, TokenizerSplitsAndUnquotes) {
  Tokenizer* tokenizer = tok_init(nullptr);
  ASSERT_NE(tokenizer, nullptr);
  int count = 0;
  const char** words = nullptr;
  ASSERT_EQ(0, tok_str(tokenizer, "/system \"be brief\" now\n", &count, &words));
  ASSERT_EQ(count, 3);
  EXPECT_STREQ(words[0], "/system");
  EXPECT_STREQ(words[1], "be brief");
  EXPECT_STREQ(words[2], "now");
  tok_end(tokenizer);
}

TEST(LibeditTest, HistoryReturnsTheNewestLineAndSurvivesAFile) {
  const std::string path = testing::TempDir() + "libedit_test_history";
  HistEvent event;
  History* written = history_init();
  ASSERT_NE(written, nullptr);
  ASSERT_EQ(0, history(written, &event, H_SETSIZE, 10));
  ASSERT_GE(history(written, &event, H_ENTER, "first line\n"), 0);
  ASSERT_GE(history(written, &event, H_ENTER, "second line\n"), 0);
  ASSERT_EQ(0, history(written, &event, H_FIRST));
  EXPECT_STREQ(event.str, "second line\n");
  ASSERT_EQ(2, history(written, &event, H_SAVE, path.c_str()));
  history_end(written);

  History* read = history_init();
  ASSERT_EQ(0, history(read, &event, H_SETSIZE, 10));
  ASSERT_GT(history(read, &event, H_LOAD, path.c_str()), 0);
  ASSERT_EQ(0, history(read, &event, H_LAST));
  EXPECT_STREQ(event.str, "first line\n");
  history_end(read);
}

}  // namespace
