// Six output channels x up to two vectors of pixels of a dense product (NEON: 6 x 4, AVX-512: 8 x
// 3), sums in registers.
//
//   y[o][p] = clamp(bias[o] + sum over taps of weights[tap][o] * from[at(tap) + p])
//
// Weights are packed six (eight) outputs side by side: [ceil(outputs / 6)][taps][6], filled up with
// zeros. A tap is a load for each vector, six broadcasts, six fmas for each vector. Each pixel adds
// its taps in order, whatever the tile's width and the instruction set.
//
// With AVX-512 a tile may have one pixel more than its three vectors, for one fma more of eight
// outputs: planes of 7x7 and 14x14 are whole tiles of 49 pixels then, where whole vectors would
// waste a quarter and a sixteenth.
#ifndef PLUGINS_COMMON_KERNELS_DENSE_TILE_H_
#define PLUGINS_COMMON_KERNELS_DENSE_TILE_H_

#include "plugins/common/kernels/entry.h"
#include "plugins/common/kernels/vector.h"

namespace {

constexpr bool kTileHasExtra = kLanes == 16;
constexpr int kTileOutputs = kTileHasExtra ? 8 : 6;
constexpr int kTileVectors = kTileHasExtra ? 3 : kVectorRegisters == 32 ? 4 : 2;
constexpr const char* kTileLayout = kTileHasExtra ? "dense_tile_f32_8" : "dense_tile_f32_6";

struct DenseTile {
  const float* from;
  const float* extra;      // of the pixel behind the vectors, tap after tap; NULL: there is none
  const int32_t* offsets;  // at(tap); NULL: tap * pitch
  int64_t pitch;
  int64_t tap_count;
  const float* weights;
  const float* bias;    // of the tile's outputs, or NULL
  int64_t outputs;      // that exist
  int64_t last_pixels;  // in the last vector
  float* y;
  int64_t y_pitch;  // from one output to the next
  float low, high;
  bool first, last;  // the sum starts at the bias (else at y); it is clamped
};

// The sums of the pixel behind the vectors: begin at bias or y, end there.
KL_INLINE F8 LoadExtra(const DenseTile& t, const float* y) {
  alignas(32) float sums[8] = {};
  for (int64_t o = 0; o < t.outputs; ++o)
    sums[o] = !t.first ? y[o * t.y_pitch] : t.bias != nullptr ? t.bias[o] : 0.0f;
  return Load8(sums);
}
KL_INLINE void StoreExtra(const DenseTile& t, F8 sum, float* y) {
  alignas(32) float sums[8];
  Store8(sums, sum);
  for (int64_t o = 0; o < t.outputs; ++o) {
    const float v = sums[o];
    y[o * t.y_pitch] = !t.last ? v : v < t.low ? t.low : v > t.high ? t.high : v;
  }
}

template <int kVectors, bool kExtra>
__attribute__((noinline)) void ComputeTileOf(const DenseTile& t) {
  Vector sum[kTileOutputs][kVectors];
  const Mask mask = FirstMask(t.last_pixels);
#pragma GCC unroll 8
  for (int o = 0; o < kTileOutputs; ++o) {
    const bool exists = o < t.outputs;
    const float bias = t.bias != nullptr && exists ? t.bias[o] : 0.0f;
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      const float* from = t.y + o * t.y_pitch + v * kLanes;
      sum[o][v] = t.first || !exists  ? SetVector(bias)
                  : v == kVectors - 1 ? LoadMasked(from, mask)
                                      : LoadVector(from);
    }
  }
  F8 extra_sum = Zero8();
  if (kExtra) extra_sum = LoadExtra(t, t.y + kVectors * kLanes);
  const float* weights = t.weights;
  const float* next = t.from;
  for (int64_t tap = 0; tap < t.tap_count; ++tap, weights += kTileOutputs, next += t.pitch) {
    const float* from = t.offsets != nullptr ? t.from + t.offsets[tap] : next;
    Prefetch(weights + kPrefetchAhead / sizeof(float));
    Vector pixels[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) pixels[v] = LoadVector(from + v * kLanes);
    if (kExtra) extra_sum = MultiplyAdd(Splat8(t.extra[tap]), Load8(weights), extra_sum);
#pragma GCC unroll 8
    for (int o = 0; o < kTileOutputs; ++o) {
      const Vector weight = SetVector(weights[o]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sum[o][v] = MultiplyAdd(weight, pixels[v], sum[o][v]);
    }
  }
  const Vector low = SetVector(t.low), high = SetVector(t.high);
#pragma GCC unroll 8
  for (int o = 0; o < kTileOutputs; ++o) {
    if (o >= t.outputs) break;
    float* out = t.y + o * t.y_pitch;
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      const Vector result = t.last ? ClampVector(low, high, sum[o][v]) : sum[o][v];
      if (v == kVectors - 1) {
        StoreMasked(out + v * kLanes, mask, result);
      } else {
        StoreVector(out + v * kLanes, result);
      }
    }
  }
  if (kExtra) StoreExtra(t, extra_sum, t.y + kVectors * kLanes);
}

// 1 <= vectors <= kTileVectors; an extra pixel only behind kTileVectors of them.
KL_INLINE void ComputeDenseTile(const DenseTile& t, int64_t vectors) {
  if (vectors == 1) return ComputeTileOf<1, false>(t);
  if (vectors == 2) return ComputeTileOf<2, false>(t);
  if constexpr (kTileHasExtra) {
    return t.extra != nullptr ? ComputeTileOf<3, true>(t) : ComputeTileOf<3, false>(t);
  }
  if constexpr (kTileVectors == 4) {
    return vectors == 3 ? ComputeTileOf<3, false>(t) : ComputeTileOf<4, false>(t);
  }
}

// ---- packed weights, from rows [outputs][taps] ----

KL_INLINE void QueryTilePack(int64_t outputs, int64_t taps, kl_pack* pack) {
  pack->unit_count = CeilDivide(outputs, kTileOutputs);
  pack->bytes = (uint64_t)(pack->unit_count * taps * kTileOutputs) * sizeof(float);
  pack->layout = kTileLayout;
}

KL_INLINE void PackTileWeights(const float* w, int64_t outputs, int64_t taps, int64_t begin,
                               int64_t end, float* destination) {
  for (int64_t unit = begin; unit < end; ++unit) {
    float* to = destination + unit * taps * kTileOutputs;
    for (int64_t tap = 0; tap < taps; ++tap) {
      for (int64_t o = unit * kTileOutputs; o < (unit + 1) * kTileOutputs; ++o) {
        *to++ = o < outputs ? w[o * taps + tap] : 0.0f;
      }
    }
  }
}

KL_INLINE kl_code ExpectTilePack(const kl_node* node, const kl_tensor* w, kl_error* error) {
  if (w->layout == KL_LAYOUT_PACKED) return KL_OK;
  return kl_fail(error, KL_INVALID_ARGUMENT,
                 "%s (%s): the weights are not packed; call pack() first", NameOf(node), node->op);
}

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_DENSE_TILE_H_
