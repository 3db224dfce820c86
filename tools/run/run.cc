// kinglet run: runs a network file on NumPy arrays.
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/abi/dtype.h"
#include "tools/common/command.h"
#include "tools/common/engine.h"
#include "tools/common/files.h"
#include "tools/common/format.h"
#include "tools/common/interrupt.h"
#include "tools/common/npy.h"
#include "tools/common/options.h"
#include "tools/common/progress.h"
#include "tools/common/report.h"

namespace kinglet::tools {
namespace {

constexpr char kName[] = "run";

struct Settings {
  std::vector<std::string> model;
  std::vector<std::string> inputs;
  std::string output;
  bool list = false;
  bool time = false;
  int64_t repetitions = 1;
};

using TensorReader = kl_code (*)(const kl_network*, uint32_t, kl_network_tensor*);

std::vector<kl_network_tensor> Tensors(const kl_network* network, uint32_t count,
                                       TensorReader read) {
  std::vector<kl_network_tensor> tensors;
  for (uint32_t i = 0; i < count; ++i) {
    kl_network_tensor tensor = {};
    tensor.struct_size = sizeof tensor;
    if (read(network, i, &tensor) == KL_OK) tensors.push_back(tensor);
  }
  return tensors;
}

std::vector<int64_t> ShapeOf(const kl_network_tensor& tensor) {
  return {tensor.shape, tensor.shape + tensor.rank};
}

std::string Signature(const kl_network_tensor& tensor) {
  return absl::StrCat(kl_dtype_info_of(tensor.type).name, " ", ShapeText(ShapeOf(tensor)));
}

void List(const kl_network* network, const std::vector<kl_network_tensor>& inputs,
          const std::vector<kl_network_tensor>& outputs) {
  for (const auto& tensor : inputs)
    std::printf("input  %s %s\n", tensor.name, Signature(tensor).c_str());
  for (const auto& tensor : outputs)
    std::printf("output %s %s\n", tensor.name, Signature(tensor).c_str());
  std::printf("planned arena: %s\n", FormatBytes(kl_network_arena_bytes(network)).c_str());
}

Failure FillInput(const std::string& path, const kl_network_tensor& input) {
  NpyArray array;
  Failure failure = ReadNpy(path, &array);
  if (!failure.ok()) return failure;
  if (array.type != input.type || array.shape != ShapeOf(input)) {
    return {kExitUsage,
            absl::StrCat("input ", input.name, " must be ", Signature(input), "; ", path, " is ",
                         kl_dtype_info_of(array.type).name, " ", ShapeText(array.shape))};
  }
  std::memcpy(input.data, array.data.data(), array.data.size());
  return Success();
}

Failure FillInputs(const Settings& settings, const std::vector<kl_network_tensor>& inputs) {
  std::set<std::string> filled;
  for (const std::string& argument : settings.inputs) {
    // Names of tensors may contain '=', file names rarely do; the last one that leaves a known name
    // counts.
    const kl_network_tensor* input = nullptr;
    std::string path;
    for (const kl_network_tensor& candidate : inputs) {
      const std::string start = absl::StrCat(candidate.name, "=");
      if (argument.compare(0, start.size(), start) == 0) {
        input = &candidate;
        path = argument.substr(start.size());
      }
    }
    if (input == nullptr) {
      std::vector<std::string> names;
      for (const kl_network_tensor& candidate : inputs) names.push_back(candidate.name);
      return {kExitUsage,
              absl::StrCat("--input ", argument, ": expected NAME=FILE.npy with NAME one of ",
                           absl::StrJoin(names, ", "))};
    }
    if (!filled.insert(input->name).second) {
      return {kExitUsage, absl::StrCat("input ", input->name, " is given twice")};
    }
    Failure failure = FillInput(path, *input);
    if (!failure.ok()) return failure;
  }
  for (const kl_network_tensor& input : inputs) {
    if (filled.count(input.name) == 0) {
      return {kExitUsage, absl::StrCat("input ", input.name, " is missing: --input ", input.name,
                                       "=FILE.npy with ", Signature(input))};
    }
  }
  return Success();
}

Failure WriteOutputs(const std::string& folder, const std::vector<kl_network_tensor>& outputs) {
  if (mkdir(folder.c_str(), 0777) != 0 && errno != EEXIST) {
    return {kExitIo, absl::StrCat("cannot create the folder ", folder, ": ", std::strerror(errno))};
  }
  std::set<std::string> used;
  for (const kl_network_tensor& output : outputs) {
    const std::string safe = SafeFileName(output.name);
    std::string name = safe;
    for (int i = 2; !used.insert(name).second; ++i) name = absl::StrCat(safe, "_", i);
    if (NpyTypeName(output.type).empty()) {
      return {kExitBadData,
              absl::StrCat("output ", output.name, " has type ", kl_dtype_info_of(output.type).name,
                           ", which NumPy does not have")};
    }
    const std::string path = absl::StrCat(folder, "/", name, ".npy");
    Failure failure = WriteNpy(path, output.type, ShapeOf(output), output.data, output.bytes);
    if (!failure.ok()) return failure;
    std::fprintf(stderr, "%s: %s %s\n", path.c_str(), output.name, Signature(output).c_str());
  }
  return Success();
}

Failure RunNetwork(const Settings& settings, const EngineFlags& engine) {
  RuntimeHandle runtime;
  Failure failure = CreateRuntime(kName, engine, &runtime);
  if (!failure.ok()) return failure;
  NetworkHandle network;
  failure = LoadNetwork(engine, runtime.get(), settings.model[0], &network);
  if (!failure.ok()) return failure;
  kl_network* const loaded = network.get();
  if (engine.verbose) std::fputs(SummarisePlan(kl_network_plan_text(loaded)).c_str(), stderr);
  const auto inputs = Tensors(loaded, kl_network_input_count(loaded), kl_network_input);
  if (settings.list) {
    List(loaded, inputs, Tensors(loaded, kl_network_output_count(loaded), kl_network_output));
    return Success();
  }
  if (settings.output.empty()) return {kExitUsage, "--output FOLDER is missing: where to write"};
  failure = FillInputs(settings, inputs);
  if (!failure.ok()) return failure;
  Interrupt interrupt;
  std::vector<int64_t> times;
  for (int64_t i = 0; i < settings.repetitions; ++i) {
    const int64_t start = NowNs();
    kl_error error = NoError();
    const kl_code code = kl_network_run(loaded, &error);
    times.push_back(NowNs() - start);
    if (code != KL_OK) return FailureOf(code, error);
    if (interrupt.count() > 0) return {kExitInterrupted, "interrupted"};
  }
  failure = WriteOutputs(settings.output,
                         Tensors(loaded, kl_network_output_count(loaded), kl_network_output));
  if (failure.ok() && settings.time) {
    std::sort(times.begin(), times.end());
    std::fprintf(stderr, "%zu runs: fastest %s, median %s, slowest %s\n", times.size(),
                 FormatSeconds(times.front()).c_str(),
                 FormatSeconds(times[times.size() / 2]).c_str(),
                 FormatSeconds(times.back()).c_str());
  }
  return failure;
}

int Run(int argc, char** argv) {
  Settings settings;
  EngineFlags engine;
  OptionTable options(
      kName,
      "Runs a network that a file spells out (ONNX, TFLite) on NumPy arrays and writes "
      "one NAME.npy for each output.");
  options.Example("kinglet run model.onnx --list");
  options.Example("kinglet run model.onnx --input image=x.npy --output results");
  options.Positional("MODEL", &settings.model, 1, 1, "the network");
  options.Texts({"--input"}, "NAME=FILE.npy", &settings.inputs,
                "the array of an input; type and shape must be the network's; once for each input");
  options.Text(
      {"--output"}, "FOLDER", &settings.output,
      "where outputs go, created if need be; characters that do not suit a file name become '_'");
  options.Flag({"--list"}, &settings.list, "print names, types and shapes instead of running");
  options.Flag({"--time"}, &settings.time, "say on stderr how long the runs took");
  options.Integer({"-r", "--repetitions"}, "N", &settings.repetitions, {1, 1 << 20},
                  "runs, for --time; the outputs are the last one's");
  engine.DeclareArena(&options);
  engine.DeclareThreads(&options);
  engine.Declare(&options);
  int status = 0;
  if (!options.Parse(argc, argv, &status)) return status;
  if (settings.list && (options.Given("--input") || options.Given("--output"))) {
    return Report(kName, kExitUsage, "--list runs nothing: leave --input and --output out");
  }
  const Failure failure = RunNetwork(settings, engine);
  return failure.ok() ? FinishOutput(kName) : Report(kName, failure);
}

}  // namespace

extern const Command kCommand_run;
const Command kCommand_run = {kName, "run a network on NumPy arrays", Run};

}  // namespace kinglet::tools
