// A plugin: one shared library, one exported function, one manifest.
//
//   #include "core/abi/plugin.h"
//   KL_PLUGIN_MANIFEST("sample", "1.0", "any")
//   static const kl_plugin_v1 plugin = {...};
//   KL_EXPORT const kl_plugin_v1* kl_plugin_query_v1(const kl_host* host, kl_error* error) { return &plugin; }
//
// The host reads the manifest from the file before it loads any code. The major version is part of the entry's name, so
// that an unknown layout is never read; minor versions only append. Tables live until the plugin is unloaded.
#ifndef KINGLET_CORE_ABI_PLUGIN_H_
#define KINGLET_CORE_ABI_PLUGIN_H_

#include "core/abi/architecture.h"
#include "core/abi/attribute.h"
#include "core/abi/bank.h"
#include "core/abi/dtype.h"
#include "core/abi/error.h"
#include "core/abi/host.h"
#include "core/abi/kernel.h"
#include "core/abi/planner.h"
#include "core/abi/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kl_plugin_v1 {
  uint32_t struct_size;
  uint32_t abi_major;  // KL_ABI_MAJOR
  uint32_t abi_minor;  // KL_ABI_MINOR it was built with
  const char* name;
  const char* version;
  const kl_op* const* ops;
  uint32_t op_count;
  const kl_kernel* const* kernels;
  uint32_t kernel_count;
  const kl_architecture* const* architectures;
  uint32_t architecture_count;
  const kl_bank* const* banks;
  uint32_t bank_count;
  const kl_planner* const* planners;
  uint32_t planner_count;
} kl_plugin_v1;

// Pure: called once, may look at the host, keeps nothing but the host pointer. NULL and an error when it declines.
typedef const kl_plugin_v1* (*kl_plugin_query_v1_function)(const kl_host* host, kl_error* error);
#define KL_PLUGIN_ENTRY_V1 "kl_plugin_query_v1"

// What can be known about a plugin without running it: the ELF section KL_MANIFEST_SECTION of the file.
#define KL_MANIFEST_SECTION ".kinglet.manifest"
#define KL_MANIFEST_MAGIC "KLPLUGIN"

typedef struct kl_manifest {
  char magic[8];         // KL_MANIFEST_MAGIC without terminator
  uint32_t struct_size;
  uint32_t abi_major;
  uint32_t abi_minor;
  uint32_t reserved;
  uint64_t checksum;     // FNV-1a 64 of the file with this field zero; 0: not stamped, not checked
  char name[48];
  char version[24];
  char isa[16];          // "x86_64", "aarch64" or "any"
} kl_manifest;

#if defined(__GNUC__)
#define KL_EXPORT_ATTRIBUTE __attribute__((visibility("default")))
// `retain` keeps a linker that drops unreferenced sections (--gc-sections) from dropping the manifest.
#if defined(__has_attribute)
#if __has_attribute(retain)
#define KL_MANIFEST_ATTRIBUTE __attribute__((section(KL_MANIFEST_SECTION), used, retain, aligned(8)))
#endif
#endif
#if !defined(KL_MANIFEST_ATTRIBUTE)
#define KL_MANIFEST_ATTRIBUTE __attribute__((section(KL_MANIFEST_SECTION), used, aligned(8)))
#endif
#endif

#ifdef __cplusplus
#define KL_EXPORT extern "C" KL_EXPORT_ATTRIBUTE
#else
#define KL_EXPORT KL_EXPORT_ATTRIBUTE
#endif

#define KL_PLUGIN_MANIFEST(plugin_name, plugin_version, plugin_isa)                                     \
  KL_MANIFEST_ATTRIBUTE static const kl_manifest kl_manifest_of_this_plugin = {                         \
      {'K', 'L', 'P', 'L', 'U', 'G', 'I', 'N'}, (uint32_t)sizeof(kl_manifest), KL_ABI_MAJOR, KL_ABI_MINOR, 0, 0, \
      plugin_name, plugin_version, plugin_isa};

#ifdef __cplusplus
}
#endif

#endif  // KINGLET_CORE_ABI_PLUGIN_H_
