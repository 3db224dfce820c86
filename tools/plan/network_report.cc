#include "tools/plan/network_report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"

namespace kinglet::tools {
namespace {

using Json = nlohmann::ordered_json;

bool HasPatches(const NetworkReport& report) {
  return report.memory.patch_rows * report.memory.patch_columns > 1;
}

// Budgets of an arena are small and exact.
std::string KiB(uint64_t bytes) {
  return absl::StrFormat("%.1f KiB", static_cast<double>(bytes) / 1024.0);
}

void Row(std::string* text, const char* name, const std::string& value) {
  absl::StrAppendFormat(text, "  %-22s %s\n", name, value);
}

double Share(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::string Macs(uint64_t macs) {
  return absl::StrFormat("%.1f M", static_cast<double>(macs) / 1e6);
}

std::string SizeOf(const NetworkTile& tile) {
  return tile.rows == tile.columns ? absl::StrCat(tile.rows)
                                   : absl::StrCat(tile.rows, "x", tile.columns);
}

}  // namespace

Failure PlanNetwork(const char* command, const EngineFlags& engine, const std::string& path,
                    NetworkReport* report) {
  RuntimeHandle runtime;
  Failure failure = CreateRuntime(command, engine, &runtime);
  if (!failure.ok()) return failure;
  NetworkHandle network;
  failure = LoadNetwork(engine, runtime.get(), path, &network);
  if (!failure.ok()) return failure;
  report->path = path;
  report->limit_bytes = engine.memory_bytes;
  report->memory.struct_size = sizeof report->memory;
  kl_network_describe_memory(network.get(), &report->memory);
  report->stage_end = report->memory.stage_end;
  report->memory.stage_end = "";
  for (uint32_t i = 0; i < report->memory.tile_count; ++i) {
    kl_network_tile_facts tile = {};
    tile.struct_size = sizeof tile;
    if (kl_network_tile(network.get(), i, &tile) != KL_OK) continue;
    report->tiles.push_back({tile.name, tile.rows, tile.columns});
  }
  for (uint32_t i = 0; i < kl_network_block_count(network.get()); ++i) {
    kl_network_block_facts block = {};
    block.struct_size = sizeof block;
    if (kl_network_block(network.get(), i, &block) != KL_OK) continue;
    report->blocks.push_back(
        {block.name, block.offset, block.bytes, block.first_node, block.last_node});
  }
  return Success();
}

std::string TextOf(const NetworkReport& report) {
  const kl_network_memory& m = report.memory;
  std::string text = absl::StrCat(report.path, "\nActivations\n");
  Row(&text, "layer by layer",
      absl::StrCat(KiB(m.layer_peak_bytes), " peak; the ordinary plan takes ",
                   KiB(m.ordinary_arena_bytes)));
  Row(&text, "planned peak",
      absl::StrFormat("%s, %.1f times less", KiB(m.peak_bytes),
                      1 / std::max(1e-9, Share(m.peak_bytes, m.layer_peak_bytes))));
  Row(&text, "arena",
      absl::StrCat(KiB(m.arena_bytes), " (", m.arena_bytes, " bytes) with kernels' scratch",
                   report.limit_bytes == 0 ? "" : absl::StrCat(", of ", KiB(report.limit_bytes))));
  if (!HasPatches(report)) {
    Row(&text, "patches", "none: the layers run one by one");
    return text;
  }
  const uint64_t extra = m.patched_stage_macs - m.stage_macs;
  absl::StrAppend(&text, "Patches\n");
  Row(&text, "grid",
      absl::StrCat(m.patch_rows, " x ", m.patch_columns, " of the first ", m.stage_node_count,
                   " nodes, up to ", report.stage_end));
  Row(&text, "tile sizes",
      absl::StrJoin(report.tiles, ", ", [](std::string* out, const NetworkTile& tile) {
        absl::StrAppend(out, SizeOf(tile));
      }));
  Row(&text, "multiply-adds",
      absl::StrFormat("%s to %s in the patch stage (%+.0f %%) with whole tiles", Macs(m.stage_macs),
                      Macs(m.nominal_stage_macs),
                      100 * (Share(m.nominal_stage_macs, m.stage_macs) - 1)));
  Row(&text, "as run",
      absl::StrFormat("%s (%+.0f %%), tiles being cut at the border; the network %+.0f %%",
                      Macs(m.patched_stage_macs), 100 * Share(extra, m.stage_macs),
                      100 * Share(extra, m.network_macs)));
  return text;
}

std::string JsonOf(const NetworkReport& report) {
  const kl_network_memory& m = report.memory;
  Json root = {{"network", report.path},       {"limit_bytes", report.limit_bytes},
               {"arena_bytes", m.arena_bytes}, {"ordinary_arena_bytes", m.ordinary_arena_bytes},
               {"peak_bytes", m.peak_bytes},   {"layer_peak_bytes", m.layer_peak_bytes},
               {"joined", m.joined},           {"network_macs", m.network_macs}};
  if (HasPatches(report)) {
    Json tiles = Json::array();
    for (const NetworkTile& tile : report.tiles) {
      tiles.push_back({{"name", tile.name}, {"rows", tile.rows}, {"columns", tile.columns}});
    }
    root["patches"] = {{"rows", m.patch_rows},
                       {"columns", m.patch_columns},
                       {"nodes", m.stage_node_count},
                       {"last_node", report.stage_end},
                       {"stage_macs", m.stage_macs},
                       {"nominal_stage_macs", m.nominal_stage_macs},
                       {"patched_stage_macs", m.patched_stage_macs},
                       {"tiles", std::move(tiles)}};
  }
  Json blocks = Json::array();
  for (const NetworkBlock& block : report.blocks) {
    blocks.push_back({{"name", block.name},
                      {"offset", block.offset},
                      {"bytes", block.bytes},
                      {"first_node", block.first_node},
                      {"last_node", block.last_node}});
  }
  root["node_count"] = m.node_count;
  root["blocks"] = std::move(blocks);
  return root.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace kinglet::tools
