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

kl_code kl_network_load(kl_runtime* runtime, const char* path, kl_network** network, kl_error* error) {
  if (runtime == nullptr || path == nullptr || network == nullptr) {
    return kinglet::NullArgument("kl_network_load", error);
  }
  auto source = kinglet::LoadAnySource(path);
  if (!source.ok()) return kinglet::FillError(source.status(), error);
  auto loaded = kinglet::Network::Load(runtime->runtime.get(), *std::move(source));
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
