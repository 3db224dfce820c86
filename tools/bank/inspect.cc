// kinglet bank inspect.
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/abi/dtype.h"
#include "nlohmann/json.hpp"
#include "tools/bank/actions.h"
#include "tools/common/format.h"
#include "tools/common/options.h"

namespace kinglet::tools {
namespace {

using Json = nlohmann::ordered_json;

struct Node {
  uint32_t level;
  uint64_t id;
};

struct Content {
  kl_memory_bank_shape shape;
  kl_memory_bank_info info;
  std::vector<Node> denied;  // on the list themselves
  std::vector<Node> absent;  // that have no block though their level has
};

std::string ActivationName(uint32_t activation) {
  return activation == KL_MEMORY_RELU ? "relu" : "silu";
}

std::string Fingerprint(uint64_t value) {
  return value == 0 ? "any" : absl::StrFormat("%016x", value);
}

Content ReadContent(const kl_memory_bank* bank) {
  Content content = {ShapeOf(bank), InfoOf(bank), {}, {}};
  for (uint32_t level = 1; level <= content.shape.depth; ++level) {
    for (uint64_t id = 0; id < content.info.block_count[level - 1]; ++id) {
      bool own = false;
      const int32_t state = kl_memory_bank_state(bank, level, id, &own);
      if (own) content.denied.push_back({level, id});
      if (state == KL_MEMORY_ABSENT) content.absent.push_back({level, id});
    }
  }
  return content;
}

// "1:3, 2:4-7, 2:9": neighbours of a level as a range, cut after a few.
std::string Listed(const std::vector<Node>& nodes) {
  constexpr int kMostRanges = 24;
  std::string text;
  int ranges = 0;
  for (size_t i = 0; i < nodes.size(); ++ranges) {
    size_t last = i;
    while (last + 1 < nodes.size() && nodes[last + 1].level == nodes[i].level &&
           nodes[last + 1].id == nodes[last].id + 1) {
      ++last;
    }
    if (ranges == kMostRanges) return absl::StrCat(text, ", ...");
    absl::StrAppend(&text, text.empty() ? "" : ", ", nodes[i].level, ":", nodes[i].id);
    if (last > i) absl::StrAppend(&text, "-", nodes[last].id);
    i = last + 1;
  }
  return text.empty() ? "none" : text;
}

void PrintText(const std::string& path, const Content& content) {
  const kl_memory_bank_shape& shape = content.shape;
  const kl_memory_bank_info& info = content.info;
  std::printf("%s: memory bank, %s, %s parameters%s%s\n", path.c_str(),
              FormatBytes(info.file_bytes).c_str(), FormatCount(info.bank_parameters).c_str(),
              shape.name[0] == '\0' ? "" : ": ", shape.name);
  std::printf("  tree         %u branches, %u levels; centroids of %u numbers, %s\n",
              shape.branching, shape.depth, shape.encoder_width,
              FormatBytes(info.centroid_bytes).c_str());
  std::printf("  blocks       %s, %u layers of width %u, %s; generic blocks: %s\n",
              kl_dtype_info_of(shape.type).name, shape.layer_count, shape.dim,
              ActivationName(shape.activation).c_str(), shape.generic ? "yes" : "no");
  std::printf("  model        fingerprint %s\n", Fingerprint(shape.model_fingerprint).c_str());
  std::printf("  encoder      fingerprint %s%s%s\n", Fingerprint(shape.encoder_fingerprint).c_str(),
              shape.encoder_file[0] == '\0' ? "" : ", ", shape.encoder_file);
  std::printf("  one fetch    %s, %s parameters\n\n", FormatBytes(info.fetch_bytes).c_str(),
              FormatCount(info.fetch_parameters).c_str());
  std::printf("  level    rows      block     blocks    present     denied  generic      level\n");
  for (uint32_t i = 0; i < shape.depth; ++i) {
    std::printf("  %5u  %6u  %9s  %9llu  %9llu  %9llu  %7s  %9s\n", i + 1, shape.rows[i],
                FormatBytes(info.block_bytes[i]).c_str(),
                static_cast<unsigned long long>(info.block_count[i]),
                static_cast<unsigned long long>(info.present_count[i]),
                static_cast<unsigned long long>(info.denied_count[i]),
                info.generic_present[i] ? "yes" : "no",
                FormatBytes(info.level_stride[i] * info.block_count[i]).c_str());
  }
  std::printf("\n  deny list    %s\n", Listed(content.denied).c_str());
  std::printf("  absent       %s\n", Listed(content.absent).c_str());
}

Json NodesOf(const std::vector<Node>& nodes) {
  Json list = Json::array();
  for (const Node& node : nodes) list.push_back(Json{{"level", node.level}, {"id", node.id}});
  return list;
}

void PrintJson(const std::string& path, const Content& content) {
  const kl_memory_bank_shape& shape = content.shape;
  const kl_memory_bank_info& info = content.info;
  Json out;
  out["path"] = path;
  out["name"] = shape.name;
  out["file_bytes"] = info.file_bytes;
  out["branching"] = shape.branching;
  out["depth"] = shape.depth;
  out["layers"] = shape.layer_count;
  out["dim"] = shape.dim;
  out["type"] = kl_dtype_info_of(shape.type).name;
  out["activation"] = ActivationName(shape.activation);
  out["encoder_width"] = shape.encoder_width;
  out["encoder_file"] = shape.encoder_file;
  out["model_fingerprint"] = absl::StrFormat("%016x", shape.model_fingerprint);
  out["encoder_fingerprint"] = absl::StrFormat("%016x", shape.encoder_fingerprint);
  out["generic"] = shape.generic;
  out["centroids_offset"] = info.centroids_offset;
  out["centroid_bytes"] = info.centroid_bytes;
  out["table_offset"] = info.table_offset;
  out["table_bytes"] = info.table_bytes;
  out["generic_offset"] = info.generic_offset;
  out["fetch_bytes"] = info.fetch_bytes;
  out["fetch_parameters"] = info.fetch_parameters;
  out["bank_parameters"] = info.bank_parameters;
  out["levels"] = Json::array();
  for (uint32_t i = 0; i < shape.depth; ++i) {
    out["levels"].push_back(Json{{"level", i + 1},
                                 {"rows", shape.rows[i]},
                                 {"nodes", info.node_count[i]},
                                 {"blocks", info.block_count[i]},
                                 {"block_bytes", info.block_bytes[i]},
                                 {"offset", info.level_offset[i]},
                                 {"stride", info.level_stride[i]},
                                 {"present", info.present_count[i]},
                                 {"denied", info.denied_count[i]},
                                 {"generic", info.generic_present[i]}});
  }
  out["denied"] = NodesOf(content.denied);
  out["absent"] = NodesOf(content.absent);
  std::printf("%s\n", out.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

}  // namespace

Failure OpenBank(const std::string& path, MemoryBankHandle* bank) {
  kl_memory_bank* opened = nullptr;
  kl_error error = NoError();
  const kl_code code = kl_memory_bank_open(path.c_str(), &opened, &error);
  if (code != KL_OK) return FailureOf(code, error);
  bank->reset(opened);
  return Success();
}

kl_memory_bank_shape ShapeOf(const kl_memory_bank* bank) {
  kl_memory_bank_shape shape = {};
  shape.struct_size = sizeof shape;
  kl_memory_bank_get_shape(bank, &shape);
  return shape;
}

kl_memory_bank_info InfoOf(const kl_memory_bank* bank) {
  kl_memory_bank_info info = {};
  info.struct_size = sizeof info;
  kl_memory_bank_describe(bank, &info);
  return info;
}

int InspectBank(int argc, char** argv) {
  constexpr char kName[] = "bank inspect";
  std::vector<std::string> paths;
  bool json = false;
  OptionTable options(
      kName,
      "Prints what a bank is for, how large its levels are, what a prompt fetches, and "
      "which blocks are denied or absent. No block is read.");
  options.Example("kinglet bank inspect facts.klbank");
  options.Positional("BANK", &paths, 1, 1, "the bank");
  options.Flag({"--json"}, &json, "print one JSON object");
  int status = 0;
  if (!options.Parse(argc, argv, &status)) return status;
  MemoryBankHandle bank;
  const Failure opened = OpenBank(paths[0], &bank);
  if (!opened.ok()) return Report(kName, opened);
  const Content content = ReadContent(bank.get());
  if (json) {
    PrintJson(paths[0], content);
  } else {
    PrintText(paths[0], content);
  }
  return FinishOutput(kName);
}

}  // namespace kinglet::tools
