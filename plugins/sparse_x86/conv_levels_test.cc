// Dense convolutions of every instruction set on awkward shapes: windows that leave the image on
// any side, strides, planes narrower than a vector, several images, every way of sharing the work
// out. Each level is right, and adds in the same order as the others: equal bits.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "plugins/common/table.h"
#include "plugins/sparse_x86/kernel_runner.h"

extern "C" {
extern const kl_table kl_table_sparse_x86_conv2d_depthwise_f32_avx2;
extern const kl_table kl_table_sparse_x86_conv2d_direct_f32_avx2;
extern const kl_table kl_table_sparse_x86_conv2d_pointwise_f32_avx2;
extern const kl_table kl_table_sparse_x86_conv2d_depthwise_f32_avx512;
extern const kl_table kl_table_sparse_x86_conv2d_direct_f32_avx512;
extern const kl_table kl_table_sparse_x86_conv2d_pointwise_f32_avx512;
}

namespace kinglet {
namespace {

struct Shape {
  int64_t images, channels, outputs, rows, columns, kernel_rows, kernel_columns;
  int64_t strides[2];
  int64_t pads[4];
  bool depthwise;

  int64_t out(int d) const {
    const int64_t size = d == 0 ? rows : columns, kernel = d == 0 ? kernel_rows : kernel_columns;
    return (size + pads[d] + pads[2 + d] - kernel) / strides[d] + 1;
  }
  bool exists() const {
    return rows + pads[0] + pads[2] >= kernel_rows && columns + pads[1] + pads[3] >= kernel_columns;
  }
  std::string ToString() const {
    return std::to_string(images) + " x " + std::to_string(channels) + " -> " +
           std::to_string(outputs) + ", " + std::to_string(rows) + " x " + std::to_string(columns) +
           ", window " + std::to_string(kernel_rows) + " x " + std::to_string(kernel_columns) +
           ", strides " + std::to_string(strides[0]) + " " + std::to_string(strides[1]) +
           ", pads " + std::to_string(pads[0]) + " " + std::to_string(pads[1]) + " " +
           std::to_string(pads[2]) + " " + std::to_string(pads[3]);
  }
};

class ConvLevelsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!__builtin_cpu_supports("avx2")) GTEST_SKIP() << "this processor has no AVX2";
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

  // Tables of one kernel, by level.
  void Check(const Shape& shape, const kl_table& avx2, const kl_table& avx512) {
    SCOPED_TRACE(shape.ToString());
    const int64_t inner = shape.depthwise ? 1 : shape.channels;
    x_ = Normal(shape.images * shape.channels * shape.rows * shape.columns);
    w_ = Normal(shape.outputs * inner * shape.kernel_rows * shape.kernel_columns);
    bias_ = Normal(shape.outputs);
    const std::vector<float> first = Run(shape, avx2);
    ExpectRight(shape, first);
    if (!__builtin_cpu_supports("avx512bw")) return;
    const std::vector<float> second = Run(shape, avx512);
    ASSERT_EQ(first.size(), second.size());
    EXPECT_EQ(0, std::memcmp(first.data(), second.data(), first.size() * sizeof(float)))
        << "the levels differ";
  }

 private:
  std::vector<float> Run(const Shape& s, const kl_table& table) {
    kl_attribute attributes[5] = {};
    const int64_t ones[] = {1, 1};
    const auto ints = [](const char* name, const int64_t* values, uint32_t count) {
      kl_attribute attribute = {};
      attribute.name = name;
      attribute.kind = KL_ATTRIBUTE_INTS;
      attribute.count = count;
      attribute.ints = values;
      return attribute;
    };
    attributes[0] = ints("strides", s.strides, 2);
    attributes[1] = ints("dilations", ones, 2);
    attributes[2] = ints("pads", s.pads, 4);
    attributes[3].name = "group";
    attributes[3].kind = KL_ATTRIBUTE_INT;
    attributes[3].i = s.depthwise ? s.channels : 1;
    attributes[4].name = "minimum";
    attributes[4].kind = KL_ATTRIBUTE_FLOAT;
    attributes[4].f = -0.75;
    const int64_t count = s.images * s.outputs * s.out(0) * s.out(1);
    AlignedBytes y(static_cast<uint64_t>(count) * sizeof(float));
    KernelRunner runner(table.kernels[0], attributes, 5);
    const int64_t inner = s.depthwise ? 1 : s.channels;
    EXPECT_EQ(KL_OK,
              runner.Prepare(
                  {MakeTensor(KL_TYPE_F32, {s.images, s.channels, s.rows, s.columns}, x_.data()),
                   MakeTensor(KL_TYPE_F32, {s.outputs, inner, s.kernel_rows, s.kernel_columns},
                              w_.data()),
                   MakeTensor(KL_TYPE_F32, {s.outputs}, bias_.data()),
                   MakeTensor(KL_TYPE_F32, {s.images, s.outputs, s.out(0), s.out(1)}, y.data())},
                  true))
        << runner.message();
    EXPECT_EQ(KL_OK, runner.Run(&random_));
    EXPECT_TRUE(y.GuardIntact());
    const float* values = reinterpret_cast<const float*>(y.data());
    return std::vector<float>(values, values + count);
  }

