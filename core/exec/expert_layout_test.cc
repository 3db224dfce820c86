#include "core/exec/expert_layout.h"

#include <cstring>

#include "core/base/status.h"
#include "core/exec/fake_experts.h"
#include "core/exec/prepared_plan.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

using testing::HasSubstr;

constexpr uint64_t kMatrixBytes = kFakeNeurons * kFakeWidth * sizeof(float);
constexpr Extents kExtents = {8, 1, 16};

class ExpertLayoutTest : public testing::TestWithParam<bool> {
 protected:
  ExpertLayoutTest() : kernels_(GetParam()), registry_(kernels_.MakeRegistry()) {}
  const ExpertLayout& Layout() {
    prepared_ = std::move(PreparedPlan::Create(model_.plan, *registry_, kExtents, 1)).value();
    return prepared_->experts();
  }
  static kl_code PackExpert(const ExpertLayer& layer, int64_t expert, std::vector<uint8_t>* slot,
                            kl_error* error) {
    const void* sources[ExpertLayer::kPartCount];
    for (size_t p = 0; p < ExpertLayer::kPartCount; ++p) sources[p] = layer.SourceData(p, expert);
    return layer.Pack(sources, slot->data(), error);
  }

  FakeExpertModel model_;
  FakeExpertKernels kernels_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<PreparedPlan> prepared_;
};

TEST_P(ExpertLayoutTest, CountsAndPlaces) {
  const ExpertLayout& layout = Layout();
  ASSERT_EQ(layout.layers().size(), kFakeLayers);
  EXPECT_EQ(layout.record_count(), kFakeLayers * kFakeExperts);
  EXPECT_EQ(layout.most_experts(), kFakeExperts);
  EXPECT_EQ(layout.most_chosen(), kFakeChosen);
  EXPECT_EQ(layout.packs(), GetParam());
  EXPECT_TRUE(layout.streamable().ok()) << layout.streamable();
  // 60 bytes a matrix, each 64-byte aligned.
  EXPECT_EQ(layout.slot_bytes(), 192u);
  EXPECT_EQ(layout.total_bytes(), layout.record_count() * 192);
  const ExpertLayer& layer = *layout.layers()[1];
  EXPECT_EQ(layer.node_index(), 3u);
  EXPECT_STREQ(layer.name(), "blk.1.ffn");
  for (size_t p = 0; p < ExpertLayer::kPartCount; ++p) {
    EXPECT_EQ(layer.parts()[p].offset, p * 64);
    EXPECT_EQ(layer.parts()[p].source_bytes, kMatrixBytes);
    EXPECT_EQ(layer.parts()[p].layout,
              GetParam() ? uint32_t{KL_LAYOUT_PACKED} : uint32_t{KL_LAYOUT_ROWS});
    EXPECT_EQ(layer.parts()[p].layout_name, GetParam() ? "back_to_front" : "");
    EXPECT_EQ(layer.SourceOffset(p, 2),
              36 + (1 * 3 + p) * kFakeExperts * kMatrixBytes + 2 * kMatrixBytes);
    EXPECT_EQ(layer.SourceData(p, 2), model_.file->data() + layer.SourceOffset(p, 2));
  }
}

TEST_P(ExpertLayoutTest, RecordsGoBackToLayerAndExpert) {
  const ExpertLayout& layout = Layout();
  for (size_t l = 0; l < kFakeLayers; ++l) {
    for (int64_t e = 0; e < kFakeExperts; ++e) {
      int64_t expert = -1;
      EXPECT_EQ(layout.LayerOf(layout.first_record(l) + static_cast<uint64_t>(e), &expert), l);
      EXPECT_EQ(expert, e);
    }
  }
}

TEST_P(ExpertLayoutTest, KnowsWhichValuesAreExperts) {
  const ExpertLayout& layout = Layout();
  size_t count = 0;
  for (size_t v = 0; v < model_.plan.values.size(); ++v) {
    const bool expert = layout.IsExpert(static_cast<kl_value>(v));
    EXPECT_EQ(expert, model_.plan.values[v].kind == ValueKind::kWeight);
    count += expert;
  }
  EXPECT_EQ(count, 3 * kFakeLayers);
  EXPECT_FALSE(layout.IsExpert(KL_NO_VALUE));
  EXPECT_FALSE(layout.IsExpert(1 << 20));
}

TEST_P(ExpertLayoutTest, PacksOneExpertAsItsKernelWantsIt) {
  const ExpertLayer& layer = *Layout().layers()[2];
  std::vector<uint8_t> slot(layer.slot_bytes(), 0xAA);
  kl_error error = EmptyError();
  ASSERT_EQ(PackExpert(layer, 4, &slot, &error), KL_OK) << error.message;
  for (size_t p = 0; p < 3; ++p) {
    std::vector<uint8_t> expected(layer.SourceData(p, 4), layer.SourceData(p, 4) + kMatrixBytes);
    if (GetParam()) std::reverse(expected.begin(), expected.end());
    EXPECT_EQ(memcmp(slot.data() + p * 64, expected.data(), kMatrixBytes), 0) << "part " << p;
    EXPECT_EQ(slot[p * 64 + kMatrixBytes], 0xAA) << "wrote behind part " << p;
  }
}

