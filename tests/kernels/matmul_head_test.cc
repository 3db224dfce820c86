// The head of a language model: with a wanted_count the largest logits are those of the full
// product, bit for bit, and what is left out is not among them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <numeric>
#include <vector>

#include "plugins/common/dequantize.h"
#include "plugins/common/random_blocks.h"
#include "plugins/sparse_x86/kernel_runner.h"
#include "tests/kernels/sparse_kernels.h"
#include "tests/support/emulator.h"

namespace kinglet {
namespace {

constexpr float kLeftOut = -std::numeric_limits<float>::infinity();

std::vector<float> Normal(Random* random, int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(NextNormal(random));
  return values;
}

// Of TheSameRowsAreLeftOutOnEveryProcessor.
constexpr uint64_t kHashOnEveryProcessor = 16866565289472196358u;

// A few in an ordinary run; matmul_head_misses_test asks for more.
#ifndef KL_HEAD_STATES
#define KL_HEAD_STATES 200
#endif

// The kernel for any product on the same weights and the same processor.
const kl_kernel* OrdinaryOf(const kl_kernel& head) {
  for (const kl_kernel* kernel : SparseKernelsWithout("matmul", {"_head_", "_sparse_"})) {
    if (kernel->operand_types[1] == head.operand_types[1] &&
        kernel->cpu_features == head.cpu_features) {
      return kernel;
    }
  }
  return nullptr;
}

// A matrix of `rows` x 512 random weights, and both kernels on it.
class HeadTest : public ::testing::TestWithParam<const kl_kernel*> {
 protected:
  static constexpr int64_t kColumns = 512;

  void SetUp() override {
    KL_SKIP_WHAT_THE_PROCESSOR_LACKS(*head());
    ordinary_ = OrdinaryOf(*head());
    ASSERT_NE(ordinary_, nullptr);
  }

  void MakeWeights(int64_t rows) {
    rows_ = rows;
    weights_.resize(kl_row_bytes(type(), static_cast<uint64_t>(rows * kColumns)));
    ASSERT_TRUE(RandomRow(type(), &random_, 0.1, rows * kColumns, weights_.data()));
  }

  void ReadRow(int64_t n, float* row) const {
    DequantizeRow(type(), weights_.data() + kl_row_bytes(type(), kColumns) * n, kColumns, row);
  }

  std::vector<kl_tensor> Operands(int64_t tokens, const float* x, float* y) const {
    return {MakeTensor(KL_TYPE_F32, {tokens, kColumns}, x),
            MakeTensor(type(), {rows_, kColumns}, weights_.data()),
            MakeTensor(KL_TYPE_NONE, {}, nullptr), MakeTensor(KL_TYPE_F32, {tokens, rows_}, y)};
  }

  std::vector<float> Full(int64_t tokens, const std::vector<float>& x) {
    std::vector<float> y(static_cast<size_t>(tokens * rows_));
    KernelRunner runner(ordinary_, nullptr, 0);
    EXPECT_EQ(KL_OK, runner.Prepare(Operands(tokens, x.data(), y.data()), true));
    EXPECT_EQ(KL_OK, runner.Run());
    return y;
  }

  const kl_kernel* head() const { return GetParam(); }
  kl_dtype type() const { return head()->operand_types[1]; }

