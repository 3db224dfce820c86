// kl_network: files that spell out their own graph.
#include "core/abi/dtype.h"
#include "core/base/status.h"
#include "core/capi/handles.h"

namespace {

kl_code Describe(const std::string& name, const kl_tensor& from, kl_network_tensor* to) {
  kl_network_tensor facts = {};
  facts.name = name.c_str();
  facts.type = from.type;
  facts.rank = from.rank;
  std::memcpy(facts.shape, from.shape, sizeof facts.shape);
  facts.data = from.data;
  facts.bytes = kl_tensor_bytes(&from);
  kinglet::CopyStruct(facts, to);
  return KL_OK;
}

}  // namespace

void kl_network_default_options(kl_network_options* options) {
  if (options == nullptr) return;
  kl_network_options defaults = {};
  kinglet::CopyStruct(defaults, options);
}

kl_code kl_network_load(kl_runtime* runtime, const char* path, kl_network** network, kl_error* error) {
  return kl_network_load_with_options(runtime, path, nullptr, network, error);
}

kl_code kl_network_load_with_options(kl_runtime* runtime, const char* path, const kl_network_options* options,
                                     kl_network** network, kl_error* error) {
  if (runtime == nullptr || path == nullptr || network == nullptr) {
    return kinglet::NullArgument("kl_network_load", error);
  }
  auto source = kinglet::LoadAnySource(path);
  if (!source.ok()) return kinglet::FillError(source.status(), error);
  const kl_network_options given = kinglet::OptionsOr(options, kl_network_default_options);
  kinglet::NetworkOptions wanted;
  wanted.arena_bytes = given.arena_bytes;
  auto loaded = kinglet::Network::Load(runtime->runtime.get(), *std::move(source), wanted);
  if (!loaded.ok()) return kinglet::FillError(loaded.status(), error);
  auto handle = std::make_unique<kl_network>();
  handle->network = *std::move(loaded);
  handle->plan_text = handle->network->Describe();
  *network = handle.release();
  return KL_OK;
}

void kl_network_free(kl_network* network) { delete network; }

uint32_t kl_network_input_count(const kl_network* network) {
  if (network == nullptr) return 0;
  return static_cast<uint32_t>(network->network->input_count());
}

uint32_t kl_network_output_count(const kl_network* network) {
  if (network == nullptr) return 0;
  return static_cast<uint32_t>(network->network->output_count());
}

kl_code kl_network_input(const kl_network* network, uint32_t index, kl_network_tensor* tensor) {
  if (network == nullptr || tensor == nullptr) return KL_INVALID_ARGUMENT;
  const kinglet::Network& from = *network->network;
  if (index >= from.input_count()) return KL_INVALID_ARGUMENT;
  return Describe(from.input_name(index), from.input(index), tensor);
}

kl_code kl_network_output(const kl_network* network, uint32_t index, kl_network_tensor* tensor) {
  if (network == nullptr || tensor == nullptr) return KL_INVALID_ARGUMENT;
  const kinglet::Network& from = *network->network;
  if (index >= from.output_count()) return KL_INVALID_ARGUMENT;
  return Describe(from.output_name(index), from.output(index), tensor);
}

kl_code kl_network_run(kl_network* network, kl_error* error) {
  if (network == nullptr) return kinglet::NullArgument("kl_network_run", error);
  return kinglet::FillError(network->network->Run(), error);
}

uint64_t kl_network_arena_bytes(const kl_network* network) {
  if (network == nullptr) return 0;
  return network->network->arena_bytes();
}
const char* kl_network_plan_text(const kl_network* network) {
  if (network == nullptr) return "";
  return network->plan_text.c_str();
}

kl_code kl_network_describe_memory(const kl_network* network, kl_network_memory* memory) {
  if (network == nullptr || memory == nullptr) return KL_INVALID_ARGUMENT;
  const kinglet::Network& from = *network->network;
  const kinglet::NetworkMemory& planned = from.memory();
  kl_network_memory facts = {};
  facts.arena_bytes = from.arena_bytes();
  facts.ordinary_arena_bytes = planned.ordinary_arena_bytes;
  facts.peak_bytes = planned.ideal_bytes;
  facts.layer_peak_bytes = planned.layer_bytes;
  facts.node_count = static_cast<uint32_t>(from.node_count());
  facts.joined = planned.joined;
  facts.patch_rows = static_cast<uint32_t>(planned.grid.rows);
  facts.patch_columns = static_cast<uint32_t>(planned.grid.columns);
  facts.stage_node_count = static_cast<uint32_t>(planned.stage.node_count);
  facts.stage_end = planned.last_node.c_str();
  facts.tile_count = static_cast<uint32_t>(planned.figures.tiles.size());
  facts.stage_macs = static_cast<uint64_t>(planned.figures.stage_macs);
  facts.nominal_stage_macs = static_cast<uint64_t>(planned.figures.nominal_stage_macs);
  facts.patched_stage_macs = static_cast<uint64_t>(planned.figures.patched_stage_macs);
  facts.network_macs = static_cast<uint64_t>(planned.network_macs);
  kinglet::CopyStruct(facts, memory);
  return KL_OK;
}

kl_code kl_network_tile(const kl_network* network, uint32_t index, kl_network_tile_facts* facts) {
  if (network == nullptr || facts == nullptr) return KL_INVALID_ARGUMENT;
  const auto& tiles = network->network->memory().figures.tiles;
  if (index >= tiles.size()) return KL_INVALID_ARGUMENT;
  kl_network_tile_facts tile = {};
  tile.name = tiles[index].name.c_str();
  tile.rows = tiles[index].rows;
  tile.columns = tiles[index].columns;
  kinglet::CopyStruct(tile, facts);
  return KL_OK;
}

uint32_t kl_network_block_count(const kl_network* network) {
  if (network == nullptr) return 0;
  return static_cast<uint32_t>(network->network->blocks().size());
}

kl_code kl_network_block(const kl_network* network, uint32_t index, kl_network_block_facts* facts) {
  if (network == nullptr || facts == nullptr) return KL_INVALID_ARGUMENT;
  const auto& blocks = network->network->blocks();
  if (index >= blocks.size()) return KL_INVALID_ARGUMENT;
  kl_network_block_facts block = {};
  block.name = blocks[index].name.c_str();
  block.offset = blocks[index].offset;
  block.bytes = blocks[index].bytes;
  block.first_node = static_cast<uint32_t>(blocks[index].first_node);
  block.last_node = static_cast<uint32_t>(blocks[index].last_node);
  kinglet::CopyStruct(block, facts);
  return KL_OK;
}
