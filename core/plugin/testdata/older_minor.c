// A plugin of an older minor version: its table ends before architectures, banks and planners, and
// the page after it may hold anything.
#include "core/plugin/testdata/sum_kernel.h"

KL_PLUGIN_MANIFEST("older_minor", "0.9", "any")

typedef struct older_plugin {
  uint32_t struct_size;
  uint32_t abi_major;
  uint32_t abi_minor;
  const char* name;
  const char* version;
  const kl_op* const* ops;
  uint32_t op_count;
  const kl_kernel* const* kernels;
  uint32_t kernel_count;
} older_plugin;

static const kl_kernel kKernel = SUM_KERNEL("test_sum_older", 5);
static const kl_kernel* const kKernels[] = {&kKernel};

static const struct {
  older_plugin plugin;
  unsigned char not_the_plugin[64];
} kMemory = {{offsetof(older_plugin, kernel_count) + sizeof(uint32_t), KL_ABI_MAJOR, 0,
              "older_minor", "0.9", NULL, 0, kKernels, 1},
             {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
              0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

KL_EXPORT const kl_plugin_v1* kl_plugin_query_v1(const kl_host* host, kl_error* error) {
  (void)host;
  (void)error;
  return (const kl_plugin_v1*)(const void*)&kMemory;
}
