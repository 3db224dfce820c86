// op "matmul" with 4-bit weights: packed into the K8 layout where rows are whole groups of 256
// columns (the packed copy is as large as the file's and replaces it), as they are in the file
// otherwise.
#ifndef PLUGINS_SPARSE_X86_MATMUL_K8_AVX2_H_
#define PLUGINS_SPARSE_X86_MATMUL_K8_AVX2_H_

#include "plugins/sparse_x86/k8_pack_avx2.h"
#include "plugins/sparse_x86/matmul_quantised_avx2.h"

namespace {

template <class Format>
struct K8Matmul {
  static kl_code PackQuery(const kl_node* node, uint32_t operand, kl_pack* pack, kl_error*) {
    NothingToPack(pack);
    if (operand == kMatmulWeights) K8Packing<Format>::Query(node->operands[operand], pack);
    return KL_OK;
  }

  static kl_code Pack(const kl_node*, uint32_t, const kl_tensor* source, void* destination,
                      int64_t begin, int64_t end) {
    K8Packing<Format>::Pack(source, destination, begin, end);
    return KL_OK;
  }

  static constexpr kl_kernel Kernel(const char* name, const kl_dtype* types) {
    using File = FileRows<typename Format::Type>;
    kl_kernel kernel =
        MatmulKernel<QuantisedMatmul<File, K8Rows<Format>>>(name, types, kQuantisedTolerance);
    kernel.pack_query = PackQuery;
    kernel.pack = Pack;
    return kernel;
  }
};

}  // namespace

// A kernel file, all but its includes.
#define KL_K8_MATMUL(stem, kernel_name, format)                                           \
  namespace {                                                                             \
  const kl_dtype kTypes[] = {KL_TYPE_F32, format::Type::kType, KL_TYPE_ANY, KL_TYPE_F32}; \
  const kl_kernel kKernel = K8Matmul<format>::Kernel(kernel_name, kTypes);                \
  const kl_kernel* const kKernels[] = {&kKernel};                                         \
  }                                                                                       \
  KL_TABLE(sparse_x86, stem) = {nullptr, kKernels, 1}

#endif  // PLUGINS_SPARSE_X86_MATMUL_K8_AVX2_H_
