// The body of a generated plugin.cc: joins the tables of a plugin's files into one kl_plugin_v1.
//
// Included once per plugin, by the source that kl_plugin_with_table generates.
// Thread safety: the joined tables are built once, by the first query, and constant from then on.
#ifndef KINGLET_PLUGINS_COMMON_PLUGIN_FROM_TABLES_H_
#define KINGLET_PLUGINS_COMMON_PLUGIN_FROM_TABLES_H_

#include "core/abi/plugin.h"
#include "plugins/common/table.h"

namespace {

// Room for the kernels of one file; a file with more is refused when the plugin is queried.
constexpr uint32_t kKernelsPerTable = 32;

template <uint32_t kTables>
struct JoinedTables {
  JoinedTables(const char* name, const char* version, const kl_table* const* tables) {
    for (uint32_t t = 0; t < kTables; ++t) {
      const kl_table& table = *tables[t];
      if (table.op != nullptr) ops[plugin.op_count++] = table.op;
      if (table.kernel_count > kKernelsPerTable) too_many = true;
      for (uint32_t k = 0; k < table.kernel_count && !too_many; ++k) {
        kernels[plugin.kernel_count++] = table.kernels[k];
      }
      if (table.architecture != nullptr)
        architectures[plugin.architecture_count++] = table.architecture;
      if (table.bank != nullptr) banks[plugin.bank_count++] = table.bank;
      if (table.planner != nullptr) planners[plugin.planner_count++] = table.planner;
    }
    plugin.struct_size = sizeof plugin;
    plugin.abi_major = KL_ABI_MAJOR;
    plugin.abi_minor = KL_ABI_MINOR;
    plugin.name = name;
    plugin.version = version;
    plugin.ops = ops;
    plugin.kernels = kernels;
    plugin.architectures = architectures;
    plugin.banks = banks;
    plugin.planners = planners;
  }

  bool too_many = false;
  kl_plugin_v1 plugin = {};
  const kl_op* ops[kTables];
  const kl_kernel* kernels[kTables * kKernelsPerTable];
  const kl_architecture* architectures[kTables];
  const kl_bank* banks[kTables];
  const kl_planner* planners[kTables];
};

template <uint32_t kTables>
const kl_plugin_v1* JoinTables(const char* name, const char* version,
                               const kl_table* const (&tables)[kTables], kl_error* error) {
  static const JoinedTables<kTables> joined(name, version, tables);
  if (joined.too_many) {
    kl_fail(error, KL_INTERNAL, "plugin '%s': a file lists more than %u kernels; split it", name,
            kKernelsPerTable);
    return nullptr;
  }
  return &joined.plugin;
}

}  // namespace

#endif  // KINGLET_PLUGINS_COMMON_PLUGIN_FROM_TABLES_H_
