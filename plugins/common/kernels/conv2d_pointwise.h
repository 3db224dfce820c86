// op "conv2d", 1x1: a dense product over the pixels, NCHW as it is.
//
//   x f32 [N, C, H, W]   w f32 [M, C, 1, 1], packed   bias f32 [M] or absent   y f32 [N, M, H, W]
//
// Tiles of some vectors of pixels: up to kChunk channels of them are copied side by side, then meet
// all output channels six or eight at a time (dense_tile.h); more channels add to y. Numbers: from
// the bias on, channels in order. Work: images x strips of tiles x pieces of the output channels.
// Small images whose rows end within a cache line: images x workers, each with output channels of
// its own, because two workers in one row of y would hand that line to and fro.
#ifndef PLUGINS_COMMON_KERNELS_CONV2D_POINTWISE_H_
#define PLUGINS_COMMON_KERNELS_CONV2D_POINTWISE_H_

#include "plugins/common/kernels/conv_shape.h"
#include "plugins/common/kernels/dense_tile.h"
#include "plugins/common/kernels/spmm_tile.h"
#include "plugins/common/table.h"

namespace {

constexpr int64_t kTilePixels = kTileVectors * kLanes;
constexpr int64_t kTileFloats = kTilePixels + (kTileHasExtra ? 1 : 0);  // of a channel
// Channels: 16 KiB of pixels and 6 KiB of weights in the L1 cache; AVX-512 is fed from the L2
// cache.
constexpr int64_t kChunk = 256;
constexpr int64_t kStripFloats = 4096;
constexpr int64_t kMostTiles = 8;  // in a strip
constexpr int64_t kUnits = 16;

struct State {
  ConvShape shape;
  int64_t pixels;
  bool extra;          // tiles of one pixel more than whole vectors
  int64_t tile_count;  // as even as whole vectors allow
  int64_t strip_tiles, strip_count, split_count;
  int64_t groups;  // of output channels
  bool by_outputs;

  int64_t unit_count;  // of an image

  // Those of a tile that its vectors hold.
  KL_INLINE int64_t vector_pixels(int64_t tile) const {
    return begin(tile + 1) - begin(tile) - (extra ? 1 : 0);
  }
  // The first pixel of a tile.
  KL_INLINE int64_t begin(int64_t tile) const {
    if (extra) return tile * kTileFloats;
    return Minimum(pixels, CeilDivide(pixels, kLanes) * tile / tile_count * kLanes);
  }
};

kl_code Supports(const kl_node* node, kl_error* error) {
  ConvShape shape = {};
  KL_TRY(ReadConv(node, &shape, error));
  if (!IsPointwise(shape)) return RefuseConv(node, "not a plain 1x1 convolution", error);
  if (node->operands[kConvW]->data == nullptr) {
    return RefuseConv(node, "the weights are not known yet", error);
  }
  return KL_OK;
}

kl_code PackQuery(const kl_node* node, uint32_t operand, kl_pack* pack, kl_error*) {
  NothingToPack(pack);
  const kl_tensor* w = node->operands[kConvW];
  if (operand == kConvW) QueryTilePack(w->shape[0], w->shape[1], pack);
  return KL_OK;
}

kl_code Pack(const kl_node*, uint32_t, const kl_tensor* source, void* destination, int64_t begin,
             int64_t end) {
  PackTileWeights((const float*)source->data, source->shape[0], source->shape[1], begin, end,
                  (float*)destination);
  return KL_OK;
}

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements* requirements,
                kl_error* error) {
  State* s = (State*)state;
  KL_TRY(Supports(node, error));
  KL_TRY(ReadConv(node, &s->shape, error));
  KL_TRY(ExpectTilePack(node, node->operands[kConvW], error));
  s->pixels = s->shape.rows * s->shape.columns;
  const int64_t channels = Minimum(kChunk, s->shape.channels);
  s->extra = kTileHasExtra && s->pixels % kLanes != 0 && s->pixels % kTileFloats == 0;
  s->tile_count = CeilDivide(s->pixels, s->extra ? kTileFloats : kTilePixels);
  s->strip_tiles = Maximum(1, Minimum(kMostTiles, kStripFloats / (channels * kTilePixels)));
  s->strip_count = CeilDivide(s->tile_count, s->strip_tiles);
  s->groups = CeilDivide(s->shape.outputs, kTileOutputs);
  s->split_count = Minimum(CeilDivide(kUnits, s->strip_count), s->groups);
  s->by_outputs = s->split_count > 1 && s->pixels % kLanes != 0;
  s->unit_count = s->by_outputs ? Maximum(1, Minimum(node->thread_count, s->groups))
                                : s->strip_count * s->split_count;
  requirements->worker_scratch_bytes =
      (uint64_t)(s->strip_tiles * channels * kTileFloats) * sizeof(float);
  return KL_OK;
}

