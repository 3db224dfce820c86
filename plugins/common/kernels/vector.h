// A vector of floats of the instruction set that a file is compiled for: NEON (4), AVX2 (8) or
// AVX-512 (16). Where a sum's order has to be the same everywhere across lanes, f32x8.h is the one
// to take; these are for kernels whose lanes never meet: pixels, rows.
//
// Kernels written in these words are built for all from one source. Everything is in an anonymous
// namespace, so that no copy compiled for a newer processor is linked into baseline code.
#ifndef PLUGINS_COMMON_KERNELS_VECTOR_H_
#define PLUGINS_COMMON_KERNELS_VECTOR_H_

#include <stdint.h>

#include "plugins/common/kernels/f32x8.h"

namespace {

#if defined(__AVX512F__)

typedef __m512 Vector;
typedef __mmask16 Mask;
constexpr int kLanes = 16;
constexpr int kVectorRegisters = 32;

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
KL_INLINE Mask MaskAnd(Mask a, Mask b) { return (Mask)(a & b); }
KL_INLINE Mask MaskAndNot(Mask a, Mask b) { return (Mask)(a & ~b); }
KL_INLINE Vector LoadMasked(const float* p, Mask mask) { return _mm512_maskz_loadu_ps(mask, p); }
KL_INLINE void StoreMasked(float* p, Mask mask, Vector v) { _mm512_mask_storeu_ps(p, mask, v); }
// Of the 32 lanes of a, then b.
KL_INLINE Vector EvenLanes(Vector a, Vector b) {
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  return _mm512_permutex2var_ps(a, even, b);
}
KL_INLINE Vector OddLanes(Vector a, Vector b) {
  const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  return _mm512_permutex2var_ps(a, odd, b);
}

#elif defined(__AVX2__)

typedef __m256 Vector;
typedef __m256i Mask;
constexpr int kLanes = 8;
constexpr int kVectorRegisters = 16;

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
KL_INLINE Mask MaskAnd(Mask a, Mask b) { return _mm256_and_si256(a, b); }
KL_INLINE Mask MaskAndNot(Mask a, Mask b) { return _mm256_andnot_si256(b, a); }
KL_INLINE Vector LoadMasked(const float* p, Mask mask) { return _mm256_maskload_ps(p, mask); }
KL_INLINE void StoreMasked(float* p, Mask mask, Vector v) { _mm256_maskstore_ps(p, mask, v); }
// Of the 16 lanes of a, then b.
KL_INLINE Vector PairsInOrder(Vector v) {
  return _mm256_castsi256_ps(_mm256_permute4x64_epi64(_mm256_castps_si256(v), 0xd8));
}
KL_INLINE Vector EvenLanes(Vector a, Vector b) {
  return PairsInOrder(_mm256_shuffle_ps(a, b, 0x88));
}
KL_INLINE Vector OddLanes(Vector a, Vector b) {
  return PairsInOrder(_mm256_shuffle_ps(a, b, 0xdd));
}

#else

typedef float32x4_t Vector;
typedef uint32_t Mask;  // bit i: lane i
constexpr int kLanes = 4;
constexpr int kVectorRegisters = 32;

KL_INLINE Vector LoadVector(const float* p) { return vld1q_f32(p); }
KL_INLINE void StoreVector(float* p, Vector v) { vst1q_f32(p, v); }
KL_INLINE Vector SetVector(float value) { return vdupq_n_f32(value); }
KL_INLINE Vector AddVectors(Vector a, Vector b) { return vaddq_f32(a, b); }
KL_INLINE Vector MultiplyAdd(Vector a, Vector b, Vector c) { return vfmaq_f32(c, a, b); }
KL_INLINE Vector ClampVector(Vector low, Vector high, Vector v) {
  return vminq_f32(high, vmaxq_f32(low, v));
}
KL_INLINE Mask FirstMask(int64_t count) { return count >= kLanes ? 15u : (1u << count) - 1; }
KL_INLINE Mask MaskAnd(Mask a, Mask b) { return a & b; }
KL_INLINE Mask MaskAndNot(Mask a, Mask b) { return a & ~b; }
// NEON has no masked loads: lanes that are left out must not be touched, so edges go one by one.
KL_INLINE Vector LoadMasked(const float* p, Mask mask) {
  if (mask == 15u) return vld1q_f32(p);
  Vector v = vdupq_n_f32(0.0f);
  if ((mask & 1) != 0) v = vld1q_lane_f32(p, v, 0);
  if ((mask & 2) != 0) v = vld1q_lane_f32(p + 1, v, 1);
  if ((mask & 4) != 0) v = vld1q_lane_f32(p + 2, v, 2);
  if ((mask & 8) != 0) v = vld1q_lane_f32(p + 3, v, 3);
  return v;
}
KL_INLINE void StoreMasked(float* p, Mask mask, Vector v) {
  if (mask == 15u) return vst1q_f32(p, v);
  if ((mask & 1) != 0) vst1q_lane_f32(p, v, 0);
  if ((mask & 2) != 0) vst1q_lane_f32(p + 1, v, 1);
  if ((mask & 4) != 0) vst1q_lane_f32(p + 2, v, 2);
  if ((mask & 8) != 0) vst1q_lane_f32(p + 3, v, 3);
}
// Of the 8 lanes of a, then b.
KL_INLINE Vector EvenLanes(Vector a, Vector b) { return vuzp1q_f32(a, b); }
KL_INLINE Vector OddLanes(Vector a, Vector b) { return vuzp2q_f32(a, b); }

#endif

// Four lanes, whatever the width of a vector.
#if defined(__AVX2__)

typedef __m128 Quad;
KL_INLINE Quad LoadQuad(const float* p) { return _mm_loadu_ps(p); }
KL_INLINE Quad LoadQuad2(const float* p) {  // and two zeros
  return _mm_castsi128_ps(_mm_loadl_epi64((const __m128i*)p));
}
KL_INLINE Quad LoadQuad1(const float* p) { return _mm_load_ss(p); }  // and three zeros
KL_INLINE Quad SetQuad(float value) { return _mm_set1_ps(value); }
KL_INLINE void StoreQuad(float* p, Quad v) { _mm_storeu_ps(p, v); }
KL_INLINE Quad MultiplyAddQuad(Quad a, Quad b, Quad c) { return _mm_fmadd_ps(a, b, c); }

#else

typedef float32x4_t Quad;
KL_INLINE Quad LoadQuad(const float* p) { return vld1q_f32(p); }
KL_INLINE Quad LoadQuad2(const float* p) { return vcombine_f32(vld1_f32(p), vdup_n_f32(0.0f)); }
KL_INLINE Quad LoadQuad1(const float* p) { return vld1q_lane_f32(p, vdupq_n_f32(0.0f), 0); }
KL_INLINE Quad SetQuad(float value) { return vdupq_n_f32(value); }
KL_INLINE void StoreQuad(float* p, Quad v) { vst1q_f32(p, v); }
KL_INLINE Quad MultiplyAddQuad(Quad a, Quad b, Quad c) { return vfmaq_f32(c, a, b); }

#endif

// Lanes [begin, end), whatever the numbers.
KL_INLINE Mask RangeMask(int64_t begin, int64_t end) {
  const auto clamped = [](int64_t v) { return v < 0 ? 0 : v > kLanes ? kLanes : v; };
  return MaskAndNot(FirstMask(clamped(end)), FirstMask(clamped(begin)));
}

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_VECTOR_H_
