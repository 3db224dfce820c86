#include "core/model/memory_source.h"

#include <unistd.h>

#include <cmath>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

// k = 2, p = 3, no blocks on level 2; node 3:5 (of 0..7) absent; everything else is there.
class MemorySourceTest : public testing::Test {
 protected:
  void SetUp() override {
    MemoryShape shape;
    shape.branching = 2;
    shape.depth = 3;
    shape.layer_count = 2;
    shape.dim = 32;
    shape.activation = MemoryActivation::kRelu;
    shape.rows = {2, 0, 1, 0};
    shape.encoder_width = 1;
    bank_.layout = *MemoryLayout::Create(shape);
    bank_.path = "facts.klbank";
    bank_.encoder_file = "encoder.gguf";
    bank_.model_fingerprint = 7;
    bank_.encoder_fingerprint = 8;
    bank_.has_generic = true;
    bank_.level_offsets = {4096, 0, 65536, 0};
    bank_.generic_offset = 1 << 20;
    table_.assign(bank_.layout.RecordCount(), {1, kMemoryPresent, 0});
    for (size_t i = 0; i < table_.size(); ++i) table_[i].checksum = 100 + i;
    table_[bank_.layout.GenericRecord(2)] = {};
    table_[bank_.layout.BlockRecord(3, 5)] = {};
    bank_.table = table_.data();
    centroids_ = {0, 8, -1, 1, 7, 9, -2, 0, 1, 2, 6, 7, 9, 10};
    bank_.centroids = centroids_.data();
    bank_.file = *MappedFile::Open(folder_.Write("facts.klbank", std::string(8192, 'x')));
  }

  MemoryFetch Resolve(uint64_t deepest) {
    MemoryPath path;
    path.depth = 3;
    path.ids = {deepest / 4, deepest / 2, deepest, 0};
    const auto fetch = bank_.Resolve(path);
    EXPECT_TRUE(fetch.ok()) << fetch.status();
    return fetch.ok() ? *fetch : MemoryFetch();
  }

  TempFolder folder_;
  std::vector<MemoryRecord> table_;
  std::vector<float> centroids_;
  MemorySource bank_;
};

TEST_F(MemorySourceTest, APathResolvesToItsBlocks) {
  const MemoryFetch fetch = Resolve(6);
  EXPECT_EQ(fetch.depth, 3u);
  EXPECT_EQ(fetch.levels[0].kind, MemoryChoice::kBlock);
  EXPECT_EQ(fetch.levels[0].offset, 4096u + 4096);
  EXPECT_EQ(fetch.levels[0].bytes, bank_.layout.BlockBytes(1));
  EXPECT_EQ(fetch.levels[1].kind, MemoryChoice::kNothing);
  EXPECT_EQ(fetch.levels[1].state, MemoryBlockState::kNoBlocks);
  EXPECT_EQ(fetch.levels[2].kind, MemoryChoice::kBlock);
  EXPECT_EQ(fetch.levels[2].record, 2u + 6);
  EXPECT_EQ(fetch.levels[2].checksum, 108u);
  EXPECT_EQ(fetch.levels[2].offset, 65536u + 6 * 4096);
  EXPECT_EQ(fetch.bytes(), bank_.layout.FetchBytes());
}

TEST_F(MemorySourceTest, AnAbsentBlockGivesTheGenericOneAndWithoutThatNothing) {
  MemoryFetch fetch = Resolve(5);
  EXPECT_EQ(fetch.levels[2].kind, MemoryChoice::kGeneric);
  EXPECT_EQ(fetch.levels[2].state, MemoryBlockState::kAbsent);
  EXPECT_EQ(fetch.levels[2].id, 5u);
  EXPECT_EQ(fetch.levels[2].record, bank_.layout.GenericRecord(3));
  EXPECT_EQ(fetch.levels[2].offset, (1u << 20) + 4096);
  EXPECT_EQ(fetch.levels[0].kind, MemoryChoice::kBlock);
  bank_.has_generic = false;
  fetch = Resolve(5);
  EXPECT_EQ(fetch.levels[2].kind, MemoryChoice::kNothing);
  EXPECT_EQ(fetch.levels[2].bytes, 0u);
}

