#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace {

void SumIntegers(benchmark::State& state) {
  for (auto _ : state) {
    int64_t sum = 0;
    for (int64_t i = 0; i < state.range(0); i++) benchmark::DoNotOptimize(sum += i);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

class KeepingReporter : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    kept.insert(kept.end(), runs.begin(), runs.end());
  }
  std::vector<Run> kept;
};

TEST(BenchmarkTest, MeasuresATimeAndARate) {
  benchmark::RegisterBenchmark("sum", SumIntegers)->Arg(1000)->MinTime(0.01);
  KeepingReporter reporter;
  EXPECT_EQ(benchmark::RunSpecifiedBenchmarks(&reporter), 1u);
  ASSERT_EQ(reporter.kept.size(), 1u);
  const benchmark::BenchmarkReporter::Run& run = reporter.kept[0];
  EXPECT_EQ(run.run_name.function_name, "sum");
  EXPECT_FALSE(run.error_occurred) << run.error_message;
  EXPECT_GT(run.iterations, 0);
  EXPECT_GT(run.GetAdjustedRealTime(), 0.0);
  EXPECT_GT(run.counters.at("items_per_second").value, 0.0);
}

}  // namespace
