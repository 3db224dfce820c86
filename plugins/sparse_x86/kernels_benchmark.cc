// Speed of the kernels on SmallThinker-4B's shapes, beside what memory delivers in the same run.
//
//   bazel test --config=bench //plugins/sparse_x86:kernels_benchmark
//
// bytes_per_second counts weights (or cache) once a token, GMAC/s multiply-accumulates.
// Weights of the decode benchmarks are larger than the last-level cache.
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "benchmark/benchmark.h"
#include "plugins/common/random_blocks.h"
#include "plugins/common/table.h"
#include "plugins/sparse_x86/kernel_runner.h"

// The levels of a kernel are printed side by side, those that this processor has.
#define KL_FOR_EACH_TYPE(use, level) use(q4_0, level) use(q4_k, level) use(q6_k, level) use(q8_0, level)
#define KL_DECLARE_MATMUL(type, level) \
  extern const kl_table kl_table_sparse_x86_matmul_##type##_##level;
#define KL_MATMUL_KERNEL(type, level) kl_table_sparse_x86_matmul_##type##_##level.kernels[0],
extern "C" {
KL_FOR_EACH_TYPE(KL_DECLARE_MATMUL, avx2)
KL_FOR_EACH_TYPE(KL_DECLARE_MATMUL, avxvnni)
KL_FOR_EACH_TYPE(KL_DECLARE_MATMUL, avx512vnni)
extern const kl_table kl_table_sparse_x86_matmul_f16_avx2;
extern const kl_table kl_table_sparse_x86_moe_ffn_q4_0_avx2;
extern const kl_table kl_table_sparse_x86_moe_ffn_q4_0_avxvnni;
extern const kl_table kl_table_sparse_x86_moe_ffn_q4_0_avx512vnni;
extern const kl_table kl_table_sparse_x86_attention_f16_avx2;
}

