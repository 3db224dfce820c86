// op "matmul" with quantised weights for every level: what a kernel file is made of.
#ifndef PLUGINS_SPARSE_ARM_MATMUL_NEON_H_
#define PLUGINS_SPARSE_ARM_MATMUL_NEON_H_

#include "plugins/common/kernels/engine.h"
#include "plugins/common/kernels/matmul_quantised.h"
#include "plugins/common/table.h"
#include "plugins/sparse_arm/k8_rows_neon.h"

namespace {

// In the K8 layout where rows are whole groups of 256 columns.
template <class Format>
using K8Matmul =
    QuantisedMatmul<QuantisedEngine<FileRows<typename Format::Type>>,
                    QuantisedEngine<K8Rows<Format>>, K8Packing<typename Format::Bytes>>;

// As in the file.
template <class Type>
using FileMatmul =
    QuantisedMatmul<QuantisedEngine<FileRows<Type>>, QuantisedEngine<FileRows<Type>>, NoPacking>;

}  // namespace

// A kernel file, all but its includes.
#define KL_ARM_MATMUL(stem, type, ...)                                            \
  namespace {                                                                     \
  const kl_dtype kTypes[] = {KL_TYPE_F32, type::kType, KL_TYPE_ANY, KL_TYPE_F32}; \
  const kl_kernel kKernel = __VA_ARGS__::Kernel(#stem, kTypes);                   \
  const kl_kernel* const kKernels[] = {&kKernel};                                 \
  }                                                                               \
  KL_TABLE(sparse_arm, stem) = {nullptr, kKernels, 1}

#endif  // PLUGINS_SPARSE_ARM_MATMUL_NEON_H_
