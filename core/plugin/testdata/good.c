// A plugin as it should be: an operator with its kernel.
#include "core/plugin/testdata/sum_kernel.h"

KL_PLUGIN_MANIFEST("good", "1.5", "any")

static const kl_operand kOperands[] = {
    {"a", KL_OPERAND_INPUT, 0, -1}, {"b", KL_OPERAND_INPUT, 0, -1}, {"y", KL_OPERAND_OUTPUT, 0, 0}};
static const kl_op kOp = {sizeof(kl_op), "test_sum", kOperands, 3, NULL, 0};
static const kl_op* const kOps[] = {&kOp};
static const kl_kernel kKernel = SUM_KERNEL("test_sum_good", 10);
static const kl_kernel* const kKernels[] = {&kKernel};

static const kl_plugin_v1 kPlugin = {.struct_size = sizeof(kl_plugin_v1),
                                     .abi_major = KL_ABI_MAJOR,
                                     .abi_minor = KL_ABI_MINOR,
                                     .name = "good",
                                     .version = "1.5",
                                     .ops = kOps,
                                     .op_count = 1,
                                     .kernels = kKernels,
                                     .kernel_count = 1};

KL_EXPORT const kl_plugin_v1* kl_plugin_query_v1(const kl_host* host, kl_error* error) {
  (void)error;
  const char* greeting = host->option(host, "greeting");
  if (greeting != NULL) host->log(host, KL_LOG_INFO, greeting);
  return &kPlugin;
}
