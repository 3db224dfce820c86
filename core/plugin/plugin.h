// A loaded plugin: its library, its tables, the host it was given.
#ifndef KINGLET_CORE_PLUGIN_PLUGIN_H_
#define KINGLET_CORE_PLUGIN_PLUGIN_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/abi/plugin.h"
#include "core/plugin/elf_manifest.h"
#include "core/plugin/host.h"
#include "core/plugin/tables.h"

namespace kinglet {

// Immutable and thread safe. Destroying it unloads the library: everything that came from its
// tables, kernel states included, has to be gone before. The host must outlive it.
class Plugin {
 public:
  // Loads the file whose manifest was read. The path is absolute or has a slash in it: a bare name
  // would make the dynamic linker search, and is refused.
  // Errors: the linker's own, the entry missing, the plugin declined, a table is wrong, the table's
  // name differs from the manifest's.
  static absl::StatusOr<std::unique_ptr<Plugin>> Load(absl::string_view path,
                                                      const PluginManifest& manifest,
                                                      HostServices* host);

  // For tests and programs that bring kernels of their own: tables of this process, which outlive
  // the plugin.
  static absl::StatusOr<std::unique_ptr<Plugin>> Adopt(const kl_plugin_v1& table,
                                                       HostServices* host);

  ~Plugin();
  Plugin(const Plugin&) = delete;
  Plugin& operator=(const Plugin&) = delete;

  const std::string& name() const { return name_; }
  const std::string& version() const { return version_; }
  const std::string& path() const { return path_; }  // empty: of this process
  uint64_t checksum() const { return checksum_; }    // of the file; 0: not stamped
  const PluginTables& tables() const { return tables_; }
  const kl_host* host() const { return host_; }

 private:
  Plugin() = default;
  absl::Status Read(const kl_plugin_v1& table, absl::string_view where);

  std::string name_;
  std::string version_;
  std::string path_;
  uint64_t checksum_ = 0;
  void* library_ = nullptr;
  const kl_host* host_ = nullptr;
  PluginTables tables_;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_PLUGIN_PLUGIN_H_
