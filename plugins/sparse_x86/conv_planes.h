// Image planes with their padding, taken apart by column phase, so that a window's taps are plain
// loads at any stride:
//
//   phase p of a plane:  phases[p][row][i] = padded[row][i * stride + p]      0 <= p < stride
//
// Output column o of tap kw is then phases[kw % stride][..][o + kw / stride]. Padding is zeros.
// Rows are long enough for whole vectors of outputs.
#ifndef PLUGINS_SPARSE_X86_CONV_PLANES_H_
#define PLUGINS_SPARSE_X86_CONV_PLANES_H_

#include "plugins/sparse_x86/conv_shape.h"
#include "plugins/sparse_x86/vector.h"

namespace {

struct Planes {
  int64_t rows, columns;  // of the image
  int64_t top, left;      // padding
  int64_t stride;         // of columns
  int64_t padded_rows;
  int64_t pitch;         // floats from one row of a phase to the next
  int64_t phase_floats;  // from one phase to the next
  int64_t plane_floats;  // from one plane to the next

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
  return planes;
}

KL_INLINE void ZeroFloats(float* p, int64_t count) {
  const Vector zero = SetVector(0.0f);
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) StoreVector(p + i, zero);
  for (; i < count; ++i) p[i] = 0.0f;
}

// Columns phase, phase + stride, .. of a padded row, `count` of them, from the image's row.
KL_INLINE void TakeColumns(const Planes& planes, const float* row, int64_t phase, float* to) {
  const int64_t stride = planes.stride;
  // First and last i whose column i * stride + phase - left lies in the image.
  const int64_t behind = planes.left - phase;
  int64_t first = behind > 0 ? CeilDivide(behind, stride) : 0;
  int64_t end = planes.columns + behind > 0 ? CeilDivide(planes.columns + behind, stride) : 0;
  end = Minimum(end, planes.pitch);
  first = Minimum(first, end);
  ZeroFloats(to, first);
  const float* from = row + first * stride - behind;
  int64_t i = first;
  if (stride == 1) {
    for (; i + kLanes <= end; i += kLanes, from += kLanes) StoreVector(to + i, LoadVector(from));
    const Mask mask = FirstMask(end - i);
    if (i < end) StoreMasked(to + i, mask, LoadMasked(from, mask));
  } else if (stride == 2) {
    // Sixteen columns a step; the last of them may be behind the row's end, hence 2 * 8 - 1.
    const float* row_end = row + planes.columns;
    for (; i + 8 <= end && from + 16 <= row_end; i += 8, from += 16) {
      const __m256 pairs =
          _mm256_shuffle_ps(_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8), 0x88);
      const __m256i lanes = _mm256_permute4x64_epi64(_mm256_castps_si256(pairs), 0xd8);
      _mm256_storeu_ps(to + i, _mm256_castsi256_ps(lanes));
    }
    for (; i < end; ++i, from += 2) to[i] = *from;
  } else {
    for (; i < end; ++i, from += stride) to[i] = *from;
  }
  ZeroFloats(to + end, planes.pitch - end);
}

// Rows [begin, end) of all phases of a padded plane.
KL_INLINE void FillPlane(const Planes& planes, const float* image, int64_t begin, int64_t end,
                         float* to) {
  for (int64_t row = begin; row < end; ++row) {
    const int64_t source = row - planes.top;
    for (int64_t phase = 0; phase < planes.stride; ++phase) {
      float* out = to + phase * planes.phase_floats + row * planes.pitch;
      if (source < 0 || source >= planes.rows) {
        ZeroFloats(out, planes.pitch);
      } else {
        TakeColumns(planes, image + source * planes.columns, phase, out);
      }
    }
  }
}

}  // namespace

#endif  // PLUGINS_SPARSE_X86_CONV_PLANES_H_
