// op "conv2d" with few input channels, as at a network's entry: any window and stride, NCHW as it
// is.
//
//   x f32 [N, C, H, W]   w f32 [M, C, KH, KW], packed   bias f32 [M] or absent   y f32 [N, M, OH,
//   OW]
//
// Phase 0 copies the planes with their padding, columns apart by phase (conv_planes.h); then
// tiles of a row (dense_tile.h), the taps being those of all channels.
// Numbers: from the bias on, taps in the order c, kh, kw.
// Work: phase 0: images x channels; phase 1: images x groups of output rows.
#ifndef PLUGINS_COMMON_KERNELS_CONV2D_DIRECT_H_
#define PLUGINS_COMMON_KERNELS_CONV2D_DIRECT_H_

#include "plugins/common/kernels/conv_planes.h"
#include "plugins/common/kernels/dense_tile.h"
#include "plugins/common/table.h"

namespace {

constexpr int64_t kMostTaps = 256;
constexpr int64_t kRowsPerUnit = 2;

struct State {
  ConvShape shape;
  Planes planes;
  int64_t tap_count;
  int32_t offsets[kMostTaps];  // of the taps, in an image's planes
};

int64_t TapsOf(const kl_tensor* w) { return w->shape[1] * w->shape[2] * w->shape[3]; }

// A row of all output channels. y: the row in channel 0.
void ComputeRow(const State& s, const float* from, const float* weights, const float* bias,
                float* y) {
  const ConvShape& shape = s.shape;
  DenseTile tile = {};
  tile.offsets = s.offsets;
  tile.tap_count = s.tap_count;
  tile.weights = weights;
  tile.y_pitch = shape.out_rows * shape.out_columns;
  tile.low = shape.low;
  tile.high = shape.high;
  tile.first = tile.last = true;
  for (int64_t o = 0; o < shape.outputs; o += kTileOutputs) {
    tile.outputs = Minimum(kTileOutputs, shape.outputs - o);
    tile.bias = bias != nullptr ? bias + o : nullptr;
    for (int64_t column = 0; column < shape.out_columns; column += kTileVectors * kLanes) {
      const int64_t columns = Minimum(kTileVectors * kLanes, shape.out_columns - column);
      tile.from = from + column;
      tile.y = y + o * tile.y_pitch + column;
      const int64_t vectors = CeilDivide(columns, kLanes);
      tile.last_pixels = columns - (vectors - 1) * kLanes;
      ComputeDenseTile(tile, vectors);
    }
    tile.weights += s.tap_count * kTileOutputs;
  }
}

kl_code Supports(const kl_node* node, kl_error* error) {
  ConvShape shape = {};
  KL_TRY(ReadConv(node, &shape, error));
  const kl_tensor* w = node->operands[kConvW];
  if (w->data == nullptr) return RefuseConv(node, "the weights are not known yet", error);
  if (shape.group != 1 || shape.dilations[0] != 1 || shape.dilations[1] != 1) {
    return RefuseConv(node, "groups or dilated windows", error);
  }
  if (IsPointwise(shape) || TapsOf(w) > kMostTaps) {
    return RefuseConv(node, "a 1x1 convolution, or more than 256 taps", error);
  }
  if (PlanesFor(shape).plane_floats > INT32_MAX / shape.channels) {
    return RefuseConv(node, "huge planes", error);
  }
  return KL_OK;
}

kl_code PackQuery(const kl_node* node, uint32_t operand, kl_pack* pack, kl_error*) {
  NothingToPack(pack);
  if (operand != kConvW) return KL_OK;
  const kl_tensor* w = node->operands[kConvW];
  QueryTilePack(w->shape[0], TapsOf(w), pack);
  return KL_OK;
}

kl_code Pack(const kl_node*, uint32_t, const kl_tensor* source, void* destination, int64_t begin,
             int64_t end) {
  PackTileWeights((const float*)source->data, source->shape[0], TapsOf(source), begin, end,
                  (float*)destination);
  return KL_OK;
}

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements* requirements,
                kl_error* error) {
  State* s = (State*)state;
  KL_TRY(Supports(node, error));
  KL_TRY(ReadConv(node, &s->shape, error));
  KL_TRY(ExpectTilePack(node, node->operands[kConvW], error));
  s->planes = PlanesFor(s->shape);
  for (int64_t c = 0; c < s->shape.channels; ++c) {
    for (int64_t kh = 0; kh < s->shape.kernel[0]; ++kh) {
      for (int64_t kw = 0; kw < s->shape.kernel[1]; ++kw) {
        s->offsets[s->tap_count++] =
            (int32_t)(c * s->planes.plane_floats + s->planes.TapOffset(kh, kw));
      }
    }
  }
  const int64_t floats = s->shape.images * s->shape.channels * s->planes.plane_floats;
  requirements->scratch_bytes = (uint64_t)floats * sizeof(float);
  return KL_OK;
}

int64_t RowGroups(const State& s) { return CeilDivide(s.shape.out_rows, kRowsPerUnit); }

void Work(const kl_run* run, kl_work* work) {
  const State& s = *(const State*)run->state;
  work->phase_count = 2;
  work->unit_count[0] = s.shape.images * s.shape.channels;
  work->unit_count[1] = s.shape.images * RowGroups(s);
}

kl_code Run(const kl_run* run) {
  const State& s = *(const State*)run->state;
  const ConvShape& shape = s.shape;
  float* planes = (float*)run->scratch;
  if (run->phase == 0) {
    for (int64_t unit = run->begin; unit < run->end; ++unit) {
      float* to = planes + unit * s.planes.plane_floats;
      ZeroPlane(s.planes, to);
      CopyPlane(s.planes,
                (const float*)run->operands[kConvX]->data + unit * shape.rows * shape.columns, to);
    }
    return KL_OK;
  }
  const float* weights = (const float*)run->operands[kConvW]->data;
  float* y = (float*)run->operands[kConvY]->data;
  const int64_t step = shape.strides[0] * s.planes.pitch;
  for (int64_t unit = run->begin; unit < run->end; ++unit) {
    const int64_t image = unit / RowGroups(s), first = unit % RowGroups(s) * kRowsPerUnit;
    const float* from = planes + image * shape.channels * s.planes.plane_floats;
    float* to = y + image * shape.outputs * shape.out_rows * shape.out_columns;
    for (int64_t row = first; row < Minimum(shape.out_rows, first + kRowsPerUnit); ++row) {
      ComputeRow(s, from + row * step, weights, ConvBias(run), to + row * shape.out_columns);
    }
  }
  return KL_OK;
}

}  // namespace

// A kernel file, all but its includes.
#define KL_CONV2D_DIRECT(plugin, stem)                                                    \
  namespace {                                                                             \
  constexpr kl_kernel kKernel =                                                           \
      ConvKernel(#stem, 1, sizeof(State), Prepare, Work, Run, Supports, PackQuery, Pack); \
  const kl_kernel* const kKernels[] = {&kKernel};                                         \
  }                                                                                       \
  KL_TABLE(plugin, stem) = {nullptr, kKernels, 1}

#endif  // PLUGINS_COMMON_KERNELS_CONV2D_DIRECT_H_
