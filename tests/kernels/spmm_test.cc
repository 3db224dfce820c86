// Pruned products at every share of zeros, also where supports() would rather have them dense, and
// the rules that conformance does not see: bits of a row alone and in a batch, choices, NaN.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "plugins/sparse_x86/kernel_runner.h"
#include "tests/kernels/sparse_kernels.h"

namespace kinglet {
namespace {

constexpr int64_t kOnes[] = {1, 1}, kNoPads[] = {0, 0, 0, 0};

kl_attribute Ints(const char* name, const int64_t* values, uint32_t count) {
  kl_attribute attribute = {};
  attribute.name = name;
  attribute.kind = KL_ATTRIBUTE_INTS;
  attribute.count = count;
  attribute.ints = values;
  return attribute;
}

const std::vector<kl_attribute>& PointwiseAttributes() {
  static const std::vector<kl_attribute> attributes = {
      Ints("strides", kOnes, 2), Ints("dilations", kOnes, 2), Ints("pads", kNoPads, 4)};
  return attributes;
}

// Of one instruction set.
class SpmmTest : public ::testing::TestWithParam<const kl_kernel*> {
 protected:
  void SetUp() override {
    KL_SKIP_WHAT_THE_PROCESSOR_LACKS(*GetParam());
    ASSERT_NE(nullptr, matmul());
    ASSERT_NE(nullptr, gemm());
  }
  const kl_kernel* convolution() const { return GetParam(); }
  const kl_kernel* matmul() const { return OfTheSameLevel("matmul"); }
  const kl_kernel* gemm() const { return OfTheSameLevel("gemm"); }
  static const kl_kernel* OfTheSameLevel(const std::string& op) {
    for (const kl_kernel* kernel : SparseKernelsWith(op, "_sparse_")) {
      if (kernel->cpu_features == GetParam()->cpu_features) return kernel;
    }
    return nullptr;
  }

  int64_t Draw(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random_);
  }
  std::vector<float> Normal(int64_t count) {
    std::normal_distribution<float> normal;
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values) value = normal(random_);
    return values;
  }
  // [rows][columns]; zeros for `block` rows at once.
  std::vector<float> Pruned(int64_t rows, int64_t columns, double zeros, int64_t block) {
    std::vector<float> weights = Normal(rows * columns);
    for (int64_t row = 0; row < rows; row += block) {
      for (int64_t column = 0; column < columns; ++column) {
        if (std::uniform_real_distribution<>()(random_) >= zeros) continue;
        for (int64_t r = row; r < std::min(rows, row + block); ++r) {
          weights[static_cast<size_t>(r * columns + column)] = 0.0f;
        }
      }
    }
    return weights;
  }

  void CheckConvolution(int64_t channels, int64_t outputs, int64_t rows, int64_t columns,
                        double zeros, int64_t block) {
    const int64_t pixels = rows * columns;
    const std::vector<float> x = Normal(channels * pixels), bias = Normal(outputs);
    const std::vector<float> w = Pruned(outputs, channels, zeros, block);
    AlignedBytes y(static_cast<uint64_t>(outputs * pixels) * sizeof(float));
    KernelRunner runner(convolution(), PointwiseAttributes().data(), 3);
    runner.set_asks_supports(false);
    ASSERT_EQ(KL_OK,
              runner.Prepare({MakeTensor(KL_TYPE_F32, {1, channels, rows, columns}, x.data()),
                              MakeTensor(KL_TYPE_F32, {outputs, channels, 1, 1}, w.data()),
                              MakeTensor(KL_TYPE_F32, {outputs}, bias.data()),
                              MakeTensor(KL_TYPE_F32, {1, outputs, rows, columns}, y.data())},
                             true))
        << runner.message();
    ASSERT_EQ(KL_OK, runner.Run(&random_));
    ASSERT_TRUE(y.GuardIntact());
    const float* found = reinterpret_cast<const float*>(y.data());
    const double tolerance = 1e-5 * std::sqrt(1.0 + static_cast<double>(channels));
    for (int64_t o = 0; o < outputs; ++o) {
      for (int64_t p = 0; p < pixels; ++p) {
        double sum = bias[static_cast<size_t>(o)];
        for (int64_t c = 0; c < channels; ++c) {
          sum += static_cast<double>(w[static_cast<size_t>(o * channels + c)]) *
                 static_cast<double>(x[static_cast<size_t>(c * pixels + p)]);
        }
        ASSERT_NEAR(sum, found[o * pixels + p], tolerance)
            << channels << " -> " << outputs << ", " << rows << " x " << columns << ", zeros "
            << zeros << " by " << block << ", output " << o << ", pixel " << p;
      }
    }
  }

  std::mt19937 random_{5};
};

