// What one small allocation costs with the allocator that the binaries are linked with.
#include <benchmark/benchmark.h>

#include <cstdlib>

namespace {

void BM_MallocFree(benchmark::State& state) {
  const size_t size_bytes = static_cast<size_t>(state.range(0));
  for (auto _ : state) {
    void* memory = std::malloc(size_bytes);
    benchmark::DoNotOptimize(memory);
    std::free(memory);
  }
}
BENCHMARK(BM_MallocFree)->Arg(64)->Arg(4096);

}  // namespace
