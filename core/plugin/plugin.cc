#include "core/plugin/plugin.h"

#include <dlfcn.h>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace kinglet {
namespace {

std::string LinkerMessage() {
  const char* message = dlerror();
  return message == nullptr ? "no message from the dynamic linker" : message;
}

}  // namespace

absl::Status Plugin::Read(const kl_plugin_v1& table, absl::string_view where) {
  KL_RETURN_IF_ERROR(ReadTables(table, where, &tables_));
  name_ = table.name;
  version_ = table.version;
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Plugin>> Plugin::Load(absl::string_view path,
                                                     const PluginManifest& manifest,
                                                     HostServices* host) {
  const std::string where = absl::StrCat("plugin ", path);
  if (path.find('/') == absl::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, ": expected a path with a slash (./", path,
                     " for the working directory), found a bare name"));
  }
  std::unique_ptr<Plugin> plugin(new Plugin());
  plugin->path_ = std::string(path);
  plugin->checksum_ = manifest.checksum;
  plugin->library_ = dlopen(plugin->path_.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (plugin->library_ == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(
        where, ": the dynamic linker cannot load it: ", LinkerMessage(),
        "; install the library or build the plugin with all its symbols (-Wl,--no-undefined)"));
  }
  const auto query =
      reinterpret_cast<kl_plugin_query_v1_function>(dlsym(plugin->library_, KL_PLUGIN_ENTRY_V1));
  if (query == nullptr) {
    return absl::NotFoundError(
        absl::StrCat(where, ": expected the exported function ", KL_PLUGIN_ENTRY_V1,
                     ", found none; define it with KL_EXPORT (core/abi/plugin.h)"));
  }
  plugin->host_ = host->ForPlugin(manifest.name);
  kl_error error = EmptyError();
  const kl_plugin_v1* table = query(plugin->host_, &error);
  if (table == nullptr) {
    const kl_code code = error.code == KL_OK ? KL_UNSUPPORTED : error.code;
    return StatusFromError(code, error, absl::StrCat(where, ": it declined to run here"));
  }
  KL_RETURN_IF_ERROR(plugin->Read(*table, where));
  if (plugin->name_ != manifest.name) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": its manifest says name ",
                                                   manifest.name, ", its table says ",
                                                   plugin->name_, "; they must be equal"));
  }
  return plugin;
}

absl::StatusOr<std::unique_ptr<Plugin>> Plugin::Adopt(const kl_plugin_v1& table,
                                                      HostServices* host) {
  std::unique_ptr<Plugin> plugin(new Plugin());
  KL_RETURN_IF_ERROR(plugin->Read(table, "plugin of this process"));
  plugin->host_ = host->ForPlugin(plugin->name_);
  return plugin;
}

Plugin::~Plugin() {
  if (library_ != nullptr) dlclose(library_);
}

}  // namespace kinglet
