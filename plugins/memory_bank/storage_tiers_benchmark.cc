// Prints the paper's figures on storage tiers: what a path's blocks take to be there, on the
// simulated clock of throttled_store.h. Manual time, so "Time" is what to read.
#include <unistd.h>

#include "benchmark/benchmark.h"
#include "plugins/memory_bank/throttled_store.h"

namespace memory_bank {
namespace {

const StorageFigures& Figures() {
  static const StorageFigures figures = [] {
    char folder[] = "/tmp/storage_tiers_XXXXXX";
    StorageFigures measured;
    if (mkdtemp(folder) == nullptr) return measured;
    {
      ThrottledStore store(folder);
      measured = MeasureStorage(&store);
    }
    rmdir(folder);
    return measured;
  }();
  return figures;
}

void Report(benchmark::State& state, double ms) {
  for (auto _ : state) state.SetIterationTime(ms / 1e3);
  if (ms < 0) state.SkipWithError("the store could not be set up");
}

void Flat(benchmark::State& state) { Report(state, Figures().flat_ms); }
void LevelsOnDiskUpperReused(benchmark::State& state) { Report(state, Figures().on_disk_ms); }
void LevelsOnRamFlashDisk(benchmark::State& state) { Report(state, Figures().on_three_tiers_ms); }
void LevelsOnRamFlashDiskSideBySide(benchmark::State& state) {
  Report(state, Figures().slowest_tier_ms);
}
void FirstPrompt(benchmark::State& state) { Report(state, Figures().first_prompt_ms); }

#define FIGURE(name) BENCHMARK(name)->UseManualTime()->Iterations(1)->Unit(benchmark::kMillisecond)
FIGURE(Flat);
FIGURE(LevelsOnDiskUpperReused);
FIGURE(LevelsOnRamFlashDisk);
FIGURE(LevelsOnRamFlashDiskSideBySide);
FIGURE(FirstPrompt);

}  // namespace
}  // namespace memory_bank
