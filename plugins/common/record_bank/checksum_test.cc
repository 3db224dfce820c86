#include "core/abi/checksum.h"

#include <string>

#include "gtest/gtest.h"

namespace {

uint64_t Checksum(const std::string& text, uint64_t seed = 0) {
  return kl_checksum64(text.data(), text.size(), seed);
}

// Numbers that `xxhsum -H64` prints.
TEST(ChecksumTest, IsXxh64) {
  EXPECT_EQ(Checksum(""), 0xEF46DB3751D8E999ull);
  EXPECT_EQ(Checksum("a"), 0xD24EC4F1A98C6E5Bull);
  EXPECT_EQ(Checksum("abc"), 0x44BC2CF5AD770999ull);
  EXPECT_EQ(Checksum("message digest"), 0x066ED728FCEEB3BEull);
  EXPECT_EQ(Checksum("abcdefghijklmnopqrstuvwxyz"), 0xCFE1F278FA89835Cull);
  EXPECT_EQ(Checksum("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"),
            0xAAA46907D3047814ull);
}

TEST(ChecksumTest, EveryBitAndTheSeedCount) {
  const std::string text(77, 'x');
  const uint64_t whole = Checksum(text);
  EXPECT_NE(whole, Checksum(text, 1));
  EXPECT_NE(whole, Checksum(text.substr(1)));
  for (size_t i = 0; i < text.size(); ++i) {
    std::string other = text;
    other[i] ^= 4;
    EXPECT_NE(Checksum(other), whole) << i;
  }
}

}  // namespace