namespace kinglet {
namespace {

constexpr int64_t kLength = 1536;
constexpr int64_t kNeurons = 768;
constexpr int64_t kExperts = 32;
constexpr int64_t kChosen = 4;
constexpr uint64_t kDecodeBytes = uint64_t{256} << 20;

// Random rows, the first 64 of them over and over.
std::unique_ptr<AlignedBytes> Weights(kl_dtype type, int64_t rows, int64_t columns) {
  Random random = {1};
  const uint64_t row_bytes = kl_row_bytes(type, static_cast<uint64_t>(columns));
  auto bytes = std::make_unique<AlignedBytes>(static_cast<uint64_t>(rows) * row_bytes);
  const uint64_t sample = row_bytes * 64 < bytes->size() ? row_bytes * 64 : bytes->size();
  RandomRow(type, &random, 0.05, static_cast<int64_t>(sample / row_bytes) * columns, bytes->data());
  for (uint64_t at = sample; at < bytes->size(); at += sample) {
    const uint64_t left = bytes->size() - at;
    memcpy(bytes->data() + at, bytes->data(), left < sample ? left : sample);
  }
  return bytes;
}

std::vector<float> Normal(int64_t count) {
  Random random = {2};
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(NextNormal(&random));
  return values;
}

void CountMacs(benchmark::State& state, double macs) {
  state.counters["GMAC/s"] = benchmark::Counter(
      macs * 1e-9 * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

// The roof: every thread reads its own share of memory, as fast as loads go.
void StreamingRead(benchmark::State& state) {
  const uint32_t threads = static_cast<uint32_t>(state.range(0));
  AlignedBytes bytes(kDecodeBytes);
  std::vector<uint64_t> sums(threads * 8);
  const auto read = [&](uint32_t worker) {
    using Vector = uint64_t __attribute__((vector_size(16)));
    const uint64_t share = kDecodeBytes / threads;
    const Vector* p = reinterpret_cast<const Vector*>(bytes.data() + worker * share);
    Vector sum[8] = {};
    for (uint64_t i = 0; i + 8 <= share / sizeof(Vector); i += 8) {
      __builtin_prefetch(p + i + 256);
      __builtin_prefetch(p + i + 260);
      for (int k = 0; k < 8; ++k) sum[k] ^= p[i + k];
    }
    for (const Vector& s : sum) sums[worker * 8] ^= s[0] ^ s[1];
  };
  for (auto _ : state) {
    std::vector<std::thread> others;
    for (uint32_t worker = 1; worker < threads; ++worker) others.emplace_back(read, worker);
    read(0);
    for (std::thread& other : others) other.join();
    benchmark::DoNotOptimize(sums.data());
  }
  state.SetBytesProcessed(static_cast<int64_t>(kDecodeBytes) * state.iterations());
}
BENCHMARK(StreamingRead)->Arg(1)->Arg(2)->UseRealTime();

const kl_kernel* const kMatmulKernels[] = {
    KL_FOR_EACH_TYPE(KL_MATMUL_KERNEL, avx2) KL_FOR_EACH_TYPE(KL_MATMUL_KERNEL, avxvnni)
        KL_FOR_EACH_TYPE(KL_MATMUL_KERNEL, avx512vnni) KL_MATMUL_KERNEL(f16, avx2)};
const kl_kernel* const kMoeKernels[] = {kl_table_sparse_x86_moe_ffn_q4_0_avx2.kernels[0],
                                        kl_table_sparse_x86_moe_ffn_q4_0_avxvnni.kernels[0],
                                        kl_table_sparse_x86_moe_ffn_q4_0_avx512vnni.kernels[0]};

// Arguments: tokens, threads. One token reads kDecodeBytes of weights.
void Matmul(benchmark::State& state, const kl_kernel* kernel) {
  const kl_dtype type = kernel->operand_types[1];
  const int64_t tokens = state.range(0);
  const uint64_t row_bytes = kl_row_bytes(type, kLength);
  const int64_t rows = tokens == 1 ? static_cast<int64_t>(kDecodeBytes / row_bytes) : kLength;
  const auto w = Weights(type, rows, kLength);
  const std::vector<float> x = Normal(tokens * kLength);
  std::vector<float> y(static_cast<size_t>(tokens * rows));
  KernelRunner runner(kernel, nullptr, 0);
  const kl_code code = runner.Prepare(
      {MakeTensor(KL_TYPE_F32, {tokens, kLength}, x.data()),
       MakeTensor(type, {rows, kLength}, w->data()), MakeTensor(KL_TYPE_NONE, {}, nullptr),
       MakeTensor(KL_TYPE_F32, {tokens, rows}, y.data())},
      true);
  if (code != KL_OK) state.SkipWithError(runner.message());
  for (auto _ : state) runner.RunThreads(static_cast<uint32_t>(state.range(1)));
  CountMacs(state, static_cast<double>(tokens * rows * kLength));
  if (tokens == 1) {
    state.SetBytesProcessed(static_cast<int64_t>(row_bytes) * rows * state.iterations());
  }
}

// Arguments: tokens, down_transposed, threads. Half of the gate's neurons are active.
void MoeFfn(benchmark::State& state, const kl_kernel* kernel) {
  const int64_t tokens = state.range(0);
  const bool transposed = state.range(1) != 0;
  kl_attribute attributes[2] = {};
  attributes[0].name = "activation";
  attributes[0].kind = KL_ATTRIBUTE_STRING;
  attributes[0].s = "relu";
  attributes[1].name = "down_transposed";
  attributes[1].kind = KL_ATTRIBUTE_INT;
  attributes[1].i = transposed ? 1 : 0;
  const auto gate = Weights(KL_TYPE_Q4_0, kExperts * kNeurons, kLength);
  const auto down = Weights(KL_TYPE_Q4_0, kExperts * kNeurons, kLength);
  const std::vector<float> x = Normal(tokens * kLength);
  std::vector<float> y(x.size());
  const std::vector<float> weights(static_cast<size_t>(tokens * kChosen), 0.25f);
  std::vector<int32_t> ids(weights.size());
  Random random = {3};
  const auto draw = [&] {
    for (int64_t t = 0; t < tokens; ++t) {
      const int64_t first = NextInteger(&random, 0, kExperts - 1);
      for (int64_t i = 0; i < kChosen; ++i) {
        ids[static_cast<size_t>(t * kChosen + i)] =
            static_cast<int32_t>((first + 7 * i) % kExperts);
      }
    }
  };
  draw();
  KernelRunner runner(kernel, attributes, 2);
  const kl_code code =
      runner.Prepare({MakeTensor(KL_TYPE_F32, {tokens, kLength}, x.data()),
                      MakeTensor(KL_TYPE_I32, {tokens, kChosen}, ids.data()),
                      MakeTensor(KL_TYPE_F32, {tokens, kChosen}, weights.data()),
                      MakeTensor(KL_TYPE_Q4_0, {kExperts, kNeurons, kLength}, gate->data()),
                      MakeTensor(KL_TYPE_Q4_0, {kExperts, kNeurons, kLength}, gate->data()),
                      MakeTensor(KL_TYPE_Q4_0,
                                 transposed ? std::vector<int64_t>{kExperts, kNeurons, kLength}
                                            : std::vector<int64_t>{kExperts, kLength, kNeurons},
                                 down->data()),
                      MakeTensor(KL_TYPE_F32, {tokens, kLength}, y.data())},
                     true);
  if (code != KL_OK) state.SkipWithError(runner.message());
  for (auto _ : state) {
    runner.RunThreads(static_cast<uint32_t>(state.range(2)));
    draw();
  }
  CountMacs(state, static_cast<double>(tokens * kChosen * 3 * kNeurons * kLength));
}
void RegisterLevels() {
  for (const int64_t tokens : {1, 4, 32, 128, 512}) {
    for (const kl_kernel* kernel : kMatmulKernels) {
      if (!CpuHas(kernel)) continue;
      auto* benchmark = benchmark::RegisterBenchmark(kernel->name, Matmul, kernel)->UseRealTime();
      benchmark->Args({tokens, 1});
      if (tokens == 1 || tokens == 512) benchmark->Args({tokens, 2});
    }
    for (const kl_kernel* kernel : kMoeKernels) {
      if (!CpuHas(kernel)) continue;
      auto* benchmark = benchmark::RegisterBenchmark(kernel->name, MoeFfn, kernel)->UseRealTime();
      for (const int64_t transposed : {0, 1}) benchmark->Args({tokens, transposed, 1});
      if (tokens == 1 || tokens == 512) benchmark->Args({tokens, 0, 2});
    }
  }
}
const bool kRegistered = (RegisterLevels(), true);

// Arguments: tokens, first position. 12 query heads, 2 kv heads, 128 elements; one thread.
void Attention(benchmark::State& state) {
  const int64_t tokens = state.range(0), first = state.range(1);
  const int64_t query_heads = 12, kv_heads = 2, length = 128, rows = 4608;
  kl_attribute attribute = {};
  attribute.name = "head_length";
  attribute.kind = KL_ATTRIBUTE_INT;
  attribute.i = length;
  const auto cache = Weights(KL_TYPE_F16, kv_heads * rows, length);
  const std::vector<float> q = Normal(tokens * query_heads * length);
  const std::vector<float> kv = Normal(tokens * kv_heads * length);
  std::vector<float> y(q.size());
  std::vector<int32_t> positions;
  for (int64_t t = 0; t < tokens; ++t) positions.push_back(static_cast<int32_t>(first + t));
  KernelRunner runner(kl_table_sparse_x86_attention_f16_avx2.kernels[0], &attribute, 1);
  const kl_code code =
      runner.Prepare({MakeTensor(KL_TYPE_F32, {tokens, query_heads * length}, q.data()),
                      MakeTensor(KL_TYPE_F32, {tokens, kv_heads * length}, kv.data()),
                      MakeTensor(KL_TYPE_F32, {tokens, kv_heads * length}, kv.data()),
                      MakeTensor(KL_TYPE_I32, {tokens}, positions.data()),
                      MakeTensor(KL_TYPE_F16, {kv_heads, rows, length}, cache->data()),
                      MakeTensor(KL_TYPE_F16, {kv_heads, rows, length}, cache->data()),
                      MakeTensor(KL_TYPE_F32, {tokens, query_heads * length}, y.data())},
                     false);
  if (code != KL_OK) state.SkipWithError(runner.message());
  for (auto _ : state) runner.RunThreads(1);
  const double keys = static_cast<double>(tokens) *
                      (static_cast<double>(first) + 0.5 * static_cast<double>(tokens + 1));
  CountMacs(state, keys * static_cast<double>(query_heads * length * 2));
}
BENCHMARK(Attention)
    ->Args({1, 64})
    ->Args({1, 512})
    ->Args({1, 4000})
    ->Args({128, 0})
    ->Args({512, 0})
    ->Args({512, 4000})
    ->UseRealTime();

}  // namespace
}  // namespace kinglet
