// kEngineRows rows of a panel times a few tokens, with vpdpbusd: products of bytes are added up in 32
// bits, so that nothing is to be widened and signed weights are unsigned ones with another offset.
//
// Two vectors of rows: every broadcast of activations serves both. Part of panel_avx2.h, which
// defines panels.
#ifndef PLUGINS_SPARSE_X86_TILE_VNNI_H_
#define PLUGINS_SPARSE_X86_TILE_VNNI_H_

#include "plugins/common/kernels/vector.h"

namespace {

#if defined(__AVX512VNNI__)
typedef __m512i Integers;
constexpr int kPanelTokens = 6;
KL_INLINE Integers LoadIntegers(const void* p) { return _mm512_loadu_si512(p); }
KL_INLINE Integers SetIntegers(int32_t value) { return _mm512_set1_epi32(value); }
KL_INLINE Integers DotBytes(Integers sum, Integers u, Integers s) {
  return _mm512_dpbusd_epi32(sum, u, s);
}
KL_INLINE Integers AddIntegers(Integers a, Integers b) { return _mm512_add_epi32(a, b); }
KL_INLINE Integers MultiplyIntegers(Integers a, Integers b) { return _mm512_mullo_epi32(a, b); }
KL_INLINE Vector ToFloats(Integers v) { return _mm512_cvtepi32_ps(v); }
KL_INLINE Vector MultiplyVectors(Vector a, Vector b) { return _mm512_mul_ps(a, b); }
#else
typedef __m256i Integers;
constexpr int kPanelTokens = 4;
KL_INLINE Integers LoadIntegers(const void* p) { return _mm256_loadu_si256((const __m256i*)p); }
KL_INLINE Integers SetIntegers(int32_t value) { return _mm256_set1_epi32(value); }
KL_INLINE Integers AddIntegers(Integers a, Integers b) { return _mm256_add_epi32(a, b); }
KL_INLINE Integers MultiplyIntegers(Integers a, Integers b) { return _mm256_mullo_epi32(a, b); }
KL_INLINE Vector ToFloats(Integers v) { return _mm256_cvtepi32_ps(v); }
KL_INLINE Vector MultiplyVectors(Vector a, Vector b) { return _mm256_mul_ps(a, b); }
#endif
static_assert(kEngineRows == 2 * kLanes, "two vectors of rows");

// y[t][row] for kTokens tokens and kEngineRows rows.
template <PanelKind kKind, bool kMinima, ActivationOrder kOrder, int kTokens>
static inline __attribute__((noinline)) void MultiplyPanel(const Panel& panel, int64_t blocks,
                                                           const ActivationGroup* const* tokens,
                                                           float* y) {
  alignas(64) float sums[8][kTokens][2][kLanes];
  for (int i = 0; i < 8 * kTokens * 2; ++i) StoreVector(&sums[0][0][0][0] + kLanes * i, SetVector(0));
  constexpr int kBlockStride = kOrder == kNatural ? 32 : 4;
  constexpr int kRuns = kKind == kHalved ? 2 : 1;
  const uint8_t* w = panel.bytes;
  const float* scales = panel.scales;
  for (int64_t b = 0; b < blocks; ++b, w += 32 * kEngineRows, scales += kEngineRows) {
    const int64_t j = b % 8;
    const ActivationGroup* group[kTokens];
    const int8_t* q[kTokens];
    Integers sum[kTokens][2];
#pragma GCC unroll 8
    for (int t = 0; t < kTokens; ++t) {
      group[t] = tokens[t] + b / 8;
      q[t] = group[t]->q + kBlockStride * j;
      sum[t][0] = sum[t][1] = SetIntegers(group[t]->init[j]);
    }
    Integers total[kTokens][2];
#pragma GCC unroll 2
    for (int run = 0; run < kRuns; ++run) {
      if (run == 1) {
#pragma GCC unroll 8
        for (int t = 0; t < kTokens; ++t) {
          sum[t][0] = sum[t][1] = SetIntegers(group[t]->init_high[j]);
        }
      }
#pragma GCC unroll 8
      for (int s = run * 8 / kRuns; s < (run + 1) * 8 / kRuns; ++s) {
        const int at = kOrder == kNatural ? 4 * s : 32 * InterleavedVector(s);
        const Integers w0 = LoadIntegers(w + 4 * kEngineRows * s);
        const Integers w1 = LoadIntegers(w + 4 * kEngineRows * s + 4 * kLanes);
#pragma GCC unroll 8
        for (int t = 0; t < kTokens; ++t) {
          const Integers x = SetIntegers((int32_t)LoadU32(q[t] + at));
          sum[t][0] = DotBytes(sum[t][0], w0, x);
          sum[t][1] = DotBytes(sum[t][1], w1, x);
        }
      }
      if (kKind == kHalved) {
        const int32_t* half = panel.halves + (2 * b + run) * kEngineRows;
#pragma GCC unroll 8
        for (int t = 0; t < kTokens; ++t) {
#pragma GCC unroll 2
          for (int r = 0; r < 2; ++r) {
            const Integers product =
                MultiplyIntegers(sum[t][r], LoadIntegers(half + kLanes * r));
            total[t][r] = run == 0 ? product : AddIntegers(total[t][r], product);
          }
        }
      }
    }
#pragma GCC unroll 8
    for (int t = 0; t < kTokens; ++t) {
      const Vector d = SetVector(group[t]->d[j]);
#pragma GCC unroll 2
      for (int r = 0; r < 2; ++r) {
        float* place = sums[j][t][r];
        Vector v = MultiplyAdd(ToFloats(kKind == kHalved ? total[t][r] : sum[t][r]),
                               MultiplyVectors(LoadVector(scales + kLanes * r), d),
                               LoadVector(place));
        if (kMinima) {
          v = MultiplyAdd(LoadVector(panel.minima + b * kEngineRows + kLanes * r),
                          SetVector(group[t]->d_sum[j]), v);
        }
        StoreVector(place, v);
      }
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    for (int r = 0; r < 2; ++r) {
      Vector lane[8];
#pragma GCC unroll 8
      for (int j = 0; j < 8; ++j) lane[j] = LoadVector(sums[j][t][r]);
      const Vector even = AddVectors(AddVectors(lane[0], lane[4]), AddVectors(lane[2], lane[6]));
      const Vector odd = AddVectors(AddVectors(lane[1], lane[5]), AddVectors(lane[3], lane[7]));
      StoreVector(y + kEngineRows * t + kLanes * r, AddVectors(even, odd));
    }
  }
}

}  // namespace

#endif  // PLUGINS_SPARSE_X86_TILE_VNNI_H_
