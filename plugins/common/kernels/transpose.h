// Transposes in registers.
#ifndef PLUGINS_COMMON_KERNELS_TRANSPOSE_H_
#define PLUGINS_COMMON_KERNELS_TRANSPOSE_H_

#include "plugins/common/kernels/f32x8.h"

namespace {

#if defined(__AVX2__)

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

constexpr int64_t kTransposeSide = 8;

// to[c][r] = from[r][c] for kTransposeSide rows and columns.
KL_INLINE void TransposeSquare(const float* from, int64_t from_pitch, float* to, int64_t to_pitch) {
  __m256i block[8];
  for (int i = 0; i < 8; ++i)
    block[i] = _mm256_loadu_si256((const __m256i*)(from + i * from_pitch));
  Transpose8x8(block);
  for (int i = 0; i < 8; ++i) _mm256_storeu_si256((__m256i*)(to + i * to_pitch), block[i]);
}

#else

constexpr int64_t kTransposeSide = 4;

KL_INLINE void TransposeSquare(const float* from, int64_t from_pitch, float* to, int64_t to_pitch) {
  const float32x4_t r0 = vld1q_f32(from), r1 = vld1q_f32(from + from_pitch);
  const float32x4_t r2 = vld1q_f32(from + 2 * from_pitch), r3 = vld1q_f32(from + 3 * from_pitch);
  const float32x4_t a = vzip1q_f32(r0, r2), b = vzip1q_f32(r1, r3);
  const float32x4_t c = vzip2q_f32(r0, r2), d = vzip2q_f32(r1, r3);
  vst1q_f32(to, vzip1q_f32(a, b));
  vst1q_f32(to + to_pitch, vzip2q_f32(a, b));
  vst1q_f32(to + 2 * to_pitch, vzip1q_f32(c, d));
  vst1q_f32(to + 3 * to_pitch, vzip2q_f32(c, d));
}

#endif

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_TRANSPOSE_H_
