// Depthwise convolutions whose output takes over the memory of their input.
//
//   plane of x   [ row 0 | row 1 | row 2 | ...          ]
//   plane of y   [ 0 | 1 | 2 | ...]                         its rows are not longer, and there are
//   not more of them
//
// A plane is computed from top to bottom. A row of y is written once no row below it needs what it
// overwrites: at most pad_top rows wait, in a buffer on the stack. Where planes of y are smaller
// they are moved together afterwards, in order. Planes do not depend on each other: one unit each,
// then one unit that moves them. Source: arXiv 2110.15352, section 3.1. Thread safety: pure
// functions.
#ifndef KINGLET_PLUGINS_REFERENCE_IN_PLACE_H_
#define KINGLET_PLUGINS_REFERENCE_IN_PLACE_H_

#include "plugins/reference/window.h"

namespace kinglet {
namespace reference {

// Of the rows that wait.
constexpr uint64_t kInPlaceBytes = 4096;

// Tells the host that y may take over x, where the node is a depthwise convolution that can.
inline void OfferInPlace(const kl_node* node, uint32_t x_operand, uint32_t y_operand,
                         const Window& window, int64_t group, kl_requirements* requirements) {
  const kl_tensor* x = node->operands[x_operand];
  const kl_tensor* y = node->operands[y_operand];
  const uint64_t row_bytes = kl_row_bytes(y->type, static_cast<uint64_t>(y->shape[3]));
  const bool depthwise = group == x->shape[1] && group == y->shape[1];
  const bool same_width =
      kl_dtype_info_of(x->type).block_bytes == kl_dtype_info_of(y->type).block_bytes;
  const bool shrinks = y->shape[2] <= x->shape[2] && y->shape[3] <= x->shape[3];
  const uint64_t waiting = static_cast<uint64_t>(window.pads[0] + 1);
  if (!depthwise || !same_width || !shrinks || row_bytes == 0 ||
      waiting > kInPlaceBytes / row_bytes)
    return;
  if (KL_HAS_FIELD(requirements, kl_requirements, in_place_operand)) {
    requirements->in_place_operand = static_cast<int32_t>(x_operand);
  }
}

inline void InPlaceWork(const kl_tensor* x, const kl_tensor* y, kl_work* work) {
  const bool smaller = kl_element_count(y) < kl_element_count(x);
  OnePhase(work, y->shape[0] * y->shape[1]);
  if (work->phase_count == 0 || !smaller) return;
  work->phase_count = 2;
  work->unit_count[1] = 1;
}

// outputs(n, m) gives a function (oh, ow) -> T of the plane's outputs, which reads the plane of x.
template <typename T, typename Outputs>
void RunInPlace(const kl_run* run, const kl_tensor* x, const kl_tensor* y, const Window& window,
                Outputs outputs) {
  const int64_t from_pixels = x->shape[2] * x->shape[3], to_pixels = y->shape[2] * y->shape[3];
  const int64_t rows = y->shape[2], columns = y->shape[3], channels = y->shape[1];
  T* const data = static_cast<T*>(y->data);
  if (run->phase == 1) {
    for (int64_t p = 1; p < y->shape[0] * channels; ++p) {
      std::memmove(data + p * to_pixels, data + p * from_pixels,
                   static_cast<size_t>(to_pixels) * sizeof(T));
    }
    return;
  }
  T waiting[kInPlaceBytes / sizeof(T)];
  const int64_t slots = window.pads[0] + 1;
  for (int64_t p = run->begin; p < run->end; ++p) {
    T* const plane = data + p * from_pixels;
    const auto output = outputs(p / channels, p % channels);
    int64_t written = 0;
    const auto write_until = [&](int64_t end) {
      for (; written < end; ++written) {
        std::memcpy(plane + written * columns, waiting + written % slots * columns,
                    static_cast<size_t>(columns) * sizeof(T));
      }
    };
    for (int64_t oh = 0; oh < rows; ++oh) {
      T* const row = waiting + oh % slots * columns;
      for (int64_t ow = 0; ow < columns; ++ow) row[ow] = output(oh, ow);
      // Row r of y lies within rows 0 .. r of x; the next outputs need rows from window.First() on.
      const int64_t free = window.First(0, oh + 1);
      write_until(free < 0 ? 0 : free < oh + 1 ? free : oh + 1);
    }
    write_until(rows);
  }
}

}  // namespace reference
}  // namespace kinglet

#endif  // KINGLET_PLUGINS_REFERENCE_IN_PLACE_H_
