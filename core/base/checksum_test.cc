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

TEST(WideChecksumTest, EveryBitAndTheLengthCount) {
  std::string bytes(200, 'x');
  const uint64_t whole = WideChecksum(bytes.data(), bytes.size());
  EXPECT_EQ(WideChecksum(bytes.data(), bytes.size()), whole);
  for (size_t length = 0; length < bytes.size(); length++) {
    EXPECT_NE(WideChecksum(bytes.data(), length), whole) << length;
  }
  for (size_t bit = 0; bit < 8 * bytes.size(); bit++) {
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    EXPECT_NE(WideChecksum(bytes.data(), bytes.size()), whole) << bit;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
  }
}

}  // namespace
}  // namespace kinglet
