// main() of the benchmarks. Under Bazel the figures are also kept as JSON, in
// bazel-testlogs/<target>/test.outputs/outputs.zip.
#include <cstdlib>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "tests/support/testdata.h"

int main(int argc, char** argv) {
  kinglet::TakeTestDataFlag(&argc, argv);
  std::vector<char*> arguments(argv, argv + argc);
  std::string output_flag = "--benchmark_out=";
  if (const char* folder = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR")) {
    output_flag += std::string(folder) + "/benchmark.json";
    // First, so that a --benchmark_out on the command line wins.
    arguments.insert(arguments.begin() + 1, output_flag.data());
  }
  int argument_count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  benchmark::Initialize(&argument_count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(argument_count, arguments.data())) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
