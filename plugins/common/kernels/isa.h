// What the file that includes this is compiled for, as the kernels' table entries say it.
//
// The compiler's own macros decide, so that a kernel cannot claim to need less than it was compiled
// with. A higher level beats a lower one where the processor has both.
#ifndef PLUGINS_COMMON_KERNELS_ISA_H_
#define PLUGINS_COMMON_KERNELS_ISA_H_

#include "core/abi/host.h"

namespace {

#if defined(__AVX512VNNI__)
constexpr int32_t kIsaPriority = 120;
constexpr uint64_t kIsaFeatures = KL_CPU_AVX2 | KL_CPU_AVX512 | KL_CPU_AVX512_VNNI;
#elif defined(__AVX512F__)
constexpr int32_t kIsaPriority = 115;
constexpr uint64_t kIsaFeatures = KL_CPU_AVX2 | KL_CPU_AVX512;
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
#else
#error "an instruction set that plugins/common/kernels does not know"
#endif

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_ISA_H_
