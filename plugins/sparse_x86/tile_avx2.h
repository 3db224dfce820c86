// 16 rows of a panel times up to 4 tokens, with AVX2: products of bytes are added up in 16 bits.
//
// Part of panel_avx2.h, which defines panels.
#ifndef PLUGINS_SPARSE_X86_TILE_AVX2_H_
#define PLUGINS_SPARSE_X86_TILE_AVX2_H_

namespace {

constexpr int kPanelTokens = 4;

// y[t][row] for kTokens tokens and 16 rows.
template <PanelKind kKind, bool kMinima, ActivationOrder kOrder, int kTokens>
static inline __attribute__((noinline)) void MultiplyPanel(const Panel& panel, int64_t blocks,
                                                           const ActivationGroup* const* tokens,
                                                           float* y) {
  alignas(64) float sums[8][kTokens][16];
  const __m256 zero = _mm256_setzero_ps();
  for (int i = 0; i < 8 * kTokens * 2; ++i) _mm256_store_ps(&sums[0][0][0] + 8 * i, zero);
  constexpr int kBlockStride = kOrder == kNatural ? 32 : 4;
  constexpr int kStepStride = kOrder == kNatural ? 4 : 32;
  const __m256i ones = _mm256_set1_epi16(1);
  const __m256i* w = (const __m256i*)panel.bytes;
  const float* scales = panel.scales;
  for (int64_t b = 0; b < blocks; ++b, w += 16, scales += 16) {
    const int64_t j = b % 8;
    const ActivationGroup* group[kTokens];
    const int8_t* q[kTokens];
#pragma GCC unroll 4
    for (int t = 0; t < kTokens; ++t) {
      group[t] = tokens[t] + b / 8;
      q[t] = group[t]->q + kBlockStride * j;
    }
    __m256i sum[kTokens][2];
#pragma GCC unroll 4
    for (int t = 0; t < kTokens; ++t) {
      sum[t][0] = kKind == kSigned ? _mm256_setzero_si256() : _mm256_set1_epi32(group[t]->init[j]);
      sum[t][1] = sum[t][0];
    }
    constexpr int kRuns = kKind == kHalved ? 2 : 1;
    __m256i total[kTokens][2];
#pragma GCC unroll 2
    for (int run = 0; run < kRuns; ++run) {
      if (run == 1) {
#pragma GCC unroll 4
        for (int t = 0; t < kTokens; ++t) {
          sum[t][0] = _mm256_set1_epi32(group[t]->init_high[j]);
          sum[t][1] = sum[t][0];
        }
      }
#pragma GCC unroll 8
      for (int s = run * 8 / kRuns; s < (run + 1) * 8 / kRuns; ++s) {
        const __m256i w0 = _mm256_load_si256(w + 2 * s);
        const __m256i w1 = _mm256_load_si256(w + 2 * s + 1);
        if (kKind == kSigned) {
          const __m256i a0 = _mm256_abs_epi8(w0);
          const __m256i a1 = _mm256_abs_epi8(w1);
#pragma GCC unroll 4
          for (int t = 0; t < kTokens; ++t) {
            const __m256i x = _mm256_set1_epi32((int)LoadU32(q[t] + kStepStride * s));
            const __m256i p0 = _mm256_maddubs_epi16(a0, _mm256_sign_epi8(x, w0));
            const __m256i p1 = _mm256_maddubs_epi16(a1, _mm256_sign_epi8(x, w1));
            sum[t][0] = _mm256_add_epi32(sum[t][0], _mm256_madd_epi16(p0, ones));
            sum[t][1] = _mm256_add_epi32(sum[t][1], _mm256_madd_epi16(p1, ones));
            KL_KEEP(sum[t][0]);
            KL_KEEP(sum[t][1]);
          }
        } else {
#pragma GCC unroll 4
          for (int t = 0; t < kTokens; ++t) {
            const __m256i x = _mm256_set1_epi32((int)LoadU32(q[t] + kStepStride * s));
            sum[t][0] = _mm256_add_epi16(sum[t][0], _mm256_maddubs_epi16(w0, x));
            sum[t][1] = _mm256_add_epi16(sum[t][1], _mm256_maddubs_epi16(w1, x));
            KL_KEEP(sum[t][0]);
            KL_KEEP(sum[t][1]);
          }
        }
      }
      if (kKind == kHalved) {
        const __m256i* half = (const __m256i*)(panel.halves + b * 32 + run * 16);
#pragma GCC unroll 4
        for (int t = 0; t < kTokens; ++t) {
#pragma GCC unroll 2
          for (int r = 0; r < 2; ++r) {
            const __m256i product = _mm256_madd_epi16(sum[t][r], _mm256_load_si256(half + r));
            total[t][r] = run == 0 ? product : _mm256_add_epi32(total[t][r], product);
          }
        }
      }
    }
#pragma GCC unroll 4
    for (int t = 0; t < kTokens; ++t) {
      const __m256 d = _mm256_set1_ps(group[t]->d[j]);
#pragma GCC unroll 2
      for (int r = 0; r < 2; ++r) {
        const __m256i integers = kKind == kHalved     ? total[t][r]
                                 : kKind == kUnsigned ? _mm256_madd_epi16(sum[t][r], ones)
                                                      : sum[t][r];
        float* place = &sums[j][t][8 * r];
        __m256 v = _mm256_fmadd_ps(_mm256_cvtepi32_ps(integers),
                                   _mm256_mul_ps(_mm256_load_ps(scales + 8 * r), d),
                                   _mm256_load_ps(place));
        if (kMinima) {
          v = _mm256_fmadd_ps(_mm256_load_ps(panel.minima + b * 16 + 8 * r),
                              _mm256_set1_ps(group[t]->d_sum[j]), v);
        }
        _mm256_store_ps(place, v);
      }
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    for (int r = 0; r < 2; ++r) {
      __m256 lane[8];
#pragma GCC unroll 8
      for (int j = 0; j < 8; ++j) lane[j] = _mm256_load_ps(&sums[j][t][8 * r]);
      const __m256 even =
          _mm256_add_ps(_mm256_add_ps(lane[0], lane[4]), _mm256_add_ps(lane[2], lane[6]));
      const __m256 odd =
          _mm256_add_ps(_mm256_add_ps(lane[1], lane[5]), _mm256_add_ps(lane[3], lane[7]));
      _mm256_storeu_ps(y + 16 * t + 8 * r, _mm256_add_ps(even, odd));
    }
  }
}

}  // namespace

#endif  // PLUGINS_SPARSE_X86_TILE_AVX2_H_
