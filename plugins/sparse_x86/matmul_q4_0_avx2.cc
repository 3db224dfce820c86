// op "matmul", weights Q4_0: packed into the K8 layout where rows are whole groups of 256 columns
// (the packed copy is as large as the file's and replaces it), as they are in the file otherwise.
#include "plugins/common/table.h"
#include "plugins/sparse_x86/blocks_avx2.h"
#include "plugins/sparse_x86/k8_avx2.h"
#include "plugins/sparse_x86/k8_pack_avx2.h"
#include "plugins/sparse_x86/matmul_quantised_avx2.h"

namespace {

const kl_dtype kTypes[] = {KL_TYPE_F32, KL_TYPE_Q4_0, KL_TYPE_ANY, KL_TYPE_F32};

// Relative to the root mean square of the outputs: 8-bit activations.
constexpr float kTolerance = 5e-2f;

kl_code PackQuery(const kl_node* node, uint32_t operand, kl_pack* pack, kl_error*) {
  QueryK8(operand == kMatmulWeights ? node->operands[operand] : nullptr, pack);
  return KL_OK;
}

kl_code Pack(const kl_node*, uint32_t, const kl_tensor* source, void* destination, int64_t begin,
             int64_t end) {
  PackK8(source, destination, begin, end);
  return KL_OK;
}

constexpr kl_kernel MakeKernel() {
  kl_kernel kernel = MatmulKernel<QuantisedMatmul<FileRows<TypeQ4_0>, K8Rows>>("matmul_q4_0_avx2",
                                                                               kTypes, kTolerance);
  kernel.pack_query = PackQuery;
  kernel.pack = Pack;
  return kernel;
}

const kl_kernel kKernel = MakeKernel();
const kl_kernel* const kKernels[] = {&kKernel};

}  // namespace

KL_TABLE(sparse_x86, matmul_q4_0_avx2) = {nullptr, kKernels, 1};
