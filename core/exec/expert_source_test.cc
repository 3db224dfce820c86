#include "core/exec/expert_source.h"

#include <cstring>

#include "core/abi/checksum.h"
#include "core/base/status.h"
#include "core/exec/expert_file.h"
#include "core/exec/fake_experts.h"
#include "core/exec/prepared_plan.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

constexpr uint64_t kMatrixBytes = kFakeNeurons * kFakeWidth * sizeof(float);

class ExpertSourceTest : public testing::TestWithParam<bool> {
 protected:
  ExpertSourceTest() : kernels_(GetParam()), registry_(kernels_.MakeRegistry()) {
    prepared_ = std::move(PreparedPlan::Create(model_.plan, *registry_, {8, 1, 16}, 1)).value();
  }
  const ExpertLayout& layout() const { return prepared_->experts(); }
  // The pieces of a record as they are in their files.
  std::vector<std::vector<uint8_t>> Read(const kl_bank_source& source, uint64_t record) {
    std::vector<std::vector<uint8_t>> pieces;
    for (uint32_t p = 0; p < source.records[record].piece_count; ++p) {
      const kl_bank_piece& piece = source.records[record].pieces[p];
      const auto file = std::move(MappedFile::Open(source.paths[piece.file])).value();
      EXPECT_LE(piece.offset + piece.bytes, file->size());
      pieces.emplace_back(file->data() + piece.offset, file->data() + piece.offset + piece.bytes);
    }
    return pieces;
  }
  std::vector<uint8_t> Packed(size_t layer, int64_t expert) {
    const ExpertLayer& of = *layout().layers()[layer];
    std::vector<uint8_t> slot(of.slot_bytes());
    const void* sources[3];
    for (size_t p = 0; p < 3; ++p) sources[p] = of.SourceData(p, expert);
    kl_error error = EmptyError();
    EXPECT_EQ(of.Pack(sources, slot.data(), &error), KL_OK) << error.message;
    return slot;
  }

  FakeExpertModel model_;
  FakeExpertKernels kernels_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<PreparedPlan> prepared_;
};

TEST_P(ExpertSourceTest, OfTheModelIsThreePiecesThatBecomeAnExpert) {
  const auto source = ExpertSource::OfModel(layout());
  const kl_bank_source& abi = source->abi();
  EXPECT_FALSE(source->prepared());
  EXPECT_EQ(abi.record_count, kFakeLayers * kFakeExperts);
  EXPECT_EQ(abi.path_count, 1u);
  EXPECT_STREQ(abi.paths[0], model_.path.c_str());
  EXPECT_EQ(abi.in_place, GetParam() ? 0u : 1u);
  EXPECT_EQ(abi.unpack != nullptr, GetParam());
  EXPECT_EQ(abi.slot_bytes, GetParam() ? 192u : 3 * kMatrixBytes);
  for (uint64_t r = 0; r < abi.record_count; ++r) {
    ASSERT_EQ(abi.records[r].piece_count, 3u);
    EXPECT_EQ(abi.records[r].has_checksum, 0u);
    int64_t expert = 0;
    const size_t layer = layout().LayerOf(r, &expert);
    const auto pieces = Read(abi, r);
    const void* pointers[3] = {pieces[0].data(), pieces[1].data(), pieces[2].data()};
    std::vector<uint8_t> slot(layout().slot_bytes());
    if (GetParam()) {
      kl_error error = EmptyError();
      ASSERT_EQ(abi.unpack(abi.context, r, pointers, slot.data(), &error), KL_OK) << error.message;
    }
    for (size_t p = 0; p < 3; ++p) {
      const void* part = source->PartOf(layer, p, slot.data(), GetParam() ? nullptr : pointers);
      EXPECT_EQ(memcmp(part, Packed(layer, expert).data() + p * 64, kMatrixBytes), 0)
          << r << " part " << p;
    }
  }
}

TEST_P(ExpertSourceTest, OfAPreparedFileIsOnePieceWithAChecksum) {
  const std::string path = model_.folder.path() + "/prepared";
  ASSERT_TRUE(WriteExpertFile(layout(), path, 77, nullptr).ok());
  const auto opened = ExpertSource::OfFile(layout(), path, 77);
  ASSERT_TRUE(opened.ok()) << opened.status();
  const kl_bank_source& abi = (*opened)->abi();
  EXPECT_TRUE((*opened)->prepared());
  EXPECT_EQ(abi.unpack, nullptr);
  EXPECT_EQ(abi.in_place, 0u);
  for (uint64_t r = 0; r < abi.record_count; ++r) {
    ASSERT_EQ(abi.records[r].piece_count, 1u);
    ASSERT_EQ(abi.records[r].has_checksum, 1u);
    EXPECT_EQ(abi.records[r].pieces[0].offset % 4096, 0u);
    int64_t expert = 0;
    const size_t layer = layout().LayerOf(r, &expert);
    const auto pieces = Read(abi, r);
    EXPECT_EQ(pieces[0], Packed(layer, expert)) << r;
    EXPECT_EQ(kl_checksum64(pieces[0].data(), pieces[0].size(), 0), abi.records[r].checksum);
    for (size_t p = 0; p < 3; ++p) {
      EXPECT_EQ((*opened)->PartOf(layer, p, pieces[0].data(), nullptr), pieces[0].data() + p * 64);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Packed, ExpertSourceTest, testing::Bool());

}  // namespace
}  // namespace kinglet
