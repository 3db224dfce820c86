// Checks the tables of a plugin before anything else reads them.
#ifndef KINGLET_CORE_PLUGIN_TABLES_H_
#define KINGLET_CORE_PLUGIN_TABLES_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/abi/plugin.h"

namespace kinglet {

// A plugin's tables as lists. The pointers are the plugin's and live until it is unloaded.
struct PluginTables {
  std::vector<const kl_op*> ops;
  std::vector<const kl_kernel*> kernels;
  std::vector<const kl_architecture*> architectures;
  std::vector<const kl_bank*> banks;
  std::vector<const kl_planner*> planners;
};

// Reads `plugin` into `tables`. `where` ("plugin /path/libkinglet_x.so") begins every message.
//
// Versions: a struct that is larger than this build's was written for a newer minor version; what
// is appended is not read. One that is smaller is older: fields it does not have count as absent,
// and are an error only where version 1.0 already had them.
// Errors: another ABI major; a NULL name, table, entry or required function; an impossible count,
// role or index; two entries of one name.
absl::Status ReadTables(const kl_plugin_v1& plugin, absl::string_view where, PluginTables* tables);

}  // namespace kinglet

#endif  // KINGLET_CORE_PLUGIN_TABLES_H_
