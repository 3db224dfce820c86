#include "core/plugin/tables.h"

#include <cmath>
#include <cstring>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace kinglet {
namespace {

// Bytes of a struct up to and including a field: what its first version had.
#define KL_BYTES_THROUGH(type, field) (offsetof(type, field) + sizeof(type::field))

// More than any plugin has; a larger number is a struct read at the wrong place.
constexpr uint32_t kMostEntries = 4096;
constexpr uint32_t kMostOperands = 64;

absl::Status Bad(absl::string_view where, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(where, ": ", what, "; the plugin has to be corrected and built again"));
}

bool IsName(const char* text) { return text != nullptr && text[0] != '\0'; }

bool IsOperandType(kl_dtype type) {
  return type == KL_TYPE_ANY || type == KL_TYPE_NONE || kl_dtype_info_of(type).name != nullptr;
}

absl::Status Check(const kl_op& op, absl::string_view where) {
  if (op.operand_count == 0 || op.operand_count > kMostOperands || op.operands == nullptr) {
    return Bad(where, absl::StrCat("expected 1 to ", kMostOperands, " operands, found ",
                                   op.operand_count, op.operands == nullptr ? " at NULL" : ""));
  }
  for (uint32_t i = 0; i < op.operand_count; ++i) {
    const kl_operand& operand = op.operands[i];
    if (!IsName(operand.name)) return Bad(where, absl::StrCat("operand ", i, " has no name"));
    if (operand.role > KL_OPERAND_STATE) {
      return Bad(where, absl::StrCat("operand ", operand.name, " has role ", operand.role,
                                     ", expected one of KL_OPERAND_*"));
    }
    const int32_t alias = operand.may_alias;
    if (operand.role != KL_OPERAND_OUTPUT || alias == -1) continue;
    if (alias < 0 || static_cast<uint32_t>(alias) >= op.operand_count ||
        op.operands[alias].role != KL_OPERAND_INPUT) {
      return Bad(where, absl::StrCat("output ", operand.name, " may alias operand ", alias,
                                     ", which is no input"));
    }
  }
  if (KL_HAS_FIELD(&op, kl_op, case_count) && op.case_count > 0 && op.cases == nullptr) {
    return Bad(where, absl::StrCat(op.case_count, " test cases at NULL"));
  }
  return absl::OkStatus();
}

absl::Status Check(const kl_kernel& kernel, absl::string_view where) {
  if (!IsName(kernel.op)) return Bad(where, "op is NULL or empty");
  if (kernel.operand_count == 0 || kernel.operand_count > kMostOperands ||
      kernel.operand_types == nullptr) {
    return Bad(where, absl::StrCat("expected 1 to ", kMostOperands, " operand types, found ",
                                   kernel.operand_count,
                                   kernel.operand_types == nullptr ? " at NULL" : ""));
  }
  for (uint32_t i = 0; i < kernel.operand_count; ++i) {
    if (!IsOperandType(kernel.operand_types[i])) {
      return Bad(where, absl::StrCat("operand ", i, " has type ", kernel.operand_types[i],
                                     ", which is not one of KL_TYPE_*"));
    }
  }
  if (kernel.work == nullptr || kernel.run == nullptr) return Bad(where, "work or run is NULL");
  if ((kernel.pack_query == nullptr) != (kernel.pack == nullptr)) {
    return Bad(where, "pack_query and pack must both be there or both be NULL");
  }
  if (!(kernel.tolerance >= 0) || !std::isfinite(kernel.tolerance)) {
    return Bad(where, absl::StrCat("tolerance is ", kernel.tolerance, ", expected 0 or more"));
  }
  return absl::OkStatus();
}

absl::Status Check(const kl_architecture& architecture, absl::string_view where) {
  return architecture.build == nullptr ? Bad(where, "build is NULL") : absl::OkStatus();
}

