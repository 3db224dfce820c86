#include "core/base/log.h"

#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace kinglet {
namespace {

TEST(LogTest, PassesOnWhatIsAtMostAsDetailedAsItsLevel) {
  std::vector<std::string> lines;
  const Log log(KL_LOG_WARNING, [&](kl_log_level level, absl::string_view message) {
    lines.push_back(absl::StrCat(level, " ", message));
  });
  log.Error("a", 1);
  log.Warning("b ", 2.5);
  log.Info("c");
  log.Debug("d");
  EXPECT_EQ(lines, (std::vector<std::string>{"0 a1", "1 b 2.5"}));
  EXPECT_TRUE(log.enabled(KL_LOG_WARNING));
  EXPECT_FALSE(log.enabled(KL_LOG_INFO));
}

TEST(LogTest, SilentOneAcceptsEverything) {
  const Log log;
  log.Error("nobody reads this");
  EXPECT_FALSE(log.enabled(KL_LOG_ERROR));
}

TEST(LogTest, SinkIsCalledByOneThreadAtATime) {
  int count = 0;  // not atomic: the log's lock is what makes this right
  const Log log(KL_LOG_DEBUG, [&](kl_log_level, absl::string_view) { count++; });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; i++) log.Debug(i);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count, 4000);
}

}  // namespace
}  // namespace kinglet
