#include "tools/common/format.h"

#include "gtest/gtest.h"

namespace kinglet::tools {
namespace {

TEST(FormatTest, BytesCountsAndTimesAreShort) {
  EXPECT_EQ(FormatBytes(512), "512 B");
  EXPECT_EQ(FormatBytes(2278586976), "2.12 GiB");
  EXPECT_EQ(FormatCount(656320), "656.32 K");
  EXPECT_EQ(FormatCount(4270000000), "4.27 B");
  EXPECT_EQ(FormatCount(7), "7");
  EXPECT_EQ(FormatSeconds(1'240'000'000), "1.24 s");
  EXPECT_EQ(FormatSeconds(35'000'000), "35.0 ms");
}

TEST(FormatTest, FileNamesAreSafe) {
  EXPECT_EQ(SafeFileName("model/dense:0"), "model_dense_0");
  EXPECT_EQ(SafeFileName("../../etc/passwd"), "_._.._etc_passwd");
  EXPECT_EQ(SafeFileName(""), "_");
  EXPECT_EQ(SafeFileName(".hidden"), "_hidden");
  EXPECT_EQ(SafeFileName(std::string(1000, 'a')).size(), 200u);
}

TEST(FormatTest, JsonQuotesEscapeAndRepair) {
  EXPECT_EQ(JsonQuote("a\"b\n"), "\"a\\\"b\\n\"");
  EXPECT_EQ(JsonQuote("\xff"), "\"\xEF\xBF\xBD\"");
}

}  // namespace
}  // namespace kinglet::tools
