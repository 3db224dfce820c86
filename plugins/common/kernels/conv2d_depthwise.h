// op "conv2d", depthwise (one channel in and out a group), NCHW as it is, any window and stride.
//
//   x f32 [N, C, H, W]   w f32 [C, 1, KH, KW]   bias f32 [C] or absent   y f32 [N, C, OH, OW]
//
// 3x3 windows of stride 1 or 2 read the image itself (depthwise3x3.h). For others a plane is copied
// with its padding, columns apart by phase (conv_planes.h); then four rows of outputs at once: a
// tap is one broadcast, four loads, four fmas. Numbers: from the bias on, taps in the order kh, kw.
// Work: a unit is a plane. Dilations are refused.
#ifndef PLUGINS_COMMON_KERNELS_CONV2D_DEPTHWISE_H_
#define PLUGINS_COMMON_KERNELS_CONV2D_DEPTHWISE_H_

#include "plugins/common/kernels/conv_planes.h"
#include "plugins/common/kernels/depthwise3x3.h"
#include "plugins/common/table.h"

namespace {

constexpr int64_t kMostTaps = 128;
constexpr int kRows = 4;

struct State {
  ConvShape shape;
  Planes planes;
  int64_t tap_count;
  int32_t offsets[kMostTaps];  // of the taps, in a plane
};

// Outputs of kCount rows; `from` is the plane at the first of them.
template <int kCount>
KL_INLINE void ComputeRows(const State& s, const float* from, const float* weights, float bias,
                           float* y) {
  const ConvShape& shape = s.shape;
  const int64_t step = shape.strides[0] * s.planes.pitch;
  const Vector low = SetVector(shape.low), high = SetVector(shape.high);
  for (int64_t column = 0; column < shape.out_columns; column += kLanes) {
    Vector sum[kCount];
#pragma GCC unroll 4
    for (int r = 0; r < kCount; ++r) sum[r] = SetVector(bias);
    for (int64_t tap = 0; tap < s.tap_count; ++tap) {
      const float* pixels = from + column + s.offsets[tap];
      const Vector weight = SetVector(weights[tap]);
#pragma GCC unroll 4
      for (int r = 0; r < kCount; ++r) {
        sum[r] = MultiplyAdd(weight, LoadVector(pixels + r * step), sum[r]);
      }
    }
    const int64_t left = shape.out_columns - column;
#pragma GCC unroll 4
    for (int r = 0; r < kCount; ++r) {
      float* out = y + r * shape.out_columns + column;
      const Vector result = ClampVector(low, high, sum[r]);
      if (left >= kLanes) {
        StoreVector(out, result);
      } else {
        StoreMasked(out, FirstMask(left), result);
      }
    }
  }
}

__attribute__((noinline)) void ComputePlane(const State& s, const float* planes,
                                            const float* weights, float bias, float* y) {
  const int64_t step = s.shape.strides[0] * s.planes.pitch, columns = s.shape.out_columns;
  int64_t row = 0;
  for (; row + kRows <= s.shape.out_rows; row += kRows) {
    ComputeRows<kRows>(s, planes + row * step, weights, bias, y + row * columns);
  }
  for (; row + 2 <= s.shape.out_rows; row += 2) {
    ComputeRows<2>(s, planes + row * step, weights, bias, y + row * columns);
  }
  if (row < s.shape.out_rows) {
    ComputeRows<1>(s, planes + row * step, weights, bias, y + row * columns);
  }
}

kl_code Supports(const kl_node* node, kl_error* error) {
  ConvShape shape = {};
  KL_TRY(ReadConv(node, &shape, error));
  if (shape.group != shape.channels || shape.outputs != shape.channels) {
    return RefuseConv(node, "not depthwise", error);
  }
  if (shape.dilations[0] != 1 || shape.dilations[1] != 1) {
    return RefuseConv(node, "dilated windows", error);
  }
  if (shape.kernel[0] * shape.kernel[1] > kMostTaps) {
    return RefuseConv(node, "a window of more than 128 taps", error);
  }
  if (PlanesFor(shape).plane_floats > INT32_MAX) return RefuseConv(node, "huge planes", error);
  return KL_OK;
}

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements* requirements,
                kl_error* error) {
  State* s = (State*)state;
  KL_TRY(Supports(node, error));
  KL_TRY(ReadConv(node, &s->shape, error));
  if (IsDepthwise3x3(s->shape)) return KL_OK;
  s->planes = PlanesFor(s->shape);
  for (int64_t kh = 0; kh < s->shape.kernel[0]; ++kh) {
    for (int64_t kw = 0; kw < s->shape.kernel[1]; ++kw) {
      s->offsets[s->tap_count++] = (int32_t)s->planes.TapOffset(kh, kw);
    }
  }
  requirements->worker_scratch_bytes = (uint64_t)s->planes.plane_floats * sizeof(float);
  return KL_OK;
}

void Work(const kl_run* run, kl_work* work) {
  const kl_tensor* x = run->operands[kConvX];
  OnePhase(work, x->shape[0] * x->shape[1]);
}

// Planes [run->begin, run->end) by `compute`(x, weights, bias, y).
template <typename Compute>
KL_INLINE void ForEachPlane(const kl_run* run, Compute compute) {
  const ConvShape& shape = ((const State*)run->state)->shape;
  const float* bias = ConvBias(run);
  const float* x = (const float*)run->operands[kConvX]->data;
  const float* w = (const float*)run->operands[kConvW]->data;
  float* y = (float*)run->operands[kConvY]->data;
  for (int64_t unit = run->begin; unit < run->end; ++unit) {
    const int64_t channel = unit % shape.channels;
    compute(x + unit * shape.rows * shape.columns, w + channel * shape.kernel[0] * shape.kernel[1],
            bias != nullptr ? bias[channel] : 0.0f, y + unit * shape.out_rows * shape.out_columns);
  }
}

void Run3x3(const kl_run* run) {
  const ConvShape& shape = ((const State*)run->state)->shape;
  ForEachPlane(run, [&](const float* x, const float* taps, float bias, float* y) {
    const PlaneWeights weights = {taps, bias, shape.low, shape.high};
    if (TakesPairs(shape)) {
      PairsPlane(shape, weights, x, y);
    } else if (shape.strides[0] == 2) {
      TallPlane<2>(shape, weights, x, y);
    } else {
      TallPlane<1>(shape, weights, x, y);
    }
  });
}

kl_code Run(const kl_run* run) {
  const State& s = *(const State*)run->state;
  if (IsDepthwise3x3(s.shape)) {
    Run3x3(run);
    return KL_OK;
  }
  float* planes = (float*)run->worker_scratch;
  ZeroPlane(s.planes, planes);
  ForEachPlane(run, [&](const float* x, const float* weights, float bias, float* y) {
    CopyPlane(s.planes, x, planes);
    ComputePlane(s, planes, weights, bias, y);
  });
  return KL_OK;
}

}  // namespace

// A kernel file, all but its includes.
#define KL_CONV2D_DEPTHWISE(plugin, stem)                                                          \
  namespace {                                                                                      \
  constexpr kl_kernel kKernel = ConvKernel(#stem, 3, sizeof(State), Prepare, Work, Run, Supports); \
  const kl_kernel* const kKernels[] = {&kKernel};                                                  \
  }                                                                                                \
  KL_TABLE(plugin, stem) = {nullptr, kKernels, 1}

#endif  // PLUGINS_COMMON_KERNELS_CONV2D_DEPTHWISE_H_
