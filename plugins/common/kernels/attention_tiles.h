// The two products of attention on a tile of 32 keys, for one to kMostAtOnce queries at a time.
//
//   ScoreTile   scores[q][j] = scale * dot(query q, keys[j])            from <= j < to
//   AddTile     sums[q]     += sum over j in order of weights[q][j] * values[j]
//
// Rows are given by pointers: rows of a cache in any type (cache_rows.h), or rows widened to
// f32 where many queries share them. What a query gets does not depend on its neighbours or on the
// type of the rows' memory: a score is eight sums over columns i mod 8, added as
// ((0+1)+(2+3)) + ((4+5)+(6+7)); a sum is one chain over the keys.
//
// Twelve accumulators, so that two multiply-adds a cycle hide their latency of four: 6 queries x 2
// keys (or 2 x 8 columns) read 8 vectors for 12 multiply-adds. With NEON, where an F8 is two
// registers, 4 x 2 are 16 of 32; 24 were spilled.
#ifndef PLUGINS_COMMON_KERNELS_ATTENTION_TILES_H_
#define PLUGINS_COMMON_KERNELS_ATTENTION_TILES_H_

#include "plugins/common/kernels/cache_rows.h"

namespace {

constexpr int64_t kTileKeys = 32;
// Pointers to a tile's rows: AddColumns reads one ahead, or a processor in order would wait for it.
constexpr int64_t kTilePointers = kTileKeys + 1;
// kFewQueries read a tile where it lies, more a copy in f32. With NEON the second reading costs
// more than the copy: a conversion takes as long as two multiply-adds.
#if defined(__ARM_NEON)
constexpr int64_t kMostAtOnce = 4;
constexpr int64_t kFewQueries = 4;
#else
constexpr int64_t kMostAtOnce = 6;
constexpr int64_t kFewQueries = 12;
#endif
// Scores and weights of a query lie so far from the next query's: see attention.h.
constexpr int64_t kChunkKeys = 256;

// `rows` has kTilePointers entries, all readable; `scores` points to those of the tile's first key.
// May write scores of neighbours of [from, to) within the tile.
template <class Row, int kQueries, int kKeys>
static inline __attribute__((noinline)) void ScoreKeys(const float* const* queries,
                                                       const uint8_t* const* rows, int64_t from,
                                                       int64_t to, int64_t length, F4 scale,
                                                       float* scores) {
  for (int64_t j = from / kKeys * kKeys; j < to; j += kKeys) {
    F8 sum[kQueries][kKeys];
#pragma GCC unroll 8
    for (int q = 0; q < kQueries; ++q) {
#pragma GCC unroll 8
      for (int k = 0; k < kKeys; ++k) sum[q][k] = Zero8();
    }
    for (int64_t i = 0; i < length; i += 8) {
      F8 key[kKeys];
#pragma GCC unroll 8
      for (int k = 0; k < kKeys; ++k) key[k] = Row::Load(rows[j + k], i);
#pragma GCC unroll 8
      for (int q = 0; q < kQueries; ++q) {
        F8 x = Load8(queries[q] + i);
        KeepInRegisters(&x);
#pragma GCC unroll 8
        for (int k = 0; k < kKeys; ++k) sum[q][k] = MultiplyAdd(x, key[k], sum[q][k]);
      }
    }
    if (kKeys == 2) {
#pragma GCC unroll 8
      for (int q = 0; q + 1 < kQueries; q += 2) {
        const F4 s = scale * SumEach4(sum[q][0], sum[q][1], sum[q + 1][0], sum[q + 1][1]);
        StoreLow2(scores + q * kChunkKeys + j, s);
        StoreHigh2(scores + (q + 1) * kChunkKeys + j, s);
      }
    } else {
#pragma GCC unroll 8
      for (int q = 0; q < kQueries; ++q) {
#pragma GCC unroll 8
        for (int k = 0; k + 3 < kKeys; k += 4) {
          const F4 s = scale * SumEach4(sum[q][k], sum[q][k + 1], sum[q][k + 2], sum[q][k + 3]);
          StoreF4(scores + q * kChunkKeys + j + k, s);
        }
      }
    }
  }
}

// Columns eight at a time; attention_tiles_avx512.h has sixteen.
struct Columns8 {
  static constexpr int64_t kWidth = 8;
  using Vector = F8;
  template <class Row>
  static KL_INLINE F8 LoadRow(const uint8_t* row, int64_t column) {
    return Row::Load(row, column);
  }
  static KL_INLINE F8 Load(const float* p) { return Load8(p); }
  static KL_INLINE void Store(float* p, F8 v) { Store8(p, v); }
  static KL_INLINE F8 Splat(float value) { return Splat8(value); }
  static KL_INLINE F8 AddProduct(F8 a, F8 b, F8 sum) { return MultiplyAdd(a, b, sum); }
};

// Columns column .. column + kWidth * kVectors - 1 of the values.
template <class Columns, class Row, int kQueries, int kVectors>
KL_INLINE void AddColumns(const float* weights, const uint8_t* const* rows, int64_t from,
                          int64_t to, int64_t column, int64_t length, float* sums) {
  typename Columns::Vector sum[kQueries][kVectors];
#pragma GCC unroll 8
  for (int q = 0; q < kQueries; ++q) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      sum[q][v] = Columns::Load(sums + q * length + column + Columns::kWidth * v);
    }
  }
  const uint8_t* row = rows[from];
  for (int64_t j = from; j < to; ++j) {
    typename Columns::Vector value[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      value[v] = Columns::template LoadRow<Row>(row, column + Columns::kWidth * v);
    }
    row = rows[j + 1];
#pragma GCC unroll 8
    for (int q = 0; q < kQueries; ++q) {
      const typename Columns::Vector w = Columns::Splat(weights[q * kChunkKeys + j]);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        sum[q][v] = Columns::AddProduct(w, value[v], sum[q][v]);
      }
    }
  }
