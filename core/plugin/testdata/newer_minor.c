// A plugin of a newer minor version: every struct has more at its end than this build knows.
#include "core/plugin/testdata/sum_kernel.h"

#define NEWER_MINOR (KL_ABI_MINOR + 7)

typedef struct newer_manifest {
  kl_manifest manifest;
  char added[32];
} newer_manifest;

KL_MANIFEST_ATTRIBUTE static const newer_manifest kManifest = {
    {{'K', 'L', 'P', 'L', 'U', 'G', 'I', 'N'},
     sizeof(newer_manifest),
     KL_ABI_MAJOR,
     NEWER_MINOR,
     0,
     0,
     "newer_minor",
     "2.0",
     "any"},
    "added"};

typedef struct newer_kernel {
  kl_kernel kernel;
  void (*added)(void);
} newer_kernel;

typedef struct newer_plugin {
  kl_plugin_v1 plugin;
  const char* added;
} newer_plugin;

static const newer_kernel kKernel = {.kernel = {.struct_size = sizeof(newer_kernel),
                                                .op = "test_sum",
                                                .name = "test_sum_newer",
                                                .operand_types = kSumTypes,
                                                .operand_count = 3,
                                                .priority = 30,
                                                .work = SumWork,
                                                .run = SumRun}};
static const kl_kernel* const kKernels[] = {&kKernel.kernel};

static const newer_plugin kPlugin = {.plugin = {.struct_size = sizeof(newer_plugin),
                                                .abi_major = KL_ABI_MAJOR,
                                                .abi_minor = NEWER_MINOR,
                                                .name = "newer_minor",
                                                .version = "2.0",
                                                .kernels = kKernels,
                                                .kernel_count = 1},
                                     .added = "added"};

KL_EXPORT const kl_plugin_v1* kl_plugin_query_v1(const kl_host* host, kl_error* error) {
  (void)host;
  (void)error;
  return &kPlugin.plugin;
}