TEST_P(SpmmTest, EveryShareOfZerosShapeAndBlock) {
  for (const double zeros : {0.0, 0.5, 0.9, 0.97, 1.0}) {
    for (const int64_t block : {1, 2, 4}) {
      for (int i = 0; i < 6; ++i) {
        CheckConvolution(Draw(1, 300), 4 * Draw(1, 12), Draw(1, 14), Draw(1, 14), zeros, block);
      }
      CheckConvolution(Draw(1, 100), Draw(1, 30), 1, 1, zeros, block);
      CheckConvolution(Draw(193, 420), 8, 7, 7, zeros, block);
      CheckConvolution(128, 12, 8, 26, zeros, block);  // whole tiles of 13 vectors
    }
  }
}

// Greedy answers are the same for every batch size: so must be the rows of a batch.
TEST_P(SpmmTest, ARowHasTheSameBitsAloneAndInABatch) {
  for (const double zeros : {0.7, 0.92}) {
    for (const int64_t block : {1, 2, 4}) {
      const int64_t depth = Draw(100, 500), outputs = 4 * Draw(4, 40), count = Draw(2, 150);
      const std::vector<float> x = Normal(count * depth), w = Pruned(outputs, depth, zeros, block),
                               bias = Normal(outputs);
      std::vector<float> batch(static_cast<size_t>(count * outputs)), alone = batch;
      const auto run = [&](int64_t first, int64_t rows, float* y) {
        KernelRunner runner(matmul(), nullptr, 0);
        runner.set_asks_supports(false);
        ASSERT_EQ(KL_OK,
                  runner.Prepare({MakeTensor(KL_TYPE_F32, {rows, depth}, x.data() + first * depth),
                                  MakeTensor(KL_TYPE_F32, {outputs, depth}, w.data()),
                                  MakeTensor(KL_TYPE_F32, {outputs}, bias.data()),
                                  MakeTensor(KL_TYPE_F32, {rows, outputs}, y)},
                                 true))
            << runner.message();
        ASSERT_EQ(KL_OK, runner.Run(&random_));
      };
      run(0, count, batch.data());
      for (int64_t t = 0; t < count; ++t) run(t, 1, alone.data() + t * outputs);
      ASSERT_EQ(alone, batch) << "zeros " << zeros << " by " << block;
    }
  }
}

TEST_P(SpmmTest, DenseWeightsAreLeftToOtherKernels) {
  const int64_t channels = 256, outputs = 256, side = 14;
  for (const auto& [zeros, expected] : std::vector<std::pair<double, kl_code>>{
           {0.0, KL_UNSUPPORTED}, {0.2, KL_UNSUPPORTED}, {0.7, KL_OK}, {0.9, KL_OK}}) {
    const std::vector<float> w = Pruned(outputs, channels, zeros, 1);
    KernelRunner runner(convolution(), PointwiseAttributes().data(), 3);
    EXPECT_EQ(expected,
              runner.Prepare({MakeTensor(KL_TYPE_F32, {1, channels, side, side}, nullptr),
                              MakeTensor(KL_TYPE_F32, {outputs, channels, 1, 1}, w.data()),
                              MakeTensor(KL_TYPE_NONE, {}, nullptr),
                              MakeTensor(KL_TYPE_F32, {1, outputs, side, side}, nullptr)},
                             true))
        << zeros << runner.message();
    KernelRunner product(gemm(), nullptr, 0);
    EXPECT_EQ(expected, product.Prepare({MakeTensor(KL_TYPE_F32, {1, outputs}, nullptr),
                                         MakeTensor(KL_TYPE_F32, {outputs, channels}, w.data()),
                                         MakeTensor(KL_TYPE_NONE, {}, nullptr),
                                         MakeTensor(KL_TYPE_F32, {1, channels}, nullptr)},
                                        true))
        << zeros << product.message();
  }
}

TEST_P(SpmmTest, NanOfAWeightedPixelStays) {
  const std::vector<float> x = {NAN, 1.0f}, w = {0.0f, 2.0f, 3.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f};
  std::vector<float> y(4);
  KernelRunner runner(convolution(), PointwiseAttributes().data(), 3);
  runner.set_asks_supports(false);
  ASSERT_EQ(KL_OK, runner.Prepare({MakeTensor(KL_TYPE_F32, {1, 2, 1, 1}, x.data()),
                                   MakeTensor(KL_TYPE_F32, {4, 2, 1, 1}, w.data()),
                                   MakeTensor(KL_TYPE_NONE, {}, nullptr),
                                   MakeTensor(KL_TYPE_F32, {1, 4, 1, 1}, y.data())},
                                  true));
  ASSERT_EQ(KL_OK, runner.Run());
  EXPECT_EQ(2.0f, y[0]);
  EXPECT_TRUE(std::isnan(y[1]));
  EXPECT_EQ(0.0f, y[2]);
}

INSTANTIATE_TEST_SUITE_P(Levels, SpmmTest,
                         ::testing::ValuesIn(SparseKernelsWith("conv2d", "_sparse_")),
                         NameOfKernel);

}  // namespace
}  // namespace kinglet
