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

constexpr int kRounds = 4;

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
                                        "25",
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

TEST(SparseNetworkTest, PrunedNetworksAreFasterThanTheBestDense) {
  const std::string image = ImageFile();
  std::printf("milliseconds an image of 224, best of %d processes of 25 runs\n%-14s %-7s", kRounds,
              "network", "threads");
  for (const Variant& variant : Variants()) std::printf(" %13s", variant.name);
  std::printf("\n");
  for (const std::string net : {"mobilenet-v1", "mobilenet-v2"}) {
    for (const Variant& variant : Variants()) {
      const ProgramResult made = RunKinglet({"make-network", "--net", net, "--zeros", variant.zeros,
                                             "--block", variant.block, Network(net, variant)});
      ASSERT_EQ(made.status, 0) << made.err;
    }
    for (const int threads : {1, 2}) {
      std::map<std::string, double> best;
      for (int round = 0; round < kRounds; ++round) {
        for (const Variant& variant : Variants()) {
          const double time = Time(net, variant, image, threads);
          const auto [it, is_new] = best.insert({variant.name, time});
          if (!is_new) it->second = std::min(it->second, time);
        }
      }
      std::printf("%-14s %-7d", net.c_str(), threads);
      for (const Variant& variant : Variants()) std::printf(" %13.2f", best[variant.name]);
      std::printf("\n");
      const double dense = std::min({best["XNNPACK dense"], best["oneDNN dense"], best["dense"]});
      std::printf("%-22s", "best dense is slower");
      for (const Variant& variant : Variants()) std::printf(" %12.2fx", dense / best[variant.name]);
      std::printf("\n");
      const double libraries = std::min(best["XNNPACK dense"], best["oneDNN dense"]);
      EXPECT_GE(libraries / best["dense"], 1.0) << "our dense kernels lose to a library";
      EXPECT_GE(libraries / best["80 %"], 1.4);
      EXPECT_GE(libraries / best["90 %"], 2.0);
    }
  }
}

}  // namespace
}  // namespace kinglet
