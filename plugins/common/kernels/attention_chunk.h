// What a block of queries does in one chunk of 256 positions: scores, weights, weighted values; and
// how the chunks of a query are merged. See attention.h.
//
// Memory is the caller's; one worker at a time works on a block.
#ifndef PLUGINS_COMMON_KERNELS_ATTENTION_CHUNK_H_
#define PLUGINS_COMMON_KERNELS_ATTENTION_CHUNK_H_

#include "core/abi/kernel.h"
#include "plugins/common/kernels/activation_functions.h"
#include "plugins/common/kernels/attention_tiles.h"

namespace {

enum { kQ, kK, kV, kPositions, kKCache, kVCache, kY };

constexpr int64_t kMostQueries = 96;  // of a unit; their scores, 96 KiB, stay in the L2 cache

struct State {
  int64_t length;  // L
  int64_t window;
  int64_t query_heads;
  int64_t kv_heads;
  int64_t rows;
  int64_t threads;
  float scale;
};

struct Query {
  int64_t first;  // positions that it sees
  int64_t last;
  float maximum;
  float total;
};

// The queries of a unit and the memory that they are computed in.
struct Block {
  const State* self;
  int64_t kv_head;
  int64_t count;
  int64_t earliest;  // positions that any of them sees
  int64_t latest;
  const float* q[kMostQueries];
  Query queries[kMostQueries];
  const uint8_t* newest[2];  // key and value of position `latest`, if they are not in the cache
  float* tile;               // [32][L]
  float* weights;            // [count][256]
  float* sums;               // [count][L]
};

template <class Row>
KL_INLINE uint8_t* CacheRow(const State& self, const kl_tensor* cache, int64_t head,
                            int64_t position) {
  const int64_t row = head * self.rows + position % self.rows;
  return (uint8_t*)cache->data + row * Row::RowBytes(self.length);
}

// Pointers to the cache's rows of positions start + from .. start + to - 1; the tile's other places
// point to one of these, and nobody looks at what comes of them.
template <class Row>
void PointAtRows(const Block& block, const kl_tensor* cache, const uint8_t* newest, int64_t start,
                 int64_t from, int64_t to, const uint8_t** rows) {
  const State& self = *block.self;
  const uint8_t* head = CacheRow<Row>(self, cache, block.kv_head, 0);
  int64_t row = (start + from) % self.rows;
  for (int64_t j = from; j < to; ++j) {
    rows[j] = head + row * Row::RowBytes(self.length);
    if (++row == self.rows) row = 0;
  }
  if (newest != nullptr && block.latest == start + to - 1) rows[to - 1] = newest;
  for (int64_t j = 0; j < from; ++j) rows[j] = rows[from];
  for (int64_t j = to; j < kTilePointers; ++j) rows[j] = rows[from];
}

// The parts of the tile at `start` that are seen by any of the block's queries [begin, begin + n).
KL_INLINE int64_t SeenFrom(const Block& block, int64_t begin, int64_t start) {
  return Maximum(block.queries[begin].first - start, 0);
}
KL_INLINE int64_t SeenTo(const Block& block, int64_t begin, int64_t n, int64_t start) {
  return Minimum(block.queries[begin + n - 1].last - start + 1, kTileKeys);
}

template <class Keys>
void ScoreChunk(const Block& block, const kl_tensor* cache, int64_t chunk) {
  const int64_t length = block.self->length;
  const F4 scale = SplatF4(block.self->scale);
  const bool widen = block.count > kFewQueries;
  const uint8_t* rows[kTilePointers];
  for (int64_t start = chunk; start < chunk + kChunkKeys; start += kTileKeys) {
    const int64_t from = Maximum(block.earliest - start, 0);
    const int64_t to = Minimum(block.latest - start + 1, kTileKeys);
    if (from >= to) continue;
    PointAtRows<Keys>(block, cache, block.newest[0], start, from, to, rows);
    if (widen) WidenKeys<Keys>(from, to, length, block.tile, rows);
    for (int64_t i = 0, n = 0; i < block.count; i += n) {
      n = QueriesAtOnce(block.count - i);
      const int64_t first = SeenFrom(block, i, start), end = SeenTo(block, i, n, start);
      float* scores = block.weights + i * kChunkKeys + start - chunk;
      if (first >= end) continue;
      if (widen) {
        ScoreWidened(n, block.q + i, block.tile, rows, first, end, length, scale, scores);
      } else {
        ScoreTile<Keys>(n, block.q + i, rows, first, end, length, scale, scores);
      }
    }
  }
}

// Scores become weights e^(score - maximum), 0 for what the query does not see.
void WeighChunk(Block* block, int64_t chunk) {
  const int64_t begin = Maximum(block->earliest - chunk, 0) / 8 * 8;
  const int64_t end = Minimum(block->latest - chunk + 1, kChunkKeys);
  const F8 hidden = Splat8(-__builtin_inff());
  for (int64_t i = 0; i < block->count; ++i) {
    Query* query = &block->queries[i];
    float* weights = block->weights + i * kChunkKeys;
    const int64_t from = Maximum(query->first - chunk, 0);
    const int64_t to = Minimum(query->last - chunk + 1, kChunkKeys);
    query->total = 0.0f;
    int64_t j = begin;
    const int64_t start = from < to ? from / 8 * 8 : end;
    for (; j < start; j += 8) Store8(weights + j, Zero8());
    if (from >= to) continue;
    F8 largest = hidden;
    for (; j < to; j += 8) {
      F8 s = Load8(weights + j);
      if (j < from || j + 8 > to) {
        s = Select(FirstLanes8(from - j), hidden, Select(FirstLanes8(to - j), s, hidden));
        Store8(weights + j, s);
      }
      largest = Maximum(largest, s);
    }
    query->maximum = MaximumAcross(largest);
    const F8 maximum = Splat8(query->maximum);
    F8 total = Zero8();
    for (j = start; j < to; j += 8) {
      const F8 e = Exp(Load8(weights + j) - maximum);
      total = total + e;
      Store8(weights + j, e);
    }
    query->total = SumAcross(total);
    for (; j < end; j += 8) Store8(weights + j, Zero8());
  }
}

template <class Values>
void SumChunk(const Block& block, const kl_tensor* cache, int64_t chunk) {
  const int64_t length = block.self->length;
  const bool widen = block.count > kFewQueries;
  const uint8_t* rows[kTilePointers];
  memset(block.sums, 0, (size_t)(block.count * length) * sizeof(float));
  for (int64_t start = chunk; start < chunk + kChunkKeys; start += kTileKeys) {
    const int64_t from = Maximum(block.earliest - start, 0);
    const int64_t to = Minimum(block.latest - start + 1, kTileKeys);
    if (from >= to) continue;
    PointAtRows<Values>(block, cache, block.newest[1], start, from, to, rows);
    if (widen) WidenTile<Values>(from, to, length, block.tile, rows);
    for (int64_t i = 0, n = 0; i < block.count; i += n) {
      n = QueriesAtOnce(block.count - i);
      const int64_t first = SeenFrom(block, i, start), end = SeenTo(block, i, n, start);
      const float* weights = block.weights + i * kChunkKeys + start - chunk;
      float* sums = block.sums + i * length;
      if (first >= end) continue;
      if (widen) {
        AddTile<WidenedColumns, F32Row>(n, weights, rows, first, end, length, sums);
      } else {
        AddTile<Columns8, Values>(n, weights, rows, first, end, length, sums);
      }
    }
  }
}

template <class Keys, class Values>
void AttendChunk(const kl_run* run, int64_t chunk, Block* block) {
  ScoreChunk<Keys>(*block, run->operands[kKCache], chunk * kChunkKeys);
  WeighChunk(block, chunk * kChunkKeys);
  SumChunk<Values>(*block, run->operands[kVCache], chunk * kChunkKeys);
}

// One more chunk of a query. A total of 0 says that nothing was seen, before or in the chunk.
void Merge(const float* sums, float maximum, float total, int64_t length, float* all_sums,
           float* all_maximum, float* all_total) {
  if (total == 0.0f) return;
  if (*all_total == 0.0f) {
    memcpy(all_sums, sums, (size_t)length * sizeof(float));
    *all_maximum = maximum;
    *all_total = total;
    return;
  }
  const float larger = maximum > *all_maximum ? maximum : *all_maximum;
  const F8 before = Exp(Splat8(*all_maximum - larger));
  const F8 now = Exp(Splat8(maximum - larger));
  for (int64_t l = 0; l < length; l += 8) {
    Store8(all_sums + l, MultiplyAdd(Load8(sums + l), now, Load8(all_sums + l) * before));
  }
  *all_total = FirstLane(MultiplyAdd(Splat8(total), now, Splat8(*all_total) * before));
  *all_maximum = larger;
}

void WriteOutput(const float* sums, float total, int64_t length, float* y) {
  const F8 scale = Splat8(1.0f / total);
  for (int64_t l = 0; l < length; l += 8) {
    Store8(y + l, Load8(sums + l) * scale);
  }
}

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_ATTENTION_CHUNK_H_
