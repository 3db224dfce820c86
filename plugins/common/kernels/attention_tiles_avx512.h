// attention_tiles.h for widened tiles with 512-bit vectors; the bits are those of the others.
//
// Keys lie in pairs, eight columns of one and then of the other: a vector of theirs holds the eight
// sums of two scores. Values lie row by row: a sum over keys is a chain in each column by itself.
#ifndef PLUGINS_COMMON_KERNELS_ATTENTION_TILES_AVX512_H_
#define PLUGINS_COMMON_KERNELS_ATTENTION_TILES_AVX512_H_

#include "plugins/common/kernels/attention_tiles.h"

namespace {

struct WidenedColumns {
  static constexpr int64_t kWidth = 16;
  using Vector = __m512;
  template <class Row>
  static KL_INLINE __m512 LoadRow(const uint8_t* row, int64_t column) {
    return _mm512_loadu_ps((const float*)row + column);
  }
  static KL_INLINE __m512 Load(const float* p) { return _mm512_loadu_ps(p); }
  static KL_INLINE void Store(float* p, __m512 v) { _mm512_storeu_ps(p, v); }
  static KL_INLINE __m512 Splat(float value) { return _mm512_set1_ps(value); }
  static KL_INLINE __m512 AddProduct(__m512 a, __m512 b, __m512 sum) {
    return _mm512_fmadd_ps(a, b, sum);
  }
};

KL_INLINE F8 LowHalf(__m512 v) { return _mm512_castps512_ps256(v); }
KL_INLINE F8 HighHalf(__m512 v) { return _mm512_extractf32x8_ps(v, 1); }

template <class Row>
void WidenKeys(int64_t from, int64_t to, int64_t length, float* tile, const uint8_t** rows) {
  for (int64_t j = from; j < to; ++j) {
    float* place = tile + j / 2 * 2 * length + 8 * (j % 2);
    for (int64_t i = 0; i < length; i += 8) Store8(place + 2 * i, Row::Load(rows[j], i));
  }
}

// Four keys at once. Those outside of [from, to) may be anything, and so may what comes of them.
template <int kQueries>
void ScorePairs(const float* const* queries, const float* tile, int64_t from, int64_t to,
                int64_t length, F4 scale, float* scores) {
  for (int64_t j = from / 4 * 4; j < to; j += 4) {
    const float* first = tile + j * length;
    const float* second = first + 2 * length;
    __m512 sum[kQueries][2];
#pragma GCC unroll 8
    for (int q = 0; q < kQueries; ++q) sum[q][0] = sum[q][1] = _mm512_setzero_ps();
    for (int64_t i = 0; i < length; i += 8) {
      const __m512 keys[2] = {_mm512_loadu_ps(first + 2 * i), _mm512_loadu_ps(second + 2 * i)};
#pragma GCC unroll 8
      for (int q = 0; q < kQueries; ++q) {
        const __m512 x = _mm512_broadcast_f32x8(Load8(queries[q] + i));
        sum[q][0] = _mm512_fmadd_ps(x, keys[0], sum[q][0]);
        sum[q][1] = _mm512_fmadd_ps(x, keys[1], sum[q][1]);
      }
    }
#pragma GCC unroll 8
    for (int q = 0; q < kQueries; ++q) {
      StoreF4(scores + q * kChunkKeys + j,
              scale * SumEach4(LowHalf(sum[q][0]), HighHalf(sum[q][0]), LowHalf(sum[q][1]),
                               HighHalf(sum[q][1])));
    }
  }
}

inline void ScoreWidened(int64_t queries_at_once, const float* const* queries, const float* tile,
                         const uint8_t* const*, int64_t from, int64_t to, int64_t length, F4 scale,
                         float* scores) {
  if (queries_at_once == 6) {
    ScorePairs<6>(queries, tile, from, to, length, scale, scores);
  } else if (queries_at_once == 4) {
    ScorePairs<4>(queries, tile, from, to, length, scale, scores);
  } else if (queries_at_once == 2) {
    ScorePairs<2>(queries, tile, from, to, length, scale, scores);
  } else {
    ScorePairs<1>(queries, tile, from, to, length, scale, scores);
  }
}

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_ATTENTION_TILES_AVX512_H_
