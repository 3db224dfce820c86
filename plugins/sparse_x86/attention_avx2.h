// op "attention" over a cache, full or ring: grouped queries, optional sliding window.
//
//   q f32 [T, Hq*L]   k, v f32 [T, Hkv*L]   positions i32 [T], consecutive
//   k_cache, v_cache f32, f16 or q8_0 [Hkv, rows, L]     y f32 [T, Hq*L]
//
// A query walks through chunks of 256 positions whose borders are multiples of 256. In each it has
// its own maximum, sum of weights and sum of weighted values; these are merged in the order of the
// chunks (online softmax, arXiv 2205.14135). Nothing in a chunk depends on what came before or on
// other queries, so an output has the same bits for every batch size and number of threads.
//
// Many tokens: phase 0 stores k and v at row position % rows (units: tokens), phase 1 attends.
//   Units are blocks of tokens x the query heads of one kv head: up to 96 queries share each tile
//   of 32 keys or values, which is widened to f32 once.
// One token: phase 0 attends, a unit being a kv head x one chunk; the new row is read from a copy
// and
//   stored by one of the units. Phase 1, if there are several chunks, merges them for each head.
//   Keys and values are read where they lie.
//
// Shapes: L a multiple of 8, at most 256; others are refused.
#ifndef PLUGINS_SPARSE_X86_ATTENTION_AVX2_H_
#define PLUGINS_SPARSE_X86_ATTENTION_AVX2_H_

#include <math.h>

#include "plugins/sparse_x86/attention_tiles_avx2.h"
#include "plugins/sparse_x86/kernel_avx2.h"

