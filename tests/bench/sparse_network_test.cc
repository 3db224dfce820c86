// Pruned networks end to end: MobileNetV1 and V2 at 224, one image, dense on each library and on
// our kernels, then pruned. Only ratios of one run are asserted.
//
// A run is a process of its own, `kinglet run --time`: OpenMP's workers, which oneDNN leaves
// spinning, would take a processor from whoever is measured next. Runs take turns, and the best of
// each counts.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/cli/program.h"

namespace kinglet {
namespace {

constexpr int kRounds = 3;
constexpr char kRuns[] = "20";

struct Variant {
  const char* name;
  const char* zeros;
  const char* block;
  std::vector<std::string> disabled;
};

const std::vector<Variant>& Variants() {
  static const std::vector<Variant> variants = {
      {"XNNPACK dense", "0", "1", {"onednn", "sparse_x86"}},
      {"oneDNN dense", "0", "1", {"xnnpack", "sparse_x86"}},
      {"dense", "0", "1", {}},
      {"70 %", "0.7", "1", {}},
      {"80 %", "0.8", "1", {}},
      {"85 %", "0.85", "1", {}},
      {"90 %", "0.9", "1", {}},
      {"70 % x4", "0.7", "4", {}},
      {"80 % x4", "0.8", "4", {}},
      {"85 % x4", "0.85", "4", {}},
      {"90 % x4", "0.9", "4", {}},
      // Its sparse kernels for 1x1, its dense ones for everything else.
      {"XNNPACK 80 %", "0.8", "1", {"onednn", "sparse_x86"}},
      {"XNNPACK 90 %", "0.9", "1", {"onednn", "sparse_x86"}},
  };
  return variants;
}

std::string Temporary(const std::string& name) { return testing::TempDir() + name; }

// A NumPy array of an image, f32 [1, 3, 224, 224].
std::string ImageFile() {
  const std::string path = Temporary("image.npy");
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 224, 224), }";
  header.resize(117, ' ');
  header += '\n';
  std::ofstream file(path, std::ios::binary);
  const uint16_t length = static_cast<uint16_t>(header.size());
  file.write("\x93NUMPY\x01\x00", 8).write(reinterpret_cast<const char*>(&length), 2);
  file << header;
  uint32_t state = 1;
  for (int i = 0; i < 3 * 224 * 224; ++i) {
    state = state * 1664525u + 1013904223u;
    const float value = static_cast<float>(state >> 8) / 8388608.0f - 1.0f;
    file.write(reinterpret_cast<const char*>(&value), sizeof value);
  }
  return path;
}

std::string Network(const std::string& net, const Variant& variant) {
  return Temporary(net + variant.zeros + "x" + variant.block + ".onnx");
}

// Milliseconds of the fastest of some runs.
double Time(const std::string& net, const Variant& variant, const std::string& image, int threads) {
  std::vector<std::string> arguments = {"run",
                                        Network(net, variant),
                                        "--input",
                                        "input=" + image,
                                        "--output",
                                        Temporary("outputs"),
                                        "--time",
                                        "-r",
                                        kRuns,
                                        "-t",
                                        std::to_string(threads)};
  for (const std::string& plugin : variant.disabled) {
    arguments.insert(arguments.end(), {"--disable-plugin", plugin});
  }
  const ProgramResult result = RunKinglet(arguments);
  EXPECT_EQ(result.status, 0) << result.err;
  const size_t at = result.err.find("fastest ");
  if (at == std::string::npos) {
    ADD_FAILURE() << "no time in: " << result.err;
    return 1e9;
  }
  char* unit = nullptr;
  const double number = std::strtod(result.err.c_str() + at + 8, &unit);
  const std::string name(unit, 3);
  return number * (name == " us" || name == " \xc2\xb5" ? 1e-3 : name == " ms" ? 1.0 : 1e3);
}

struct Setting {
  std::string network;
  int threads;
};

class SparseNetworkTest : public testing::TestWithParam<Setting> {};

TEST_P(SparseNetworkTest, PrunedIsFasterThanTheBestLibrary) {
  const auto& [net, threads] = GetParam();
  const std::string image = ImageFile();
  for (const Variant& variant : Variants()) {
    const ProgramResult made = RunKinglet({"make-network", "--net", net, "--zeros", variant.zeros,
                                           "--block", variant.block, Network(net, variant)});
    ASSERT_EQ(made.status, 0) << made.err;
  }
  std::map<std::string, double> best;
  for (int round = 0; round < kRounds; ++round) {
    for (const Variant& variant : Variants()) {
      const double time = Time(net, variant, image, threads);
      const auto [it, is_new] = best.insert({variant.name, time});
      if (!is_new) it->second = std::min(it->second, time);
    }
  }
  const double libraries = std::min(best["XNNPACK dense"], best["oneDNN dense"]);
  const double dense = std::min(libraries, best["dense"]);
  std::printf("%s, %d threads: milliseconds an image of 224, best of %d processes of %s runs\n",
              net.c_str(), threads, kRounds, kRuns);
  for (const Variant& variant : Variants()) {
    const double time = best[variant.name];
    std::printf("  %-14s %7.2f   best library %5.2fx   best dense %5.2fx\n", variant.name, time,
                libraries / time, dense / time);
  }
  EXPECT_GE(libraries / best["dense"], 1.0) << "our dense kernels lose to a library";
  EXPECT_GE(libraries / best["80 %"], 1.4);
  EXPECT_GE(libraries / best["90 %"], 2.0);
  EXPECT_GE(best["XNNPACK 90 %"] / best["90 %"], 1.0) << "XNNPACK's sparse kernels win";
}

INSTANTIATE_TEST_SUITE_P(Networks, SparseNetworkTest,
                         testing::Values(Setting{"mobilenet-v1", 1}, Setting{"mobilenet-v1", 2},
                                         Setting{"mobilenet-v2", 1}, Setting{"mobilenet-v2", 2}),
                         [](const testing::TestParamInfo<Setting>& info) {
                           return std::string(info.param.network.substr(10)) + "_" +
                                  std::to_string(info.param.threads) + "_threads";
                         });

}  // namespace
}  // namespace kinglet
