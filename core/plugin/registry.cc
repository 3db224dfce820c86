#include "core/plugin/registry.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status.h"
#include "core/plugin/plugin_folder.h"

namespace kinglet {
namespace {

template <typename Map>
typename Map::mapped_type FindOrNull(const Map& map, absl::string_view name) {
  const auto found = map.find(std::string(name));
  return found == map.end() ? nullptr : found->second;
}

template <typename Map>
std::vector<std::string> Keys(const Map& map) {
  std::vector<std::string> keys;
  for (const auto& entry : map) keys.push_back(entry.first);
  return keys;
}

template <typename Map, typename Entry>
absl::Status CheckFree(const Map& taken, const std::vector<const Entry*>& entries,
                       const std::map<const void*, const Plugin*>& owners, absl::string_view plugin,
                       absl::string_view kind) {
  for (const Entry* entry : entries) {
    const Entry* other = FindOrNull(taken, entry->name);
    if (other == nullptr) continue;
    const Plugin& owner = *owners.at(other);
    return absl::FailedPreconditionError(absl::StrCat(
        "plugin ", plugin, ": its ", kind, " ", entry->name, " is already there from plugin ",
        owner.name(), owner.path().empty() ? "" : " at ", owner.path(),
        "; disable one of the two plugins or give it another name"));
  }
  return absl::OkStatus();
}

}  // namespace

Registry::~Registry() = default;

absl::StatusOr<std::unique_ptr<Registry>> Registry::Create(const RegistryOptions& options) {
  std::unique_ptr<Registry> registry(new Registry());
  registry->pinned_kernels_ = options.pinned_kernels;
  HostOptions host;
  host.cpu = options.cpu;
  host.plugin_options = options.plugin_options;
  host.log = options.log;
  registry->host_ = std::make_unique<HostServices>(std::move(host));

  for (const kl_plugin_v1* table : options.adopted_plugins) {
    registry->Add(Plugin::Adopt(*table, registry->host_.get()), "", "");
  }
  for (const std::string& path : options.extra_plugin_paths) registry->LoadFile(path, options);
  if (options.use_plugin_folder) {
    std::string folder = options.plugin_folder;
    const bool named = !folder.empty();
    if (!named) {
      KL_ASSIGN_OR_RETURN(folder, OwnPluginFolder());
    }
    absl::StatusOr<std::vector<std::string>> files = ListPluginFiles(folder);
    if (!files.ok() && named) return files.status();
    if (!files.ok()) registry->host_->log().Warning(files.status().message());
    if (files.ok()) {
      for (const std::string& path : *files) registry->LoadFile(path, options);
    }
  }
  KL_RETURN_IF_ERROR(registry->CheckPins());
  return registry;
}

void Registry::LoadFile(const std::string& path, const RegistryOptions& options) {
  const auto manifest = ReadManifest(path);
  if (!manifest.ok()) return Fail("", path, manifest.status());
  if (options.disabled_plugins.count(manifest->name) > 0) {
    host_->log().Debug("plugin ", path, ": ", manifest->name, " is disabled");
    return;
  }
  if (manifest->abi_minor > KL_ABI_MINOR) {
    host_->log().Debug("plugin ", path, ": built for ABI minor version ", manifest->abi_minor,
                       ", newer than this build's ", KL_ABI_MINOR, "; what was added is not used");
  }
  Add(Plugin::Load(path, *manifest, host_.get()), manifest->name, path);
}

void Registry::Add(absl::StatusOr<std::unique_ptr<Plugin>> loaded, absl::string_view name,
                   absl::string_view path) {
  if (!loaded.ok()) return Fail(name, path, loaded.status());
  std::unique_ptr<Plugin> plugin = *std::move(loaded);
  const absl::Status names = CheckNames(*plugin);
  if (!names.ok()) return Fail(plugin->name(), path, names);

  const PluginTables& tables = plugin->tables();
  const auto add = [&](const auto& entries, auto* map) {
    for (const auto* entry : entries) {
      map->emplace(entry->name, entry);
      owners_.emplace(entry, plugin.get());
    }
  };
  add(tables.ops, &ops_);
  add(tables.kernels, &kernels_);
  add(tables.architectures, &architectures_);
  add(tables.planners, &planners_);
  add(tables.banks, &banks_);
  for (const kl_kernel* kernel : tables.kernels) {
    candidates_[kernel->op].push_back({kernel, plugin->name()});
  }
  host_->log().Info("plugin ", plugin->name(), " ", plugin->version(), " (", plugin->path(),
                    "): ", tables.ops.size(), " operators, ", tables.kernels.size(), " kernels, ",
                    tables.architectures.size(), " architectures");
  plugins_.push_back(std::move(plugin));
}

absl::Status Registry::CheckNames(const Plugin& plugin) const {
  for (const auto& other : plugins_) {
    if (other->name() != plugin.name()) continue;
    return absl::FailedPreconditionError(absl::StrCat("plugin ", plugin.path(), ": a plugin named ",
                                                      plugin.name(), " is already loaded from ",
                                                      other->path(), "; disable one of them"));
  }
  const PluginTables& tables = plugin.tables();
  KL_RETURN_IF_ERROR(CheckFree(ops_, tables.ops, owners_, plugin.path(), "operator"));
  KL_RETURN_IF_ERROR(CheckFree(kernels_, tables.kernels, owners_, plugin.path(), "kernel"));
  KL_RETURN_IF_ERROR(
      CheckFree(architectures_, tables.architectures, owners_, plugin.path(), "architecture"));
  KL_RETURN_IF_ERROR(CheckFree(planners_, tables.planners, owners_, plugin.path(), "planner"));
  return CheckFree(banks_, tables.banks, owners_, plugin.path(), "bank");
}

absl::Status Registry::CheckPins() const {
  for (const auto& pin : pinned_kernels_) {
    const kl_kernel* kernel = FindOrNull(kernels_, pin.second);
    if (kernel == nullptr || kernel->op != pin.first) {
      const auto names = kernels(pin.first);
      return absl::NotFoundError(absl::StrCat(
          "pinned kernel ", pin.second, ": operator ", pin.first, " has no kernel of that name",
          kernel != nullptr ? absl::StrCat(" (it computes ", kernel->op, ")") : "",
          "; its kernels are: ",
          absl::StrJoin(names, ", ",
                        [](std::string* text, const kl_kernel* k) { text->append(k->name); }),
          names.empty() ? "none" : "", "; ", failures_.size(), " plugins could not be loaded"));
    }
    const uint64_t missing = kernel->cpu_features & ~host_->cpu().features;
    if (missing != 0) {
      return absl::UnimplementedError(absl::StrCat(
          "pinned kernel ", pin.second, " of plugin ", PluginOf(kernel), ": this processor lacks ",
          CpuFeatureNames(missing), "; pin another kernel or none"));
    }
  }
  return absl::OkStatus();
}

void Registry::Fail(absl::string_view name, absl::string_view path, const absl::Status& status) {
  host_->log().Warning(status.message());
  failures_.push_back({std::string(name), std::string(path), status});
}

const kl_op* Registry::FindOp(absl::string_view name) const { return FindOrNull(ops_, name); }

const kl_architecture* Registry::FindArchitecture(absl::string_view name) const {
  return FindOrNull(architectures_, name);
}

const kl_planner* Registry::FindPlanner(absl::string_view name) const {
  return FindOrNull(planners_, name);
}

const kl_bank* Registry::FindBank(absl::string_view name) const { return FindOrNull(banks_, name); }

std::vector<std::string> Registry::OpNames() const { return Keys(ops_); }

std::vector<std::string> Registry::ArchitectureNames() const { return Keys(architectures_); }

std::vector<const kl_kernel*> Registry::kernels(absl::string_view op) const {
  std::vector<const kl_kernel*> found;
  for (const auto& entry : kernels_) {
    if (op == entry.second->op) found.push_back(entry.second);
  }
  return found;
}

absl::StatusOr<const kl_kernel*> Registry::Resolve(const kl_node& node) const {
  static const auto* const kNone = new std::vector<KernelCandidate>();
  const auto found = candidates_.find(node.op);
  const auto pin = pinned_kernels_.find(node.op);
  return ChooseKernel(node, found == candidates_.end() ? *kNone : found->second,
                      host_->cpu().features, pin == pinned_kernels_.end() ? "" : pin->second);
}

const Plugin* Registry::OwnerOf(const void* table) const {
  const auto found = owners_.find(table);
  return found == owners_.end() ? nullptr : found->second;
}

absl::string_view Registry::PluginOf(const void* table) const {
  const Plugin* owner = OwnerOf(table);
  return owner == nullptr ? "" : absl::string_view(owner->name());
}

const kl_host* Registry::HostOf(const void* table) const {
  const Plugin* owner = OwnerOf(table);
  return owner == nullptr ? host_->general() : owner->host();
}

}  // namespace kinglet
