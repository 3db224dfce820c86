// The head of a language model: the shared kernel with this plugin's rows and sums.
#ifndef PLUGINS_SPARSE_ARM_MATMUL_HEAD_NEON_H_
#define PLUGINS_SPARSE_ARM_MATMUL_HEAD_NEON_H_

#include "plugins/common/kernels/matmul_head.h"
#include "plugins/common/table.h"
#include "plugins/sparse_arm/coarse_neon.h"
#include "plugins/sparse_arm/k8_rows_neon.h"

namespace {

template <class Format>
using K8Head = HeadMatmul<CoarseSums, K8HeadRows<FileRows<typename Format::Type>, K8Rows<Format>>>;

template <class Type>
using FileHead = HeadMatmul<CoarseSums, FileHeadRows<FileRows<Type>>>;

}  // namespace

#endif  // PLUGINS_SPARSE_ARM_MATMUL_HEAD_NEON_H_
