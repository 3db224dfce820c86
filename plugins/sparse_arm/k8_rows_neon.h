// Rows in the K8 layout (plugins/common/kernels/k8_layout.h): one token without any sum across
// lanes, many tokens through a panel.
//
// A 32-byte vector of the layout is two registers here: blocks 0..3 and 4..7.
#ifndef PLUGINS_SPARSE_ARM_K8_ROWS_NEON_H_
#define PLUGINS_SPARSE_ARM_K8_ROWS_NEON_H_

#include "plugins/common/kernels/k8_layout.h"
#include "plugins/sparse_arm/blocks_neon.h"
#include "plugins/sparse_arm/k8_products_neon.h"
#include "plugins/sparse_arm/k8_six_bits_neon.h"

namespace {

// What differs between types: the scales, and how many bits of a byte are a weight's.
struct K8Q4_0 {
  using Bytes = K8BytesQ4_0;
  using Type = TypeQ4_0;
  static KL_INLINE F8 Scales(const uint8_t* packed) { return LoadHalf8(packed); }
  static KL_INLINE F8 Minima(const uint8_t*) { return Zero8(); }
};
struct K8Q4_K {
  using Bytes = K8BytesQ4_K;
  using Type = TypeQ4_K;
  static KL_INLINE F8 Scales(const uint8_t* packed) { return Type::Scales(packed); }
  static KL_INLINE F8 Minima(const uint8_t* packed) { return Type::Minima(packed); }
};
struct K8Q8_0 {
  using Bytes = K8BytesQ8_0;
  using Type = TypeQ8_0;
  static KL_INLINE F8 Scales(const uint8_t* packed) { return LoadHalf8(packed); }
  static KL_INLINE F8 Minima(const uint8_t*) { return Zero8(); }
};
struct K8Q6_K {
  using Bytes = K8BytesQ6_K;
  using Type = TypeQ6_K;
  static KL_INLINE F8 Scales(const uint8_t* packed) { return Type::Scales(packed); }
  static KL_INLINE F8 Minima(const uint8_t*) { return Zero8(); }
};

template <class Format>
struct K8Rows {
  using Bytes = typename Format::Bytes;
  static constexpr int kGroupBytes = Bytes::kGroupBytes;
  static constexpr bool kNibbles = Bytes::kBits == 4;
  static constexpr bool kHalved = (Format::Type::kTraits & kHalvedScales) != 0;
  static constexpr int kTraits = Format::Type::kTraits;
  static constexpr bool kMinima = (kTraits & kWithMinima) != 0;
  // 4 and 6 bits are multiplied unsigned: that saves a subtraction for one token.
  static constexpr int kOffset = kNibbles ? 8 : Bytes::kBits == 6 ? 32 : 0;
  static constexpr ActivationForm kForm = {kInterleaved, kOffset, kHalved};
  static constexpr int64_t kTokensForPanel = 4;

  static KL_INLINE uint64_t RowBytes(int64_t blocks) { return (uint64_t)blocks * kGroupBytes / 8; }
  static KL_INLINE uint64_t PanelBytes(int64_t blocks) { return ::PanelBytes(blocks); }
  static KL_INLINE void QuantiseRow(const float* x, int64_t columns, ActivationGroup* groups) {
    ::QuantiseRow(x, columns, kForm, groups);
  }
  static KL_INLINE void QuantiseBlock(const float* x, ActivationGroup* group, int64_t j) {
    ::QuantiseBlock(x, kForm, group, j);
  }

  static KL_INLINE F8 AddGroup(const K8Sums& sums, const uint8_t* packed, const ActivationGroup& a,
                               F8 sum) {
    const F8 integers = {TakeBiasOff(sums.half[0]), TakeBiasOff(sums.half[1])};
    sum = MultiplyAdd(integers, Format::Scales(packed) * Load8(a.d), sum);
    if (kMinima) sum = MultiplyAdd(Format::Minima(packed), Load8(a.d_sum), sum);
    return sum;
  }

  static KL_INLINE void PrefetchGroup(const uint8_t* group) {
#pragma GCC unroll 8
    for (int line = 0; line < kGroupBytes; line += 64) Prefetch(group + line);
  }

