// Which inputs the outputs of a sliding window need: the arithmetic of halos, along one axis.
//
//   window      o covers o * stride - pad_begin + i * dilation,  0 <= i < kernel
//   outputs     [      begin ...... end )
//   inputs   [  begin*stride - pad ............ (end-1)*stride - pad + span )      span =
//   (kernel-1)*dilation + 1
//
// What lies outside of the image is padding of the tile, there and nowhere else: then a tile
// computes what the whole image would. Source: arXiv 2110.15352, section 3. Pure functions.
#ifndef KINGLET_CORE_EXEC_PATCH_REGION_H_
#define KINGLET_CORE_EXEC_PATCH_REGION_H_

#include <algorithm>
#include <cstdint>

namespace kinglet {

// [begin, end).
struct Interval {
  int64_t begin = 0;
  int64_t end = 0;

  int64_t length() const { return end - begin; }
  bool operator==(const Interval& other) const { return begin == other.begin && end == other.end; }
  bool operator!=(const Interval& other) const { return !(*this == other); }
};

inline Interval Hull(const Interval& a, const Interval& b) {
  return {std::min(a.begin, b.begin), std::max(a.end, b.end)};
}

// Of an image.
struct Region {
  Interval rows;
  Interval columns;

  bool operator==(const Region& other) const {
    return rows == other.rows && columns == other.columns;
  }
  bool operator!=(const Region& other) const { return !(*this == other); }
};

inline Region Hull(const Region& a, const Region& b) {
  return {Hull(a.rows, b.rows), Hull(a.columns, b.columns)};
}

struct WindowAxis {
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t dilation = 1;
  int64_t pad_begin = 0;
  int64_t pad_end = 0;
  int64_t size = 0;  // of the image

  int64_t span() const { return (kernel - 1) * dilation + 1; }
};

// What some outputs read.
struct Reach {
  Interval inside;  // of the image; empty where they read padding only
  int64_t pad_begin = 0;
  int64_t pad_end = 0;
};

inline Reach ReachOf(const WindowAxis& window, const Interval& outputs) {
  const int64_t begin = outputs.begin * window.stride - window.pad_begin;
  const int64_t end = (outputs.end - 1) * window.stride - window.pad_begin + window.span();
  Reach reach;
  reach.inside.begin = std::clamp<int64_t>(begin, 0, window.size);
  reach.inside.end = std::clamp<int64_t>(end, reach.inside.begin, window.size);
  reach.pad_begin = reach.inside.begin - begin;
  reach.pad_end = end - reach.inside.end;
  return reach;
}

// Inputs of `outputs` of them far from any border: the size that tiles are said to have.
inline int64_t NominalInputs(const WindowAxis& window, int64_t outputs) {
  return (outputs - 1) * window.stride + window.span();
}

// Part `index` of `count` nearly equal ones of [0, size), the larger ones first.
inline Interval PartOf(int64_t size, int64_t count, int64_t index) {
  const int64_t large = size % count, least = size / count;
  const auto start = [&](int64_t i) { return i * least + std::min(i, large); };
  return {start(index), start(index + 1)};
}

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_PATCH_REGION_H_
