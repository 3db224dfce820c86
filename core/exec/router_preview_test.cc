#include "core/exec/router_preview.h"

#include "core/exec/fake_experts.h"
#include "core/exec/fake_matmul.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

constexpr Extents kLargest = {8, 1, 16};

// The model of fake_experts.h, with a product in front of each moe_route that reads the layer's input.
class RouterPreviewTest : public testing::TestWithParam<bool> {
 protected:
  RouterPreviewTest() : experts_(false), product_(GetParam()) {
    RegistryOptions options;
    options.use_plugin_folder = false;
    options.adopted_plugins = {&experts_.table, &product_.table};
    registry_ = std::move(Registry::Create(options)).value();
  }
  void AddRouters() {
    std::vector<PlanNode> nodes;
    for (size_t l = 0; l < kFakeLayers; ++l) {
      PlanNode route = model_.plan.nodes[2 * l], ffn = model_.plan.nodes[2 * l + 1];
      PlanNode router;
      router.op = "matmul";
      router.name = "router" + std::to_string(l);
      const kl_value logits = Value(ValueKind::kActivation, {KL_DIM_TOKENS, kFakeExperts});
      inputs_.push_back(ffn.operands[0]);
      router.operands = {inputs_[l], Weight(l), KL_NO_VALUE, logits};
      route.operands[0] = logits;
      nodes.insert(nodes.end(), {router, route, ffn});
    }
    model_.plan.nodes = nodes;
  }
  void Make() {
    prepared_ = std::move(PreparedPlan::Create(model_.plan, *registry_, kLargest, 2)).value();
    const auto serially = [](int64_t count, kl_parallel_body body, void* context) { body(context, 0, count); };
    ASSERT_TRUE(prepared_->LoadWeights(nullptr, serially, nullptr).ok());
    preview_ = std::make_unique<RouterPreview>(*prepared_);
    // Two tokens in the input of the first layer.
    for (const PlanValue& value : model_.plan.values) tensors_.push_back(ShapedTensor(value, {2, 1, 16}));
    for (int i = 0; i < 2 * kFakeWidth; ++i) x_.push_back(static_cast<float>(i * i % 7) - 2);
    tensors_[inputs_.empty() ? model_.first_x : inputs_[0]].data = x_.data();
    preview_->Attach(&tensors_);
  }
  static float WeightAt(size_t layer, int64_t expert, int64_t i) {
    return static_cast<float>((static_cast<int64_t>(layer) * 5 + expert * 3 + i * i) % 11) / 4 - 1;
  }

  FakeExpertModel model_;
  FakeExpertKernels experts_;
  FakeMatmulKernel product_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<PreparedPlan> prepared_;
  std::unique_ptr<RouterPreview> preview_;
  std::vector<kl_value> inputs_;
  std::vector<kl_tensor> tensors_;
  std::vector<float> x_;

 private:
  kl_value Value(ValueKind kind, std::vector<int64_t> shape) {
    PlanValue value;
    value.kind = kind;
    value.shape = std::move(shape);
    model_.plan.values.push_back(std::move(value));
    return static_cast<kl_value>(model_.plan.values.size()) - 1;
  }
  kl_value Weight(size_t layer) {
    PlanConstant& constant = model_.plan.constants.emplace_back();
    std::vector<float> floats;
    for (int64_t e = 0; e < kFakeExperts; ++e) {
      for (int64_t i = 0; i < kFakeWidth; ++i) floats.push_back(WeightAt(layer, e, i));
    }
    constant.bytes.resize(floats.size() * sizeof(float));
    std::memcpy(constant.bytes.data(), floats.data(), constant.bytes.size());
    constant.tensor.name = "router" + std::to_string(layer);
    constant.tensor.shape = {kFakeExperts, kFakeWidth};
    constant.tensor.data = constant.bytes.data();
    constant.tensor.bytes = constant.bytes.size();
    const kl_value value = Value(ValueKind::kWeight, constant.tensor.shape);
    model_.plan.values.back().tensors = {&constant.tensor};
    return value;
  }
};

TEST_P(RouterPreviewTest, RunsALaterRouterOnThisLayersInput) {
  AddRouters();
  Make();
  for (const size_t layer : {size_t{1}, size_t{2}}) {
    for (int64_t row = 0; row < 2; ++row) {
      const float* logits = preview_->Logits(0, layer, row);
      ASSERT_NE(logits, nullptr);
      for (int64_t e = 0; e < kFakeExperts; ++e) {
        float expected = 0;
        for (int64_t i = 0; i < kFakeWidth; ++i) {
          expected += x_[static_cast<size_t>(row * kFakeWidth + i)] * WeightAt(layer, e, i);
        }
        EXPECT_FLOAT_EQ(logits[e], expected) << "layer " << layer << " row " << row << " expert " << e;
      }
    }
  }
  EXPECT_GT(preview_->bytes(), 0u);
}

TEST_P(RouterPreviewTest, TheLayersOwnLogitsAreThoseOfThePlan) {
  AddRouters();
  Make();
  std::vector<float> computed(2 * kFakeExperts);
  kl_tensor& logits = tensors_[model_.plan.nodes[3].operands[kMatmulY]];
  EXPECT_EQ(preview_->Computed(1, 0), nullptr) << "nothing was computed yet";
  logits.data = computed.data();
  EXPECT_EQ(preview_->Computed(1, 0), computed.data());
  EXPECT_EQ(preview_->Computed(1, 1), computed.data() + kFakeExperts);
}

TEST_P(RouterPreviewTest, WithoutAProductThereIsNone) {
  Make();
  EXPECT_EQ(preview_->Logits(0, 1, 0), nullptr);
  EXPECT_EQ(preview_->Computed(1, 0), nullptr);
}

TEST_P(RouterPreviewTest, AnInputThatIsGoneByThenIsNotRead) {
  AddRouters();
  // The experts of the first layer read something else: nobody needs its router's input any more.
  model_.plan.nodes[2].operands[0] = inputs_[1];
  Make();
  EXPECT_EQ(preview_->Logits(0, 1, 0), nullptr);
}

INSTANTIATE_TEST_SUITE_P(Packed, RouterPreviewTest, testing::Bool());

}  // namespace
}  // namespace kinglet