  void ExpectRight(const Shape& s, const std::vector<float>& found) {
    const int64_t inner = s.depthwise ? 1 : s.channels;
    const double tolerance =
        1e-5 * std::sqrt(1.0 + static_cast<double>(inner * s.kernel_rows * s.kernel_columns));
    size_t i = 0;
    for (int64_t n = 0; n < s.images; ++n) {
      for (int64_t o = 0; o < s.outputs; ++o) {
        for (int64_t r = 0; r < s.out(0); ++r) {
          for (int64_t c = 0; c < s.out(1); ++c, ++i) {
            const double expected = std::max(-0.75, Sum(s, n, o, r, c));
            ASSERT_NEAR(expected, found[i], tolerance)
                << "image " << n << ", output " << o << ", row " << r << ", column " << c;
          }
        }
      }
    }
  }

  double Sum(const Shape& s, int64_t n, int64_t o, int64_t r, int64_t c) const {
    const int64_t inner = s.depthwise ? 1 : s.channels;
    double sum = bias_[static_cast<size_t>(o)];
    for (int64_t k = 0; k < inner; ++k) {
      for (int64_t kh = 0; kh < s.kernel_rows; ++kh) {
        for (int64_t kw = 0; kw < s.kernel_columns; ++kw) {
          const int64_t row = r * s.strides[0] + kh - s.pads[0];
          const int64_t column = c * s.strides[1] + kw - s.pads[1];
          if (row < 0 || row >= s.rows || column < 0 || column >= s.columns) continue;
          const int64_t channel = s.depthwise ? o : k;
          const int64_t at = ((n * s.channels + channel) * s.rows + row) * s.columns + column;
          const int64_t weight = ((o * inner + k) * s.kernel_rows + kh) * s.kernel_columns + kw;
          sum += static_cast<double>(x_[static_cast<size_t>(at)]) *
                 static_cast<double>(w_[static_cast<size_t>(weight)]);
        }
      }
    }
    return sum;
  }

 protected:
  std::mt19937 random_{7};
  std::vector<float> x_, w_, bias_;
};

TEST_F(ConvLevelsTest, DepthwiseOfAnyWindowStrideAndPadding) {
  constexpr int64_t kSizes[] = {1, 2, 3, 5, 7, 8, 14, 15, 16, 17, 28, 33};
  for (const int64_t rows : kSizes) {
    for (const int64_t columns : kSizes) {
      const int64_t channels = Draw(1, 3), stride = Draw(1, 2);
      Shape shape = {Draw(1, 2), channels, channels,         rows, columns,
                     3,          3,        {stride, stride}, {},   true};
      for (int64_t& pad : shape.pads) pad = Draw(0, 3);
      if (!shape.exists()) continue;
      Check(shape, kl_table_sparse_x86_conv2d_depthwise_f32_avx2,
            kl_table_sparse_x86_conv2d_depthwise_f32_avx512);
    }
  }
  for (int i = 0; i < 60; ++i) {
    const int64_t channels = Draw(1, 3);
    Shape shape = {1,          channels,   channels, Draw(1, 40), Draw(1, 150),
                   Draw(1, 7), Draw(1, 7), {},       {},          true};
    for (int64_t& stride : shape.strides) stride = Draw(1, 4);
    for (int64_t& pad : shape.pads) pad = Draw(0, 4);
    if (!shape.exists()) continue;
    Check(shape, kl_table_sparse_x86_conv2d_depthwise_f32_avx2,
          kl_table_sparse_x86_conv2d_depthwise_f32_avx512);
  }
}

TEST_F(ConvLevelsTest, EntryOfAnyWindowStrideAndPadding) {
  for (int i = 0; i < 60; ++i) {
    Shape shape = {Draw(1, 2), Draw(1, 4), Draw(1, 20), Draw(1, 30), Draw(1, 90),
                   Draw(1, 5), Draw(2, 5), {},          {},          false};
    for (int64_t& stride : shape.strides) stride = Draw(1, 3);
    for (int64_t& pad : shape.pads) pad = Draw(0, 3);
    if (!shape.exists()) continue;
    Check(shape, kl_table_sparse_x86_conv2d_direct_f32_avx2,
          kl_table_sparse_x86_conv2d_direct_f32_avx512);
  }
}

TEST_F(ConvLevelsTest, PointwiseOfAnySize) {
  for (int i = 0; i < 60; ++i) {
    const bool large = i % 10 == 0;
    const Shape shape = {Draw(1, 2),  Draw(1, large ? 600 : 100),
                         Draw(1, 40), Draw(1, large ? 8 : 40),
                         Draw(1, 40), 1,
                         1,           {1, 1},
                         {},          false};
    Check(shape, kl_table_sparse_x86_conv2d_pointwise_f32_avx2,
          kl_table_sparse_x86_conv2d_pointwise_f32_avx512);
  }
}

// Whole tiles of 49 pixels, three vectors and one more, with AVX-512.
TEST_F(ConvLevelsTest, PointwiseOfPlanesWithOnePixelMoreThanWholeVectors) {
  for (const int64_t side : {7, 14, 21, 35}) {
    for (const int64_t channels : {1, 31, 256, 300, 600}) {
      const Shape shape = {2, channels, Draw(1, 40), side, side, 1, 1, {1, 1}, {}, false};
      Check(shape, kl_table_sparse_x86_conv2d_pointwise_f32_avx2,
            kl_table_sparse_x86_conv2d_pointwise_f32_avx512);
    }
  }
}

}  // namespace
}  // namespace kinglet
