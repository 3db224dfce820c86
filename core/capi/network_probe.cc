// kl_network_probe: how long a network will take, before it is loaded.
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/capi/handles.h"

using kinglet::FillError;

namespace {

absl::Status CheckIndex(const kl_network_probe* probe, uint32_t index) {
  const size_t count = probe->probe->node_count();
  if (index < count) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("node ", index, " of a network of ", count, " nodes"));
}

}  // namespace

kl_code kl_network_probe_open(kl_runtime* runtime, const char* path, kl_network_probe** probe, kl_error* error) {
  if (runtime == nullptr || path == nullptr || probe == nullptr) {
    return kinglet::NullArgument("kl_network_probe_open", error);
  }
  auto source = kinglet::LoadAnySource(path);
  if (!source.ok()) return FillError(source.status(), error);
  auto opened = kinglet::NetworkProbe::Open(runtime->runtime.get(), *std::move(source));
  if (!opened.ok()) return FillError(opened.status(), error);
  auto handle = std::make_unique<kl_network_probe>();
  handle->probe = *std::move(opened);
  for (size_t n = 0; n < handle->probe->node_count(); ++n) {
    handle->plugins.emplace_back(runtime->runtime->registry().PluginOf(&handle->probe->kernel(n)));
  }
  *probe = handle.release();
  return KL_OK;
}

void kl_network_probe_free(kl_network_probe* probe) { delete probe; }

uint32_t kl_network_probe_node_count(const kl_network_probe* probe) {
  if (probe == nullptr) return 0;
  return static_cast<uint32_t>(probe->probe->node_count());
}

uint64_t kl_network_probe_touched_bytes(const kl_network_probe* probe) {
  if (probe == nullptr) return 0;
  return probe->probe->touched_bytes();
}

kl_code kl_network_probe_node(const kl_network_probe* probe, uint32_t index, kl_probed_node* node) {
  if (probe == nullptr || node == nullptr || index >= probe->probe->node_count()) return KL_INVALID_ARGUMENT;
  const kinglet::PlanNode& from = probe->probe->node(index);
  const kl_kernel& kernel = probe->probe->kernel(index);
  kl_probed_node facts = {};
  facts.name = from.name.c_str();
  facts.op = from.op.c_str();
  facts.kernel = kernel.name;
  facts.plugin = probe->plugins[index].c_str();
  facts.key = probe->probe->key(index).c_str();
  facts.own_threads = (kernel.flags & KL_KERNEL_OWN_THREADS) != 0;
  kinglet::CopyStruct(facts, node);
  return KL_OK;
}

kl_code kl_network_probe_time(kl_network_probe* probe, uint32_t index, const uint64_t* passed_bytes, uint32_t count,
                              double* ns, kl_error* error) {
  if (probe == nullptr || passed_bytes == nullptr || ns == nullptr) {
    return kinglet::NullArgument("kl_network_probe_time", error);
  }
  const absl::Status exists = CheckIndex(probe, index);
  if (!exists.ok()) return FillError(exists, error);
  const auto times = probe->probe->Time(index, {passed_bytes, passed_bytes + count});
  if (!times.ok()) return FillError(times.status(), error);
  std::copy(times->begin(), times->end(), ns);
  return KL_OK;
}

kl_code kl_network_probe_time_turns(kl_network_probe* probe, uint32_t first, uint32_t second, double* ns,
                                    kl_error* error) {
  if (probe == nullptr || ns == nullptr) return kinglet::NullArgument("kl_network_probe_time_turns", error);
  for (uint32_t index : {first, second}) {
    const absl::Status exists = CheckIndex(probe, index);
    if (!exists.ok()) return FillError(exists, error);
  }
  const auto time = probe->probe->TimeTurns(first, second);
  if (!time.ok()) return FillError(time.status(), error);
  *ns = *time;
  return KL_OK;
}
