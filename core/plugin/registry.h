// All plugins of a runtime, and what they offer by name.
//
//   RegistryOptions --Create()--> plugins (files, sorted) + failures
//                                 op name       -> kl_op, kernels
//                                 architecture, bank, planner name -> table
//   Resolve(node)   -> the kernel for it
#ifndef KINGLET_CORE_PLUGIN_REGISTRY_H_
#define KINGLET_CORE_PLUGIN_REGISTRY_H_

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/abi/plugin.h"
#include "core/plugin/host.h"
#include "core/plugin/plugin.h"
#include "core/plugin/resolver.h"

namespace kinglet {

struct RegistryOptions {
  kl_cpu cpu = {};                                    // core/base/cpu_info.h
  std::string plugin_folder;                          // empty: the library's own
  bool use_plugin_folder = true;                      // false: only what follows
  std::vector<std::string> extra_plugin_paths;        // with a slash each
  std::vector<const kl_plugin_v1*> adopted_plugins;   // tables of this process
  std::set<std::string> disabled_plugins;             // names; not loaded at all
  std::map<std::string, std::string> pinned_kernels;  // op -> kernel name
  std::map<std::string, std::string> plugin_options;  // "plugin.key" -> value
  const Log* log = nullptr;                           // borrowed; NULL: silent
};

// A plugin that was left out, and why.
struct PluginFailure {
  std::string name;  // empty when the file did not say
  std::string path;
  absl::Status status;
};

// Filled by Create(); immutable and thread safe afterwards. Destroying it unloads the plugins:
// whatever came from their tables has to be gone before.
class Registry {
 public:
  // A plugin that cannot be loaded, or that brings a name which is already taken, is left out,
  // logged and listed in failures(); the others go on. Files are taken in the order of their
  // paths, adopted and extra plugins first.
  // Errors: a plugin folder was named and does not exist; a pinned kernel is not there, belongs to
  // another operator or needs another processor.
  static absl::StatusOr<std::unique_ptr<Registry>> Create(const RegistryOptions& options);
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // NULL when no plugin has one of that name. The tables live as long as the registry.
  const kl_op* FindOp(absl::string_view name) const;
  const kl_architecture* FindArchitecture(absl::string_view name) const;
  const kl_planner* FindPlanner(absl::string_view name) const;
  const kl_bank* FindBank(absl::string_view name) const;

  std::vector<std::string> OpNames() const;            // sorted
  std::vector<std::string> ArchitectureNames() const;  // sorted
  // Every kernel of an operator, fit for this processor or not, sorted by name.
  std::vector<const kl_kernel*> kernels(absl::string_view op) const;

  // The kernel for a node; see resolver.h.
  absl::StatusOr<const kl_kernel*> Resolve(const kl_node& node) const;

  // Name of the plugin that a table (kl_kernel, kl_op, ...) came from; empty when from none.
  absl::string_view PluginOf(const void* table) const;
  // The host to pass to that table's functions: it finds the plugin's own options.
  const kl_host* HostOf(const void* table) const;

  const std::vector<std::unique_ptr<Plugin>>& plugins() const { return plugins_; }
  const std::vector<PluginFailure>& failures() const { return failures_; }
  // For the set-up phase: parallel_for of the scheduler, options.
  HostServices& host() { return *host_; }
  const HostServices& host() const { return *host_; }

 private:
  Registry() = default;

  void LoadFile(const std::string& path, const RegistryOptions& options);
  void Add(absl::StatusOr<std::unique_ptr<Plugin>> plugin, absl::string_view name,
           absl::string_view path);
  absl::Status CheckNames(const Plugin& plugin) const;
  absl::Status CheckPins() const;
  const Plugin* OwnerOf(const void* table) const;
  void Fail(absl::string_view name, absl::string_view path, const absl::Status& status);

  std::unique_ptr<HostServices> host_;  // before the plugins: they use it until they are unloaded
  std::vector<std::unique_ptr<Plugin>> plugins_;
  std::vector<PluginFailure> failures_;
  std::map<std::string, std::string> pinned_kernels_;
  std::map<std::string, std::vector<KernelCandidate>, std::less<>> candidates_;  // by op
  std::map<std::string, const kl_op*, std::less<>> ops_;
  std::map<std::string, const kl_architecture*, std::less<>> architectures_;
  std::map<std::string, const kl_planner*, std::less<>> planners_;
  std::map<std::string, const kl_bank*, std::less<>> banks_;
  std::map<std::string, const kl_kernel*, std::less<>> kernels_;
  std::map<const void*, const Plugin*> owners_;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_PLUGIN_REGISTRY_H_
