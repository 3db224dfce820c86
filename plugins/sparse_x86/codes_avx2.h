// What kernels of i8 codes share: refusals, scales and zero points, rounding.
#ifndef PLUGINS_SPARSE_X86_CODES_AVX2_H_
#define PLUGINS_SPARSE_X86_CODES_AVX2_H_

#include "plugins/common/kernels/entry.h"
#include "plugins/sparse_x86/simd_avx2.h"

namespace {

KL_INLINE kl_code RefuseCodes(const kl_node* node, const char* what, kl_error* error) {
  return kl_fail(error, KL_UNSUPPORTED, "%s (%s): %s", NameOf(node), node->op, what);
}

KL_INLINE int32_t ClampToCodes(int64_t value) {
  return (int32_t)(value < -128 ? -128 : value > 127 ? 127 : value);
}

// Of an operand with one element.
KL_INLINE float ScaleOf(const kl_run* run, uint32_t operand) {
  return *(const float*)run->operands[operand]->data;
}
KL_INLINE int32_t ZeroOf(const kl_run* run, uint32_t operand) {
  return *(const int8_t*)run->operands[operand]->data;
}

// Steps of a scale to whole ones, ties to even, within [low, high].
KL_INLINE __m256 RoundAndClamp(__m256 value, __m256 low, __m256 high) {
  const __m256 rounded = _mm256_round_ps(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  return _mm256_min_ps(_mm256_max_ps(rounded, low), high);
}

}  // namespace

#endif  // PLUGINS_SPARSE_X86_CODES_AVX2_H_
