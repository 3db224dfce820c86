// What one source file of a plugin contributes to the plugin's tables.
//
// Purpose: adding an operator, a kernel or an architecture is one new file and one line in BUILD.
// The file plugins/<plugin>/<stem>.cc ends with
//
//   static const kl_kernel* const kKernels[] = {&kMatmul};
//   KL_TABLE(reference, matmul) = {&kOp, kKernels, 1, nullptr};
//
// and the line is the stem in the list of kl_plugin_with_table (plugin_table.bzl), which generates
// the plugin's entry from that list. Parts that a file does not have are left out or nullptr.
//
// Ownership: everything a table points to is a constant of the plugin. Thread safety: constants.
#ifndef KINGLET_PLUGINS_COMMON_TABLE_H_
#define KINGLET_PLUGINS_COMMON_TABLE_H_

#include "core/abi/architecture.h"
#include "core/abi/bank.h"
#include "core/abi/kernel.h"
#include "core/abi/planner.h"

struct kl_table {
  const kl_op* op = nullptr;                  // an operator that this file defines
  const kl_kernel* const* kernels = nullptr;  // kernel_count of them
  uint32_t kernel_count = 0;
  const kl_architecture* architecture = nullptr;
  const kl_bank* bank = nullptr;
  const kl_planner* planner = nullptr;
};

// Begins the definition of the table of plugins/<plugin>/<stem>.cc; at file scope, outside any
// namespace.
#define KL_TABLE(plugin, stem)                      \
  extern "C" {                                      \
  extern const kl_table kl_table_##plugin##_##stem; \
  }                                                 \
  const kl_table kl_table_##plugin##_##stem

#endif  // KINGLET_PLUGINS_COMMON_TABLE_H_
