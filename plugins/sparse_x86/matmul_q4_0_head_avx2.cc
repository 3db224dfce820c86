// op "matmul", weights Q4_0, the head of a language model; see matmul_head_avx2.h.
#include "plugins/common/table.h"
#include "plugins/sparse_x86/matmul_head_avx2.h"

namespace {

constexpr kl_kernel MakeKernel(const kl_dtype* types) {
  kl_kernel kernel = MatmulKernel<HeadMatmul>("matmul_q4_0_head_avx2", types, kQuantisedTolerance);
  kernel.priority = kIsaPriority + 5;  // before the kernel for any product
  kernel.flags = KL_KERNEL_COUNTS_WEIGHT_BYTES;
  kernel.state_bytes = sizeof(HeadState);
  kernel.supports = HeadMatmul::Supports;
  kernel.pack_query = HeadMatmul::PackQuery;
  kernel.pack = HeadMatmul::Pack;
  return kernel;
}

const kl_dtype kTypes[] = {KL_TYPE_F32, KL_TYPE_Q4_0, KL_TYPE_ANY, KL_TYPE_F32};
const kl_kernel kKernel = MakeKernel(kTypes);
const kl_kernel* const kKernels[] = {&kKernel};

}  // namespace

KL_TABLE(sparse_x86, matmul_q4_0_head_avx2) = {nullptr, kKernels, 1};
