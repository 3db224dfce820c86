// What every kernel file of this plugin includes: its table entry, checks and vectors.
#ifndef PLUGINS_SPARSE_X86_KERNEL_AVX2_H_
#define PLUGINS_SPARSE_X86_KERNEL_AVX2_H_

#include "plugins/common/kernels/entry.h"
#include "plugins/sparse_x86/simd_avx2.h"

#endif  // PLUGINS_SPARSE_X86_KERNEL_AVX2_H_
