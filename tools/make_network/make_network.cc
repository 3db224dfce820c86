// kinglet make-network: an ONNX network of a well-known shape with seeded random weights.
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/common/command.h"
#include "tools/common/files.h"
#include "tools/common/format.h"
#include "tools/common/options.h"
#include "tools/common/report.h"
#include "tools/make_network/networks.h"

namespace kinglet::tools {
namespace {

constexpr char kName[] = "make-network";
constexpr int64_t kSmallestSize = 32;

struct Settings {
  std::string net = "mobilenet-v1";
  NetworkOptions network;
  int64_t classes = 0;
  int64_t seed = 1;
  std::vector<std::string> output;
};

void Declare(Settings* s, OptionTable* options) {
  options->Example("kinglet make-network --net mobilenet-v2 --zeros 0.9 --block 4 sparse.onnx");
  options->Example("kinglet make-network --net mobilenet-v2 --int8 small.onnx");
  options->Positional("FILE", &s->output, 1, 1, "the ONNX file to write");
  options->Choice({"--net"}, NetworkNames(), &s->net, "the network");
  options->Real({"--zeros"}, "SHARE", &s->network.zeros, {0, 1},
                "of the weights of 1x1 convolutions and fully connected layers");
  options->Integer({"--block"}, "N", &s->network.block, {1, 64},
                   "zeros come for N neighbouring output channels at once");
  options->Integer({"--size"}, "N", &s->network.size, {0, 4096},
                   "height and width of the image; 0: the network's own");
  options->Real({"--width"}, "FACTOR", &s->network.width, {0.05, 8}, "for the number of channels");
  options->Flag(
      {"--int8"}, &s->network.int8,
      "i8 codes and QLinear operators in place of f32; mobilenet-v1, mobilenet-v2, mcunet");
  options->Integer({"--classes"}, "N", &s->classes, {0, 1 << 20}, "0: the network's own");
  options->Integer({"-s", "--seed"}, "N", &s->seed, {0, INT64_MAX},
                   "the same seed and flags give the same file");
  options->Note(
      "Batch normalisation is folded already. The first convolution and depthwise ones stay dense. "
      "mcunet is a network in MCUNet's manner, not a published one.");
}

Failure Check(const NetworkKind& kind, const OptionTable& options, NetworkOptions* network) {
  if (!kind.has_width && options.Given("--width")) {
    return {kExitUsage, absl::StrCat("--net ", kind.name, " has one width: leave --width out")};
  }
  if (network->int8 && !kind.has_int8) {
    return {kExitUsage, absl::StrCat("--net ", kind.name, " has no int8 form: leave --int8 out")};
  }
  if (network->size == 0) network->size = kind.size;
  if (network->size == kind.size) return Success();
  if (kind.size_multiple == 0) {
    return {kExitUsage,
            absl::StrCat("--net ", kind.name, " has one size, ", kind.size, ": leave --size out")};
  }
  if (network->size < kSmallestSize || network->size % kind.size_multiple != 0) {
    return {kExitUsage, absl::StrCat("--size of --net ", kind.name, " is ", kSmallestSize,
                                     " or more and a multiple of ", kind.size_multiple, ", not ",
                                     network->size)};
  }
  return Success();
}

Failure MakeNetwork(const OptionTable& options, const Settings& settings) {
  const NetworkKind& kind = *FindNetwork(settings.net);
  NetworkOptions network = settings.network;
  network.seed = static_cast<uint64_t>(settings.seed);
  network.classes = settings.classes > 0 ? settings.classes : kind.classes;
  Failure failure = Check(kind, options, &network);
  if (!failure.ok()) return failure;
  NetworkBuilder builder(network);
  kind.build(&builder);
  const std::string model = builder.Finish(kind.name);
  AtomicFile file;
  failure = file.Open(settings.output[0]);
  if (failure.ok()) failure = file.Append(model.data(), model.size());
  if (failure.ok()) failure = file.Commit();
  if (!failure.ok()) return failure;
  std::fprintf(stderr, "%s: %s, %s weights (%.1f %% of them zero), %s multiply-adds, %s\n",
               settings.output[0].c_str(), kind.name,
               FormatCount(static_cast<uint64_t>(builder.weight_count())).c_str(),
               100.0 * static_cast<double>(builder.zero_count()) /
                   static_cast<double>(builder.weight_count()),
               FormatCount(static_cast<uint64_t>(builder.mac_count())).c_str(),
               FormatBytes(model.size()).c_str());
  return failure;
}

int Run(int argc, char** argv) {
  Settings settings;
  OptionTable options(kName,
                      "Writes an ONNX network of a well-known shape with seeded random weights, "
                      "pruned if so wanted: for tests and for measuring speed and memory.");
  Declare(&settings, &options);
  int status = 0;
  if (!options.Parse(argc, argv, &status)) return status;
  const Failure failure = MakeNetwork(options, settings);
  return failure.ok() ? kExitOk : Report(kName, failure);
}

}  // namespace

extern const Command kCommand_make_network;
const Command kCommand_make_network = {kName, "write an ONNX network with random weights", Run};

}  // namespace kinglet::tools
