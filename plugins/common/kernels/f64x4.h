// Four f64 lanes, for angles. D4 has + and *, otherwise see f32x8.h:
//
//   Splat4(v) LoadDouble4(p) MultiplyAdd(a, b, c) Round(v)
//   StoreFloat4(p, v)                             rounded to f32
//   Turn(n, s, c, sine, cosine)                   sine and cosine of r + n * pi/2, for whole
//   numbers
//                                                 n, from those of r
#ifndef PLUGINS_COMMON_KERNELS_F64X4_H_
#define PLUGINS_COMMON_KERNELS_F64X4_H_

#include "plugins/common/kernels/f32x8.h"

namespace {

#if defined(__AVX2__)

using D4 = __m256d;

KL_INLINE D4 Splat4(double value) { return _mm256_set1_pd(value); }
KL_INLINE D4 LoadDouble4(const double* p) { return _mm256_loadu_pd(p); }
KL_INLINE D4 MultiplyAdd(D4 a, D4 b, D4 c) { return _mm256_fmadd_pd(a, b, c); }
KL_INLINE D4 Round(D4 v) {
  return _mm256_round_pd(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
KL_INLINE void StoreFloat4(float* p, D4 v) { _mm_storeu_ps(p, _mm256_cvtpd_ps(v)); }

// Odd quadrants exchange sine and cosine; bit 1 of n and of n + 1 are the signs.
KL_INLINE void Turn(D4 n, D4 s, D4 c, D4* sine, D4* cosine) {
  const __m256i quadrant = _mm256_cvtepi32_epi64(_mm256_cvtpd_epi32(n));
  const D4 odd = _mm256_castsi256_pd(_mm256_slli_epi64(quadrant, 63));
  const __m256i sine_sign = _mm256_slli_epi64(_mm256_srli_epi64(quadrant, 1), 63);
  const __m256i next = _mm256_add_epi64(quadrant, _mm256_set1_epi64x(1));
  const __m256i cosine_sign = _mm256_slli_epi64(_mm256_srli_epi64(next, 1), 63);
  *sine = _mm256_xor_pd(_mm256_blendv_pd(s, c, odd), _mm256_castsi256_pd(sine_sign));
  *cosine = _mm256_xor_pd(_mm256_blendv_pd(c, s, odd), _mm256_castsi256_pd(cosine_sign));
}

#else

struct D4 {
  float64x2_t low;
  float64x2_t high;
};

KL_INLINE D4 operator+(D4 a, D4 b) { return {vaddq_f64(a.low, b.low), vaddq_f64(a.high, b.high)}; }
KL_INLINE D4 operator*(D4 a, D4 b) { return {vmulq_f64(a.low, b.low), vmulq_f64(a.high, b.high)}; }
KL_INLINE D4 Splat4(double value) { return {vdupq_n_f64(value), vdupq_n_f64(value)}; }
KL_INLINE D4 LoadDouble4(const double* p) { return {vld1q_f64(p), vld1q_f64(p + 2)}; }
KL_INLINE D4 MultiplyAdd(D4 a, D4 b, D4 c) {
  return {vfmaq_f64(c.low, a.low, b.low), vfmaq_f64(c.high, a.high, b.high)};
}
KL_INLINE D4 Round(D4 v) { return {vrndnq_f64(v.low), vrndnq_f64(v.high)}; }
KL_INLINE void StoreFloat4(float* p, D4 v) {
  vst1q_f32(p, vcombine_f32(vcvt_f32_f64(v.low), vcvt_f32_f64(v.high)));
}

// Odd quadrants exchange sine and cosine; bit 1 of n and of n + 1 are the signs.
KL_INLINE void Turn2(float64x2_t n, float64x2_t s, float64x2_t c, float64x2_t* sine,
                     float64x2_t* cosine) {
  const int64x2_t quadrant = vcvtnq_s64_f64(n);
  const int64x2_t one = vdupq_n_s64(1);
  const uint64x2_t odd = vtstq_s64(quadrant, one);
  const uint64x2_t sine_sign = vshlq_n_u64(vreinterpretq_u64_s64(vshrq_n_s64(quadrant, 1)), 63);
  const uint64x2_t cosine_sign =
      vshlq_n_u64(vreinterpretq_u64_s64(vshrq_n_s64(vaddq_s64(quadrant, one), 1)), 63);
  *sine = vreinterpretq_f64_u64(veorq_u64(vreinterpretq_u64_f64(vbslq_f64(odd, c, s)), sine_sign));
  *cosine =
      vreinterpretq_f64_u64(veorq_u64(vreinterpretq_u64_f64(vbslq_f64(odd, s, c)), cosine_sign));
}
KL_INLINE void Turn(D4 n, D4 s, D4 c, D4* sine, D4* cosine) {
  Turn2(n.low, s.low, c.low, &sine->low, &cosine->low);
  Turn2(n.high, s.high, c.high, &sine->high, &cosine->high);
}

#endif

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_F64X4_H_
