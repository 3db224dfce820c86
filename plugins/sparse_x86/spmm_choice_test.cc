// Layer by layer of MobileNetV1 and V2: the pruned product against the dense one, by the clock, and
// whether supports() chose the faster. Only ratios of one run are asserted.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <random>
#include <vector>

#include "plugins/common/table.h"
#include "plugins/sparse_x86/kernel_runner.h"

extern "C" {
extern const kl_table kl_table_sparse_x86_conv2d_pointwise_f32_avx2;
extern const kl_table kl_table_sparse_x86_conv2d_sparse_f32_avx2;
extern const kl_table kl_table_sparse_x86_conv2d_pointwise_f32_avx512;
extern const kl_table kl_table_sparse_x86_conv2d_sparse_f32_avx512;
}

namespace kinglet {
namespace {

struct Layer {
  int64_t channels, outputs, side;
};
constexpr Layer kLayers[] = {
    {32, 64, 112},  {64, 128, 56},  {128, 128, 56},  {128, 256, 28}, {256, 256, 28}, {256, 512, 14},
    {512, 512, 14}, {512, 1024, 7}, {1024, 1024, 7}, {32, 16, 112},  {16, 96, 112},  {96, 24, 56},
    {144, 24, 56},  {24, 144, 56},  {144, 32, 28},   {32, 192, 28},  {192, 32, 28},  {192, 64, 14},
    {64, 384, 14},  {384, 64, 14},  {384, 96, 14},   {96, 576, 14},  {576, 96, 14},  {576, 160, 7},
    {160, 960, 7},  {960, 160, 7},  {960, 320, 7},   {320, 1280, 7}};
struct Level {
  const char* name;
  bool available;
  const kl_table& dense;
  const kl_table& sparse;
};
const Level kLevels[] = {
    {"AVX2", __builtin_cpu_supports("avx2") != 0, kl_table_sparse_x86_conv2d_pointwise_f32_avx2,
     kl_table_sparse_x86_conv2d_sparse_f32_avx2},
    {"AVX-512", __builtin_cpu_supports("avx512bw") != 0,
     kl_table_sparse_x86_conv2d_pointwise_f32_avx512,
     kl_table_sparse_x86_conv2d_sparse_f32_avx512}};

struct Pruning {
  double zeros;
  int64_t block;
};
constexpr Pruning kPrunings[] = {{0.3, 1}, {0.5, 1}, {0.7, 1}, {0.8, 1}, {0.85, 1},
                                 {0.9, 1}, {0.7, 4}, {0.8, 4}, {0.9, 4}};
constexpr int64_t kOnes[] = {1, 1}, kNoPads[] = {0, 0, 0, 0};

class Convolution {
 public:
  Convolution(const kl_table& table, const Layer& layer, const std::vector<float>& weights)
      : x_(Bytes(layer.channels * layer.side * layer.side)),
        y_(Bytes(layer.outputs * layer.side * layer.side)),
        runner_(table.kernels[0], Attributes(), 3) {
    runner_.set_asks_supports(false);
    code_ = runner_.Prepare(Operands(layer, weights), true);
  }
  kl_code code() const { return code_; }
  double Microseconds() {
    const auto start = std::chrono::steady_clock::now();
    runner_.RunThreads(1);
    return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
        .count();
  }
  static bool Supports(const Level& level, const Layer& layer, const std::vector<float>& weights) {
    KernelRunner runner(level.sparse.kernels[0], Attributes(), 3);
    const int64_t side = layer.side;
    return runner.Prepare(
               {MakeTensor(KL_TYPE_F32, {1, layer.channels, side, side}, nullptr),
                MakeTensor(KL_TYPE_F32, {layer.outputs, layer.channels, 1, 1}, weights.data()),
                MakeTensor(KL_TYPE_NONE, {}, nullptr),
                MakeTensor(KL_TYPE_F32, {1, layer.outputs, side, side}, nullptr)},
               true) == KL_OK;
  }

