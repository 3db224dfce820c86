// Small pieces that the AVX2 kernels share: loads of ends, sums across lanes, transposes, exp.
//
// Only for files compiled with AVX2, FMA and F16C. Everything is in an anonymous namespace, so that
// no copy compiled for AVX2 can be linked into baseline code.
#ifndef PLUGINS_SPARSE_X86_SIMD_AVX2_H_
#define PLUGINS_SPARSE_X86_SIMD_AVX2_H_

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define KL_INLINE inline __attribute__((always_inline))

// Keeps a vector in its register: gcc neither reorders a chain of additions into a tree, which
// spills, nor repeats a load for each use.
#define KL_KEEP(v) asm("" : "+x"(v))

namespace {

// Bytes ahead of the row being read. Rows follow each other in memory, and one thread reads one
// stream: this reaches into the next rows and pays for DRAM's latency.
constexpr int64_t kPrefetchAhead = 4096;

KL_INLINE int64_t RoundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}
KL_INLINE int64_t CeilDivide(int64_t value, int64_t divisor) {
  return (value + divisor - 1) / divisor;
}
KL_INLINE int64_t Minimum(int64_t a, int64_t b) { return a < b ? a : b; }
KL_INLINE int64_t Maximum(int64_t a, int64_t b) { return a > b ? a : b; }

// The sum of eight lanes in the one order that all kernels use: ((0+4)+(2+6)) + ((1+5)+(3+7)).
// SumOfLanes in panel_avx2.h adds eight vectors in the same order.
KL_INLINE float SumAcross(__m256 v) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

KL_INLINE float MaximumAcross(__m256 v) {
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

// All ones in the first `count` (0..8) lanes.
KL_INLINE __m256i FirstLanes(int64_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

// Up to eight floats; lanes past `count` are 0 and their memory is not touched.
KL_INLINE __m256 LoadFirst(const float* p, int64_t count) {
  return _mm256_maskload_ps(p, FirstLanes(count));
}
KL_INLINE void StoreFirst(float* p, int64_t count, __m256 v) {
  _mm256_maskstore_ps(p, FirstLanes(count), v);
}

KL_INLINE float HalfToFloat(uint16_t half) { return _cvtsh_ss(half); }

KL_INLINE uint16_t LoadU16(const void* p) {
  uint16_t value;
  memcpy(&value, p, sizeof value);
  return value;
}
KL_INLINE uint32_t LoadU32(const void* p) {
  uint32_t value;
  memcpy(&value, p, sizeof value);
  return value;
}

// Eight vectors of eight 32-bit lanes: lane c of vector r becomes lane r of vector c.
KL_INLINE void Transpose8x8(__m256i v[8]) {
  __m256i a[8];
  __m256i b[8];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    a[2 * i] = _mm256_unpacklo_epi32(v[2 * i], v[2 * i + 1]);
    a[2 * i + 1] = _mm256_unpackhi_epi32(v[2 * i], v[2 * i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    b[4 * i] = _mm256_unpacklo_epi64(a[4 * i], a[4 * i + 2]);
    b[4 * i + 1] = _mm256_unpackhi_epi64(a[4 * i], a[4 * i + 2]);
    b[4 * i + 2] = _mm256_unpacklo_epi64(a[4 * i + 1], a[4 * i + 3]);
    b[4 * i + 3] = _mm256_unpackhi_epi64(a[4 * i + 1], a[4 * i + 3]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    v[i] = _mm256_permute2x128_si256(b[i], b[4 + i], 0x20);
    v[4 + i] = _mm256_permute2x128_si256(b[i], b[4 + i], 0x31);
  }
}

// Eight vectors of eight 32-bit integers: lane j of the result is the sum of vector j.
KL_INLINE __m256i SumEach(const __m256i v[8]) {
  const __m256i low =
      _mm256_hadd_epi32(_mm256_hadd_epi32(v[0], v[1]), _mm256_hadd_epi32(v[2], v[3]));
  const __m256i high =
      _mm256_hadd_epi32(_mm256_hadd_epi32(v[4], v[5]), _mm256_hadd_epi32(v[6], v[7]));
  return _mm256_add_epi32(_mm256_permute2x128_si256(low, high, 0x20),
                          _mm256_permute2x128_si256(low, high, 0x31));
}

// Eight vectors of eight floats: lane j of the result is the sum of vector j.
KL_INLINE __m256 SumEachFloat(const __m256 v[8]) {
  const __m256 low = _mm256_hadd_ps(_mm256_hadd_ps(v[0], v[1]), _mm256_hadd_ps(v[2], v[3]));
  const __m256 high = _mm256_hadd_ps(_mm256_hadd_ps(v[4], v[5]), _mm256_hadd_ps(v[6], v[7]));
  return _mm256_add_ps(_mm256_permute2f128_ps(low, high, 0x20),
                       _mm256_permute2f128_ps(low, high, 0x31));
}

// e^x with a relative error of about 1e-7; 0 below -87.3, at most e^88 above. NaN stays NaN.
// Cody and Waite's reduction to |r| <= ln(2)/2, then the Taylor polynomial of degree 7.
KL_INLINE __m256 Exp(__m256 x) {
  const __m256 below = _mm256_cmp_ps(x, _mm256_set1_ps(-87.3f), _CMP_LT_OQ);
  // The operand order lets NaN through.
  x = _mm256_max_ps(_mm256_set1_ps(-88.0f), _mm256_min_ps(_mm256_set1_ps(88.0f), x));
  const __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(1.44269504088896341f)),
                                   _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0.693359375f), x);
  r = _mm256_fnmadd_ps(n, _mm256_set1_ps(-2.12194440e-4f), r);
  __m256 p = _mm256_set1_ps(1.0f / 5040.0f);
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 720.0f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 120.0f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 24.0f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 6.0f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0.5f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
  const __m256i exponent =
      _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
  return _mm256_andnot_ps(below, _mm256_mul_ps(p, _mm256_castsi256_ps(exponent)));
}

// act(gate) of the gated units. kSilu: x * sigmoid(x). kGelu: the tanh form. kRelu: max(x, 0).
enum Activation { kRelu = 0, kSilu = 1, kGelu = 2, kUnknownActivation = 3 };

KL_INLINE Activation ParseActivation(const char* name) {
  if (name != nullptr && strcmp(name, "relu") == 0) return kRelu;
  if (name != nullptr && strcmp(name, "silu") == 0) return kSilu;
  if (name != nullptr && strcmp(name, "gelu") == 0) return kGelu;
  return kUnknownActivation;
}

KL_INLINE __m256 Activate(Activation activation, __m256 x) {
  if (activation == kRelu) return _mm256_max_ps(x, _mm256_setzero_ps());
  __m256 t = x;
  if (activation == kGelu) {
    // 0.5 (1 + tanh(u)) = sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3)
    const __m256 x2 = _mm256_mul_ps(x, x);
    const __m256 u = _mm256_fmadd_ps(x2, _mm256_set1_ps(0.044715f), _mm256_set1_ps(1.0f));
    t = _mm256_mul_ps(_mm256_mul_ps(x, u), _mm256_set1_ps(1.5957691216057308f));
  }
  const __m256 e = Exp(_mm256_sub_ps(_mm256_setzero_ps(), t));
  return _mm256_div_ps(x, _mm256_add_ps(e, _mm256_set1_ps(1.0f)));
}

}  // namespace

#endif  // PLUGINS_SPARSE_X86_SIMD_AVX2_H_
