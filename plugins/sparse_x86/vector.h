// A vector of floats of the instruction set that a file is compiled for: AVX2 (8) or AVX-512 (16).
//
// Kernels written in these words are built for both from one source. Everything is in an anonymous
// namespace, so that no copy compiled for a newer processor is linked into baseline code.
#ifndef PLUGINS_SPARSE_X86_VECTOR_H_
#define PLUGINS_SPARSE_X86_VECTOR_H_

#include <immintrin.h>
#include <stdint.h>

#include "plugins/sparse_x86/simd_avx2.h"

namespace {

#if defined(__AVX512F__)

typedef __m512 Vector;
typedef __mmask16 Mask;
constexpr int kLanes = 16;

KL_INLINE Vector LoadVector(const float* p) { return _mm512_loadu_ps(p); }
KL_INLINE void StoreVector(float* p, Vector v) { _mm512_storeu_ps(p, v); }
KL_INLINE Vector SetVector(float value) { return _mm512_set1_ps(value); }
KL_INLINE Vector AddVectors(Vector a, Vector b) { return _mm512_add_ps(a, b); }
KL_INLINE Vector MultiplyAdd(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
// NaN in v stays.
KL_INLINE Vector ClampVector(Vector low, Vector high, Vector v) {
  return _mm512_min_ps(high, _mm512_max_ps(low, v));
}
KL_INLINE Mask FirstMask(int64_t count) {
  return count >= kLanes ? (Mask)0xffff : (Mask)((1u << count) - 1);
}
KL_INLINE Vector LoadMasked(const float* p, Mask mask) { return _mm512_maskz_loadu_ps(mask, p); }
KL_INLINE void StoreMasked(float* p, Mask mask, Vector v) { _mm512_mask_storeu_ps(p, mask, v); }

#else

typedef __m256 Vector;
typedef __m256i Mask;
constexpr int kLanes = 8;

KL_INLINE Vector LoadVector(const float* p) { return _mm256_loadu_ps(p); }
KL_INLINE void StoreVector(float* p, Vector v) { _mm256_storeu_ps(p, v); }
KL_INLINE Vector SetVector(float value) { return _mm256_set1_ps(value); }
KL_INLINE Vector AddVectors(Vector a, Vector b) { return _mm256_add_ps(a, b); }
// MultiplyAdd is that of F8.
// NaN in v stays.
KL_INLINE Vector ClampVector(Vector low, Vector high, Vector v) {
  return _mm256_min_ps(high, _mm256_max_ps(low, v));
}
KL_INLINE Mask FirstMask(int64_t count) { return FirstLanes(count); }
KL_INLINE Vector LoadMasked(const float* p, Mask mask) { return _mm256_maskload_ps(p, mask); }
KL_INLINE void StoreMasked(float* p, Mask mask, Vector v) { _mm256_maskstore_ps(p, mask, v); }

#endif

}  // namespace

#endif  // PLUGINS_SPARSE_X86_VECTOR_H_
