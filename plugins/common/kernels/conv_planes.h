// Image planes with their padding, taken apart by column phase, so that a window's taps are plain
// loads at any stride:
//
//   phase p of a plane:  phases[p][row][i] = padded[row][i * stride + p]      0 <= p < stride
//
// Output column o of tap kw is then phases[kw % stride][..][o + kw / stride]. Padding is zeros.
// Rows are long enough for whole vectors of outputs.
#ifndef PLUGINS_COMMON_KERNELS_CONV_PLANES_H_
#define PLUGINS_COMMON_KERNELS_CONV_PLANES_H_

#include "plugins/common/kernels/conv_shape.h"
#include "plugins/common/kernels/vector.h"

namespace {

struct Planes {
  int64_t rows, columns;  // of the image
  int64_t top, left;      // padding
  int64_t stride;         // of columns
  int64_t padded_rows;
  int64_t pitch;         // floats from one row of a phase to the next
  int64_t phase_floats;  // from one phase to the next
  int64_t plane_floats;  // from one plane to the next
  int64_t row_end;       // rows of the image before it are reached by windows

  // Where tap (kh, kw) of output (0, 0) lies in a plane.
  KL_INLINE int64_t TapOffset(int64_t kh, int64_t kw) const {
    return kw % stride * phase_floats + kh * pitch + kw / stride;
  }
};

KL_INLINE Planes PlanesFor(const ConvShape& shape) {
  Planes planes = {};
  planes.rows = shape.rows;
  planes.columns = shape.columns;
  planes.top = shape.pads[0];
  planes.left = shape.pads[1];
  planes.stride = shape.strides[1];
  // What windows reach; padding at the bottom or right that none does is left out.
  planes.padded_rows = (shape.out_rows - 1) * shape.strides[0] + shape.kernel[0];
  const int64_t shift = (shape.kernel[1] - 1) / shape.strides[1];
  planes.pitch = RoundUp(RoundUp(shape.out_columns, kLanes) + shift, kLanes);
  planes.phase_floats = planes.padded_rows * planes.pitch;
  planes.plane_floats = planes.stride * planes.phase_floats;
  planes.row_end = Minimum(shape.rows, planes.padded_rows - planes.top);
  return planes;
}

KL_INLINE void ZeroFloats(float* p, int64_t count) {
  const Vector zero = SetVector(0.0f);
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) StoreVector(p + i, zero);
  for (; i < count; ++i) p[i] = 0.0f;
}

KL_INLINE void CopyFloats(const float* from, int64_t count, float* to) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) StoreVector(to + i, LoadVector(from + i));
  if (i == count) return;
  const Mask mask = FirstMask(count - i);
  StoreMasked(to + i, mask, LoadMasked(from + i, mask));
}

// Even columns go to one phase, odd ones to the other; each at most to its `.._end`.
KL_INLINE void SplitColumns(const float* from, int64_t count, float* even, const float* even_end,
                            float* odd, const float* odd_end) {
  for (; count > 0; from += 2 * kLanes, even += kLanes, odd += kLanes, count -= 2 * kLanes) {
    const Vector low = LoadMasked(from, RangeMask(0, count));
    const Vector high = LoadMasked(from + kLanes, RangeMask(0, count - kLanes));
    StoreMasked(even, RangeMask(0, Minimum((count + 1) / 2, even_end - even)),
                EvenLanes(low, high));
    StoreMasked(odd, RangeMask(0, Minimum(count / 2, odd_end - odd)), OddLanes(low, high));
  }
}

// Column c lies in phase (c + left) % stride at (c + left) / stride; those at a row's end that no
// window reaches are left out.
KL_INLINE void CopyRow(const Planes& planes, const float* row, float* to) {
  const int64_t left = planes.left;
  if (planes.stride == 1) {
    CopyFloats(row, Minimum(planes.columns, planes.pitch - left), to + left);
  } else if (planes.stride == 2) {
    float* even = to + left % 2 * planes.phase_floats;
    float* odd = to + (left + 1) % 2 * planes.phase_floats;
    SplitColumns(row, planes.columns, even + left / 2, even + planes.pitch, odd + (left + 1) / 2,
                 odd + planes.pitch);
  } else {
    for (int64_t c = 0; c < planes.columns; ++c) {
      const int64_t i = (c + left) / planes.stride;
      if (i < planes.pitch) to[(c + left) % planes.stride * planes.phase_floats + i] = row[c];
    }
  }
}

// Padding and all: once for scratch that planes of one shape are then copied to.
KL_INLINE void ZeroPlane(const Planes& planes, float* to) { ZeroFloats(to, planes.plane_floats); }

KL_INLINE void CopyPlane(const Planes& planes, const float* image, float* to) {
  for (int64_t row = 0; row < planes.row_end; ++row) {
    CopyRow(planes, image + row * planes.columns, to + (row + planes.top) * planes.pitch);
  }
}

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_CONV_PLANES_H_
