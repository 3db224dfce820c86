#include "tests/support/testdata.h"

#include <sys/stat.h>

#include <cstdlib>
#include <string>

#include "gtest/gtest.h"

namespace kinglet {
namespace {

TEST(TestDataTest, NamesAFolderThatExists) {
  KL_REQUIRE_TESTDATA();
  struct stat facts;
  ASSERT_EQ(0, stat(TestDataFolder().c_str(), &facts)) << TestDataFolder();
  EXPECT_TRUE(S_ISDIR(facts.st_mode)) << TestDataFolder();
}

bool TakesTheFlagOffAndKeepsTheRest() {
  char program[] = "program";
  char first[] = "--first";
  char flag[] = "--testdata=some/folder/";
  char last[] = "last";
  char* arguments[] = {program, first, flag, last, nullptr};
  int count = 4;
  TakeTestDataFlag(&count, arguments);
  return count == 3 && arguments[1] == first && arguments[2] == last && arguments[3] == nullptr &&
         TestDataFolder() == "some/folder";
}

// In a child process, since the folder is set once a process.
TEST(TestDataDeathTest, FlagIsTakenOffAndOtherArgumentsKeepTheirOrder) {
  EXPECT_EXIT(std::exit(TakesTheFlagOffAndKeepsTheRest() ? 0 : 1), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace kinglet
