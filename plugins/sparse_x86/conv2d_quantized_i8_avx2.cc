// op "conv2d_quantized": a convolution from i8 codes to i8 codes, bit for bit that of the
// reference.
//
// 1x1, depthwise, and windows whose rows fit a buffer of 48 KiB; weights around 0; sums scaled in
// float (ONNX). Operands, arithmetic and work: conv_codes.h. Everything else goes to the kernels
// below.
#include "plugins/common/table.h"
#include "plugins/sparse_x86/conv_codes.h"

namespace {

constexpr kl_dtype kTypes[] = {KL_TYPE_I8, KL_TYPE_F32, KL_TYPE_I8, KL_TYPE_I8,  KL_TYPE_F32,
                               KL_TYPE_I8, KL_TYPE_F32, KL_TYPE_I8, KL_TYPE_ANY, KL_TYPE_I8};

kl_code Supports(const kl_node* node, kl_error* error) {
  CodesConv conv = {};
  return ReadCodes(node, kCodesOperands, &conv, error);
}

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements* requirements,
                kl_error* error) {
  return PrepareCodesConv(node, kCodesOperands, (CodesConv*)state, requirements, error);
}

kl_code Run(const kl_run* run) { return RunCodes(run, /*adds=*/false); }

constexpr kl_kernel MakeKernel() {
  kl_kernel kernel = SimpleKernel("conv2d_quantized", "conv2d_quantized_i8_avx2", kTypes,
                                  kCodesOperands, sizeof(CodesConv),
                                  /*tolerance=*/0.0f, Prepare, WorkCodes, Run, Supports);
  kernel.pack_query = PackCodesQuery;
  kernel.pack = PackCodes;
  return kernel;
}
constexpr kl_kernel kKernel = MakeKernel();
const kl_kernel* const kKernels[] = {&kKernel};

}  // namespace

KL_TABLE(sparse_x86, conv2d_quantized_i8_avx2) = {nullptr, kKernels, 1};