  const kl_kernel* ordinary_ = nullptr;
  Random random_ = {11};
  std::mt19937 splits_{3};
  int64_t rows_ = 0;
  std::vector<uint8_t> weights_;
  kl_attribute mark_ = {"vocabulary_head", KL_ATTRIBUTE_INT, 0, 1, 0.0, nullptr, nullptr, nullptr};
};

TEST_P(HeadTest, AllLogitsHaveTheBitsOfAnyProduct) {
  MakeWeights(16 * 7 + 5);
  for (const int64_t tokens : {1, 3, 4, 9}) {
    for (const bool pack : {true, false}) {
      SCOPED_TRACE(testing::Message() << tokens << " tokens, packed " << pack);
      const std::vector<float> x = Normal(&random_, tokens * kColumns);
      std::vector<float> y(static_cast<size_t>(tokens * rows_));
      KernelRunner runner(head(), &mark_, 1);
      ASSERT_EQ(KL_OK, runner.Prepare(Operands(tokens, x.data(), y.data()), pack));
      ASSERT_EQ(KL_OK, runner.Run(&splits_));
      EXPECT_EQ(Full(tokens, x), y);
    }
  }
}

TEST_P(HeadTest, WantedLogitsHaveTheBitsOfTheFullProduct) {
  MakeWeights(64 * 50 + 21);
  std::vector<float> x(kColumns);
  std::vector<float> y(static_cast<size_t>(rows_));
  for (const uint32_t wanted : {1u, 3u, 40u}) {
    KernelRunner runner(head(), &mark_, 1);
    runner.set_wanted_count(wanted);
    ASSERT_EQ(KL_OK, runner.Prepare(Operands(1, x.data(), y.data()), true));
    int64_t left_out = 0;
    const int trials = IsEmulated() ? 40 : 200;
    for (int trial = 0; trial < trials; ++trial) {
      // As after a trained network, a token stands out: its row is part of the hidden state.
      const std::vector<float> noise = Normal(&random_, kColumns);
      const int64_t token = NextInteger(&random_, 0, rows_ - 1);
      ReadRow(token, x.data());
      for (int64_t k = 0; k < kColumns; ++k) x[k] = 10 * x[k] + (trial % 4) * noise[k];
      const std::vector<float> full = Full(1, x);
      ASSERT_EQ(KL_OK, runner.Run(&splits_));
      std::vector<size_t> order(full.size());
      std::iota(order.begin(), order.end(), size_t{0});
      std::partial_sort(order.begin(), order.begin() + wanted, order.end(),
                        [&](size_t a, size_t b) { return full[a] > full[b]; });
      for (uint32_t i = 0; i < wanted; ++i) {
        ASSERT_EQ(full[order[i]], y[order[i]]) << "wanted " << wanted << ", rank " << i;
      }
      for (size_t n = 0; n < full.size(); ++n) {
        if (y[n] == kLeftOut) {
          ++left_out;
        } else {
          ASSERT_EQ(full[n], y[n]) << "row " << n;
        }
      }
    }
    if (wanted == 1) {
      EXPECT_GT(left_out, trials * rows_ / 2);
    }
  }
}

// Hidden states of four kinds: noise, along one row, along the sum of a few rows, rows in noise.
// Run with
//   bazel test //tests/kernels:matmul_head_misses_test --test_tag_filters=slow
TEST_P(HeadTest, CountsMisses) {
  constexpr int64_t states = KL_HEAD_STATES;
  MakeWeights(8000);
  std::vector<float> x(kColumns);
  std::vector<float> row(kColumns);
  std::vector<float> y(static_cast<size_t>(rows_));
  std::vector<float> full(static_cast<size_t>(rows_));
  KernelRunner dense(ordinary_, nullptr, 0);
  ASSERT_EQ(KL_OK, dense.Prepare(Operands(1, x.data(), full.data()), true));
  KernelRunner sparse(head(), &mark_, 1);
  sparse.set_wanted_count(1);
  ASSERT_EQ(KL_OK, sparse.Prepare(Operands(1, x.data(), y.data()), true));
  int64_t misses = 0;
  int64_t sparse_states = 0;
  for (int64_t state = 0; state < states; ++state) {
    const int kind = static_cast<int>(state % 4);
    // In place: the kernels hold the address.
    const std::vector<float> noise = Normal(&random_, kColumns);
    std::copy(noise.begin(), noise.end(), x.begin());
    if (kind == 1 || kind == 2) std::fill(x.begin(), x.end(), 0.0f);
    const int64_t row_count = kind == 0 ? 0 : kind == 2 ? 2 + state / 4 % 5 : 1;
    for (int64_t r = 0; r < row_count; ++r) {
      const int64_t token = NextInteger(&random_, 0, rows_ - 1);
      ReadRow(token, row.data());
      for (int64_t k = 0; k < kColumns; ++k) x[k] += row[k];
    }
    ASSERT_EQ(KL_OK, dense.Run());
    ASSERT_EQ(KL_OK, sparse.Run());
    sparse_states += std::count(y.begin(), y.end(), kLeftOut) > 0 ? 1 : 0;
    const int64_t best = std::max_element(full.begin(), full.end()) - full.begin();
    if (memcmp(&full[best], &y[best], sizeof(float)) != 0) ++misses;
  }
  std::printf("%lld states, %lld computed sparsely, %lld misses\n", static_cast<long long>(states),
              static_cast<long long>(sparse_states), static_cast<long long>(misses));
  EXPECT_EQ(0, misses);
  EXPECT_GT(sparse_states, states / 4);
}

TEST_P(HeadTest, FlatLogitsAreFullProducts) {
  MakeWeights(64 * 40);
  const std::vector<float> x(kColumns, 0.0f);  // all logits equal: every row is a candidate
  std::vector<float> y(static_cast<size_t>(rows_));
  KernelRunner runner(head(), &mark_, 1);
  runner.set_wanted_count(1);
  ASSERT_EQ(KL_OK, runner.Prepare(Operands(1, x.data(), y.data()), true));
  for (int run = 0; run < 3; ++run) {
    ASSERT_EQ(KL_OK, runner.Run(&splits_));
    EXPECT_EQ(0, std::count(y.begin(), y.end(), kLeftOut));
  }
}

TEST_P(HeadTest, InfinityReachesTheCaller) {
  MakeWeights(64 * 40);
  std::vector<float> x = Normal(&random_, kColumns);
  x[77] = std::numeric_limits<float>::infinity();
  std::vector<float> y(static_cast<size_t>(rows_));
  KernelRunner runner(head(), &mark_, 1);
  runner.set_wanted_count(1);
  ASSERT_EQ(KL_OK, runner.Prepare(Operands(1, x.data(), y.data()), true));
  ASSERT_EQ(KL_OK, runner.Run(&splits_));
  EXPECT_TRUE(std::isnan(y[0]));
}

TEST_P(HeadTest, OtherProductsAreLeftToTheOtherKernel) {
  MakeWeights(64);
  const std::vector<float> x = Normal(&random_, kColumns);
  std::vector<float> y(static_cast<size_t>(rows_));
  KernelRunner runner(head(), nullptr, 0);
  EXPECT_EQ(KL_UNSUPPORTED, runner.Prepare(Operands(1, x.data(), y.data()), true));
}

// What is left out follows from sums in whole numbers and eight float lanes, which are the same
// everywhere: x86 and ARM compute the same rows.
TEST_P(HeadTest, TheSameRowsAreLeftOutOnEveryProcessor) {
  if (type() != KL_TYPE_Q4_0) GTEST_SKIP() << "one block type stands for all";
  MakeWeights(64 * 40 + 7);
  // Without functions of the C library, which may differ.
  std::vector<float> x(kColumns);
  ReadRow(77, x.data());
  for (float& value : x) {
    value = 5.0f * value + static_cast<float>(NextInteger(&random_, -1000, 1000)) / 512.0f;
  }
  std::vector<float> y(static_cast<size_t>(rows_));
  KernelRunner runner(head(), &mark_, 1);
  runner.set_wanted_count(3);
  ASSERT_EQ(KL_OK, runner.Prepare(Operands(1, x.data(), y.data()), true));
  ASSERT_EQ(KL_OK, runner.Run(&splits_));
  // FNV-1a over the bits of all logits, -inf included.
  uint64_t hash = 0xcbf29ce484222325;
  for (const float logit : y) {
    uint32_t bits;
    memcpy(&bits, &logit, sizeof bits);
    hash = (hash ^ bits) * 0x100000001b3;
  }
  EXPECT_EQ(kHashOnEveryProcessor, hash) << std::count(y.begin(), y.end(), kLeftOut) << " left out";
}

INSTANTIATE_TEST_SUITE_P(Types, HeadTest,
                         ::testing::ValuesIn(SparseKernelsWith("matmul", "_head_")), NameOfKernel);

}  // namespace
}  // namespace kinglet
