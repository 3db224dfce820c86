// What the file that includes this is compiled for, as the kernels' table entries say it.
//
// The compiler's own macros decide, so that a kernel cannot claim to need less than it was compiled
// with. A higher level beats a lower one where the processor has both.
#ifndef PLUGINS_COMMON_KERNELS_ISA_H_
#define PLUGINS_COMMON_KERNELS_ISA_H_

#include "core/abi/host.h"

#if defined(__AVX512VNNI__) && defined(__AVX512VL__) && defined(__AVX512BW__) && defined(__AVX512DQ__)
#define KL_ISA_LEVEL avx512vnni
#elif defined(__AVX512F__)
#define KL_ISA_LEVEL avx512
#elif defined(__AVXVNNI__)
#define KL_ISA_LEVEL avxvnni
#elif defined(__AVX2__)
#define KL_ISA_LEVEL avx2
#elif defined(__ARM_FEATURE_MATMUL_INT8)
#define KL_ISA_LEVEL i8mm
#elif defined(__ARM_FEATURE_DOTPROD)
#define KL_ISA_LEVEL dotprod
#elif defined(__ARM_NEON)
#define KL_ISA_LEVEL neon
#else
#error "an instruction set that plugins/common/kernels does not know"
#endif

// <stem>_<level>: the table and the kernel of a file that is compiled for several levels
// (level_tables of plugins/common/plugin_table.bzl).
#define KL_AT_LEVEL(stem) KL_AT_LEVEL_(stem, KL_ISA_LEVEL)
#define KL_AT_LEVEL_(stem, level) KL_AT_LEVEL__(stem, level)
#define KL_AT_LEVEL__(stem, level) stem##_##level

namespace {

#if defined(__AVX512VNNI__) && defined(__AVX512VL__) && defined(__AVX512BW__) && defined(__AVX512DQ__)
constexpr int32_t kIsaPriority = 120;
constexpr uint64_t kIsaFeatures = KL_CPU_AVX2 | KL_CPU_AVX512 | KL_CPU_AVX512_VNNI;
#elif defined(__AVX512F__)
constexpr int32_t kIsaPriority = 110;
constexpr uint64_t kIsaFeatures = KL_CPU_AVX2 | KL_CPU_AVX512;
#elif defined(__AVXVNNI__)
constexpr int32_t kIsaPriority = 110;
constexpr uint64_t kIsaFeatures = KL_CPU_AVX2 | KL_CPU_AVX_VNNI;
#elif defined(__AVX2__)
constexpr int32_t kIsaPriority = 100;
constexpr uint64_t kIsaFeatures = KL_CPU_AVX2;  // with FMA and F16C
#elif defined(__ARM_FEATURE_MATMUL_INT8)
constexpr int32_t kIsaPriority = 120;
constexpr uint64_t kIsaFeatures = KL_CPU_NEON | KL_CPU_DOTPROD | KL_CPU_I8MM;
#elif defined(__ARM_FEATURE_DOTPROD)
constexpr int32_t kIsaPriority = 110;
constexpr uint64_t kIsaFeatures = KL_CPU_NEON | KL_CPU_DOTPROD;
#elif defined(__ARM_NEON)
constexpr int32_t kIsaPriority = 100;
constexpr uint64_t kIsaFeatures = KL_CPU_NEON;
#endif

// Rows that a product with many vectors takes at once: two vectors of 32-bit lanes, as many as stay
// in registers with some tokens' sums.
#if defined(__AVX512VNNI__)
constexpr int64_t kEngineRows = 32;
#else
constexpr int64_t kEngineRows = 16;
#endif

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_ISA_H_