// Up and down of an expert in one copy, one behind the other.
kl_code QueryUpWithDown(const kl_node* node, uint32_t operand, kl_pack* pack, kl_error* error) {
  const kl_code code = fake::PackExpertsQuery(node, operand, pack, error);
  if (operand == 5) pack->within = 1 + 4;
  return code;
}
kl_code PackUpWithDown(const kl_node* node, uint32_t operand, const kl_tensor* source,
                       void* destination, int64_t begin, int64_t end) {
  uint8_t* own = static_cast<uint8_t*>(destination) + (operand == 5 ? kMatrixBytes : 0);
  return fake::PackExperts(node, operand, source, own, begin, end);
}

TEST_P(ExpertLayoutTest, MatricesOfOneCopyHaveOnePlace) {
  if (!GetParam()) GTEST_SKIP() << "nothing is packed";
  kernels_.kernels[1].pack_query = QueryUpWithDown;
  kernels_.kernels[1].pack = PackUpWithDown;
  const ExpertLayer& layer = *Layout().layers()[1];
  EXPECT_EQ(layer.parts()[1].offset, 64u);
  EXPECT_EQ(layer.parts()[2].offset, 64u);
  EXPECT_EQ(layer.slot_bytes(), 192u);
  std::vector<uint8_t> slot(layer.slot_bytes(), 0xAA);
  kl_error error = EmptyError();
  ASSERT_EQ(PackExpert(layer, 4, &slot, &error), KL_OK) << error.message;
  for (size_t p = 1; p < 3; ++p) {
    std::vector<uint8_t> expected(layer.SourceData(p, 4), layer.SourceData(p, 4) + kMatrixBytes);
    std::reverse(expected.begin(), expected.end());
    EXPECT_EQ(memcmp(slot.data() + 64 + (p - 1) * kMatrixBytes, expected.data(), kMatrixBytes), 0);
  }
}

TEST_P(ExpertLayoutTest, ACopyThatIsNotTheMatrixBeforeIsRefused) {
  if (!GetParam()) GTEST_SKIP() << "nothing is packed";
  kernels_.kernels[1].pack_query = [](const kl_node* node, uint32_t operand, kl_pack* pack,
                                      kl_error* error) -> kl_code {
    const kl_code code = fake::PackExpertsQuery(node, operand, pack, error);
    if (operand == 5) pack->within = 1 + 3;
    return code;
  };
  const absl::Status status = PreparedPlan::Create(model_.plan, *registry_, kExtents, 1).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("packs operand 5 of moe_ffn into the copy"));
}

TEST_P(ExpertLayoutTest, AFailureOfPackingNamesNodeAndKernel) {
  if (!GetParam()) GTEST_SKIP() << "nothing is packed";
  kernels_.kernels[1].pack = [](const kl_node*, uint32_t, const kl_tensor*, void*, int64_t,
                                int64_t) -> kl_code { return KL_DATA_CORRUPT; };
  const ExpertLayer& layer = *Layout().layers()[0];
  std::vector<uint8_t> slot(layer.slot_bytes());
  kl_error error = EmptyError();
  EXPECT_EQ(PackExpert(layer, 0, &slot, &error), KL_DATA_CORRUPT);
  EXPECT_THAT(std::string(error.message),
              HasSubstr("node blk.0.ffn, kernel fake_ffn: packing operand 3"));
}

TEST_P(ExpertLayoutTest, ExpertsWithTwoUsersOrWithoutAFileStayInMemory) {
  model_.tensors[4]->file = nullptr;
  EXPECT_EQ(Layout().streamable().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(Layout().streamable().message()),
              HasSubstr("blk.1.up are not in a file"));
  model_.tensors[4]->file = model_.file.get();
  EXPECT_TRUE(Layout().streamable().ok());
  model_.plan.nodes[5].operands[3] = model_.plan.nodes[3].operands[3];
  EXPECT_THAT(std::string(Layout().streamable().message()), HasSubstr("blk.1.gate have two users"));
  EXPECT_FALSE(prepared_->LeaveExperts().ok());
}

TEST_P(ExpertLayoutTest, APlanWithoutExpertsHasNoLayers) {
  model_.plan.nodes.clear();
  const ExpertLayout& layout = Layout();
  EXPECT_TRUE(layout.layers().empty());
  EXPECT_EQ(layout.record_count(), 0u);
  EXPECT_FALSE(layout.streamable().ok());
}

INSTANTIATE_TEST_SUITE_P(Packed, ExpertLayoutTest, testing::Bool());

}  // namespace
}  // namespace kinglet
