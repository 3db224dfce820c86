// op "attention" over a cache, full or ring: grouped queries, optional sliding window.
//
//   q f32 [T, Hq*L]   k, v f32 [T, Hkv*L]   positions i32 [T], consecutive
//   k_cache, v_cache f32, f16 or q8_0 [Hkv, rows, L]     y f32 [T, Hq*L]
//
// Phase 0 stores k and v at row position % rows (units: tokens). Phase 1 attends (units: blocks of
// 16 tokens of one query head; neighbouring units of one kv head are computed together). Keys are
// visited in tiles of 32 positions whose borders are multiples of 32: a tile is widened to f32 once
// for all queries that see it, then each query updates its own maximum, sum and weighted values
// (online softmax, arXiv 2205.14135). What a query computes depends on its own position only, so
// its output has the same bits for every batch size and number of threads.
//
// Shapes: L a multiple of 8, at most 256; others are refused.
#ifndef PLUGINS_SPARSE_X86_ATTENTION_AVX2_H_
#define PLUGINS_SPARSE_X86_ATTENTION_AVX2_H_

#include <math.h>

#include "plugins/sparse_x86/cache_rows_avx2.h"
#include "plugins/sparse_x86/kernel_avx2.h"

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

template <class Cache>
KL_INLINE uint8_t* CacheRow(const State& self, const kl_tensor* cache, int64_t head,
                            int64_t position) {
  const int64_t row = head * self.rows + position % self.rows;
  return (uint8_t*)cache->data + row * Cache::RowBytes(self.length);
}

template <class Keys, class Values>
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
      Keys::StoreRow(k + at, self.length,
                     CacheRow<Keys>(self, run->operands[kKCache], h, positions[t]));
      Values::StoreRow(v + at, self.length,
                       CacheRow<Values>(self, run->operands[kVCache], h, positions[t]));
    }
  }
  return KL_OK;
}

// scores[j] = dot(q, keys[j]) for 8 keys, lanes along the head.
__m256 ScoreEight(const float* q, const float* keys, int64_t length) {
  __m256 sum[8];
#pragma GCC unroll 8
  for (int j = 0; j < 8; ++j) sum[j] = _mm256_setzero_ps();
  for (int64_t i = 0; i < length; i += 8) {
    const __m256 v = _mm256_loadu_ps(q + i);
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) {
      sum[j] = _mm256_fmadd_ps(v, _mm256_load_ps(keys + j * length + i), sum[j]);
    }
  }
  return SumEachFloat(sum);
}

// values += sum over keys [from, to) of weights[j] * tile[j], 64 elements of the head at a time.
template <int kVectors>
KL_INLINE void AddValues(const float* weights, const float* tile, int64_t from, int64_t to,
                         int64_t length, __m256 correction, float* values) {
  __m256 sum[kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kVectors; ++i) {
    sum[i] = _mm256_mul_ps(_mm256_load_ps(values + 8 * i), correction);
  }
  for (int64_t j = from; j < to; ++j) {
    const __m256 w = _mm256_set1_ps(weights[j]);
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; ++i) {
      sum[i] = _mm256_fmadd_ps(w, _mm256_load_ps(tile + j * length + 8 * i), sum[i]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kVectors; ++i) _mm256_store_ps(values + 8 * i, sum[i]);
}

// One query meets the tile of positions [start, start + 32).
void MeetTile(const State& self, const WorkerScratch& scratch, int64_t start, Query* query) {
  const int64_t from = Maximum(query->first - start, 0);
  const int64_t to = Minimum(query->last - start + 1, kTileKeys);
  if (from >= to) return;
  const __m256 scale = _mm256_set1_ps(self.scale);
  const __m256 hidden = _mm256_set1_ps(-__builtin_inff());
  alignas(32) float weights[kTileKeys];
  __m256 largest = hidden;
  for (int64_t j = from / 8 * 8; j < to; j += 8) {
    __m256 s =
        _mm256_mul_ps(ScoreEight(query->q, scratch.keys + j * self.length, self.length), scale);
    const __m256i seen = _mm256_andnot_si256(FirstLanes(from - j), FirstLanes(to - j));
    s = _mm256_blendv_ps(hidden, s, _mm256_castsi256_ps(seen));
    largest = _mm256_max_ps(largest, s);
    _mm256_store_ps(weights + j, s);
  }
  const float before = query->maximum;
  const float tile_maximum = MaximumAcross(largest);
  if (tile_maximum > query->maximum) query->maximum = tile_maximum;
  const __m256 maximum = _mm256_set1_ps(query->maximum);
  // The first tile finds -inf: e^-inf = 0.
  const __m256 correction = Exp(_mm256_set1_ps(before - query->maximum));
  __m256 total = _mm256_setzero_ps();
  for (int64_t j = from / 8 * 8; j < to; j += 8) {
    const __m256 e = Exp(_mm256_sub_ps(_mm256_load_ps(weights + j), maximum));
    total = _mm256_add_ps(total, e);
    _mm256_store_ps(weights + j, e);
  }
  query->total = query->total * _mm256_cvtss_f32(correction) + SumAcross(total);
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
template <class Keys, class Values>
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
        WidenRow<Keys>(CacheRow<Keys>(self, run->operands[kKCache], kv_head, start + j),
                       self.length, key);
        WidenRow<Values>(CacheRow<Values>(self, run->operands[kVCache], kv_head, start + j),
                         self.length, value);
      }
    }
    for (int64_t i = 0; i < count; ++i) MeetTile(self, scratch, start, &queries[i]);
  }
  for (int64_t i = 0; i < count; ++i) {
    const __m256 scale = _mm256_set1_ps(1.0f / queries[i].total);
    for (int64_t l = 0; l < self.length; l += 8) {
      _mm256_storeu_ps(queries[i].y + l,
                       _mm256_mul_ps(_mm256_load_ps(queries[i].values + l), scale));
    }
  }
}

template <class Keys, class Values>
kl_code Run(const kl_run* run) {
  const State& self = *(const State*)run->state;
  if (run->phase == 0) return Store<Keys, Values>(run, self);
  const int64_t tokens = RowsOf(run->operands[kQ]);
  const int64_t group = self.query_heads / self.kv_heads;
  int64_t unit = run->begin;
  while (unit < run->end) {
    const int64_t token = unit / self.query_heads * kTokensPerUnit;
    const int64_t head = unit % self.query_heads;
    // As many of the following units as share kv head and tokens.
    const int64_t heads = Minimum(Minimum(run->end - unit, group - head % group), kLargestGroup);
    Attend<Keys, Values>(run, self, head, heads, token, Minimum(kTokensPerUnit, tokens - token));
    unit += heads;
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
                                         1e-5f, Prepare, Work, Run<keys, values>, Supports); \
  const kl_kernel* const kKernels[] = {&kKernel};                                            \
  }                                                                                          \
  KL_TABLE(sparse_x86, stem) = {nullptr, kKernels, 1}

#endif  // PLUGINS_SPARSE_X86_ATTENTION_AVX2_H_
