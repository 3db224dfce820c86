// op "matmul" with quantised weights: the shared kernel with this plugin's rows.
#ifndef PLUGINS_SPARSE_X86_MATMUL_QUANTISED_AVX2_H_
#define PLUGINS_SPARSE_X86_MATMUL_QUANTISED_AVX2_H_

#include "plugins/common/kernels/engine.h"
#include "plugins/common/kernels/matmul_quantised.h"
#include "plugins/sparse_x86/kernel_avx2.h"
#include "plugins/sparse_x86/weights_avx2.h"

namespace {

// Rows as they are in the file.
template <class Type>
using FileMatmul =
    QuantisedMatmul<QuantisedEngine<FileRows<Type>>, QuantisedEngine<FileRows<Type>>, NoPacking>;

}  // namespace

// A kernel file, all but its includes.
#define KL_MATMUL(stem, type, ...) KL_MATMUL_TABLE(KL_AT_LEVEL(stem), type, __VA_ARGS__)
#define KL_MATMUL_TABLE(...) KL_MATMUL_TABLE_(__VA_ARGS__)
#define KL_MATMUL_TABLE_(stem, type, ...)                                         \
  namespace {                                                                     \
  const kl_dtype kTypes[] = {KL_TYPE_F32, type::kType, KL_TYPE_ANY, KL_TYPE_F32}; \
  const kl_kernel kKernel = __VA_ARGS__::Kernel(#stem, kTypes);                   \
  const kl_kernel* const kKernels[] = {&kKernel};                                 \
  }                                                                               \
  KL_TABLE(sparse_x86, stem) = {nullptr, kKernels, 1}

// One of a block type that is used as it is in the file.
#define KL_QUANTISED_MATMUL(stem, type) KL_MATMUL(stem, type, FileMatmul<type>)

#endif  // PLUGINS_SPARSE_X86_MATMUL_QUANTISED_AVX2_H_