TEST_F(MemorySourceTest, ADeniedNodeDeniesItsDescendantsAcrossLevelsWithoutBlocks) {
  table_[bank_.layout.BlockRecord(1, 1)].flags |= kMemoryDenied;
  for (uint64_t id = 0; id < 8; ++id) {
    const MemoryFetch fetch = Resolve(id);
    for (const uint32_t level : {1u, 3u}) {
      const MemoryChoice& choice = fetch.levels[level - 1];
      EXPECT_EQ(choice.state == MemoryBlockState::kDenied, id >= 4) << id;
      if (id < 4) continue;
      EXPECT_EQ(choice.kind, MemoryChoice::kNothing);  // not the generic block: it knows of everything
      EXPECT_EQ(choice.bytes, 0u);
    }
  }
  EXPECT_EQ(bank_.StateOf(2, 3), MemoryBlockState::kDenied);
  EXPECT_EQ(bank_.StateOf(2, 1), MemoryBlockState::kNoBlocks);
}

TEST_F(MemorySourceTest, ADeniedLeafLeavesItsSiblingAndItsParentAlone) {
  table_[bank_.layout.BlockRecord(3, 6)].flags |= kMemoryDenied;
  EXPECT_EQ(bank_.StateOf(3, 6), MemoryBlockState::kDenied);
  EXPECT_EQ(bank_.StateOf(3, 7), MemoryBlockState::kReadable);
  EXPECT_EQ(bank_.StateOf(1, 1), MemoryBlockState::kReadable);
}

TEST_F(MemorySourceTest, WithoutARouteGenericBlocksOnly) {
  const auto fetch = bank_.ResolveGeneric();
  ASSERT_TRUE(fetch.ok());
  EXPECT_EQ(fetch->levels[0].kind, MemoryChoice::kGeneric);
  EXPECT_EQ(fetch->levels[1].kind, MemoryChoice::kNothing);
  EXPECT_EQ(fetch->levels[2].kind, MemoryChoice::kGeneric);
}

TEST_F(MemorySourceTest, RoutesAndRefusesVectorsThatAreNone) {
  const float vector = 9.4f;
  const auto path = bank_.Route(&vector, 1);
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_EQ(path->ids[2], 6u);
  EXPECT_EQ(bank_.Route(&vector, 2).status().code(), absl::StatusCode::kInvalidArgument);
  const float no_number = NAN;
  EXPECT_EQ(bank_.Route(&no_number, 1).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(MemorySourceTest, AFileCutShortIsAnErrorNotAnEmptyDenyList) {
  ASSERT_TRUE(bank_.file->ContainFaults().ok());
  ASSERT_EQ(truncate((folder_.path() + "/facts.klbank").c_str(), 0), 0);
  const volatile uint8_t lost = bank_.file->data()[4096];
  EXPECT_EQ(lost, 0);
  EXPECT_EQ(bank_.Resolve(MemoryPath()).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(bank_.ResolveGeneric().status().code(), absl::StatusCode::kDataLoss);
  const float vector = 1;
  EXPECT_EQ(bank_.Route(&vector, 1).status().code(), absl::StatusCode::kDataLoss);
}

void ExpectRefused(const absl::Status& status, const std::vector<std::string>& words) {
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  for (const std::string& word : words) {
    EXPECT_NE(status.message().find(word), std::string::npos) << word << " in: " << status;
  }
}

TEST_F(MemorySourceTest, AnotherModelIsRefused) {
  const MemoryAnchor anchor = {"small.gguf", 2, 32, MemoryActivation::kRelu, 7};
  EXPECT_TRUE(bank_.CheckAnchor(anchor).ok());
  MemoryAnchor other = anchor;
  other.layer_count = 3;
  ExpectRefused(bank_.CheckAnchor(other), {"facts.klbank", "small.gguf", "2 layers", "3 of 32"});
  other = anchor;
  other.dim = 64;
  ExpectRefused(bank_.CheckAnchor(other), {"width 32", "2 of 64"});
  other = anchor;
  other.activation = MemoryActivation::kSilu;
  ExpectRefused(bank_.CheckAnchor(other), {"relu", "silu"});
  other = anchor;
  other.fingerprint = 0x1234;
  ExpectRefused(bank_.CheckAnchor(other), {"0000000000000007", "0000000000001234", "another bank"});
  bank_.model_fingerprint = 0;
  EXPECT_TRUE(bank_.CheckAnchor(other).ok());
}

TEST_F(MemorySourceTest, AnotherEncoderIsRefused) {
  EXPECT_TRUE(bank_.CheckEncoder({"encoder.gguf", 1, 8}).ok());
  ExpectRefused(bank_.CheckEncoder({"other.gguf", 2, 8}), {"other.gguf", "1 numbers", "makes 2"});
  ExpectRefused(bank_.CheckEncoder({"other.gguf", 1, 9}),
                {"0000000000000008", "0000000000000009", "encoder.gguf"});
  bank_.encoder_fingerprint = 0;
  EXPECT_TRUE(bank_.CheckEncoder({"other.gguf", 1, 9}).ok());
}

}  // namespace
}  // namespace kinglet
