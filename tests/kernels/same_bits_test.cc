// A token's result has the same bits alone, in a batch, packed or not, for any split of units, and
// at every level of the processor.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "plugins/common/random_blocks.h"
#include "plugins/sparse_x86/kernel_runner.h"
#include "tests/kernels/sparse_kernels.h"
#include "tests/support/emulator.h"

namespace kinglet {
namespace {

std::vector<float> Normal(Random* random, int64_t count, double deviation = 1.0) {
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(deviation * NextNormal(random));
  return values;
}

std::vector<uint8_t> Weights(Random* random, kl_dtype type, int64_t rows, int64_t columns) {
  std::vector<uint8_t> bytes(kl_row_bytes(type, static_cast<uint64_t>(rows * columns)));
  EXPECT_TRUE(RandomRow(type, random, 0.1, rows * columns, bytes.data()));
  return bytes;
}

kl_tensor F32(std::vector<int64_t> shape, const std::vector<float>& values) {
  return MakeTensor(KL_TYPE_F32, std::move(shape), values.data());
}

kl_attribute IntAttribute(const char* name, int64_t value) {
  kl_attribute attribute = {};
  attribute.name = name;
  attribute.kind = KL_ATTRIBUTE_INT;
  attribute.i = value;
  return attribute;
}

kl_attribute TextAttribute(const char* name, const char* value) {
  kl_attribute attribute = {};
  attribute.name = name;
  attribute.kind = KL_ATTRIBUTE_STRING;
  attribute.s = value;
  return attribute;
}

::testing::AssertionResult SameBits(const float* a, const float* b, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    if (memcmp(a + i, b + i, sizeof(float)) != 0) {
      return ::testing::AssertionFailure() << "element " << i << ": " << a[i] << " and " << b[i];
    }
  }
  return ::testing::AssertionSuccess();
}

// How far apart the parts of a batch lie that are computed apart, `count` tokens each: an emulator
// takes a tenth of a second for one.
int64_t StrideOf(int64_t count) { return IsEmulated() ? 5 * count : count; }

std::vector<const kl_kernel*> MatmulKernels() {
  return SparseKernelsWithout("matmul", {"_head_", "_sparse_"});
}

// The kernel of `all` for the operands of `kernel` that needs least of the processor: its results
// are those of every level.
const kl_kernel* LowestLevelOf(const kl_kernel* kernel, const std::vector<const kl_kernel*>& all) {
  const kl_kernel* lowest = kernel;
  for (const kl_kernel* other : all) {
    const bool same = std::equal(
        kernel->operand_types, kernel->operand_types + kernel->operand_count, other->operand_types);
    if (same && other->priority < lowest->priority) lowest = other;
  }
  return lowest;
}

TEST(Levels, EveryQuantisedProductHasSeveral) {
  const std::vector<const kl_kernel*> kernels = MatmulKernels();
  int compared = 0;
  for (const kl_kernel* kernel : kernels) {
    const bool quantised = kl_dtype_info_of(kernel->operand_types[1]).block_elements > 1;
    compared += quantised && LowestLevelOf(kernel, kernels) != kernel ? 1 : 0;
  }
  EXPECT_EQ(compared, 18);  // nine block types, two levels above the lowest
}

class MatmulSameBits : public ::testing::TestWithParam<const kl_kernel*> {};

TEST_P(MatmulSameBits, AloneInABatchAndForAnySplit) {
  const kl_kernel* kernel = GetParam();
  KL_SKIP_WHAT_THE_PROCESSOR_LACKS(*kernel);
  const kl_dtype type = kernel->operand_types[1];
  const int64_t block = kl_dtype_info_of(type).block_elements;
  for (const int64_t columns : {block, 7 * block, int64_t{1536}}) {
    if (block == 1 && columns == block) continue;
    SCOPED_TRACE("columns " + std::to_string(columns));
    Random random = {static_cast<uint64_t>(columns)};
    std::mt19937 splits(5);
    const int64_t rows = 77, tokens = 150;
    const std::vector<uint8_t> w = Weights(&random, type, rows, columns);
    const std::vector<float> x = Normal(&random, tokens * columns);
    const std::vector<float> bias = Normal(&random, rows);
    std::vector<float> batch(static_cast<size_t>(tokens * rows));
    std::vector<float> lowest(batch.size());
    const auto run = [&](const kl_kernel* one, bool pack, std::vector<float>* y) {
      KernelRunner runner(one, nullptr, 0);
      ASSERT_EQ(KL_OK, runner.Prepare(
                           {F32({tokens, columns}, x), MakeTensor(type, {rows, columns}, w.data()),
                            F32({rows}, bias), F32({tokens, rows}, *y)},
                           pack))
          << runner.message();
      ASSERT_EQ(KL_OK, runner.Run(&splits));
    };
    run(kernel, true, &batch);
    run(LowestLevelOf(kernel, MatmulKernels()), false, &lowest);
    ASSERT_TRUE(SameBits(lowest.data(), batch.data(), tokens * rows)) << "another level";
    for (const int64_t count : {1, 2, 3, 5, 32}) {
      SCOPED_TRACE("tokens at a time " + std::to_string(count));
      const bool pack = count % 2 == 1;
      for (int64_t t = 0; t + count <= 64; t += StrideOf(count)) {
        const std::vector<float> part(x.begin() + t * columns, x.begin() + (t + count) * columns);
        std::vector<float> y(static_cast<size_t>(count * rows));
        KernelRunner runner(kernel, nullptr, 0);
        ASSERT_EQ(KL_OK, runner.Prepare({F32({count, columns}, part),
                                         MakeTensor(type, {rows, columns}, w.data()),
                                         F32({rows}, bias), F32({count, rows}, y)},
                                        pack));
        ASSERT_EQ(KL_OK, runner.Run(&splits));
        ASSERT_TRUE(SameBits(batch.data() + t * rows, y.data(), count * rows));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, MatmulSameBits,
                         ::testing::ValuesIn(SparseKernelsWithout("matmul",
                                                                  {"_head_", "_sparse_"})),
                         NameOfKernel);

class MoeSameBits : public ::testing::TestWithParam<const kl_kernel*> {};

struct MoeCase {
  const char* activation;
  bool transposed;
};

TEST_P(MoeSameBits, AloneInABatchAndForAnySplit) {
  const kl_kernel* kernel = GetParam();
  KL_SKIP_WHAT_THE_PROCESSOR_LACKS(*kernel);
  const kl_dtype up_type = kernel->operand_types[3];
  const kl_dtype down_type = kernel->operand_types[5];
  const int64_t experts = 5, chosen = 3, tokens = 40;
  for (const MoeCase c : {MoeCase{"relu", false}, MoeCase{"relu", true}, MoeCase{"silu", false}}) {
    for (const int64_t length : {int64_t{256}, int64_t{768}}) {
      SCOPED_TRACE(std::string(c.activation) + (c.transposed ? " transposed " : " ") +
                   std::to_string(length));
      const int64_t neurons = 256 + (kl_dtype_info_of(down_type).block_elements == 256 ? 256 : 96);
      Random random = {static_cast<uint64_t>(length)};
      std::mt19937 splits(7);
      const std::vector<uint8_t> gate = Weights(&random, up_type, experts * neurons, length);
      const std::vector<uint8_t> up = Weights(&random, up_type, experts * neurons, length);
      const std::vector<uint8_t> down = Weights(&random, down_type, experts * neurons, length);
      const std::vector<float> x = Normal(&random, tokens * length);
      const std::vector<float> weights = Normal(&random, tokens * chosen);
      std::vector<int32_t> ids;
      for (int64_t t = 0; t < tokens; ++t) {
        const int32_t first = static_cast<int32_t>(NextInteger(&random, 0, experts - 1));
        // Expert 4 has few tokens: both ways of computing a group occur in one batch.
        for (int32_t i = 0; i < chosen; ++i) {
          const int32_t id = (first + i) % static_cast<int32_t>(experts);
          ids.push_back(id == 4 && t > 8 ? (first + 3) % 4 : id);
        }
      }
      const kl_attribute attributes[] = {TextAttribute("activation", c.activation),
                                         IntAttribute("down_transposed", c.transposed ? 1 : 0)};
      const std::vector<int64_t> down_shape = c.transposed
                                                  ? std::vector<int64_t>{experts, neurons, length}
                                                  : std::vector<int64_t>{experts, length, neurons};
      const auto run_one = [&](const kl_kernel* one, int64_t first, int64_t count, bool pack,
                               float* y) {
        KernelRunner runner(one, attributes, 2);
        const kl_code code = runner.Prepare(
            {MakeTensor(KL_TYPE_F32, {count, length}, x.data() + first * length),
             MakeTensor(KL_TYPE_I32, {count, chosen}, ids.data() + first * chosen),
             MakeTensor(KL_TYPE_F32, {count, chosen}, weights.data() + first * chosen),
             MakeTensor(up_type, {experts, neurons, length}, gate.data()),
             MakeTensor(up_type, {experts, neurons, length}, up.data()),
             MakeTensor(down_type, down_shape, down.data()),
             MakeTensor(KL_TYPE_F32, {count, length}, y)},
            pack);
        return code != KL_OK ? code : runner.Run(&splits);
      };
      const auto run = [&](int64_t first, int64_t count, bool pack, float* y) {
        return run_one(kernel, first, count, pack, y);
      };
      std::vector<float> batch(static_cast<size_t>(tokens * length));
      ASSERT_EQ(KL_OK, run(0, tokens, true, batch.data()));
      std::vector<float> lowest(batch.size());
      ASSERT_EQ(KL_OK, run_one(LowestLevelOf(kernel, SparseKernels("moe_ffn")), 0, tokens, false,
                               lowest.data()));
      ASSERT_TRUE(SameBits(lowest.data(), batch.data(), tokens * length)) << "another level";
      for (const int64_t count : {1, 2, 7}) {
        for (int64_t t = 0; t + count <= tokens; t += StrideOf(count)) {
          std::vector<float> y(static_cast<size_t>(count * length));
          ASSERT_EQ(KL_OK, run(t, count, t % 2 == 0, y.data()));
          ASSERT_TRUE(SameBits(batch.data() + t * length, y.data(), count * length))
              << "token " << t << ", " << count << " at a time";
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, MoeSameBits, ::testing::ValuesIn(SparseKernels("moe_ffn")),
                         NameOfKernel);

TEST(MoeFfn, RefusesAnIdThatNamesNoExpert) {
  const std::vector<const kl_kernel*> kernels = SparseKernelsWith("moe_ffn", "_f32_");
  ASSERT_FALSE(kernels.empty());
  KL_SKIP_WHAT_THE_PROCESSOR_LACKS(*kernels[0]);
  Random random = {1};
  const std::vector<float> w = Normal(&random, 2 * 32 * 32);
  const std::vector<float> x = Normal(&random, 32);
  std::vector<float> y(32);
  const std::vector<float> weights = {1.0f};
  const kl_attribute attribute = TextAttribute("activation", "relu");
  for (const int32_t id : {-1, 2}) {
    KernelRunner runner(kernels[0], &attribute, 1);
    ASSERT_EQ(KL_OK, runner.Prepare({F32({1, 32}, x), MakeTensor(KL_TYPE_I32, {1, 1}, &id),
                                     F32({1, 1}, weights), F32({2, 32, 32}, w), F32({2, 32, 32}, w),
                                     F32({2, 32, 32}, w), F32({1, 32}, y)},
                                    false));
    EXPECT_EQ(KL_INVALID_ARGUMENT, runner.Run());
  }
}

class SegmentsSameBits : public ::testing::TestWithParam<const kl_kernel*> {};

// Small segments are computed by whole tokens, large ones shared out by neurons; in place or not,
// one segment missing or all.
TEST_P(SegmentsSameBits, AloneInABatchAndForAnySplit) {
  const kl_kernel* kernel = GetParam();
  KL_SKIP_WHAT_THE_PROCESSOR_LACKS(*kernel);
  const kl_dtype type = kernel->operand_types[2];
  const int64_t tokens = 40;
  for (const bool large : {false, true}) {
    for (const int64_t length : {int64_t{96}, int64_t{256}, int64_t{1056}}) {
      SCOPED_TRACE("length " + std::to_string(length));
      const int64_t neurons[] = {large ? 300 : 32, 5, large ? 77 : 4};
      Random random = {static_cast<uint64_t>(length)};
      std::mt19937 splits(7);
      std::vector<uint8_t> segments[3];
      for (int s = 0; s < 3; ++s) segments[s] = Weights(&random, type, 3 * neurons[s], length);
      const std::vector<float> x = Normal(&random, tokens * length),
                               h = Normal(&random, tokens * length);
      kl_attribute attributes[] = {TextAttribute("activation", large ? "silu" : "relu"), {}};
      attributes[1].name = "neurons";
      attributes[1].kind = KL_ATTRIBUTE_INTS;
      attributes[1].count = 3;
      attributes[1].ints = neurons;
      for (const int missing : {3, 1, 0, -1}) {  // 3: none, -1: all
        const void* parts[3];
        for (int s = 0; s < 3; ++s)
          parts[s] = missing < 0 || s == missing ? nullptr : segments[s].data();
        const auto run_one = [&](const kl_kernel* one, int64_t first, int64_t count, float* y) {
          KernelRunner runner(one, attributes, 2);
          kl_tensor rows = MakeTensor(type, {3, 3 * neurons[0], length}, segments[0].data());
          rows.data = nullptr;
          rows.parts = parts;
          const kl_code code =
              runner.Prepare({MakeTensor(KL_TYPE_F32, {count, length}, x.data() + first * length),
                              MakeTensor(KL_TYPE_F32, {count, length}, y), rows,
                              MakeTensor(KL_TYPE_F32, {count, length}, y)},
                             false);
          return code != KL_OK ? code : runner.Run(&splits);
        };
        const auto run = [&](int64_t first, int64_t count, float* y) {
          return run_one(kernel, first, count, y);
        };
        std::vector<float> batch = h;
        ASSERT_EQ(KL_OK, run(0, tokens, batch.data()));
        std::vector<float> lowest = h;
        ASSERT_EQ(KL_OK, run_one(LowestLevelOf(kernel, SparseKernels("ffn_segments")), 0, tokens,
                                 lowest.data()));
        ASSERT_TRUE(SameBits(lowest.data(), batch.data(), tokens * length)) << "another level";
        EXPECT_EQ(batch == h, missing < 0);
        for (const int64_t count : {1, 2, 7}) {
          for (int64_t t = 0; t + count <= tokens; t += StrideOf(count)) {
            std::vector<float> y(h.begin() + t * length, h.begin() + (t + count) * length);
            ASSERT_EQ(KL_OK, run(t, count, y.data()));
            ASSERT_TRUE(SameBits(batch.data() + t * length, y.data(), count * length))
                << "token " << t << ", " << count << " at a time";
          }
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, SegmentsSameBits,
                         ::testing::ValuesIn(SparseKernels("ffn_segments")), NameOfKernel);

struct AttentionCase {
  const char* name;
  int64_t length;
  int64_t query_heads;
  int64_t kv_heads;
  int64_t window;
  int64_t rows;
  int64_t tokens;
};

// Chunks are 256 positions: some sequences reach the third. A ring holds the window and a batch
// of 50.
constexpr AttentionCase kAttentionCases[] = {
    {"full", 64, 6, 2, 0, 160, 150},
    {"ring", 64, 6, 2, 20, 20 + 50 - 1, 150},
    {"chunks", 40, 7, 1, 0, 620, 600},
    {"ring_across_chunks", 128, 2, 2, 300, 300 + 50 - 1, 700},
    {"many_heads", 8, 26, 2, 0, 300, 280},
    {"more_heads_than_a_unit_holds", 16, 100, 1, 30, 30 + 50 - 1, 80},
    {"longest_head", 256, 5, 1, 0, 300, 270},
};

// A sequence is fed in batches of different size; every token's output and the cache agree.
void ExpectAttentionSameBits(const kl_kernel* kernel, const AttentionCase& c) {
  SCOPED_TRACE(c.name);
  Random random = {static_cast<uint64_t>(c.window + c.rows)};
  const int64_t query_width = c.query_heads * c.length, width = c.kv_heads * c.length;
  const std::vector<float> q = Normal(&random, c.tokens * query_width);
  const std::vector<float> k = Normal(&random, c.tokens * width);
  const std::vector<float> v = Normal(&random, c.tokens * width);
  std::vector<int32_t> positions;
  for (int32_t t = 0; t < c.tokens; ++t) positions.push_back(t);
  const kl_attribute attributes[] = {IntAttribute("head_length", c.length),
                                     IntAttribute("window", c.window)};
  const auto row_length = [&](kl_dtype type) {
    const int64_t block = kl_dtype_info_of(type).block_elements;
    return (c.length + block - 1) / block * block;
  };
  const int64_t key_length = row_length(kernel->operand_types[4]);
  const int64_t value_length = row_length(kernel->operand_types[5]);
  struct Result {
    std::vector<float> y;
    std::vector<uint8_t> k_cache;
    std::vector<uint8_t> v_cache;
  };
  const auto feed = [&](int64_t batch) {
    std::mt19937 splits(3);
    Result result;
    // All bits set: NaN in every type (of q8_0, the scale).
    const auto fill = [&](kl_dtype type, int64_t length, std::vector<uint8_t>* cache) {
      cache->assign(kl_row_bytes(type, static_cast<uint64_t>(c.kv_heads * c.rows * length)), 0xff);
    };
    fill(kernel->operand_types[4], key_length, &result.k_cache);
    fill(kernel->operand_types[5], value_length, &result.v_cache);
    result.y.resize(static_cast<size_t>(c.tokens * query_width));
    for (int64_t t = 0; t < c.tokens; t += batch) {
      const int64_t count = std::min(batch, c.tokens - t);
      KernelRunner runner(kernel, attributes, 2);
      EXPECT_EQ(
          KL_OK,
          runner.Prepare(
              {MakeTensor(KL_TYPE_F32, {count, query_width}, q.data() + t * query_width),
               MakeTensor(KL_TYPE_F32, {count, width}, k.data() + t * width),
               MakeTensor(KL_TYPE_F32, {count, width}, v.data() + t * width),
               MakeTensor(KL_TYPE_I32, {count}, positions.data() + t),
               MakeTensor(kernel->operand_types[4], {c.kv_heads, c.rows, key_length},
                          result.k_cache.data()),
               MakeTensor(kernel->operand_types[5], {c.kv_heads, c.rows, value_length},
                          result.v_cache.data()),
               MakeTensor(KL_TYPE_F32, {count, query_width}, result.y.data() + t * query_width)},
              false))
          << runner.message();
      EXPECT_EQ(KL_OK, runner.Run(&splits));
    }
    return result;
  };
  const Result alone = feed(1);
  for (const float value : alone.y) ASSERT_EQ(value, value) << "an unwritten cache row was read";
  const std::vector<int64_t> batches =
      IsEmulated() ? std::vector<int64_t>{33, 512} : std::vector<int64_t>{2, 16, 33, 50, 512};
  for (const int64_t batch : batches) {
    if (batch > 50 && c.window > 0) continue;  // more than the ring is for
    SCOPED_TRACE("batch " + std::to_string(batch));
    const Result found = feed(batch);
    ASSERT_TRUE(SameBits(alone.y.data(), found.y.data(), static_cast<int64_t>(found.y.size())));
    ASSERT_EQ(alone.k_cache, found.k_cache);
    ASSERT_EQ(alone.v_cache, found.v_cache);
  }
}

class AttentionSameBits : public ::testing::TestWithParam<const kl_kernel*> {};

TEST_P(AttentionSameBits, AloneInABatchAndForAnySplit) {
  KL_SKIP_WHAT_THE_PROCESSOR_LACKS(*GetParam());
  for (const AttentionCase& c : kAttentionCases) ExpectAttentionSameBits(GetParam(), c);
}

INSTANTIATE_TEST_SUITE_P(Types, AttentionSameBits, ::testing::ValuesIn(SparseKernels("attention")),
                         NameOfKernel);

}  // namespace
}  // namespace kinglet
