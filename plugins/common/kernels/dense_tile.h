// Six output channels x up to two (AVX-512: four) vectors of pixels of a dense product, sums in
// registers.
//
//   y[o][p] = clamp(bias[o] + sum over taps of weights[tap][o] * from[at(tap) + p])
//
// Weights are packed six outputs side by side: [ceil(outputs / 6)][taps][6], filled up with zeros.
// A tap is a load for each vector, six broadcasts, six fmas for each vector. Each pixel adds its
// taps in order, whatever the tile's width and the instruction set.
#ifndef PLUGINS_COMMON_KERNELS_DENSE_TILE_H_
#define PLUGINS_COMMON_KERNELS_DENSE_TILE_H_

#include "plugins/common/kernels/entry.h"
#include "plugins/common/kernels/vector.h"

namespace {

constexpr int kTileOutputs = 6;
constexpr int kTileVectors = kVectorRegisters == 32 ? 4 : 2;

struct DenseTile {
  const float* from;
  const int32_t* offsets;  // at(tap); NULL: tap * pitch
  int64_t pitch;
  int64_t tap_count;
  const float* weights;
  const float* bias;    // of the six outputs, or NULL
  int64_t outputs;      // of the six
  int64_t last_pixels;  // in the last vector
  float* y;
  int64_t y_pitch;  // from one output to the next
  float low, high;
  bool first, last;  // the sum starts at the bias (else at y); it is clamped
};

template <int kVectors>
__attribute__((noinline)) void ComputeTileOf(const DenseTile& t) {
  Vector sum[kTileOutputs][kVectors];
  const Mask mask = FirstMask(t.last_pixels);
#pragma GCC unroll 6
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
  const float* weights = t.weights;
  const float* next = t.from;
  for (int64_t tap = 0; tap < t.tap_count; ++tap, weights += kTileOutputs, next += t.pitch) {
    const float* from = t.offsets != nullptr ? t.from + t.offsets[tap] : next;
    Prefetch(weights + kPrefetchAhead / sizeof(float));
    Vector pixels[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) pixels[v] = LoadVector(from + v * kLanes);
#pragma GCC unroll 6
    for (int o = 0; o < kTileOutputs; ++o) {
      const Vector weight = SetVector(weights[o]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sum[o][v] = MultiplyAdd(weight, pixels[v], sum[o][v]);
    }
  }
  const Vector low = SetVector(t.low), high = SetVector(t.high);
#pragma GCC unroll 6
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
}

// 1 <= vectors <= kTileVectors.
KL_INLINE void ComputeDenseTile(const DenseTile& t, int64_t vectors) {
  if (vectors == 1) return ComputeTileOf<1>(t);
  if (vectors == 2) return ComputeTileOf<2>(t);
  if constexpr (kTileVectors == 4) {
    return vectors == 3 ? ComputeTileOf<3>(t) : ComputeTileOf<4>(t);
  }
}

// ---- packed weights, from rows [outputs][taps] ----

KL_INLINE void QueryTilePack(int64_t outputs, int64_t taps, kl_pack* pack) {
  pack->unit_count = CeilDivide(outputs, kTileOutputs);
  pack->bytes = (uint64_t)(pack->unit_count * taps * kTileOutputs) * sizeof(float);
  pack->layout = "dense_tile_f32_6";
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
