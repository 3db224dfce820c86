#include <pthreadpool.h>
#include <xnnpack.h>

#include <cmath>
#include <vector>

#include "gtest/gtest.h"

namespace {

// XNNPACK may read this many floats past the end of an input.
constexpr size_t kExtra = XNN_EXTRA_BYTES / sizeof(float) + 1;

class XnnpackTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(xnn_status_success, xnn_initialize(nullptr)); }
};

TEST_F(XnnpackTest, FullyConnectedMatchesADoubleLoopOnTwoThreads) {
  const size_t batch = 5, inputs = 16, outputs = 8;
  std::vector<float> x(batch * inputs + kExtra), w(outputs * inputs), bias(outputs);
  std::vector<float> y(batch * outputs, NAN);
  for (size_t i = 0; i < batch * inputs; i++) x[i] = static_cast<float>(i % 9) - 4.0f;
  for (size_t i = 0; i < w.size(); i++) w[i] = static_cast<float>(i % 7) - 3.0f;
  for (size_t i = 0; i < outputs; i++) bias[i] = static_cast<float>(i);
  xnn_operator_t op = nullptr;
  ASSERT_EQ(xnn_status_success,
            xnn_create_fully_connected_nc_f32(inputs, outputs, inputs, outputs, w.data(),
                                              bias.data(), -INFINITY, INFINITY, 0, &op));
  pthreadpool_t pool = pthreadpool_create(2);
  ASSERT_EQ(xnn_status_success,
            xnn_setup_fully_connected_nc_f32(op, batch, x.data(), y.data(), pool));
  ASSERT_EQ(xnn_status_success, xnn_run_operator(op, pool));
  for (size_t row = 0; row < batch; row++) {
    for (size_t column = 0; column < outputs; column++) {
      float expected = bias[column];
      for (size_t k = 0; k < inputs; k++) expected += x[row * inputs + k] * w[column * inputs + k];
      EXPECT_FLOAT_EQ(y[row * outputs + column], expected) << row << ", " << column;
    }
  }
  xnn_delete_operator(op);
  pthreadpool_destroy(pool);
}

TEST_F(XnnpackTest, ConvolutionPadsWithZeros) {
  const size_t height = 6, width = 6, channels_in = 4, channels_out = 3;
  std::vector<float> x(height * width * channels_in + kExtra, 1.0f);
  std::vector<float> w(channels_out * 9 * channels_in, 1.0f);
  std::vector<float> y(height * width * channels_out);
  xnn_operator_t op = nullptr;
  ASSERT_EQ(xnn_status_success,
            xnn_create_convolution2d_nhwc_f32(1, 1, 1, 1, 3, 3, 1, 1, 1, 1, 1, channels_in,
                                              channels_out, channels_in, channels_out, w.data(),
                                              nullptr, -INFINITY, INFINITY, 0, &op));
  ASSERT_EQ(xnn_status_success,
            xnn_setup_convolution2d_nhwc_f32(op, 1, height, width, x.data(), y.data(), nullptr));
  ASSERT_EQ(xnn_status_success, xnn_run_operator(op, nullptr));
  EXPECT_FLOAT_EQ(y[0], 4.0f * channels_in);                           // a corner sees 2 x 2
  EXPECT_FLOAT_EQ(y[1 * channels_out], 6.0f * channels_in);            // an edge sees 2 x 3
  EXPECT_FLOAT_EQ(y[(width + 1) * channels_out], 9.0f * channels_in);  // inside, 3 x 3
  xnn_delete_operator(op);
}

}  // namespace
