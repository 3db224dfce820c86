// kinglet classify: images into classes by an image network.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/abi/dtype.h"
#include "nlohmann/json.hpp"
#include "tools/classify/image.h"
#include "tools/common/command.h"
#include "tools/common/engine.h"
#include "tools/common/format.h"
#include "tools/common/options.h"
#include "tools/common/progress.h"
#include "tools/common/report.h"

namespace kinglet::tools {
namespace {

constexpr char kName[] = "classify";

struct Settings {
  std::vector<std::string> paths;  // the network, then images
  std::string labels;
  double mean = 127.5;
  double deviation = 127.5;
  int64_t top = 5;
  bool json = false;
};

struct Guess {
  size_t index;
  double score;
};

struct Result {
  std::string path;
  std::vector<Guess> guesses;
  int64_t run_ns = 0;
};

Failure ReadLabels(const std::string& path, std::vector<std::string>* labels) {
  if (path.empty()) return Success();
  std::ifstream file(path);
  if (!file) return {kExitIo, absl::StrCat("cannot read the labels ", path)};
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    labels->push_back(line);
  }
  return Success();
}

// Scores in the output's own units: codes as they are, since order is all that counts.
bool ReadScores(const kl_network_tensor& output, std::vector<double>* scores) {
  const uint32_t size = kl_dtype_info_of(output.type).block_bytes;
  if (output.type != KL_TYPE_F32 && output.type != KL_TYPE_I8 && output.type != KL_TYPE_U8)
    return false;
  for (uint64_t i = 0; i < output.bytes / size; ++i) {
    scores->push_back(output.type == KL_TYPE_F32 ? static_cast<const float*>(output.data)[i]
                      : output.type == KL_TYPE_I8
                          ? static_cast<const int8_t*>(output.data)[i]
                          : static_cast<double>(static_cast<const uint8_t*>(output.data)[i]));
  }
  return !scores->empty();
}

std::vector<Guess> Best(const std::vector<double>& scores, int64_t count) {
  std::vector<Guess> guesses;
  for (size_t i = 0; i < scores.size(); ++i) guesses.push_back({i, scores[i]});
  std::stable_sort(guesses.begin(), guesses.end(),
                   [](const Guess& a, const Guess& b) { return a.score > b.score; });
  guesses.resize(std::min(guesses.size(), static_cast<size_t>(count)));
  return guesses;
}

std::string LabelOf(const std::vector<std::string>& labels, size_t index, size_t classes) {
  // Lists of 1001 ImageNet labels begin with "background", which networks of 1000 classes lack.
  const size_t offset = labels.size() == classes + 1 ? 1 : 0;
  return index + offset < labels.size() ? labels[index + offset] : absl::StrCat("class ", index);
}

void PrintJson(const Settings& settings, const std::vector<Result>& results,
               const std::vector<std::string>& labels, size_t classes, uint64_t arena_bytes) {
  using Json = nlohmann::ordered_json;
  Json root = {{"network", settings.paths[0]}, {"arena_bytes", arena_bytes}};
  root["images"] = Json::array();
  for (const Result& result : results) {
    Json guesses = Json::array();
    for (const Guess& guess : result.guesses) {
      guesses.push_back({{"index", guess.index},
                         {"label", LabelOf(labels, guess.index, classes)},
                         {"score", guess.score}});
    }
    root["images"].push_back(
        {{"path", result.path}, {"run_ns", result.run_ns}, {"top", std::move(guesses)}});
  }
  std::printf("%s\n", root.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

void PrintText(const std::vector<Result>& results, const std::vector<std::string>& labels,
               size_t classes, uint64_t arena_bytes) {
  for (const Result& result : results) {
    std::printf("%s: %s\n", result.path.c_str(), FormatSeconds(result.run_ns).c_str());
    for (const Guess& guess : result.guesses) {
      std::printf("  %10.4f  %s\n", guess.score, LabelOf(labels, guess.index, classes).c_str());
    }
  }
  std::printf("peak arena: %s\n", FormatBytes(arena_bytes).c_str());
}

Failure Classify(const Settings& settings, const EngineFlags& engine) {
  std::vector<std::string> labels;
  Failure failure = ReadLabels(settings.labels, &labels);
  if (!failure.ok()) return failure;
  RuntimeHandle runtime;
  failure = CreateRuntime(kName, engine, &runtime);
  if (!failure.ok()) return failure;
  NetworkHandle network;
  failure = LoadNetwork(engine, runtime.get(), settings.paths[0], &network);
  if (!failure.ok()) return failure;
  kl_network* const loaded = network.get();
  kl_network_tensor input = {}, output = {};
  input.struct_size = output.struct_size = sizeof input;
  ImageLayout layout;
  if (kl_network_input_count(loaded) != 1 || kl_network_input(loaded, 0, &input) != KL_OK ||
      kl_network_output(loaded, 0, &output) != KL_OK || !FindLayout(input, &layout)) {
    return {kExitBadData, absl::StrCat(settings.paths[0],
                                       ": expected one input [1, H, W, C] or [1, C, H, W] of 1 or "
                                       "3 channels, found other inputs; see kinglet run --list")};
  }
  std::vector<Result> results;
  size_t classes = 0;
  for (size_t i = 1; i < settings.paths.size(); ++i) {
    Image image;
    const std::string problem = ReadImage(settings.paths[i], layout.channels, &image);
    if (!problem.empty()) return {kExitBadData, problem};
    if (!FillInput(ResizeImage(image, layout.height, layout.width), layout, settings.mean,
                   settings.deviation, input)) {
      return {kExitBadData,
              absl::StrCat("input ", input.name, " has type ", kl_dtype_info_of(input.type).name,
                           "; expected f32, u8 or i8")};
    }
    Result result;
    result.path = settings.paths[i];
    const int64_t start = NowNs();
    kl_error error = NoError();
    const kl_code code = kl_network_run(loaded, &error);
    result.run_ns = NowNs() - start;
    if (code != KL_OK) return FailureOf(code, error);
    std::vector<double> scores;
    if (!ReadScores(output, &scores)) {
      return {kExitBadData,
              absl::StrCat("output ", output.name, " has type ", kl_dtype_info_of(output.type).name,
                           "; expected scores in f32, u8 or i8")};
    }
    classes = scores.size();
    result.guesses = Best(scores, settings.top);
    results.push_back(std::move(result));
  }
  const uint64_t arena_bytes = kl_network_arena_bytes(loaded);
  if (settings.json) {
    PrintJson(settings, results, labels, classes, arena_bytes);
  } else {
    PrintText(results, labels, classes, arena_bytes);
  }
  return Success();
}

int Run(int argc, char** argv) {
  Settings settings;
  EngineFlags engine;
  OptionTable options(kName,
                      "Shows what an image network (ONNX, TFLite) sees in image files: the best "
                      "classes with their scores, the time of a run, the memory it works in.");
  options.Example("kinglet classify mobilenet.tflite photo.jpg --labels labels.txt");
  options.Positional("FILE", &settings.paths, 2, 4096,
                     "the network, then images (JPEG, PNG, BMP, GIF)");
  options.Text({"--labels"}, "FILE", &settings.labels, "names of the classes, one a line");
  options.Real({"--mean"}, "X", &settings.mean, {-1e6, 1e6},
               "what an f32 input has subtracted from pixels of 0 to 255");
  options.Real({"--deviation"}, "X", &settings.deviation, {1e-6, 1e6},
               "what the difference is then divided by");
  options.Integer({"--top"}, "N", &settings.top, {1, 1 << 20}, "classes to show");
  options.Flag({"--json"}, &settings.json, "print one JSON object");
  engine.DeclareArena(&options);
  engine.DeclareThreads(&options);
  engine.Declare(&options);
  int status = 0;
  if (!options.Parse(argc, argv, &status)) return status;
  const Failure failure = Classify(settings, engine);
  return failure.ok() ? FinishOutput(kName) : Report(kName, failure);
}

}  // namespace

extern const Command kCommand_classify;
const Command kCommand_classify = {kName, "what an image network sees in images", Run};

}  // namespace kinglet::tools