namespace {

enum { kQ, kK, kV, kPositions, kKCache, kVCache, kY };

constexpr int64_t kLargestHead = 256;
constexpr int64_t kMostQueries = 96;  // of a unit; their scores, 96 KiB, stay in the L2 cache
constexpr int64_t kMostTokens = 32;   // of a unit: more would see too many keys in vain
constexpr int64_t kFewQueries = 12;   // so few read a tile where it lies

struct State {
  int64_t length;  // L
  int64_t window;
  int64_t query_heads;
  int64_t kv_heads;
  int64_t rows;
  int64_t threads;
  float scale;
};

// How a run is shared out. Units are (kv head, chunk, part) of one token, else (block, kv head,
// part).
struct Shares {
  int64_t block_tokens;
  int64_t block_count;
  int64_t first_chunk;
  int64_t chunk_count;  // that are computed apart from each other; 1 for many tokens
  int64_t part_heads;   // query heads of a unit
  int64_t part_count;   // of the query heads of a kv head
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

int64_t FirstSeen(const State& self, int64_t position) {
  return self.window > 0 ? Maximum(0, position - self.window + 1) : 0;
}

// Whether all that these tokens see is there once the last one is stored.
bool CacheHolds(const State& self, const int32_t* positions, int64_t tokens) {
  return positions[0] >= 0 && positions[tokens - 1] - FirstSeen(self, positions[0]) < self.rows &&
         positions[tokens - 1] - positions[0] == tokens - 1;
}

// Requires CacheHolds().
Shares SharesOf(const State& self, const int32_t* positions, int64_t tokens) {
  const int64_t group = self.query_heads / self.kv_heads;
  Shares shares;
  shares.block_tokens = Maximum(1, Minimum(kMostTokens, kMostQueries / group));
  shares.block_count = CeilDivide(tokens, shares.block_tokens);
  shares.first_chunk = 0;
  shares.chunk_count = 1;
  if (tokens == 1) {
    shares.first_chunk = FirstSeen(self, positions[0]) / kChunkKeys;
    shares.chunk_count = positions[0] / kChunkKeys - shares.first_chunk + 1;
  }
  const int64_t units = shares.block_count * shares.chunk_count * self.kv_heads;
  const int64_t parts = Maximum(CeilDivide(self.threads, units), CeilDivide(group, kMostQueries));
  shares.part_heads = CeilDivide(group, Minimum(group, parts));
  shares.part_count = CeilDivide(group, shares.part_heads);
  return shares;
}

// What one query has of one chunk, for phase 1 of one token: L sums, the maximum, the total.
int64_t PartialLength(const State& self) { return self.length + 8; }
float* PartialAt(const kl_run* run, const State& self, int64_t chunk, int64_t head) {
  return (float*)run->scratch + (chunk * self.query_heads + head) * PartialLength(self);
}

// Floats that a row of any type fits in.
int64_t NewestLength(const State& self) { return RoundUp(self.length, 32); }

kl_code Supports(const kl_node* node, kl_error* error) {
  const int64_t length = kl_attribute_int(node, "head_length", 0);
  if (length % 8 == 0 && length > 0 && length <= kLargestHead) return KL_OK;
  return kl_fail(error, KL_UNSUPPORTED,
                 "%s (attention): head_length %lld is no multiple of 8 up to %lld", NameOf(node),
                 (long long)length, (long long)kLargestHead);
}

// [kv_heads, rows, length], rows filled up to whole blocks.
kl_code ExpectCache(const kl_node* node, int operand, const State& self, kl_error* error) {
  const kl_tensor* cache = node->operands[operand];
  const int64_t block = kl_dtype_info_of(cache->type).block_elements;
  KL_TRY(ExpectSame(node, "rank of a cache", 3, cache->rank, error));
  KL_TRY(ExpectSame(node, "heads of a cache", self.kv_heads, cache->shape[0], error));
  KL_TRY(ExpectSame(node, "rows of a cache", self.rows, cache->shape[1], error));
  return ExpectSame(node, "row length of a cache", RoundUp(self.length, block), cache->shape[2],
                    error);
}

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements* requirements,
                kl_error* error) {
  KL_TRY(ExpectOperands(node, 7, error));
  KL_TRY(Supports(node, error));
  State* self = (State*)state;
  self->length = kl_attribute_int(node, "head_length", 0);
  self->window = kl_attribute_int(node, "window", 0);
  self->scale = (float)kl_attribute_float(node, "scale", 1.0 / sqrt((double)self->length));
  const kl_tensor* cache = node->operands[kKCache];
  KL_TRY(ExpectSame(node, "rank of the cache", 3, cache->rank, error));
  self->kv_heads = cache->shape[0];
  self->rows = cache->shape[1];
  const int64_t tokens = RowsOf(node->operands[kQ]);
  if (self->kv_heads <= 0 || LastOf(node->operands[kQ]) % (self->kv_heads * self->length) != 0) {
    return kl_fail(error, KL_INVALID_ARGUMENT,
                   "%s (attention): rows of q hold %lld elements, no multiple of %lld kv heads of "
                   "%lld",
                   NameOf(node), (long long)LastOf(node->operands[kQ]), (long long)self->kv_heads,
                   (long long)self->length);
  }
  self->threads = Maximum(1, node->thread_count);
  self->query_heads = LastOf(node->operands[kQ]) / self->length;
  KL_TRY(ExpectCache(node, kKCache, *self, error));
  KL_TRY(ExpectCache(node, kVCache, *self, error));
  KL_TRY(ExpectSame(node, "row length of k", self->kv_heads * self->length,
                    LastOf(node->operands[kK]), error));
  KL_TRY(ExpectSame(node, "row length of v", self->kv_heads * self->length,
                    LastOf(node->operands[kV]), error));
  KL_TRY(ExpectSame(node, "rows of k", tokens, RowsOf(node->operands[kK]), error));
  KL_TRY(ExpectSame(node, "rows of v", tokens, RowsOf(node->operands[kV]), error));
  KL_TRY(ExpectSame(node, "elements of positions", tokens,
                    kl_element_count(node->operands[kPositions]), error));
  KL_TRY(ExpectSame(node, "elements of y", kl_element_count(node->operands[kQ]),
                    kl_element_count(node->operands[kY]), error));
  if (self->window < 0 || tokens > self->rows) {
    return kl_fail(error, KL_INVALID_ARGUMENT,
                   "%s (attention): window %lld is negative, or %lld tokens exceed the cache's "
                   "%lld rows",
                   NameOf(node), (long long)self->window, (long long)tokens, (long long)self->rows);
  }
  // Tile, weights, sums of a chunk, sums of all chunks, the newest key and value.
  const int64_t floats = kTileKeys * self->length + kMostQueries * kChunkKeys +
                         2 * kMostQueries * self->length + 2 * NewestLength(*self);
  requirements->worker_scratch_bytes = (uint64_t)floats * sizeof(float);
  const int64_t seen = self->window > 0 ? Minimum(self->window, self->rows) : self->rows;
  const int64_t partials = (seen / kChunkKeys + 2) * self->query_heads;
  requirements->scratch_bytes = (uint64_t)(partials * PartialLength(*self)) * sizeof(float);
  return KL_OK;
}

void Work(const kl_run* run, kl_work* work) {
  const State& self = *(const State*)run->state;
  const int64_t tokens = RowsOf(run->operands[kQ]);
  const int32_t* positions = (const int32_t*)run->operands[kPositions]->data;
  if (tokens == 0) return OnePhase(work, 0);
  if (!CacheHolds(self, positions, tokens)) return OnePhase(work, 1);  // which fails
  const Shares shares = SharesOf(self, positions, tokens);
  const int64_t units = shares.block_count * shares.chunk_count * self.kv_heads * shares.part_count;
  if (tokens == 1) {
    work->phase_count = shares.chunk_count > 1 ? 2 : 1;
    work->unit_count[0] = units;
    work->unit_count[1] = self.query_heads;
  } else {
    work->phase_count = 2;
    work->unit_count[0] = tokens;
    work->unit_count[1] = units;
  }
}

template <class Row>
KL_INLINE uint8_t* CacheRow(const State& self, const kl_tensor* cache, int64_t head,
                            int64_t position) {
  const int64_t row = head * self.rows + position % self.rows;
  return (uint8_t*)cache->data + row * Row::RowBytes(self.length);
}

template <class Keys, class Values>
void StoreHead(const kl_run* run, const State& self, int64_t token, int64_t head) {
  const int64_t position = ((const int32_t*)run->operands[kPositions]->data)[token];
  const int64_t at = (token * self.kv_heads + head) * self.length;
  Keys::StoreRow((const float*)run->operands[kK]->data + at, self.length,
                 CacheRow<Keys>(self, run->operands[kKCache], head, position));
  Values::StoreRow((const float*)run->operands[kV]->data + at, self.length,
                   CacheRow<Values>(self, run->operands[kVCache], head, position));
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
  for (int64_t j = to; j < kTileKeys; ++j) rows[j] = rows[from];
}

template <class Row>
void WidenTile(int64_t from, int64_t to, int64_t length, float* tile, const uint8_t** rows) {
  for (int64_t j = from; j < to; ++j) WidenRow<Row>(rows[j], length, tile + j * length);
  for (int64_t j = 0; j < kTileKeys; ++j) {
    rows[j] = (const uint8_t*)(tile + (j < from || j >= to ? from : j) * length);
  }
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
  const __m128 scale = _mm_set1_ps(block.self->scale);
  const bool widen = block.count > kFewQueries;
  const uint8_t* rows[kTileKeys];
  for (int64_t start = chunk; start < chunk + kChunkKeys; start += kTileKeys) {
    const int64_t from = Maximum(block.earliest - start, 0);
    const int64_t to = Minimum(block.latest - start + 1, kTileKeys);
    if (from >= to) continue;
    PointAtRows<Keys>(block, cache, block.newest[0], start, from, to, rows);
    if (widen) WidenTile<Keys>(from, to, length, block.tile, rows);
    for (int64_t i = 0, n = 0; i < block.count; i += n) {
      n = QueriesAtOnce(block.count - i);
      const int64_t first = SeenFrom(block, i, start), end = SeenTo(block, i, n, start);
      float* scores = block.weights + i * kChunkKeys + start - chunk;
      if (first >= end) continue;
      if (widen) {
        ScoreTile<F32Row>(n, block.q + i, rows, first, end, length, scale, scores);
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
  const __m256 hidden = _mm256_set1_ps(-__builtin_inff());
  for (int64_t i = 0; i < block->count; ++i) {
    Query* query = &block->queries[i];
    float* weights = block->weights + i * kChunkKeys;
    const int64_t from = Maximum(query->first - chunk, 0);
    const int64_t to = Minimum(query->last - chunk + 1, kChunkKeys);
    query->total = 0.0f;
    int64_t j = begin;
    const int64_t start = from < to ? from / 8 * 8 : end;
    for (; j < start; j += 8) _mm256_storeu_ps(weights + j, _mm256_setzero_ps());
    if (from >= to) continue;
    __m256 largest = hidden;
    for (; j < to; j += 8) {
      __m256 s = _mm256_loadu_ps(weights + j);
      if (j < from || j + 8 > to) {
        const __m256i seen = _mm256_andnot_si256(FirstLanes(from - j), FirstLanes(to - j));
        s = _mm256_blendv_ps(hidden, s, _mm256_castsi256_ps(seen));
        _mm256_storeu_ps(weights + j, s);
      }
      largest = _mm256_max_ps(largest, s);
    }
    query->maximum = MaximumAcross(largest);
    const __m256 maximum = _mm256_set1_ps(query->maximum);
    __m256 total = _mm256_setzero_ps();
    for (j = start; j < to; j += 8) {
      const __m256 e = Exp(_mm256_sub_ps(_mm256_loadu_ps(weights + j), maximum));
      total = _mm256_add_ps(total, e);
      _mm256_storeu_ps(weights + j, e);
    }
    query->total = SumAcross(total);
    for (; j < end; j += 8) _mm256_storeu_ps(weights + j, _mm256_setzero_ps());
  }
}

template <class Values>
void SumChunk(const Block& block, const kl_tensor* cache, int64_t chunk) {
  const int64_t length = block.self->length;
  const bool widen = block.count > kFewQueries;
  const uint8_t* rows[kTileKeys];
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
        AddTile<F32Row>(n, weights, rows, first, end, length, sums);
      } else {
        AddTile<Values>(n, weights, rows, first, end, length, sums);
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
  const __m256 before = Exp(_mm256_set1_ps(*all_maximum - larger));
  const __m256 now = Exp(_mm256_set1_ps(maximum - larger));
  for (int64_t l = 0; l < length; l += 8) {
    const __m256 kept = _mm256_mul_ps(_mm256_loadu_ps(all_sums + l), before);
    _mm256_storeu_ps(all_sums + l, _mm256_fmadd_ps(_mm256_loadu_ps(sums + l), now, kept));
  }
  *all_total = _mm_cvtss_f32(
      _mm_fmadd_ss(_mm_set_ss(total), _mm256_castps256_ps128(now),
                   _mm_mul_ss(_mm_set_ss(*all_total), _mm256_castps256_ps128(before))));
  *all_maximum = larger;
}

void WriteOutput(const float* sums, float total, int64_t length, float* y) {
  const __m256 scale = _mm256_set1_ps(1.0f / total);
  for (int64_t l = 0; l < length; l += 8) {
    _mm256_storeu_ps(y + l, _mm256_mul_ps(_mm256_loadu_ps(sums + l), scale));
  }
}

// Queries of tokens [token, token + tokens) and heads [head, head + heads), which share a kv head.
void FillBlock(const kl_run* run, const State& self, int64_t token, int64_t tokens, int64_t head,
               int64_t heads, Block* block) {
  const int32_t* positions = (const int32_t*)run->operands[kPositions]->data;
  block->self = &self;
  block->kv_head = head / (self.query_heads / self.kv_heads);
  block->count = tokens * heads;
  block->earliest = FirstSeen(self, positions[token]);
  block->latest = positions[token + tokens - 1];
  block->newest[0] = block->newest[1] = nullptr;
  block->tile = (float*)run->worker_scratch;
  block->weights = block->tile + kTileKeys * self.length;
  block->sums = block->weights + kMostQueries * kChunkKeys;
  for (int64_t i = 0; i < block->count; ++i) {
    const int64_t t = token + i / heads;
    block->q[i] = (const float*)run->operands[kQ]->data +
                  (t * self.query_heads + head + i % heads) * self.length;
    block->queries[i].last = positions[t];
    block->queries[i].first = FirstSeen(self, positions[t]);
  }
}
float* AllSums(const Block& block) { return block.sums + kMostQueries * block.self->length; }

template <class Keys, class Values>
void AttendMany(const kl_run* run, const State& self, const Shares& shares, int64_t unit) {
  const int64_t tokens = RowsOf(run->operands[kQ]);
  const int64_t group = self.query_heads / self.kv_heads;
  const int64_t part = unit % shares.part_count;
  const int64_t kv_head = unit / shares.part_count % self.kv_heads;
  // Later blocks see more keys: from both ends in turn, so that neighbouring units add up.
  const int64_t turn = unit / shares.part_count / self.kv_heads;
  const int64_t index = turn % 2 == 0 ? turn / 2 : shares.block_count - 1 - turn / 2;
  const int64_t token = index * shares.block_tokens;
  const int64_t head = part * shares.part_heads;
  const int64_t heads = Minimum(shares.part_heads, group - head);
  Block block;
  FillBlock(run, self, token, Minimum(shares.block_tokens, tokens - token), kv_head * group + head,
            heads, &block);
  float* all_sums = AllSums(block);
  float maximum[kMostQueries], total[kMostQueries] = {};
  for (int64_t chunk = block.earliest / kChunkKeys; chunk <= block.latest / kChunkKeys; ++chunk) {
    AttendChunk<Keys, Values>(run, chunk, &block);
    for (int64_t i = 0; i < block.count; ++i) {
      const Query& query = block.queries[i];
      Merge(block.sums + i * self.length, query.maximum, query.total, self.length,
            all_sums + i * self.length, &maximum[i], &total[i]);
    }
  }
  for (int64_t i = 0; i < block.count; ++i) {
    const int64_t at = (token + i / heads) * self.query_heads + kv_head * group + head + i % heads;
    WriteOutput(all_sums + i * self.length, total[i], self.length,
                (float*)run->operands[kY]->data + at * self.length);
  }
}

template <class Keys, class Values>
void AttendOne(const kl_run* run, const State& self, const Shares& shares, int64_t unit) {
  const int64_t group = self.query_heads / self.kv_heads;
  const int64_t part = unit % shares.part_count;
  const int64_t chunk = unit / shares.part_count % shares.chunk_count;
  const int64_t kv_head = unit / shares.part_count / shares.chunk_count;
  const int64_t head = kv_head * group + part * shares.part_heads;
  const int64_t heads = Minimum(shares.part_heads, group - part * shares.part_heads);
  Block block;
  FillBlock(run, self, 0, 1, head, heads, &block);
  if (chunk == shares.chunk_count - 1) {
    // Other parts read the newest row at this moment: each from a copy of its own.
    float* key = AllSums(block) + kMostQueries * self.length;
    float* value = key + NewestLength(self);
    const int64_t at = kv_head * self.length;
    Keys::StoreRow((const float*)run->operands[kK]->data + at, self.length, (uint8_t*)key);
    Values::StoreRow((const float*)run->operands[kV]->data + at, self.length, (uint8_t*)value);
    block.newest[0] = (const uint8_t*)key;
    block.newest[1] = (const uint8_t*)value;
    if (part == 0) StoreHead<Keys, Values>(run, self, 0, kv_head);
  }
  AttendChunk<Keys, Values>(run, shares.first_chunk + chunk, &block);
  for (int64_t i = 0; i < heads; ++i) {
    const Query& query = block.queries[i];
    const float* sums = block.sums + i * self.length;
    if (shares.chunk_count == 1) {
      WriteOutput(sums, query.total, self.length,
                  (float*)run->operands[kY]->data + (head + i) * self.length);
      continue;
    }
    float* partial = PartialAt(run, self, chunk, head + i);
    memcpy(partial, sums, (size_t)self.length * sizeof(float));
    partial[self.length] = query.maximum;
    partial[self.length + 1] = query.total;
  }
}

void MergeHead(const kl_run* run, const State& self, const Shares& shares, int64_t head) {
  float* all_sums = (float*)run->worker_scratch;
  float maximum = 0.0f, total = 0.0f;
  for (int64_t chunk = 0; chunk < shares.chunk_count; ++chunk) {
    const float* partial = PartialAt(run, self, chunk, head);
    Merge(partial, partial[self.length], partial[self.length + 1], self.length, all_sums, &maximum,
          &total);
  }
  WriteOutput(all_sums, total, self.length, (float*)run->operands[kY]->data + head * self.length);
}

template <class Keys, class Values>
kl_code Run(const kl_run* run) {
  const State& self = *(const State*)run->state;
  const int64_t tokens = RowsOf(run->operands[kQ]);
  const int32_t* positions = (const int32_t*)run->operands[kPositions]->data;
  if (!CacheHolds(self, positions, tokens)) return KL_INVALID_ARGUMENT;
  const Shares shares = SharesOf(self, positions, tokens);
  for (int64_t unit = run->begin; unit < run->end; ++unit) {
    if (tokens == 1 && run->phase == 0) {
      AttendOne<Keys, Values>(run, self, shares, unit);
    } else if (tokens == 1) {
      MergeHead(run, self, shares, unit);
    } else if (run->phase == 0) {
      for (int64_t h = 0; h < self.kv_heads; ++h) StoreHead<Keys, Values>(run, self, unit, h);
    } else {
      AttendMany<Keys, Values>(run, self, shares, unit);
    }
  }
  return KL_OK;
}

}  // namespace

// A kernel file, all but its includes.
#define KL_ATTENTION(stem, kernel_name, keys, values)                                        \
  namespace {                                                                                \
  const kl_dtype kTypes[] = {KL_TYPE_F32, KL_TYPE_F32,   KL_TYPE_F32, KL_TYPE_I32,           \
                             keys::kType, values::kType, KL_TYPE_F32};                       \
  const kl_kernel kKernel = SimpleKernel("attention", kernel_name, kTypes, 7, sizeof(State), \
                                         2e-5f, Prepare, Work, Run<keys, values>, Supports); \
  const kl_kernel* const kKernels[] = {&kKernel};                                            \
  }                                                                                          \
  KL_TABLE(sparse_x86, stem) = {nullptr, kKernels, 1}

#endif  // PLUGINS_SPARSE_X86_ATTENTION_AVX2_H_