 private:
  static uint64_t Bytes(int64_t floats) { return static_cast<uint64_t>(floats) * sizeof(float); }
  static const kl_attribute* Attributes() {
    static const std::vector<kl_attribute> attributes = [] {
      std::vector<kl_attribute> made(3);
      const char* names[] = {"strides", "dilations", "pads"};
      for (size_t i = 0; i < 3; ++i) {
        made[i].name = names[i];
        made[i].kind = KL_ATTRIBUTE_INTS;
        made[i].count = i < 2 ? 2 : 4;
        made[i].ints = i < 2 ? kOnes : kNoPads;
      }
      return made;
    }();
    return attributes.data();
  }
  std::vector<kl_tensor> Operands(const Layer& layer, const std::vector<float>& weights) {
    return {MakeTensor(KL_TYPE_F32, {1, layer.channels, layer.side, layer.side}, x_.data()),
            MakeTensor(KL_TYPE_F32, {layer.outputs, layer.channels, 1, 1}, weights.data()),
            MakeTensor(KL_TYPE_NONE, {}, nullptr),
            MakeTensor(KL_TYPE_F32, {1, layer.outputs, layer.side, layer.side}, y_.data())};
  }

  AlignedBytes x_, y_;
  KernelRunner runner_;
  kl_code code_ = KL_INTERNAL;
};

std::vector<float> Pruned(const Layer& layer, const Pruning& pruning, std::mt19937* random) {
  std::vector<float> weights(static_cast<size_t>(layer.outputs * layer.channels), 0.5f);
  for (int64_t o = 0; o < layer.outputs; o += pruning.block) {
    for (int64_t c = 0; c < layer.channels; ++c) {
      if (std::uniform_real_distribution<>()(*random) >= pruning.zeros) continue;
      for (int64_t b = 0; b < pruning.block; ++b) {
        weights[static_cast<size_t>((o + b) * layer.channels + c)] = 0.0f;
      }
    }
  }
  return weights;
}

class SpmmChoiceTest : public ::testing::TestWithParam<int> {};

TEST_P(SpmmChoiceTest, TheCostModelChoosesTheFasterKernel) {
  const Level& level = kLevels[GetParam()];
  if (!level.available) GTEST_SKIP() << "this processor has no " << level.name;
  constexpr int kRounds = 15;
  std::mt19937 random(1);
  double chosen_total = 0, best_total = 0;
  int count = 0, wrong = 0;
  std::printf("%s, one thread; how often as fast as the dense product; * chosen sparse\n%-20s %9s",
              level.name, "layer", "dense us");
  for (const Pruning& p : kPrunings) {
    std::printf("  %4.0f%%%s", 100 * p.zeros, p.block == 4 ? " x4" : "   ");
  }
  std::printf("\n");
  for (const Layer& layer : kLayers) {
    std::printf("%4lld -> %4lld, %3lld^2 ", static_cast<long long>(layer.channels),
                static_cast<long long>(layer.outputs), static_cast<long long>(layer.side));
    std::string line;
    double dense_time = 0;
    for (const Pruning& pruning : kPrunings) {
      const std::vector<float> weights = Pruned(layer, pruning, &random);
      Convolution dense(level.dense, layer, weights);
      Convolution sparse(level.sparse, layer, weights);
      ASSERT_EQ(KL_OK, dense.code());
      ASSERT_EQ(KL_OK, sparse.code());
      double best[2] = {1e9, 1e9};
      for (int round = 0; round < kRounds; ++round) {
        best[0] = std::min(best[0], dense.Microseconds());
        best[1] = std::min(best[1], sparse.Microseconds());
      }
      const bool chosen = Convolution::Supports(level, layer, weights);
      char cell[32];
      std::snprintf(cell, sizeof cell, "  %6.2f%s", best[0] / best[1], chosen ? "*" : " ");
      line += cell;
      dense_time = best[0];
      const double least = std::min(best[0], best[1]), taken = best[chosen ? 1 : 0];
      chosen_total += taken / least;
      best_total += 1;
      ++count;
      if (taken > 1.25 * least) ++wrong;
    }
    std::printf("%9.1f%s\n", dense_time, line.c_str());
  }
  std::printf("chosen kernels take %.1f %% longer than the best; %d of %d choices lose a quarter\n",
              100 * (chosen_total / best_total - 1), wrong, count);
  EXPECT_LT(chosen_total / best_total, 1.05);
  EXPECT_LE(wrong, count / 20);
}

INSTANTIATE_TEST_SUITE_P(Levels, SpmmChoiceTest, ::testing::Values(0, 1));

}  // namespace
}  // namespace kinglet
