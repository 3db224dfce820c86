#include "loaders/common/block_scales.h"

#include <unistd.h>

#include <string>
#include <vector>

#include "core/abi/dtype.h"
#include "core/base/mapped_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

using testing::HasSubstr;

constexpr kl_dtype kBlockTypes[] = {KL_TYPE_Q4_0,  KL_TYPE_Q4_1, KL_TYPE_Q5_0,   KL_TYPE_Q5_1,
                                    KL_TYPE_Q8_0,  KL_TYPE_Q2_K, KL_TYPE_Q3_K,   KL_TYPE_Q4_K,
                                    KL_TYPE_Q5_K,  KL_TYPE_Q6_K, KL_TYPE_IQ4_NL, KL_TYPE_IQ4_XS,
                                    KL_TYPE_TQ1_0, KL_TYPE_TQ2_0};

// `count` blocks of zeros.
class Blocks {
 public:
  Blocks(kl_dtype type, uint64_t count) : data_(count * kl_dtype_info_of(type).block_bytes) {
    tensor_.name = "blk.0.ffn_up.weight";
    tensor_.type = type;
    tensor_.data = data_.data();
    tensor_.bytes = data_.size();
  }
  uint8_t& operator[](size_t at) { return data_[at]; }
  const SourceTensor& tensor() const { return tensor_; }

 private:
  std::vector<uint8_t> data_;
  SourceTensor tensor_;
};

TEST(BlockScalesTest, EveryBlockTypeHasAScaleThatIsLookedAt) {
  for (const kl_dtype type : kBlockTypes) {
    const uint32_t block_bytes = kl_dtype_info_of(type).block_bytes;
    int refused = 0;
    for (uint32_t at = 0; at + 1 < block_bytes; at += 2) {
      Blocks blocks(type, 3);
      ASSERT_TRUE(ValidateScales(blocks.tensor()).ok());
      // Infinity in the second block.
      blocks[block_bytes + at + 1] = 0x7c;
      refused += ValidateScales(blocks.tensor()).ok() ? 0 : 1;
    }
    EXPECT_GE(refused, 1) << kl_dtype_info_of(type).name;
    EXPECT_LE(refused, 2) << kl_dtype_info_of(type).name << ": quantised weights are no scales";
  }
}

TEST(BlockScalesTest, MessageNamesTensorAndBlock) {
  Blocks blocks(KL_TYPE_Q8_0, 4);
  blocks[2 * 34 + 1] = 0xfe;
  const absl::Status status = ValidateScales(blocks.tensor());
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("block 2 of tensor \"blk.0.ffn_up.weight\""));
}

TEST(BlockScalesTest, LargestFiniteScaleIsFine) {
  Blocks blocks(KL_TYPE_Q8_0, 1);
  blocks[0] = 0xff;
  blocks[1] = 0x7b;
  EXPECT_TRUE(ValidateScales(blocks.tensor()).ok());
}

TEST(BlockScalesTest, OnlyTheEdgesAreReadWhenAsked) {
  constexpr uint64_t kCount = 1000;
  for (const uint64_t bad : {uint64_t{0}, kCount / 2, kCount - 1}) {
    Blocks blocks(KL_TYPE_Q4_0, kCount);
    blocks[bad * 18 + 1] = 0x7c;
    EXPECT_EQ(ValidateScales(blocks.tensor(), 18).ok(), bad == kCount / 2) << bad;
    EXPECT_FALSE(ValidateScales(blocks.tensor()).ok()) << bad;
  }
}

TEST(BlockScalesTest, EdgesOfAFileAreReadBesideItsMapping) {
  constexpr uint64_t kCount = 1000;
  for (const uint64_t bad : {uint64_t{0}, kCount / 2, kCount - 1}) {
    Blocks blocks(KL_TYPE_Q4_0, kCount);
    blocks[bad * 18 + 1] = 0x7c;
    TempFolder folder;
    const std::string path = folder.Write(
        "weights", "head" + std::string(reinterpret_cast<const char*>(&blocks[0]), kCount * 18));
    const auto file = MappedFile::Open(path);
    ASSERT_TRUE(file.ok()) << file.status();
    SourceTensor tensor = blocks.tensor();
    tensor.file = file->get();
    tensor.file_offset = 4;
    tensor.data = (*file)->data() + 4;
    const absl::Status status = ValidateScales(tensor, 18);
    EXPECT_EQ(status.ok(), bad == kCount / 2) << bad;
    if (bad == kCount - 1) {
      EXPECT_THAT(std::string(status.message()), HasSubstr("block 999 of tensor"));
    }
    ASSERT_EQ(truncate(path.c_str(), 100), 0);
    EXPECT_EQ(ValidateScales(tensor, 18).code(), absl::StatusCode::kDataLoss) << "not SIGBUS";
  }
}

TEST(BlockScalesTest, TypesWithoutScalesAreNotRead) {
  SourceTensor tensor;
  tensor.type = KL_TYPE_F16;
  tensor.bytes = 1000;
  tensor.data = nullptr;
  EXPECT_TRUE(ValidateScales(tensor).ok());
}

}  // namespace
}  // namespace kinglet
