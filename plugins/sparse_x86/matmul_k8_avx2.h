// op "matmul" with 4-bit weights: packed into the K8 layout where rows are whole groups of 256
// columns (the packed copy is as large as the file's and replaces it), as they are in the file
// otherwise.
#ifndef PLUGINS_SPARSE_X86_MATMUL_K8_AVX2_H_
#define PLUGINS_SPARSE_X86_MATMUL_K8_AVX2_H_

#include "plugins/sparse_x86/k8_avx2.h"
#include "plugins/sparse_x86/matmul_quantised_avx2.h"

namespace {

template <class Format>
using K8Matmul =
    QuantisedMatmul<QuantisedEngine<FileRows<typename Format::Type>>,
                    QuantisedEngine<K8Rows<Format>>, K8Packing<typename Format::Bytes>>;

}  // namespace

// A kernel file, all but its includes.
#define KL_K8_MATMUL(stem, format) KL_MATMUL(stem, format::Type, K8Matmul<format>)

#endif  // PLUGINS_SPARSE_X86_MATMUL_K8_AVX2_H_
