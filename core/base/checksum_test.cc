#include "core/base/checksum.h"

#include <string>

#include "gtest/gtest.h"

namespace kinglet {
namespace {

// Values of the FNV reference's test suite.
TEST(ChecksumTest, EqualsThePublishedValues) {
  EXPECT_EQ(ChecksumOf("", 0), 0xcbf29ce484222325u);
  EXPECT_EQ(ChecksumOf("a", 1), 0xaf63dc4c8601ec8cu);
  EXPECT_EQ(ChecksumOf("foobar", 6), 0x85944171f73967e8u);
}

TEST(ChecksumTest, PiecesGiveTheSameValueAsTheWhole) {
  const std::string text = "the same bytes in any number of pieces";
  for (size_t cut = 0; cut <= text.size(); cut++) {
    Checksum checksum;
    checksum.Add(text.data(), cut);
    checksum.Add(text.data() + cut, text.size() - cut);
    ASSERT_EQ(checksum.value(), ChecksumOf(text.data(), text.size())) << cut;
  }
}

}  // namespace
}  // namespace kinglet
