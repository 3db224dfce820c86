// The two products of attention on a tile of 32 keys, for one to six queries at a time.
//
//   ScoreTile   scores[q][j] = scale * dot(query q, keys[j])            from <= j < to
//   AddTile     sums[q]     += sum over j in order of weights[q][j] * values[j]
//
// Rows are given by pointers: rows of a cache in any type (cache_rows_avx2.h), or rows widened to
// f32 where many queries share them. What a query gets does not depend on its neighbours or on the
// type of the rows' memory: a score is eight sums over columns i mod 8, added as
// ((0+1)+(2+3)) + ((4+5)+(6+7)); a sum is one chain over the keys.
//
// Twelve accumulators, so that two multiply-adds a cycle hide their latency of four: 6 queries x 2
// keys (or 2 x 8 columns) read 8 vectors for 12 multiply-adds.
#ifndef PLUGINS_SPARSE_X86_ATTENTION_TILES_AVX2_H_
#define PLUGINS_SPARSE_X86_ATTENTION_TILES_AVX2_H_

#include "plugins/sparse_x86/cache_rows_avx2.h"

namespace {

constexpr int64_t kTileKeys = 32;
// Scores and weights of a query lie so far from the next query's: see attention_avx2.h.
constexpr int64_t kChunkKeys = 256;

// Sums of four vectors, each in the order above.
KL_INLINE __m128 SumFour(__m256 a, __m256 b, __m256 c, __m256 d) {
  const __m256 sums = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
  return _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps(sums, 1));
}

// `rows` has kTileKeys entries, all readable; `scores` points to those of the tile's first key. May
// write scores of neighbours of [from, to) within the tile.
template <class Row, int kQueries, int kKeys>
void ScoreKeys(const float* const* queries, const uint8_t* const* rows, int64_t from, int64_t to,
               int64_t length, __m128 scale, float* scores) {
  for (int64_t j = from / kKeys * kKeys; j < to; j += kKeys) {
    __m256 sum[kQueries][kKeys];
#pragma GCC unroll 8
    for (int q = 0; q < kQueries; ++q) {
#pragma GCC unroll 8
      for (int k = 0; k < kKeys; ++k) sum[q][k] = _mm256_setzero_ps();
    }
    for (int64_t i = 0; i < length; i += 8) {
      __m256 key[kKeys];
#pragma GCC unroll 8
      for (int k = 0; k < kKeys; ++k) key[k] = Row::Load(rows[j + k], i);
#pragma GCC unroll 8
      for (int q = 0; q < kQueries; ++q) {
        __m256 x = _mm256_loadu_ps(queries[q] + i);
        KL_KEEP(x);
#pragma GCC unroll 8
        for (int k = 0; k < kKeys; ++k) sum[q][k] = _mm256_fmadd_ps(x, key[k], sum[q][k]);
      }
    }
    if (kKeys == 2) {
#pragma GCC unroll 8
      for (int q = 0; q + 1 < kQueries; q += 2) {
        const __m128 s =
            _mm_mul_ps(scale, SumFour(sum[q][0], sum[q][1], sum[q + 1][0], sum[q + 1][1]));
        _mm_storel_pi((__m64*)(scores + q * kChunkKeys + j), s);
        _mm_storeh_pi((__m64*)(scores + (q + 1) * kChunkKeys + j), s);
      }
    } else {
#pragma GCC unroll 8
      for (int q = 0; q < kQueries; ++q) {
#pragma GCC unroll 8
        for (int k = 0; k + 3 < kKeys; k += 4) {
          const __m128 s =
              _mm_mul_ps(scale, SumFour(sum[q][k], sum[q][k + 1], sum[q][k + 2], sum[q][k + 3]));
          _mm_storeu_ps(scores + q * kChunkKeys + j + k, s);
        }
      }
    }
  }
}

// Columns column .. column + 8 * kVectors - 1 of the values.
template <class Row, int kQueries, int kVectors>
KL_INLINE void AddColumns(const float* weights, const uint8_t* const* rows, int64_t from,
                          int64_t to, int64_t column, int64_t length, float* sums) {
  __m256 sum[kQueries][kVectors];
#pragma GCC unroll 8
  for (int q = 0; q < kQueries; ++q) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      sum[q][v] = _mm256_load_ps(sums + q * length + column + 8 * v);
    }
  }
  for (int64_t j = from; j < to; ++j) {
    __m256 value[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) value[v] = Row::Load(rows[j], column + 8 * v);
#pragma GCC unroll 8
    for (int q = 0; q < kQueries; ++q) {
      const __m256 w = _mm256_broadcast_ss(weights + q * kChunkKeys + j);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) sum[q][v] = _mm256_fmadd_ps(w, value[v], sum[q][v]);
    }
  }
#pragma GCC unroll 8
  for (int q = 0; q < kQueries; ++q) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      _mm256_store_ps(sums + q * length + column + 8 * v, sum[q][v]);
    }
  }
}

template <class Row, int kQueries, int kVectors>
void AddValues(const float* weights, const uint8_t* const* rows, int64_t from, int64_t to,
               int64_t length, float* sums) {
  int64_t column = 0;
  for (; column + 8 * kVectors <= length; column += 8 * kVectors) {
    AddColumns<Row, kQueries, kVectors>(weights, rows, from, to, column, length, sums);
  }
  for (; column < length; column += 8) {
    AddColumns<Row, kQueries, 1>(weights, rows, from, to, column, length, sums);
  }
}

// How many of `count` queries are computed at once.
KL_INLINE int64_t QueriesAtOnce(int64_t count) {
  return count >= 6 ? 6 : count >= 4 ? 4 : count >= 2 ? 2 : 1;
}

template <class Row>
void ScoreTile(int64_t queries_at_once, const float* const* queries, const uint8_t* const* rows,
               int64_t from, int64_t to, int64_t length, __m128 scale, float* scores) {
  if (queries_at_once == 6) {
    ScoreKeys<Row, 6, 2>(queries, rows, from, to, length, scale, scores);
  } else if (queries_at_once == 4) {
    ScoreKeys<Row, 4, 2>(queries, rows, from, to, length, scale, scores);
  } else if (queries_at_once == 2) {
    ScoreKeys<Row, 2, 4>(queries, rows, from, to, length, scale, scores);
  } else {
    ScoreKeys<Row, 1, 8>(queries, rows, from, to, length, scale, scores);
  }
}

// `sums` are rows of `length`, 32-byte aligned.
template <class Row>
void AddTile(int64_t queries_at_once, const float* weights, const uint8_t* const* rows,
             int64_t from, int64_t to, int64_t length, float* sums) {
  if (queries_at_once == 6) {
    AddValues<Row, 6, 2>(weights, rows, from, to, length, sums);
  } else if (queries_at_once == 4) {
    AddValues<Row, 4, 2>(weights, rows, from, to, length, sums);
  } else if (queries_at_once == 2) {
    AddValues<Row, 2, 4>(weights, rows, from, to, length, sums);
  } else {
    AddValues<Row, 1, 8>(weights, rows, from, to, length, sums);
  }
}

}  // namespace

#endif  // PLUGINS_SPARSE_X86_ATTENTION_TILES_AVX2_H_
