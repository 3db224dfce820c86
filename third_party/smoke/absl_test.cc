#include <string>
#include <thread>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"

namespace {

absl::StatusOr<int> ParseCount(absl::string_view text) {
  int count;
  if (!absl::SimpleAtoi(text, &count)) {
    return absl::InvalidArgumentError(absl::StrCat("expected a number, found '", text, "'"));
  }
  return count;
}

TEST(AbslTest, StatusOrCarriesAValueOrAMessage) {
  EXPECT_EQ(ParseCount("42").value(), 42);
  const absl::Status status = ParseCount("4x").status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(status.ToString(), "INVALID_ARGUMENT: expected a number, found '4x'");
}

TEST(AbslTest, HashContainersFindWhatWasPutIn) {
  absl::flat_hash_map<std::string, int> lengths;
  absl::flat_hash_set<int> seen;
  for (int i = 0; i < 1000; i++) {
    lengths[absl::StrCat("key", i)] = i;
    seen.insert(i * i);
  }
  EXPECT_EQ(lengths.at("key731"), 731);
  EXPECT_TRUE(seen.contains(961));
  EXPECT_FALSE(seen.contains(962));
}

TEST(AbslTest, BtreeKeepsOrder) {
  absl::btree_map<int, char> letters = {{3, 'c'}, {1, 'a'}, {2, 'b'}};
  std::string text;
  for (const auto& [key, letter] : letters) absl::StrAppend(&text, key, std::string(1, letter));
  EXPECT_EQ(text, "1a2b3c");
}

TEST(AbslTest, StringsSplitJoinAndFormat) {
  const std::vector<std::string> parts = absl::StrSplit("q4_0,q8_0,f16", ',');
  EXPECT_EQ(absl::StrJoin(parts, " "), "q4_0 q8_0 f16");
  EXPECT_EQ(absl::StrFormat("%-6s|%5.2f|%08x", "kl", 3.14159, 0xbeefu), "kl    | 3.14|0000beef");
}

TEST(AbslTest, SpansAndInlinedVectorsShareElements) {
  absl::InlinedVector<int, 4> shape = {2, 3, 5, 7, 11};
  absl::Span<int> tail = absl::MakeSpan(shape).subspan(3);
  tail[0] = 70;
  EXPECT_EQ(shape[3], 70);
  EXPECT_EQ(tail.size(), 2u);
}

TEST(AbslTest, TimeFormatsInUtc) {
  EXPECT_EQ(absl::FormatTime("%Y-%m-%d %H:%M", absl::FromUnixSeconds(86400), absl::UTCTimeZone()),
            "1970-01-02 00:00");
  EXPECT_EQ(absl::FormatDuration(absl::Milliseconds(1500)), "1.5s");
}

TEST(AbslTest, NotificationWakesAnotherThread) {
  absl::Notification asked;
  absl::Notification answered;
  std::thread other([&] {
    asked.WaitForNotification();
    answered.Notify();
  });
  EXPECT_FALSE(answered.HasBeenNotified());
  asked.Notify();
  EXPECT_TRUE(answered.WaitForNotificationWithTimeout(absl::Seconds(30)));
  other.join();
}

}  // namespace
