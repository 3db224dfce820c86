#include "core/exec/streamed_weights.h"

#include <cstring>

#include "core/base/status.h"
#include "core/exec/fake_matmul.h"
#include "core/exec/prepared_plan.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

using testing::HasSubstr;

constexpr uint64_t kRowBytes = kLargeColumns * sizeof(float);

class StreamedWeightsTest : public testing::TestWithParam<bool> {
 protected:
  StreamedWeightsTest() : kernel_(GetParam()), registry_(kernel_.MakeRegistry()) {}
  const StreamedWeights* Make() {
    prepared_ = std::move(PreparedPlan::Create(model_.plan, *registry_, {8, 1, 16}, 2)).value();
    return prepared_->LeaveWeights().ok() ? prepared_->streamed_weights() : nullptr;
  }

  FakeMatmulModel model_;
  FakeMatmulKernel kernel_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<PreparedPlan> prepared_;
};

TEST_P(StreamedWeightsTest, CutsLargeMatricesIntoRecordsAndKeepsSmallOnes) {
  const StreamedWeights* weights = Make();
  ASSERT_NE(weights, nullptr);
  ASSERT_EQ(weights->nodes().size(), 2u);
  EXPECT_EQ(weights->record_count(), 3u);
  EXPECT_EQ(weights->first_record(1), 2u);
  EXPECT_EQ(weights->total_bytes(), model_.tensors[0]->bytes + model_.tensors[1]->bytes);
  const StreamedNode& large = *weights->nodes()[0];
  EXPECT_STREQ(large.name(), "large");
  ASSERT_EQ(large.block_count(), 2);
  EXPECT_EQ(large.first_row(1), large.row_count(0));
  EXPECT_EQ(large.row_count(0) % 64, 0);
  EXPECT_EQ(large.row_count(0) + large.row_count(1), kLargeRows);
  EXPECT_EQ(large.shape_of(0), 0u);
  EXPECT_EQ(large.shape_of(1), 1u);
  EXPECT_EQ(large.source_offset(1), 36 + static_cast<uint64_t>(large.first_row(1)) * kRowBytes);
  EXPECT_EQ(weights->nodes()[1]->block_count(), 1);
  EXPECT_EQ(weights->NodeOf(0), &large);
  EXPECT_EQ(weights->NodeOf(2), nullptr);
  EXPECT_EQ(prepared_->needs().resident_bytes(), model_.tensors[2]->bytes + model_.tensors[3]->bytes)
      << "bias and tiny";
}

TEST_P(StreamedWeightsTest, TheRecordsOfAMatrixAreAllOfIt) {
  const StreamedWeights* weights = Make();
  ASSERT_NE(weights, nullptr);
  const kl_bank_source& abi = weights->abi();
  EXPECT_EQ(abi.unpack != nullptr, GetParam());
  EXPECT_EQ(abi.in_place, GetParam() ? 0u : 1u);
  std::vector<uint8_t> all;
  for (uint64_t r = 0; r < abi.record_count; ++r) {
    ASSERT_EQ(abi.records[r].piece_count, 1u);
    const kl_bank_piece& piece = abi.records[r].pieces[0];
    const uint8_t* from = model_.file->data() + piece.offset;
    std::vector<uint8_t> slot(abi.slot_bytes);
    const void* pieces[1] = {from};
    if (GetParam()) {
      kl_error error = EmptyError();
      ASSERT_EQ(abi.unpack(abi.context, r, pieces, slot.data(), &error), KL_OK) << error.message;
    } else {
      memcpy(slot.data(), from, piece.bytes);
    }
    slot.resize(piece.bytes);
    all.insert(all.end(), slot.begin(), slot.end());
  }
  // As the kernel packs the whole.
  std::vector<uint8_t> expected;
  for (size_t i = 0; i < 2; ++i) {
    const SourceTensor& tensor = *model_.tensors[i];
    const uint64_t row_bytes = tensor.bytes / static_cast<uint64_t>(tensor.shape[0]);
    for (uint64_t begin = 0; begin < tensor.bytes; begin += row_bytes) {
      std::vector<uint8_t> row(tensor.data + begin, tensor.data + begin + row_bytes);
      if (GetParam()) std::reverse(row.begin(), row.end());
      expected.insert(expected.end(), row.begin(), row.end());
    }
  }
  EXPECT_EQ(all, expected);
}

TEST_P(StreamedWeightsTest, AKernelThatTakesNoPartOfAWeightKeepsIt) {
  kernel_.kernel.supports = [](const kl_node* node, kl_error* error) -> kl_code {
    const int64_t rows = node->operands[1]->shape[0];
    if (rows == kLargeRows || rows == kSmallRows) return KL_OK;
    return kl_fail(error, KL_UNSUPPORTED, "not so many rows");
  };
  const StreamedWeights* weights = Make();
  ASSERT_NE(weights, nullptr);
  ASSERT_EQ(weights->nodes().size(), 1u);
  EXPECT_STREQ(weights->nodes()[0]->name(), "small");
}

TEST_P(StreamedWeightsTest, WeightsWithoutAFileAreKept) {
  for (const auto& tensor : model_.tensors) tensor->file = nullptr;
  EXPECT_EQ(Make(), nullptr);
  EXPECT_EQ(prepared_->LeaveWeights().code(), absl::StatusCode::kUnimplemented);
}

TEST_P(StreamedWeightsTest, AFailureOfPackingNamesTheNodeAndTheRows) {
  if (!GetParam()) GTEST_SKIP() << "nothing is packed";
  kernel_.kernel.pack = [](const kl_node*, uint32_t, const kl_tensor*, void*, int64_t,
                           int64_t) -> kl_code { return KL_DATA_CORRUPT; };
  const StreamedWeights* weights = Make();
  ASSERT_NE(weights, nullptr);
  std::vector<uint8_t> slot(weights->abi().slot_bytes);
  const void* pieces[1] = {model_.file->data()};
  kl_error error = EmptyError();
  EXPECT_EQ(weights->abi().unpack(weights->abi().context, 1, pieces, slot.data(), &error),
            KL_DATA_CORRUPT);
  EXPECT_THAT(std::string(error.message),
              HasSubstr("node large, kernel fake_product: packing 1928 rows from row 3072"));
}

INSTANTIATE_TEST_SUITE_P(Packed, StreamedWeightsTest, testing::Bool());

}  // namespace
}  // namespace kinglet