  // Products load what the next group begins with; the last loads itself again.
  static KL_INLINE float Dot(const uint8_t* row, int64_t blocks, const ActivationGroup* a,
                             const uint8_t* ahead) {
    F8 sum = Zero8();
    if constexpr (kHalved) {
      for (int64_t left = blocks / 8; left > 0; --left) {
        PrefetchGroup(ahead);
        sum = MultiplyAdd(K8SixBits(row, *a), Format::Scales(row) * Load8(a->d), sum);
        row += kGroupBytes;
        ahead += kGroupBytes;
        ++a;
      }
      return SumAcross(sum);
    }
    using Products = K8Products<kNibbles>;
    K8First first = Products::Load(row + 16, a->q);
    for (int64_t left = blocks / 8 - 1; left > 0; --left) {
      PrefetchGroup(ahead);
      const K8Sums sums =
          Products::Multiply(row + 16, a->q, row + kGroupBytes + 16, a[1].q, a->init, &first);
      sum = AddGroup(sums, row, *a, sum);
      row += kGroupBytes;
      ahead += kGroupBytes;
      ++a;
    }
    PrefetchGroup(ahead);
    const K8Sums sums = Products::Multiply(row + 16, a->q, row + 16, a->q, a->init, &first);
    return SumAcross(AddGroup(sums, row, *a, sum));
  }

  // Eight blocks of one row into a panel.
  static KL_INLINE void UnpackGroup(const uint8_t* packed, int64_t block, int64_t row,
                                    const Panel& panel) {
    const uint8x16_t low_half = vdupq_n_u8(15);
    const int8x16_t eight = vdupq_n_s8(8);
#pragma GCC unroll 2
    for (int h = 0; h < 2; ++h) {
      const uint8_t* p = packed + 16 + 16 * h;
      const int64_t first = block + 4 * h;
      if (Bytes::kBits == 6) {
#pragma GCC unroll 2
        for (int u = 0; u < 2; ++u) {
          int8x16_t w[4];
          SixBitColumns(packed + 32 * u + 16 * h, w);
#pragma GCC unroll 4
          for (int m = 0; m < 4; ++m) {
            const int column = 2 * u + (m < 2 ? m : m + 2);
            PutBlocks(panel, first, row, column, vsubq_s8(w[m], vdupq_n_s8(kOffset)));
          }
        }
      } else if (kNibbles) {
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) {
          const uint8x16_t v = vld1q_u8(p + 32 * i);
          const int8x16_t low = vreinterpretq_s8_u8(vandq_u8(v, low_half));
          const int8x16_t high = vreinterpretq_s8_u8(vshrq_n_u8(v, 4));
          PutBlocks(panel, first, row, 2 * i, vsubq_s8(low, eight));
          PutBlocks(panel, first, row, 2 * i + 1, vsubq_s8(high, eight));
        }
      } else {
#pragma GCC unroll 8
        for (int i = 0; i < 8; ++i) {
          PutBlocks(panel, first, row, i, vld1q_s8((const int8_t*)p + 32 * i));
        }
      }
    }
    float scales[8];
    float minima[8];
    Store8(scales, Format::Scales(packed));
    if (kMinima) Store8(minima, Format::Minima(packed));
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) {
      PutScale(panel, block + j, row, scales[j]);
      if (kMinima) PutMinimum(panel, block + j, row, minima[j]);
      if constexpr (kHalved) {
        PutHalf(panel, block + j, row, 0, Format::Type::Half(packed, (int)j, 0));
        PutHalf(panel, block + j, row, 1, Format::Type::Half(packed, (int)j, 1));
      }
    }
  }

  // Unpacks `count` (1..16) rows; missing rows repeat the last.
  static inline __attribute__((noinline)) void Unpack(const uint8_t* first_row, uint64_t stride,
                                                      int64_t count, int64_t blocks,
                                                      const Panel& panel) {
    for (int64_t r = 0; r < kPanelRows; ++r) {
      const uint8_t* row = first_row + (uint64_t)Minimum(r, count - 1) * stride;
      for (int64_t b = 0; b < blocks; b += 8, row += kGroupBytes) UnpackGroup(row, b, r, panel);
    }
  }

  template <class Store>
  static KL_INLINE void MultiplyPanel(const uint8_t* first_row, uint64_t stride, int64_t rows,
                                      int64_t blocks, const ActivationGroup* const* tokens,
                                      int64_t count, void* memory, const Store& store) {
    const Panel panel = PanelAt(memory, blocks);
    Unpack(first_row, stride, rows, blocks, panel);
    MultiplyPanelTokens<kTraits>(panel, blocks, tokens, count, store);
  }
};

}  // namespace

#endif  // PLUGINS_SPARSE_ARM_K8_ROWS_NEON_H_