absl::Status Check(const kl_bank& bank, absl::string_view where) {
  const bool whole = bank.open != nullptr && bank.submit != nullptr && bank.next_ready != nullptr &&
                     bank.release != nullptr && bank.cancel != nullptr && bank.pin != nullptr &&
                     bank.stats != nullptr && bank.close != nullptr;
  return whole ? absl::OkStatus() : Bad(where, "one of its functions is NULL");
}

absl::Status Check(const kl_planner& planner, absl::string_view where) {
  return planner.plan == nullptr ? Bad(where, "plan is NULL") : absl::OkStatus();
}

template <typename Entry>
absl::Status ReadList(absl::string_view where, absl::string_view kind, const Entry* const* entries,
                      uint32_t count, size_t least_bytes, std::vector<const Entry*>* list) {
  if (count > kMostEntries || (count > 0 && entries == nullptr)) {
    return Bad(where, absl::StrCat("expected at most ", kMostEntries, " ", kind, "s, found ", count,
                                   entries == nullptr ? " at NULL" : ""));
  }
  std::set<std::string> names;
  for (uint32_t i = 0; i < count; ++i) {
    const Entry* entry = entries[i];
    if (entry == nullptr) return Bad(where, absl::StrCat(kind, " ", i, " is NULL"));
    if (entry->struct_size < least_bytes) {
      return Bad(where, absl::StrCat(kind, " ", i, " has struct_size ", entry->struct_size,
                                     ", expected at least ", least_bytes));
    }
    if (!IsName(entry->name)) return Bad(where, absl::StrCat(kind, " ", i, " has no name"));
    const std::string whose = absl::StrCat(where, ", ", kind, " ", entry->name);
    if (!names.insert(entry->name).second) return Bad(whose, "the name is there twice");
    KL_RETURN_IF_ERROR(Check(*entry, whose));
    list->push_back(entry);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadTables(const kl_plugin_v1& plugin, absl::string_view where, PluginTables* tables) {
  // Kernels are the last field without which a plugin can say nothing at all.
  constexpr size_t kLeastBytes = KL_BYTES_THROUGH(kl_plugin_v1, kernel_count);
  if (plugin.struct_size < kLeastBytes) {
    return Bad(where, absl::StrCat("kl_plugin_v1 has struct_size ", plugin.struct_size,
                                   ", expected at least ", kLeastBytes));
  }
  if (plugin.abi_major != KL_ABI_MAJOR) {
    return absl::AbortedError(absl::StrCat(where, ": its tables are of ABI major version ",
                                           plugin.abi_major, ", this build of Kinglet reads ",
                                           KL_ABI_MAJOR, "; build the plugin with its headers"));
  }
  if (!IsName(plugin.name) || !IsName(plugin.version)) {
    return Bad(where, "name or version is NULL or empty");
  }
  KL_RETURN_IF_ERROR(ReadList(where, "operator", plugin.ops, plugin.op_count,
                              KL_BYTES_THROUGH(kl_op, operand_count), &tables->ops));
  KL_RETURN_IF_ERROR(ReadList(where, "kernel", plugin.kernels, plugin.kernel_count,
                              KL_BYTES_THROUGH(kl_kernel, run), &tables->kernels));
  if (KL_HAS_FIELD(&plugin, kl_plugin_v1, architecture_count)) {
    KL_RETURN_IF_ERROR(ReadList(where, "architecture", plugin.architectures,
                                plugin.architecture_count, KL_BYTES_THROUGH(kl_architecture, build),
                                &tables->architectures));
  }
  if (KL_HAS_FIELD(&plugin, kl_plugin_v1, bank_count)) {
    KL_RETURN_IF_ERROR(ReadList(where, "bank", plugin.banks, plugin.bank_count,
                                KL_BYTES_THROUGH(kl_bank, close), &tables->banks));
  }
  if (KL_HAS_FIELD(&plugin, kl_plugin_v1, planner_count)) {
    KL_RETURN_IF_ERROR(ReadList(where, "planner", plugin.planners, plugin.planner_count,
                                KL_BYTES_THROUGH(kl_planner, plan), &tables->planners));
  }
  return absl::OkStatus();
}

}  // namespace kinglet