void Work(const kl_run* run, kl_work* work) {
  const State* s = (const State*)run->state;
  OnePhase(work, s->shape.images * s->unit_count);
}

// Groups [first, last) of output channels for a strip of an image.
void RunStrip(const State& s, const float* x, const float* weights, const float* bias, float* y,
              int64_t strip, int64_t first, int64_t last, float* packed) {
  const int64_t channels = s.shape.channels;
  const int64_t first_tile = strip * s.strip_tiles;
  const int64_t last_tile = Minimum(s.tile_count, first_tile + s.strip_tiles);
  DenseTile tile = {};
  tile.y_pitch = s.pixels;
  tile.low = s.shape.low;
  tile.high = s.shape.high;
  for (int64_t channel = 0; channel < channels; channel += kChunk) {
    tile.tap_count = Minimum(kChunk, channels - channel);
    tile.first = channel == 0;
    tile.last = channel + tile.tap_count == channels;
    const int64_t tile_floats = tile.tap_count * kTilePixels;
    float* extras = packed + s.strip_tiles * tile_floats;  // behind all tiles, which begin a line
    for (int64_t i = first_tile; i < last_tile; ++i) {
      const float* from = x + channel * s.pixels + s.begin(i);
      const int64_t count = s.vector_pixels(i), vectors = CeilDivide(count, kLanes);
      PackPixels(from, s.pixels, tile.tap_count, vectors, count - (vectors - 1) * kLanes,
                 packed + (i - first_tile) * tile_floats);
      if (!s.extra) continue;
      float* to = extras + (i - first_tile) * tile.tap_count;
      for (int64_t tap = 0; tap < tile.tap_count; ++tap)
        to[tap] = from[tap * s.pixels + kTilePixels];
    }
    for (int64_t group = first; group < last; ++group) {
      const int64_t output = group * kTileOutputs;
      tile.weights = weights + (group * channels + channel) * kTileOutputs;
      tile.bias = bias != nullptr ? bias + output : nullptr;
      tile.outputs = Minimum(kTileOutputs, s.shape.outputs - output);
      for (int64_t i = first_tile; i < last_tile; ++i) {
        const int64_t count = s.vector_pixels(i), vectors = CeilDivide(count, kLanes);
        tile.from = packed + (i - first_tile) * tile_floats;
        tile.pitch = vectors * kLanes;
        tile.last_pixels = count - (vectors - 1) * kLanes;
        tile.extra = s.extra ? extras + (i - first_tile) * tile.tap_count : nullptr;
        tile.y = y + output * s.pixels + s.begin(i);
        ComputeDenseTile(tile, vectors);
      }
    }
  }
}

// Units [begin, end) of an image.
void RunImage(const State& s, const float* x, const float* weights, const float* bias, float* y,
              int64_t begin, int64_t end, float* packed) {
  if (s.by_outputs) {
    for (int64_t strip = 0; strip < s.strip_count; ++strip) {
      RunStrip(s, x, weights, bias, y, strip, s.groups * begin / s.unit_count,
               s.groups * end / s.unit_count, packed);
    }
    return;
  }
  for (int64_t unit = begin, next; unit < end; unit = next) {
    // Consecutive units of a strip in one go.
    const int64_t strip = unit / s.split_count, first = unit % s.split_count;
    next = Minimum(end, (strip + 1) * s.split_count);
    RunStrip(s, x, weights, bias, y, strip, s.groups * first / s.split_count,
             s.groups * (first + next - unit) / s.split_count, packed);
  }
}

kl_code Run(const kl_run* run) {
  const State& s = *(const State*)run->state;
  const int64_t units = s.unit_count;
  for (int64_t unit = run->begin; unit < run->end;) {
    const int64_t image = unit / units, first = unit % units;
    const int64_t last = Minimum(units, first + (run->end - unit));
    RunImage(s, (const float*)run->operands[kConvX]->data + image * s.shape.channels * s.pixels,
             (const float*)run->operands[kConvW]->data, ConvBias(run),
             (float*)run->operands[kConvY]->data + image * s.shape.outputs * s.pixels, first, last,
             (float*)run->worker_scratch);
    unit += last - first;
  }
  return KL_OK;
}

}  // namespace

// A kernel file, all but its includes.
#define KL_CONV2D_POINTWISE(plugin, stem)                                                 \
  namespace {                                                                             \
  constexpr kl_kernel kKernel =                                                           \
      ConvKernel(#stem, 2, sizeof(State), Prepare, Work, Run, Supports, PackQuery, Pack); \
  const kl_kernel* const kKernels[] = {&kKernel};                                         \
  }                                                                                       \
  KL_TABLE(plugin, stem) = {nullptr, kKernels, 1}

#endif  // PLUGINS_COMMON_KERNELS_CONV2D_POINTWISE_H_
