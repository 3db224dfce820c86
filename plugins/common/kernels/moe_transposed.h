// Phase 2 of op "moe_ffn" with down [E, F, D]: y[t] = sum over i of weights[t][i] * down_e(h).
//
// Units of 256 columns of down (elements of y). Only the rows of neurons that are not zero are
// read: a tile of 8 rows is widened to f32 and added to the sums of every slot that has the neuron.
// Every element of y is a sum over neurons in order, for each expert, then a chain of fused
// multiply-adds in order of i: the same bits for every batch size and number of threads.
#ifndef PLUGINS_COMMON_KERNELS_MOE_TRANSPOSED_H_
#define PLUGINS_COMMON_KERNELS_MOE_TRANSPOSED_H_

#include "plugins/common/kernels/moe_plan.h"

namespace {

constexpr int64_t kTileNeurons = 8;
constexpr int64_t kStreamColumns = 768;    // of one pass with few tokens
constexpr int64_t kTransposedSlots = 512;  // of one pass with many, at one unit of columns

// Room for the sums of one pass.
KL_INLINE int64_t SumFloats(int64_t chosen) {
  return Maximum(kTransposedSlots * kMoeColumnsPerUnit, chosen * kStreamColumns);
}

KL_INLINE uint64_t TransposedScratchBytes(int64_t chosen) {
  return (uint64_t)(kTileNeurons * kStreamColumns + SumFloats(chosen)) * sizeof(float);
}

// Bit j: neuron j of the tile is not zero.
KL_INLINE int ActiveMask(const float* h, int64_t neurons) {
  const F8 v = LoadFirst(h, neurons);
  return MaskBits(NotZero8(v));
}

// sums[c] += h[j] * tile[j][c] for the neurons j of the tile whose h is not zero, in order.
KL_INLINE void AddTile(const float* tile, int64_t stride, int64_t columns, const float* h,
                       int64_t neurons, float* sums) {
  const int active = ActiveMask(h, neurons);
  if (active == 0) return;
  constexpr int kVectors = 64 / kWideLanes;
  for (int64_t c = 0; c < columns; c += 64) {
    FWide sum[kVectors];
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; ++i) sum[i] = LoadWide(sums + c + kWideLanes * i);
    for (int left = active; left != 0; left &= left - 1) {
      const int j = __builtin_ctz((unsigned)left);
      const FWide v = SplatWide(h[j]);
      const float* row = tile + j * stride + c;
#pragma GCC unroll 8
      for (int i = 0; i < kVectors; ++i) {
        sum[i] = MultiplyAddWide(v, LoadWide(row + kWideLanes * i), sum[i]);
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; ++i) StoreWide(sums + c + kWideLanes * i, sum[i]);
  }
}

KL_INLINE void AddWeighted(float weight, const float* sums, int64_t columns, bool first, float* y) {
  const F8 w = Splat8(weight);
  for (int64_t c = 0; c < columns; c += 8) {
    const F8 before = first ? Zero8() : LoadFirst(y + c, columns - c);
    StoreFirst(y + c, columns - c, MultiplyAdd(w, Load8(sums + c), before));
  }
}

// Columns [first, first + columns) of one token.
template <class Reader>
static inline void StreamTransposed(const kl_run* run, const MoeState& self, int64_t token,
                                    int64_t first, int64_t columns) {
  const kl_tensor* down = run->operands[kMoeDown];
  const uint64_t row_bytes = kl_row_bytes(Reader::kType, (uint64_t)self.length);
  const uint64_t offset = kl_row_bytes(Reader::kType, (uint64_t)first);
  const uint64_t slice_bytes = kl_row_bytes(Reader::kType, (uint64_t)columns);
  float* tile = (float*)run->worker_scratch;
  float* sums = tile + kTileNeurons * kStreamColumns;
  const int64_t padded = RoundUp(columns, 64);
  for (int64_t i = 0; i < self.chosen; ++i) {
    const int64_t slot = token * self.chosen + i;
    const int32_t e = ((const int32_t*)run->operands[kMoeIds]->data)[slot];
    const uint8_t* matrix = ExpertAt(down, e, (uint64_t)self.neurons * row_bytes) + offset;
    const float* h =
        (const float*)((const uint8_t*)run->scratch + self.h_at + (uint64_t)slot * self.h_bytes);
    memset(sums, 0, (size_t)padded * sizeof(float));
    for (int64_t f = 0; f < self.neurons; f += kTileNeurons) {
      const int64_t neurons = Minimum(kTileNeurons, self.neurons - f);
      for (int64_t j = 0; j < neurons; ++j) {
        const int64_t next = f + j + kTileNeurons;
        if (next < self.neurons && h[next] != 0.0f) {
          for (uint64_t line = 0; line < slice_bytes; line += 64) {
            Prefetch(matrix + (uint64_t)next * row_bytes + line);
          }
        }
        if (h[f + j] == 0.0f) continue;
        kl_count_weight_bytes(run, slice_bytes);
        Reader::Read(matrix + (uint64_t)(f + j) * row_bytes, columns, 1.0f,
                     tile + j * kStreamColumns);
      }
      AddTile(tile, kStreamColumns, padded, h + f, neurons, sums);
    }
    float* y = (float*)run->operands[kMoeY]->data + token * self.length + first;
    AddWeighted(((const float*)run->operands[kMoeWeights]->data)[slot], sums, columns, i == 0, y);
  }
}

// One unit for the tokens [token, token + tokens): a tile is widened once for all of them.
template <class Reader>
static inline void TileTransposed(const kl_run* run, const MoeState& self, const MoeGroups& groups,
                                  int64_t token, int64_t tokens, int64_t first, int64_t columns) {
  const kl_tensor* down = run->operands[kMoeDown];
  const uint64_t row_bytes = kl_row_bytes(Reader::kType, (uint64_t)self.length);
  const uint64_t offset = kl_row_bytes(Reader::kType, (uint64_t)first);
  const uint64_t slice_bytes = kl_row_bytes(Reader::kType, (uint64_t)columns);
  const uint8_t* vectors = (const uint8_t*)run->scratch + self.h_at;
  const int64_t first_slot = token * self.chosen;
  const int64_t end_slot = (token + tokens) * self.chosen;
  float* tile = (float*)run->worker_scratch;
  float* sums = tile + kTileNeurons * kStreamColumns;
  const int64_t padded = RoundUp(columns, 64);
  memset(sums, 0, (size_t)((end_slot - first_slot) * padded) * sizeof(float));
  for (int32_t a = 0; a < *groups.active_count; ++a) {
    int64_t from = groups.start[a];
    int64_t to = groups.start[a + 1];
    while (from < to && groups.slots[from] < first_slot) ++from;
    while (to > from && groups.slots[to - 1] >= end_slot) --to;
    if (from == to) continue;
    const uint8_t* matrix =
        ExpertAt(down, groups.expert[a], (uint64_t)self.neurons * row_bytes) + offset;
    for (int64_t f = 0; f < self.neurons; f += kTileNeurons) {
      const int64_t neurons = Minimum(kTileNeurons, self.neurons - f);
      int active = 0;
      for (int64_t s = from; s < to; ++s) {
        const float* h = (const float*)(vectors + (uint64_t)groups.slots[s] * self.h_bytes) + f;
        active |= ActiveMask(h, neurons);
      }
      for (int64_t j = 0; j < neurons; ++j) {
        if ((active >> j & 1) == 0) continue;
        kl_count_weight_bytes(run, slice_bytes);
        const uint8_t* row = matrix + (uint64_t)(f + j) * row_bytes;
        for (uint64_t line = 0; line < slice_bytes; line += 64) {
          Prefetch(row + kTileNeurons * row_bytes + line);
        }
        Reader::Read(row, columns, 1.0f, tile + j * kStreamColumns);
      }
      for (int64_t s = from; s < to; ++s) {
        const int64_t slot = groups.slots[s];
        const float* h = (const float*)(vectors + (uint64_t)slot * self.h_bytes) + f;
        AddTile(tile, kStreamColumns, padded, h, neurons, sums + (slot - first_slot) * padded);
      }
    }
  }
  const float* weights = (const float*)run->operands[kMoeWeights]->data;
  for (int64_t slot = first_slot; slot < end_slot; ++slot) {
    float* y = (float*)run->operands[kMoeY]->data + slot / self.chosen * self.length + first;
    AddWeighted(weights[slot], sums + (slot - first_slot) * padded, columns,
                slot % self.chosen == 0, y);
  }
}

template <class Reader>
static inline __attribute__((noinline)) void ComputeTransposed(const kl_run* run) {
  const MoeState& self = *(const MoeState*)run->state;
  const int64_t tokens = RowsOf(run->operands[kMoeX]);
  const int64_t slots = tokens * self.chosen;
  const int64_t begin = run->begin * kMoeColumnsPerUnit;
  const int64_t end = Minimum(run->end * kMoeColumnsPerUnit, self.length);
  if (tokens <= kStreamedTokens) {
    for (int64_t first = begin; first < end; first += kStreamColumns) {
      for (int64_t t = 0; t < tokens; ++t) {
        StreamTransposed<Reader>(run, self, t, first, Minimum(kStreamColumns, end - first));
      }
    }
    return;
  }
  const MoeGroups groups =
      GroupsAt((uint8_t*)run->scratch + self.groups_at, MostActive(self, slots), slots);
  const int64_t tokens_per_pass = Minimum(tokens, Maximum(1, kTransposedSlots / self.chosen));
  // Long slices of the rows where the sums leave room for them.
  const int64_t columns = Minimum(SumFloats(self.chosen) / (tokens_per_pass * self.chosen) /
                                      kMoeColumnsPerUnit * kMoeColumnsPerUnit,
                                  kStreamColumns);
  for (int64_t first = begin; first < end; first += columns) {
    for (int64_t t = 0; t < tokens; t += tokens_per_pass) {
      TileTransposed<Reader>(run, self, groups, t, Minimum(tokens_per_pass, tokens - t), first,
                             Minimum(columns, end - first));
    }
  }
}

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_MOE_TRANSPOSED_H_
