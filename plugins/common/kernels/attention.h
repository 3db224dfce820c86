// op "attention" over a cache, full or ring: grouped queries, optional sliding window.
//
//   q f32 [T, Hq*L]   k, v f32 [T, Hkv*L]   positions i32 [T], consecutive
//   k_cache, v_cache f16 or f32 [Hkv, rows, L]     y f32 [T, Hq*L]
//
// Phase 0 stores k and v at row position % rows (units: tokens). Phase 1 attends (units: blocks of
// 16 tokens of one query head; neighbouring units of one kv head are computed together). Keys are
// visited in tiles of 32 positions whose borders are multiples of 32: a tile is widened to f32 once
// for all queries that see it, then each query updates its own maximum, sum and weighted values
// (online softmax, arXiv 2205.14135). What a query computes depends on its own position only, so
// its output has the same bits for every batch size and number of threads.
//
// Used by sparse_arm. sparse_x86 has kernels of its own, in blocks of queries and chunks of 256
// keys, which are to replace these.
//
// Shapes: L a multiple of 8, at most 256; others are refused.
#ifndef PLUGINS_COMMON_KERNELS_ATTENTION_H_
#define PLUGINS_COMMON_KERNELS_ATTENTION_H_

#include <math.h>

#include "plugins/common/kernels/activation_functions.h"
#include "plugins/common/kernels/entry.h"
#include "plugins/common/table.h"

namespace {

enum { kQ, kK, kV, kPositions, kKCache, kVCache, kY };

constexpr int64_t kLargestHead = 256;
constexpr int64_t kTokensPerUnit = 16;
constexpr int64_t kTileKeys = 32;
constexpr int64_t kLargestGroup = 8;  // query heads computed together

struct State {
  int64_t length;  // L
  int64_t window;
  int64_t query_heads;
  int64_t kv_heads;
  int64_t rows;
  float scale;
};

// One query on its way through the keys. Followed by L weighted values in the worker's scratch.
struct Query {
  const float* q;
  float* y;
  float* values;
  int64_t first;  // positions that it sees
  int64_t last;
  float maximum;
  float total;
};

struct WorkerScratch {
  float* keys;    // [32][L]
  float* values;  // [32][L]
  float* sums;    // [group * 16][L]
};

WorkerScratch WorkerScratchAt(void* memory, int64_t length) {
  WorkerScratch scratch;
  scratch.keys = (float*)memory;
  scratch.values = scratch.keys + kTileKeys * length;
  scratch.sums = scratch.values + kTileKeys * length;
  return scratch;
}

kl_code Supports(const kl_node* node, kl_error* error) {
  const int64_t length = kl_attribute_int(node, "head_length", 0);
  if (length % 8 == 0 && length > 0 && length <= kLargestHead) return KL_OK;
  return kl_fail(error, KL_UNSUPPORTED,
                 "%s (attention): head_length %lld is no multiple of 8 up to %lld", NameOf(node),
                 (long long)length, (long long)kLargestHead);
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
  KL_TRY(ExpectSame(node, "head length of the cache", self->length, cache->shape[2], error));
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
  self->query_heads = LastOf(node->operands[kQ]) / self->length;
  KL_TRY(ExpectSame(node, "elements of v_cache", kl_element_count(cache),
                    kl_element_count(node->operands[kVCache]), error));
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
  requirements->worker_scratch_bytes =
      (uint64_t)((2 * kTileKeys + kLargestGroup * kTokensPerUnit) * self->length) * sizeof(float);
  return KL_OK;
}

void Work(const kl_run* run, kl_work* work) {
  const State* self = (const State*)run->state;
  const int64_t tokens = RowsOf(run->operands[kQ]);
  work->phase_count = tokens > 0 ? 2 : 0;
  work->unit_count[0] = tokens;
  work->unit_count[1] = CeilDivide(tokens, kTokensPerUnit) * self->query_heads;
}

// One element type of the cache.
struct CacheF16 {
  static constexpr kl_dtype kType = KL_TYPE_F16;
  static constexpr int kBytes = 2;
  // Rounds to nearest even.
  static KL_INLINE void Store(F8 v, uint8_t* p) { StoreHalf8(p, v); }
  static KL_INLINE F8 Load(const uint8_t* p) { return LoadHalf8(p); }
};
struct CacheF32 {
  static constexpr kl_dtype kType = KL_TYPE_F32;
  static constexpr int kBytes = 4;
  static KL_INLINE void Store(F8 v, uint8_t* p) { Store8((float*)p, v); }
  static KL_INLINE F8 Load(const uint8_t* p) { return Load8((const float*)p); }
};

template <class Cache>
KL_INLINE uint8_t* CacheRow(const State& self, const kl_tensor* cache, int64_t head,
                            int64_t position) {
  const int64_t row = head * self.rows + position % self.rows;
  return (uint8_t*)cache->data + row * self.length * Cache::kBytes;
}

template <class Cache>
KL_INLINE void StoreRow(const float* source, uint8_t* destination, int64_t length) {
  for (int64_t i = 0; i < length; i += 8) {
    Cache::Store(Load8(source + i), destination + i * Cache::kBytes);
  }
}

template <class Cache>
KL_INLINE void WidenRow(const uint8_t* source, float* destination, int64_t length) {
  for (int64_t i = 0; i < length; i += 8) {
    Store8(destination + i, Cache::Load(source + i * Cache::kBytes));
  }
}

template <class Cache>
kl_code Store(const kl_run* run, const State& self) {
  const float* k = (const float*)run->operands[kK]->data;
  const float* v = (const float*)run->operands[kV]->data;
  const int32_t* positions = (const int32_t*)run->operands[kPositions]->data;
  for (int64_t t = run->begin; t < run->end; ++t) {
    if (positions[t] < 0 || (self.window == 0 && positions[t] >= self.rows)) {
      return KL_INVALID_ARGUMENT;
    }
    for (int64_t h = 0; h < self.kv_heads; ++h) {
      const int64_t at = (t * self.kv_heads + h) * self.length;
      StoreRow<Cache>(k + at, CacheRow<Cache>(self, run->operands[kKCache], h, positions[t]),
                      self.length);
      StoreRow<Cache>(v + at, CacheRow<Cache>(self, run->operands[kVCache], h, positions[t]),
                      self.length);
    }
  }
  return KL_OK;
}

// scores[j] = dot(q, keys[j]) for 8 keys, lanes along the head.
F8 ScoreEight(const float* q, const float* keys, int64_t length) {
  F8 sum[8];
#pragma GCC unroll 8
  for (int j = 0; j < 8; ++j) sum[j] = Zero8();
  for (int64_t i = 0; i < length; i += 8) {
    const F8 v = Load8(q + i);
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) {
      sum[j] = MultiplyAdd(v, Load8(keys + j * length + i), sum[j]);
    }
  }
  return SumEach8(sum);
}

