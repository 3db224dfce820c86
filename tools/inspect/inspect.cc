// kinglet inspect: what is in a model file, without loading it.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"
#include "tools/common/command.h"
#include "tools/common/engine.h"
#include "tools/common/expert_use.h"
#include "tools/common/files.h"
#include "tools/common/format.h"
#include "tools/common/heat_map.h"
#include "tools/common/npy.h"
#include "tools/common/options.h"
#include "tools/common/report.h"
#include "tools/common/routing_file.h"
#include "tools/inspect/layers.h"

namespace kinglet::tools {
namespace {

constexpr char kName[] = "inspect";
constexpr size_t kLongestValue = 100;

struct Entry {
  std::string key, kind, value;
};
struct Tensor {
  std::string name, type;
  std::vector<int64_t> shape;
  uint64_t bytes, elements, file_offset;
};
struct Content {
  std::string format, architecture;
  uint64_t file_bytes = 0;
  uint64_t fingerprint = 0;
  bool network = false;
  std::vector<Entry> metadata;
  std::vector<Tensor> tensors;
  std::vector<LayerFacts> layers;
};

Failure ReadContent(const std::string& path, Content* content) {
  kl_error error = NoError();
  kl_file* opened = nullptr;
  kl_code code = kl_file_open(path.c_str(), &opened, &error);
  const FileHandle file(opened);
  if (code == KL_OK) code = kl_file_fingerprint(opened, &content->fingerprint, &error);
  if (code != KL_OK) return FailureOf(code, error);
  content->format = kl_file_format(opened);
  content->architecture = kl_file_architecture(opened);
  content->file_bytes = kl_file_bytes(opened);
  content->network = kl_file_is_network(opened);
  std::map<std::string, std::string> values;
  for (uint32_t i = 0; i < kl_file_metadata_count(opened); ++i) {
    kl_metadata_entry entry = {};
    entry.struct_size = sizeof entry;
    if (kl_file_metadata(opened, i, &entry) != KL_OK) continue;
    content->metadata.push_back({entry.key, entry.kind, entry.value});
    values[entry.key] = entry.value;
  }
  std::vector<TensorSize> sizes;
  for (uint32_t i = 0; i < kl_file_tensor_count(opened); ++i) {
    kl_tensor_facts facts = {};
    facts.struct_size = sizeof facts;
    if (kl_file_tensor(opened, i, &facts) != KL_OK) continue;
    Tensor tensor = {facts.name,  facts.type, {facts.shape, facts.shape + facts.rank},
                     facts.bytes, 1,          facts.file_offset};
    for (const int64_t length : tensor.shape) tensor.elements *= static_cast<uint64_t>(length);
    sizes.push_back({tensor.name, tensor.bytes});
    content->tensors.push_back(std::move(tensor));
  }
  content->layers = ReadLayers(content->architecture, values, sizes);
  return Success();
}

// One line, control characters visible, cut where it is long.
std::string OneLine(const std::string& value) {
  std::string line;
  for (const char c : value) {
    if (line.size() >= kLongestValue) return line + "...";
    if (c == '\n') {
      line += "\\n";
    } else if (static_cast<unsigned char>(c) < 32 || c == 127) {
      line += '?';
    } else {
      line += c;
    }
  }
  return line;
}

void PrintText(const std::string& path, const Content& content) {
  uint64_t parameters = 0;
  std::map<std::string, std::pair<uint64_t, uint64_t>> by_type;  // tensors, bytes
  for (const Tensor& tensor : content.tensors) {
    parameters += tensor.elements;
    ++by_type[tensor.type].first;
    by_type[tensor.type].second += tensor.bytes;
  }
  std::printf("%s: %s%s%s, %s, %zu tensors, %s parameters\n", path.c_str(), content.format.c_str(),
              content.architecture.empty() ? "" : ", ", content.architecture.c_str(),
              FormatBytes(content.file_bytes).c_str(), content.tensors.size(),
              FormatCount(parameters).c_str());
  for (const auto& [type, sum] : by_type) {
    std::printf("  %-8s %6llu tensors  %s\n", type.c_str(),
                static_cast<unsigned long long>(sum.first), FormatBytes(sum.second).c_str());
  }
  if (!content.layers.empty()) {
    std::printf("\nLayers:\n%s", DescribeLayers(content.layers).c_str());
  }
  if (!content.metadata.empty()) std::printf("\nMetadata:\n");
  for (const Entry& entry : content.metadata) {
    std::printf("  %-45s %-7s %s\n", OneLine(entry.key).c_str(), entry.kind.c_str(),
                OneLine(entry.value).c_str());
  }
  if (!content.tensors.empty()) std::printf("\nTensors:\n");
  for (const Tensor& tensor : content.tensors) {
    std::printf("  %-40s %-7s %-24s %s\n", OneLine(tensor.name).c_str(), tensor.type.c_str(),
                ShapeText(tensor.shape).c_str(), FormatBytes(tensor.bytes).c_str());
  }
}

void PrintJson(const std::string& path, const Content& content, const std::string& plan) {
  using Json = nlohmann::ordered_json;
  Json out;
  out["path"] = path;
  out["format"] = content.format;
  out["architecture"] = content.architecture;
  out["file_bytes"] = content.file_bytes;
  out["fingerprint"] = absl::StrFormat("%016x", content.fingerprint);
  out["is_network"] = content.network;
  out["metadata"] = Json::array();
  for (const Entry& entry : content.metadata) {
    out["metadata"].push_back({{"key", entry.key}, {"kind", entry.kind}, {"value", entry.value}});
  }
  out["tensors"] = Json::array();
  for (const Tensor& tensor : content.tensors) {
    out["tensors"].push_back({{"name", tensor.name},
                              {"type", tensor.type},
                              {"shape", tensor.shape},
                              {"bytes", tensor.bytes},
                              {"file_offset", tensor.file_offset}});
  }
  out["layers"] = Json::array();
  for (const LayerFacts& layer : content.layers) {
    out["layers"].push_back({{"position", layer.position},
                             {"window", layer.window},
                             {"experts", layer.experts},
                             {"experts_used", layer.experts_used},
                             {"bytes", layer.bytes}});
  }
  if (!plan.empty()) out["plan"] = plan;
  std::printf("%s\n", out.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

Failure ReadPlan(const EngineFlags& engine, const std::string& path, bool network,
                 std::string* plan) {
  RuntimeHandle runtime;
  Failure failure = CreateRuntime(kName, engine, &runtime);
  if (!failure.ok()) return failure;
  if (network) {
    kl_error error = NoError();
    kl_network* loaded = nullptr;
    const kl_code code = kl_network_load(runtime.get(), path.c_str(), &loaded, &error);
    if (code != KL_OK) return FailureOf(code, error);
    const NetworkHandle handle(loaded);
    *plan = absl::StrCat(kl_network_plan_text(loaded),
                         "planned arena: ", FormatBytes(kl_network_arena_bytes(loaded)), "\n");
    return Success();
  }
  ModelHandle model;
  failure = LoadModel(engine, runtime.get(), path, false, &model);
  if (failure.ok()) *plan = kl_model_plan_text(model.get());
  return failure;
}

// What a recording says about the use of experts.
Failure ShowExperts(const std::string& path, const std::string& svg, bool json) {
  Routing routing;
  Failure failure = ReadRouting(path, &routing);
  if (!failure.ok()) return failure;
  const ExpertUse use = ExpertUse::Of(routing);
  if (!svg.empty()) {
    failure = WriteWholeFile(svg, HeatMapSvg(use, "Use of experts: " + routing.header.model));
    if (!failure.ok()) return failure;
  }
  if (!json) {
    std::printf("%s: %s\n%s", path.c_str(), OneLine(routing.header.model).c_str(),
                HeatMapText(use, HeatMapStyleOf(STDOUT_FILENO)).c_str());
    return Success();
  }
  using Json = nlohmann::ordered_json;
  Json out;
  out["model"] = routing.header.model;
  out["fingerprint"] = routing.header.fingerprint;
  out["layers"] = use.layers;
  out["experts"] = use.experts;
  out["top_k"] = routing.header.top_k;
  out["tokens"] = use.tokens;
  out["counts"] = Json::array();
  for (uint32_t layer = 0; layer < use.layers; ++layer) {
    Json row = Json::array();
    for (uint32_t e = 0; e < use.experts; ++e) row.push_back(use.count(layer, e));
    out["counts"].push_back(row);
  }
  std::printf("%s\n", out.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
  return Success();
}

int Run(int argc, char** argv) {
  std::vector<std::string> paths;
  std::string experts, svg;
  EngineFlags engine;
  bool json = false;
  bool show_plan = false;
  OptionTable options(kName,
                      "Prints what is in a model file: metadata, tensors, sizes, and how its "
                      "layers are laid out. Nothing is loaded, unless --plan asks for it.");
  options.Example("kinglet inspect model.gguf");
  options.Example("kinglet inspect --plan model.onnx");
  options.Example("kinglet inspect --experts chat.routing --svg experts.svg");
  options.Positional("FILE", &paths, 0, 1, "a GGUF, ONNX or TFLite file, or a Hugging Face folder");
  options.Flag({"--json"}, &json, "print one JSON object");
  options.Flag({"--plan"}, &show_plan,
               "load the model and print its plan: operators, kernels, operands");
  options.Text({"--experts"}, "RECORDING", &experts,
               "instead of a model: what chat or bench --record-routing wrote; a heat map of which "
               "experts were used");
  options.Text({"--svg"}, "FILE", &svg, "with --experts: the heat map as a picture");
  engine.DeclareThreads(&options);
  engine.Declare(&options);
  int status = 0;
  if (!options.Parse(argc, argv, &status)) return status;
  if (paths.empty() == experts.empty()) {
    return Report(kName, kExitUsage, "give a model file, or --experts RECORDING, and not both");
  }
  if (experts.empty() && !svg.empty()) {
    return Report(kName, kExitUsage, "--svg draws the experts of a recording: --experts RECORDING");
  }
  if (!experts.empty()) {
    if (show_plan) return Report(kName, kExitUsage, "--plan needs a model, not --experts");
    const Failure shown = ShowExperts(experts, svg, json);
    return shown.ok() ? FinishOutput(kName) : Report(kName, shown);
  }
  Content content;
  Failure failure = ReadContent(paths[0], &content);
  std::string plan;
  if (failure.ok() && show_plan) failure = ReadPlan(engine, paths[0], content.network, &plan);
  if (!failure.ok()) return Report(kName, failure);
  if (json) {
    PrintJson(paths[0], content, plan);
  } else if (show_plan) {
    std::fputs(plan.c_str(), stdout);
  } else {
    PrintText(paths[0], content);
  }
  return FinishOutput(kName);
}

}  // namespace

extern const Command kCommand_inspect;
const Command kCommand_inspect = {kName, "what is in a model file", Run};

}  // namespace kinglet::tools
