#include "core/model/fingerprint.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace kinglet {
namespace {

// FNV-1a as its authors publish it, over one string.
uint64_t Fnv(const std::string& bytes) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : bytes) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  return hash;
}

class FingerprintTest : public testing::Test {
 protected:
  void SetUp() override {
    source_.architecture = "llama";
    source_.tensors.resize(2);
    source_.tensors[0].name = "a";
    source_.tensors[0].type = KL_TYPE_Q8_0;
    source_.tensors[0].shape = {2, 32};
    source_.tensors[0].data = data_.data();
    source_.tensors[0].bytes = 68;
    source_.tensors[1].name = "b";
    source_.tensors[1].type = KL_TYPE_F32;
    source_.tensors[1].shape = {1};
    source_.tensors[1].data = data_.data() + 68;
    source_.tensors[1].bytes = 4;
    for (size_t i = 0; i < data_.size(); ++i) data_[i] = static_cast<uint8_t>(i * 5);
  }

  std::vector<uint8_t> data_ = std::vector<uint8_t>(72);
  ModelSource source_;
};

// The bytes written out, so that this stays what files hold.
TEST_F(FingerprintTest, IsFnvOfTheBytesThatTheHeaderSays) {
  const std::string first(data_.begin(), data_.begin() + 64),
      second(data_.begin() + 68, data_.end());
  const std::string bytes =
      std::string("llama") + "a" + std::string("\x08\0\0\0", 4) +
      std::string("\x02\0\0\0\0\0\0\0", 8) + std::string("\x20\0\0\0\0\0\0\0", 8) + first + "b" +
      std::string("\0\0\0\0", 4) + std::string("\x01\0\0\0\0\0\0\0", 8) + second;
  EXPECT_EQ(FingerprintOf(source_), Fnv(bytes));
}

TEST_F(FingerprintTest, TellsShapesTypesAndFirstBytesApart) {
  const uint64_t before = FingerprintOf(source_);
  data_[3] ^= 1;
  EXPECT_NE(FingerprintOf(source_), before);
  data_[3] ^= 1;
  data_[65] ^= 1;  // beyond the first 64
  EXPECT_EQ(FingerprintOf(source_), before);
  source_.tensors[0].shape = {1, 64};
  EXPECT_NE(FingerprintOf(source_), before);
}

}  // namespace
}  // namespace kinglet
