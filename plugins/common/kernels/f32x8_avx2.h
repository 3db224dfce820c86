// f32x8.h for AVX2, FMA and F16C: F8 is one register.
#ifndef PLUGINS_COMMON_KERNELS_F32X8_AVX2_H_
#define PLUGINS_COMMON_KERNELS_F32X8_AVX2_H_

#include <immintrin.h>

#include "plugins/common/kernels/scalar.h"

namespace {

using F8 = __m256;  // the compiler gives it + - * /

KL_INLINE F8 Zero8() { return _mm256_setzero_ps(); }
KL_INLINE F8 Splat8(float value) { return _mm256_set1_ps(value); }
KL_INLINE F8 Load8(const float* p) { return _mm256_loadu_ps(p); }
KL_INLINE void Store8(float* p, F8 v) { _mm256_storeu_ps(p, v); }

// All ones in the first `count` lanes.
KL_INLINE __m256i FirstLanes(int64_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
KL_INLINE F8 FirstLanes8(int64_t count) { return _mm256_castsi256_ps(FirstLanes(count)); }
KL_INLINE F8 LoadFirst(const float* p, int64_t count) {
  return _mm256_maskload_ps(p, FirstLanes(count));
}
KL_INLINE void StoreFirst(float* p, int64_t count, F8 v) {
  _mm256_maskstore_ps(p, FirstLanes(count), v);
}

KL_INLINE F8 MultiplyAdd(F8 a, F8 b, F8 c) { return _mm256_fmadd_ps(a, b, c); }
KL_INLINE F8 MultiplySubtract(F8 a, F8 b, F8 c) { return _mm256_fmsub_ps(a, b, c); }
KL_INLINE F8 Minimum(F8 a, F8 b) { return _mm256_min_ps(a, b); }
KL_INLINE F8 Maximum(F8 a, F8 b) { return _mm256_max_ps(a, b); }
KL_INLINE F8 Absolute(F8 v) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), v); }
KL_INLINE F8 Round(F8 v) {
  return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
KL_INLINE F8 SquareRoot(F8 v) { return _mm256_sqrt_ps(v); }
KL_INLINE F8 TwoToThe(F8 n) {
  return _mm256_castsi256_ps(
      _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23));
}

KL_INLINE F8 Below8(F8 a, F8 b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
KL_INLINE F8 NotZero8(F8 v) { return _mm256_cmp_ps(v, _mm256_setzero_ps(), _CMP_NEQ_UQ); }
KL_INLINE F8 Select(F8 mask, F8 a, F8 b) { return _mm256_blendv_ps(b, a, mask); }
KL_INLINE F8 Keep(F8 mask, F8 v) { return _mm256_and_ps(mask, v); }

KL_INLINE float SumAcross(F8 v) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
KL_INLINE float MaximumAcross(F8 v) {
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}
KL_INLINE F8 SumEach8(const F8 v[8]) {
  const __m256 low = _mm256_hadd_ps(_mm256_hadd_ps(v[0], v[1]), _mm256_hadd_ps(v[2], v[3]));
  const __m256 high = _mm256_hadd_ps(_mm256_hadd_ps(v[4], v[5]), _mm256_hadd_ps(v[6], v[7]));
  return _mm256_add_ps(_mm256_permute2f128_ps(low, high, 0x20),
                       _mm256_permute2f128_ps(low, high, 0x31));
}

KL_INLINE F8 LoadHalf8(const void* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)p));
}
KL_INLINE void StoreHalf8(void* p, F8 v) {
  _mm_storeu_si128((__m128i*)p, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
KL_INLINE F8 LoadBrain8(const void* p) {
  const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)p));
  return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}
KL_INLINE float HalfToFloat(uint16_t half) { return _cvtsh_ss(half); }

KL_INLINE uint16_t FloatToHalf(float value) { return _cvtss_sh(value, _MM_FROUND_TO_NEAREST_INT); }
KL_INLINE void StoreBytes16(int8_t* p, F8 a, F8 b) {
  const __m256i words = _mm256_permute4x64_epi64(
      _mm256_packs_epi32(_mm256_cvtps_epi32(a), _mm256_cvtps_epi32(b)), 0xD8);
  _mm_storeu_si128((__m128i*)p, _mm_packs_epi16(_mm256_castsi256_si128(words),
                                                _mm256_extracti128_si256(words, 1)));
}

KL_INLINE F8 LoadBytes8(const void* p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i*)p)));
}
KL_INLINE void StoreTruncated32(void* p, const F8 v[4]) {
  const __m256i low = _mm256_packs_epi32(_mm256_cvttps_epi32(v[0]), _mm256_cvttps_epi32(v[1]));
  const __m256i high = _mm256_packs_epi32(_mm256_cvttps_epi32(v[2]), _mm256_cvttps_epi32(v[3]));
  // Packing works within halves: dwords 0 4 1 5 2 6 3 7 are in order again.
  _mm256_storeu_si256((__m256i*)p,
                      _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high),
                                                  _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7)));
}
KL_INLINE F8 CopySign(F8 a, F8 v) {
  return _mm256_or_ps(a, _mm256_and_ps(v, _mm256_set1_ps(-0.0f)));
}

KL_INLINE int MaskBits(F8 mask) { return _mm256_movemask_ps(mask); }
KL_INLINE float FirstLane(F8 v) { return _mm256_cvtss_f32(v); }
KL_INLINE F8 LoadTwice4(const float* p) {
  return _mm256_permutevar8x32_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)),
                                  _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3));
}
KL_INLINE F8 SwapPairs(F8 v) { return _mm256_permute_ps(v, 0xb1); }
KL_INLINE F8 NegateEven(F8 v) {
  return _mm256_xor_ps(v, _mm256_setr_ps(-0.0f, 0.0f, -0.0f, 0.0f, -0.0f, 0.0f, -0.0f, 0.0f));
}

using F4 = __m128;

KL_INLINE F4 SumEach4(F8 a, F8 b, F8 c, F8 d) {
  const __m256 sums = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
  return _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps(sums, 1));
}
KL_INLINE F4 SplatF4(float value) { return _mm_set1_ps(value); }
KL_INLINE void StoreF4(float* p, F4 v) { _mm_storeu_ps(p, v); }
KL_INLINE void StoreLow2(float* p, F4 v) { _mm_storel_pi((__m64*)p, v); }
KL_INLINE void StoreHigh2(float* p, F4 v) { _mm_storeh_pi((__m64*)p, v); }

KL_INLINE void KeepInRegisters(F8* v) { asm("" : "+x"(*v)); }
KL_INLINE void Prefetch(const void* p) { _mm_prefetch((const char*)p, _MM_HINT_T0); }
KL_INLINE void PrefetchLater(const void* p) { _mm_prefetch((const char*)p, _MM_HINT_T1); }
// Zen 4 keeps more misses under way into its L2 cache than into its L1 cache; Zen 3 does not mind.
#if defined(__AVX512F__)
KL_INLINE void PrefetchStreamed(const void* p) { PrefetchLater(p); }
KL_INLINE void PrefetchGathered(const void* p) { PrefetchLater(p); }
#else
KL_INLINE void PrefetchStreamed(const void* p) { Prefetch(p); }
KL_INLINE void PrefetchGathered(const void* p) { _mm_prefetch((const char*)p, _MM_HINT_NTA); }
#endif

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_F32X8_AVX2_H_
