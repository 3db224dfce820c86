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
//   and stored by one of the units. Phase 1, if there are several chunks, merges them for each
//   head. Keys and values are read where they lie.
//
// Shapes: L a multiple of 8, at most 256; others are refused.
#ifndef PLUGINS_COMMON_KERNELS_ATTENTION_H_
#define PLUGINS_COMMON_KERNELS_ATTENTION_H_

#include <math.h>

#include "plugins/common/kernels/attention_chunk.h"
#include "plugins/common/kernels/entry.h"
#include "plugins/common/table.h"

namespace {

constexpr int64_t kLargestHead = 256;
constexpr int64_t kMostTokens = 32;  // of a unit: more would see too many keys in vain

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

template <class Keys, class Values>
void StoreHead(const kl_run* run, const State& self, int64_t token, int64_t head) {
  const int64_t position = ((const int32_t*)run->operands[kPositions]->data)[token];
  const int64_t at = (token * self.kv_heads + head) * self.length;
  Keys::StoreRow((const float*)run->operands[kK]->data + at, self.length,
                 CacheRow<Keys>(self, run->operands[kKCache], head, position));
  Values::StoreRow((const float*)run->operands[kV]->data + at, self.length,
                   CacheRow<Values>(self, run->operands[kVCache], head, position));
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
#define KL_ATTENTION(plugin, stem, keys, values) KL_ATTENTION_TABLE(plugin, stem, keys, values)
#define KL_ATTENTION_TABLE(plugin, stem, keys, values)                                        \
  namespace {                                                                                 \
  const kl_dtype kTypes[] = {KL_TYPE_F32, KL_TYPE_F32,   KL_TYPE_F32, KL_TYPE_I32,            \
                             keys::kType, values::kType, KL_TYPE_F32};                        \
  const kl_kernel kKernel = SimpleKernel("attention", #stem, kTypes, 7, sizeof(State), 2e-5f, \
                                         Prepare, Work, Run<keys, values>, Supports);         \
  const kl_kernel* const kKernels[] = {&kKernel};                                             \
  }                                                                                           \
  KL_TABLE(plugin, stem) = {nullptr, kKernels, 1}

#endif  // PLUGINS_COMMON_KERNELS_ATTENTION_H_
