// op "conv2d", 1x1: a dense product over the pixels, NCHW as it is.
//
//   x f32 [N, C, H, W]   w f32 [M, C, 1, 1], packed   bias f32 [M] or absent   y f32 [N, M, H, W]
//
// Two vectors of pixels at a time: up to 256 channels of them are copied side by side, then meet
// all output channels six at a time (dense_tile.h); more channels add to y. Numbers: from the bias
// on, channels in order. Work: images x tiles of pixels x pieces of the output channels.
#ifndef PLUGINS_SPARSE_X86_CONV2D_POINTWISE_H_
#define PLUGINS_SPARSE_X86_CONV2D_POINTWISE_H_

#include "plugins/common/table.h"
#include "plugins/sparse_x86/conv_shape.h"
#include "plugins/sparse_x86/dense_tile.h"
#include "plugins/sparse_x86/spmm_tile.h"

namespace {

constexpr int64_t kTilePixels = kTileVectors * kLanes;
constexpr int64_t kChunk = 256;  // channels: 16 KiB of pixels and 6 KiB of weights in the L1 cache
constexpr int64_t kStripFloats = 4096;
constexpr int64_t kMostTiles = 8;  // of two vectors, in a strip
constexpr int64_t kUnits = 16;

struct State {
  ConvShape shape;
  int64_t pixels;
  int64_t strip_tiles, strip_count, split_count;
  int64_t groups;  // of six output channels
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
  const int64_t tile_count = CeilDivide(s->pixels, kTilePixels);
  s->strip_tiles = Maximum(1, Minimum(kMostTiles, kStripFloats / (channels * kTilePixels)));
  s->strip_count = CeilDivide(tile_count, s->strip_tiles);
  s->groups = CeilDivide(s->shape.outputs, kTileOutputs);
  s->split_count = Minimum(CeilDivide(kUnits, s->strip_count), s->groups);
  requirements->worker_scratch_bytes =
      (uint64_t)(s->strip_tiles * channels * kTilePixels) * sizeof(float);
  return KL_OK;
}

void Work(const kl_run* run, kl_work* work) {
  const State* s = (const State*)run->state;
  OnePhase(work, s->shape.images * s->strip_count * s->split_count);
}

// Groups [first, last) of output channels for pixels [begin, end) of an image.
void RunStrip(const State& s, const float* x, const float* weights, const float* bias, float* y,
              int64_t begin, int64_t end, int64_t first, int64_t last, float* packed) {
  const int64_t channels = s.shape.channels;
  DenseTile tile = {};
  tile.y_pitch = s.pixels;
  tile.low = s.shape.low;
  tile.high = s.shape.high;
  for (int64_t channel = 0; channel < channels; channel += kChunk) {
    tile.tap_count = Minimum(kChunk, channels - channel);
    tile.first = channel == 0;
    tile.last = channel + tile.tap_count == channels;
    const int64_t tile_floats = tile.tap_count * kTilePixels;
    for (int64_t p = begin, i = 0; p < end; p += kTilePixels, ++i) {
      const int64_t count = Minimum(kTilePixels, end - p), vectors = CeilDivide(count, kLanes);
      PackPixels(x + channel * s.pixels + p, s.pixels, tile.tap_count, vectors,
                 count - (vectors - 1) * kLanes, packed + i * tile_floats);
    }
    for (int64_t group = first; group < last; ++group) {
      const int64_t output = group * kTileOutputs;
      tile.weights = weights + (group * channels + channel) * kTileOutputs;
      tile.bias = bias != nullptr ? bias + output : nullptr;
      tile.outputs = Minimum(kTileOutputs, s.shape.outputs - output);
      for (int64_t p = begin, i = 0; p < end; p += kTilePixels, ++i) {
        const int64_t count = Minimum(kTilePixels, end - p), vectors = CeilDivide(count, kLanes);
        tile.from = packed + i * tile_floats;
        tile.pitch = vectors * kLanes;
        tile.last_pixels = count - (vectors - 1) * kLanes;
        tile.y = y + output * s.pixels + p;
        if (vectors == 2) {
          ComputeDenseTile<2>(tile);
        } else {
          ComputeDenseTile<1>(tile);
        }
      }
    }
  }
}

kl_code Run(const kl_run* run) {
  const State& s = *(const State*)run->state;
  const float* weights = (const float*)run->operands[kConvW]->data;
  for (int64_t unit = run->begin; unit < run->end;) {
    // Consecutive units of a strip in one go.
    const int64_t strip = unit / s.split_count, first = unit % s.split_count;
    const int64_t last = Minimum(s.split_count, first + (run->end - unit));
    const int64_t image = strip / s.strip_count;
    const int64_t begin = strip % s.strip_count * s.strip_tiles * kTilePixels;
    RunStrip(s, (const float*)run->operands[kConvX]->data + image * s.shape.channels * s.pixels,
             weights, ConvBias(run),
             (float*)run->operands[kConvY]->data + image * s.shape.outputs * s.pixels, begin,
             Minimum(s.pixels, begin + s.strip_tiles * kTilePixels),
             s.groups * first / s.split_count, s.groups * last / s.split_count,
             (float*)run->worker_scratch);
    unit += last - first;
  }
  return KL_OK;
}

}  // namespace

// A kernel file, all but its includes.
#define KL_CONV2D_POINTWISE(stem)                                                         \
  namespace {                                                                             \
  constexpr kl_kernel kKernel =                                                           \
      ConvKernel(#stem, 2, sizeof(State), Prepare, Work, Run, Supports, PackQuery, Pack); \
  const kl_kernel* const kKernels[] = {&kKernel};                                         \
  }                                                                                       \
  KL_TABLE(sparse_x86, stem) = {nullptr, kKernels, 1}

#endif  // PLUGINS_SPARSE_X86_CONV2D_POINTWISE_H_
