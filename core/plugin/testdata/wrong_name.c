// Manifest and table of two different plugins.
#include "core/plugin/testdata/sum_kernel.h"

KL_PLUGIN_MANIFEST("wrong_name", "1.0", "any")

static const kl_kernel kKernel = SUM_KERNEL("test_sum_wrong_name", 5);
static const kl_kernel* const kKernels[] = {&kKernel};

static const kl_plugin_v1 kPlugin = {.struct_size = sizeof(kl_plugin_v1),
                                     .abi_major = KL_ABI_MAJOR,
                                     .abi_minor = KL_ABI_MINOR,
                                     .name = "right_name",
                                     .version = "1.0",
                                     .kernels = kKernels,
                                     .kernel_count = 1};

KL_EXPORT const kl_plugin_v1* kl_plugin_query_v1(const kl_host* host, kl_error* error) {
  (void)host;
  (void)error;
  return &kPlugin;
}