#pragma GCC unroll 8
  for (int q = 0; q < kQueries; ++q) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      Columns::Store(sums + q * length + column + Columns::kWidth * v, sum[q][v]);
    }
  }
}

template <class Columns, class Row, int kQueries, int kVectors>
static inline __attribute__((noinline)) void AddValues(const float* weights,
                                                       const uint8_t* const* rows, int64_t from,
                                                       int64_t to, int64_t length, float* sums) {
  constexpr int64_t kStep = Columns::kWidth * kVectors;
  int64_t column = 0;
  for (; column + kStep <= length; column += kStep) {
    AddColumns<Columns, Row, kQueries, kVectors>(weights, rows, from, to, column, length, sums);
  }
  for (; column < length; column += 8) {
    AddColumns<Columns8, Row, kQueries, 1>(weights, rows, from, to, column, length, sums);
  }
}

// How many of `count` queries are computed at once.
KL_INLINE int64_t QueriesAtOnce(int64_t count) {
  return count >= kMostAtOnce ? kMostAtOnce : count >= 4 ? 4 : count >= 2 ? 2 : 1;
}

template <class Row>
void ScoreTile(int64_t queries_at_once, const float* const* queries, const uint8_t* const* rows,
               int64_t from, int64_t to, int64_t length, F4 scale, float* scores) {
  if (queries_at_once == kMostAtOnce) {
    ScoreKeys<Row, kMostAtOnce, 2>(queries, rows, from, to, length, scale, scores);
  } else if (queries_at_once == 4) {
    ScoreKeys<Row, 4, 2>(queries, rows, from, to, length, scale, scores);
  } else if (queries_at_once == 2) {
    ScoreKeys<Row, 2, 4>(queries, rows, from, to, length, scale, scores);
  } else {
    ScoreKeys<Row, 1, 8>(queries, rows, from, to, length, scale, scores);
  }
}

// `sums` are rows of `length`, 32-byte aligned.
template <class Columns, class Row>
void AddTile(int64_t queries_at_once, const float* weights, const uint8_t* const* rows,
             int64_t from, int64_t to, int64_t length, float* sums) {
  if (queries_at_once == kMostAtOnce) {
    AddValues<Columns, Row, kMostAtOnce, 2>(weights, rows, from, to, length, sums);
  } else if (queries_at_once == 4) {
    AddValues<Columns, Row, 4, 2>(weights, rows, from, to, length, sums);
  } else if (queries_at_once == 2) {
    AddValues<Columns, Row, 2, 16 / Columns::kWidth * 2>(weights, rows, from, to, length, sums);
  } else {
    AddValues<Columns, Row, 1, 16 / Columns::kWidth * 4>(weights, rows, from, to, length, sums);
  }
}

// Widens a tile's rows to f32 [32][L], once for the many queries of a block; `rows` points there
// then, outside of [from, to) to row `from`.
template <class Row>
void WidenTile(int64_t from, int64_t to, int64_t length, float* tile, const uint8_t** rows) {
  for (int64_t j = from; j < to; ++j) WidenRow<Row>(rows[j], length, tile + j * length);
  for (int64_t j = 0; j < kTilePointers; ++j) {
    rows[j] = (const uint8_t*)(tile + (j < from || j >= to ? from : j) * length);
  }
}

}  // namespace

#if defined(__AVX512F__)
#include "plugins/common/kernels/attention_tiles_avx512.h"
#else

namespace {

using WidenedColumns = Columns8;  // of values

// How keys lie in a widened tile, only these two know.
template <class Row>
void WidenKeys(int64_t from, int64_t to, int64_t length, float* tile, const uint8_t** rows) {
  WidenTile<Row>(from, to, length, tile, rows);
}
inline void ScoreWidened(int64_t queries_at_once, const float* const* queries, const float*,
                         const uint8_t* const* rows, int64_t from, int64_t to, int64_t length,
                         F4 scale, float* scores) {
  ScoreTile<F32Row>(queries_at_once, queries, rows, from, to, length, scale, scores);
}

}  // namespace

#endif

#endif  // PLUGINS_COMMON_KERNELS_ATTENTION_TILES_H_
