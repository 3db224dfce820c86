#include "tools/make_model/weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "gtest/gtest.h"
#include "tools/make_model/generate.h"
#include "tools/make_model/router.h"

namespace kinglet::tools {
namespace {

ModelShape Tiny() {
  ModelShape shape;
  FindPreset("smallthinker", "tiny", &shape);
  shape.embedding = 256;
  return shape;
}

const TensorPlan& Find(const std::vector<TensorPlan>& tensors, const std::string& name) {
  return *std::find_if(tensors.begin(), tensors.end(),
                       [&](const TensorPlan& t) { return t.name == name; });
}

// All of a tensor as f32; its type must be f32.
std::vector<float> Values(const TensorPlan& tensor, uint64_t seed) {
  int64_t rows = 1;
  for (size_t d = 0; d + 1 < tensor.shape.size(); ++d) rows *= tensor.shape[d];
  std::vector<float> values;
  const int64_t step = RowsOfPiece(tensor);
  for (int64_t row = 0; row < rows; row += step) {
    std::vector<uint8_t> bytes;
    GenerateRows(tensor, seed, row, std::min(step, rows - row), &bytes);
    const size_t before = values.size();
    values.resize(before + bytes.size() / sizeof(float));
    std::memcpy(values.data() + before, bytes.data(), bytes.size());
  }
  return values;
}

double Dot(const float* a, const float* b, int64_t n) {
  return std::inner_product(a, a + n, b, 0.0);
}

class ActiveShareTest : public testing::TestWithParam<double> {};

TEST_P(ActiveShareTest, TheFirstLayersGatesAreActiveAsOftenAsAsked) {
  const ModelShape shape = Tiny();
  WeightOptions options;
  options.type = options.embedding_type = KL_TYPE_F32;
  options.active = GetParam();
  const std::vector<TensorPlan> tensors = PlanTensors(shape, options);
  const std::vector<float> embeddings = Values(Find(tensors, "token_embd.weight"), options.seed);
  const std::vector<float> gate = Values(Find(tensors, "blk.0.ffn_gate_exps.weight"), options.seed);
  int64_t active = 0;
  int64_t total = 0;
  for (int64_t token = 0; token < 64; ++token) {  // the norm's weights are 1; its scale keeps signs
    for (int64_t j = 0; j < shape.experts * shape.ffn; ++j, ++total) {
      active += Dot(&embeddings[static_cast<size_t>(token * shape.embedding)],
                    &gate[static_cast<size_t>(j * shape.embedding)], shape.embedding) > 0;
    }
  }
  EXPECT_NEAR(static_cast<double>(active) / static_cast<double>(total), GetParam(), 0.03);
}

INSTANTIATE_TEST_SUITE_P(Shares, ActiveShareTest, testing::Values(0.1, 0.35, 0.5, 0.8));

TEST(RouterTest, ExpertUseIsSkewedAsThePaperReports) {
  ModelShape shape = Tiny();
  shape.experts = 32;
  shape.experts_used = 4;
  WeightOptions options;
  options.type = options.embedding_type = KL_TYPE_F32;
  const std::vector<TensorPlan> tensors = PlanTensors(shape, options);
  const std::vector<float> embeddings = Values(Find(tensors, "token_embd.weight"), options.seed);
  const std::vector<float>& router = Find(tensors, "blk.0.ffn_gate_inp.weight").values;
  std::vector<int> uses(32, 0);
  for (int64_t token = 0; token < shape.vocabulary; ++token) {
    std::vector<std::pair<double, size_t>> logits;
    for (size_t e = 0; e < 32; ++e) {
      logits.emplace_back(-Dot(&embeddings[static_cast<size_t>(token * shape.embedding)],
                               &router[e * static_cast<size_t>(shape.embedding)], shape.embedding),
                          e);
    }
    std::sort(logits.begin(), logits.end());
    for (size_t i = 0; i < 4; ++i) ++uses[logits[i].second];
  }
  const int rare = static_cast<int>(std::count_if(uses.begin(), uses.end(), [&](int n) {
    return n < 0.14 * static_cast<double>(shape.vocabulary);
  }));
  EXPECT_GE(rare, 22);  // 70 % of 32
  EXPECT_LE(rare, 26);  // 80 %
  for (const int n : uses) {
    const double share = n / static_cast<double>(shape.vocabulary);
    if (share >= 0.14) {
      EXPECT_GT(share, 0.25);
      EXPECT_LT(share, 0.65);
    }
  }
}

TEST(RouterTest, SkewZeroNeedsNoBias) {
  EXPECT_EQ(BusyLogitBias(32, 4, 0), 0);
  EXPECT_EQ(BusyLogitBias(4, 4, 0.9), 0);
  EXPECT_GT(BusyLogitBias(32, 4, 0.9), BusyLogitBias(32, 4, 0.6));
}

TEST(GenerateTest, BothLayoutsOfDownHoldTheSameNumbers) {
  ModelShape shape = Tiny();
  WeightOptions options;
  options.type = KL_TYPE_F32;
  const std::vector<float> plain =
      Values(Find(PlanTensors(shape, options), "blk.1.ffn_down_exps.weight"), 1);
  shape.transposed_down = true;
  const std::vector<float> turned =
      Values(Find(PlanTensors(shape, options), "blk.1.ffn_down_exps.weight"), 1);
  ASSERT_EQ(plain.size(), turned.size());
  for (int64_t e = 0; e < shape.experts; ++e) {
    for (int64_t d = 0; d < shape.embedding; ++d) {
      for (int64_t f = 0; f < shape.ffn; ++f) {
        ASSERT_EQ(plain[static_cast<size_t>((e * shape.embedding + d) * shape.ffn + f)],
                  turned[static_cast<size_t>((e * shape.ffn + f) * shape.embedding + d)]);
      }
    }
  }
}

TEST(GenerateTest, SeedsGiveDifferentWeights) {
  const ModelShape shape = Tiny();
  WeightOptions options;
  options.type = KL_TYPE_F32;
  const std::vector<TensorPlan> tensors = PlanTensors(shape, options);
  const TensorPlan& tensor = Find(tensors, "blk.0.attn_q.weight");
  EXPECT_EQ(Values(tensor, 1), Values(tensor, 1));
  EXPECT_NE(Values(tensor, 1), Values(tensor, 2));
}

TEST(CheckShapeTest, ContradictionsAreNamed) {
  ModelShape shape = Tiny();
  EXPECT_EQ(CheckShape(shape), "");
  shape.experts_used = 9;
  EXPECT_NE(CheckShape(shape).find("--experts-used 9"), std::string::npos);
  shape = Tiny();
  shape.kv_heads = 3;
  EXPECT_NE(CheckShape(shape).find("--kv-heads 3"), std::string::npos);
  shape = Tiny();
  shape.ffn = shape.embedding;
  shape.transposed_down = true;
  EXPECT_NE(CheckShape(shape).find("--transposed-down"), std::string::npos);
}

TEST(CheckTypesTest, RowsMustBeWholeBlocks) {
  WeightOptions options;
  options.type = options.embedding_type = KL_TYPE_Q4_K;
  EXPECT_NE(CheckTypes(Tiny(), options).find("--ffn (96) must be a multiple of 256"),
            std::string::npos);
}

}  // namespace
}  // namespace kinglet::tools