// values += sum over keys [from, to) of weights[j] * tile[j], 64 elements of the head at a time.
template <int kVectors>
KL_INLINE void AddValues(const float* weights, const float* tile, int64_t from, int64_t to,
                         int64_t length, F8 correction, float* values) {
  F8 sum[kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kVectors; ++i) {
    sum[i] = Load8(values + 8 * i) * correction;
  }
  for (int64_t j = from; j < to; ++j) {
    const F8 w = Splat8(weights[j]);
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; ++i) {
      sum[i] = MultiplyAdd(w, Load8(tile + j * length + 8 * i), sum[i]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kVectors; ++i) Store8(values + 8 * i, sum[i]);
}

// One query meets the tile of positions [start, start + 32).
void MeetTile(const State& self, const WorkerScratch& scratch, int64_t start, Query* query) {
  const int64_t from = Maximum(query->first - start, 0);
  const int64_t to = Minimum(query->last - start + 1, kTileKeys);
  if (from >= to) return;
  const F8 scale = Splat8(self.scale);
  const F8 hidden = Splat8(-__builtin_inff());
  alignas(32) float weights[kTileKeys];
  F8 largest = hidden;
  for (int64_t j = from / 8 * 8; j < to; j += 8) {
    F8 s = ScoreEight(query->q, scratch.keys + j * self.length, self.length) * scale;
    s = Select(FirstLanes8(from - j), hidden, Select(FirstLanes8(to - j), s, hidden));
    largest = Maximum(largest, s);
    Store8(weights + j, s);
  }
  const float before = query->maximum;
  const float tile_maximum = MaximumAcross(largest);
  if (tile_maximum > query->maximum) query->maximum = tile_maximum;
  const F8 maximum = Splat8(query->maximum);
  // The first tile finds -inf: e^-inf = 0.
  const F8 correction = Exp(Splat8(before - query->maximum));
  F8 total = Zero8();
  for (int64_t j = from / 8 * 8; j < to; j += 8) {
    const F8 e = Exp(Load8(weights + j) - maximum);
    total = total + e;
    Store8(weights + j, e);
  }
  query->total = query->total * FirstLane(correction) + SumAcross(total);
  int64_t i = 0;
  for (; i + 64 <= self.length; i += 64) {
    AddValues<8>(weights, scratch.values + i, from, to, self.length, correction, query->values + i);
  }
  for (; i + 32 <= self.length; i += 32) {
    AddValues<4>(weights, scratch.values + i, from, to, self.length, correction, query->values + i);
  }
  for (; i < self.length; i += 8) {
    AddValues<1>(weights, scratch.values + i, from, to, self.length, correction, query->values + i);
  }
}

int64_t FirstSeen(const State& self, int64_t position) {
  return self.window > 0 ? Maximum(0, position - self.window + 1) : 0;
}

// Query heads [head, head + heads) of one kv head, tokens [token, token + tokens).
template <class Cache>
void Attend(const kl_run* run, const State& self, int64_t head, int64_t heads, int64_t token,
            int64_t tokens) {
  const int32_t* positions = (const int32_t*)run->operands[kPositions]->data;
  const WorkerScratch scratch = WorkerScratchAt(run->worker_scratch, self.length);
  const int64_t kv_head = head / (self.query_heads / self.kv_heads);
  Query queries[kLargestGroup * kTokensPerUnit];
  int64_t count = 0;
  for (int64_t t = token; t < token + tokens; ++t) {
    for (int64_t h = head; h < head + heads; ++h) {
      const int64_t at = (t * self.query_heads + h) * self.length;
      Query* query = &queries[count];
      query->q = (const float*)run->operands[kQ]->data + at;
      query->y = (float*)run->operands[kY]->data + at;
      query->values = scratch.sums + count * self.length;
      query->last = positions[t];
      query->first = FirstSeen(self, query->last);
      query->maximum = -__builtin_inff();
      query->total = 0.0f;
      memset(query->values, 0, (size_t)self.length * sizeof(float));
      ++count;
    }
  }
  // Positions are consecutive: the first token sees the earliest key, the last token the latest.
  const int64_t earliest = FirstSeen(self, positions[token]);
  const int64_t latest = positions[token + tokens - 1];
  for (int64_t start = earliest / kTileKeys * kTileKeys; start <= latest; start += kTileKeys) {
    for (int64_t j = 0; j < kTileKeys; ++j) {
      float* key = scratch.keys + j * self.length;
      float* value = scratch.values + j * self.length;
      if (start + j < earliest || start + j > latest) {
        // Not stored, or overwritten in a ring: zeros, which no query looks at.
        memset(key, 0, (size_t)self.length * sizeof(float));
        memset(value, 0, (size_t)self.length * sizeof(float));
      } else {
        WidenRow<Cache>(CacheRow<Cache>(self, run->operands[kKCache], kv_head, start + j), key,
                        self.length);
        WidenRow<Cache>(CacheRow<Cache>(self, run->operands[kVCache], kv_head, start + j), value,
                        self.length);
      }
    }
    for (int64_t i = 0; i < count; ++i) MeetTile(self, scratch, start, &queries[i]);
  }
  for (int64_t i = 0; i < count; ++i) {
    const F8 scale = Splat8(1.0f / queries[i].total);
    for (int64_t l = 0; l < self.length; l += 8) {
      Store8(queries[i].y + l, Load8(queries[i].values + l) * scale);
    }
  }
}

template <class Cache>
kl_code Run(const kl_run* run) {
  const State& self = *(const State*)run->state;
  if (run->phase == 0) return Store<Cache>(run, self);
  const int64_t tokens = RowsOf(run->operands[kQ]);
  const int64_t group = self.query_heads / self.kv_heads;
  int64_t unit = run->begin;
  while (unit < run->end) {
    const int64_t token = unit / self.query_heads * kTokensPerUnit;
    const int64_t head = unit % self.query_heads;
    // As many of the following units as share kv head and tokens.
    const int64_t heads = Minimum(Minimum(run->end - unit, group - head % group), kLargestGroup);
    Attend<Cache>(run, self, head, heads, token, Minimum(kTokensPerUnit, tokens - token));
    unit += heads;
  }
  return KL_OK;
}

}  // namespace

// A kernel file, all but its includes.
#define KL_ATTENTION(plugin, stem, cache)                                                     \
  namespace {                                                                                 \
  const kl_dtype kTypes[] = {KL_TYPE_F32,  KL_TYPE_F32,  KL_TYPE_F32, KL_TYPE_I32,            \
                             cache::kType, cache::kType, KL_TYPE_F32};                        \
  const kl_kernel kKernel = SimpleKernel("attention", #stem, kTypes, 7, sizeof(State), 1e-5f, \
                                         Prepare, Work, Run<cache>, Supports);                \
  const kl_kernel* const kKernels[] = {&kKernel};                                             \
  }                                                                                           \
  KL_TABLE(plugin, stem) = {nullptr, kKernels, 1}

#endif  // PLUGINS_COMMON_KERNELS_ATTENTION_H_
