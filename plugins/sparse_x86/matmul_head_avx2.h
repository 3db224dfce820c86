// The head of a language model: the shared kernel with this plugin's rows and sums.
#ifndef PLUGINS_SPARSE_X86_MATMUL_HEAD_AVX2_H_
#define PLUGINS_SPARSE_X86_MATMUL_HEAD_AVX2_H_

#include "plugins/common/kernels/matmul_head.h"
#include "plugins/common/table.h"
#include "plugins/sparse_x86/coarse_avx2.h"
#include "plugins/sparse_x86/k8_avx2.h"

namespace {

template <class Format>
using K8Head = HeadMatmul<CoarseSums, K8HeadRows<FileRows<typename Format::Type>, K8Rows<Format>>>;

template <class Type>
using FileHead = HeadMatmul<CoarseSums, FileHeadRows<FileRows<Type>>>;

}  // namespace

#endif  // PLUGINS_SPARSE_X86_MATMUL_HEAD_AVX2_H_
