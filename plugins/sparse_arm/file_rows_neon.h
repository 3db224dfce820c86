// Quantised rows as they are in the file: what all block types share.
//
// A block type is described by a struct (blocks_neon.h) with
//   kType, kTraits (WeightTraits), kGroupBytes (bytes of 256 columns)
//   kBlockColumns       in the file: 256, or 32, when a row may end within a group
//   Load(group, j)      the 32 weights of block j, as signed bytes
//   Scales(group)       lane j: scale of block j
//   Minima(group)       lane j: what d_sum of block j is multiplied with  (kWithMinima)
//   Scales<n>(group), Minima<n>(group)   of the first n blocks, 0 in other lanes  (kBlockColumns 32)
//   Half(group, j, h)   integer scale of half h of block j                (kHalvedScales)
//   Integers(group, a)  lane j: product of block j, times its scales      (kHalvedScales)
//   kOffset             that Integers() leaves to the activations' init   (kHalvedScales)
// and FileRows<Type> makes of it what QuantisedEngine asks for.
#ifndef PLUGINS_SPARSE_ARM_FILE_ROWS_NEON_H_
#define PLUGINS_SPARSE_ARM_FILE_ROWS_NEON_H_

#include "plugins/sparse_arm/panel_neon.h"

namespace {

// What types with and without halved scales do differently.
template <class Type, bool kHalved>
struct FileGroup {
  static constexpr ActivationForm kForm = {kNatural, 0, false};
  // Lane j: product of block j.
  static KL_INLINE F8 Integers(const uint8_t* group, const ActivationGroup& a) {
    return {FourIntegers<8, 0>(group, a), FourIntegers<8, 4>(group, a)};
  }
  // Lane i: product of block kFirst + i; 0 from block kCount on.
  template <int kCount, int kFirst>
  static KL_INLINE float32x4_t FourIntegers(const uint8_t* group, const ActivationGroup& a) {
    int32x4_t p[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const int j = kFirst + i;
      p[i] = j < kCount ? Products32<(Type::kTraits & kNarrowWeights) != 0>(Type::Load(group, j),
                                                                            a.natural + 32 * j)
                        : vdupq_n_s32(0);
    }
    return vcvtq_f32_s32(SumEach4(p[0], p[1], p[2], p[3]));
  }
};
template <class Type>
struct FileGroup<Type, true> {
  static constexpr ActivationForm kForm = {kNatural, Type::kOffset, true};
  static KL_INLINE F8 Integers(const uint8_t* group, const ActivationGroup& a) {
    return Type::Integers(group, a);
  }
};

template <class Type>
struct FileRows {
  static constexpr kl_dtype kType = Type::kType;
  static constexpr int kGroupBytes = Type::kGroupBytes;
  static constexpr bool kNarrow = (Type::kTraits & kNarrowWeights) != 0;
  static constexpr bool kMinima = (Type::kTraits & kWithMinima) != 0;
  static constexpr bool kHalved = (Type::kTraits & kHalvedScales) != 0;
  static constexpr bool kWholeGroups = Type::kBlockColumns == 256;
  static constexpr ActivationForm kForm = FileGroup<Type, kHalved>::kForm;
  // From here on, unpacking a panel costs less than multiplying rows one by one.
  static constexpr int64_t kTokensForPanel = 4;

  static KL_INLINE uint64_t RowBytes(int64_t blocks) { return (uint64_t)blocks * kGroupBytes / 8; }
  static KL_INLINE uint64_t PanelBytes(int64_t blocks) { return ::PanelBytes(blocks); }
  static KL_INLINE void QuantiseRow(const float* x, int64_t columns, ActivationGroup* groups) {
    ::QuantiseRow(x, columns, kForm, groups);
  }
  static KL_INLINE void QuantiseBlock(const float* x, ActivationGroup* group, int64_t j) {
    ::QuantiseBlock(x, kForm, group, j);
  }

  static KL_INLINE F8 AddGroup(const uint8_t* group, const ActivationGroup& a, F8 sum) {
    const F8 integers = FileGroup<Type, kHalved>::Integers(group, a);
    sum = MultiplyAdd(integers, Type::Scales(group) * Load8(a.d), sum);
    if (kMinima) sum = MultiplyAdd(Type::Minima(group), Load8(a.d_sum), sum);
    return sum;
  }

  // AddGroup of a group that has kCount blocks only: other lanes of `sum` stay as they are.
  template <int kCount>
  static KL_INLINE F8 AddBlocks(const uint8_t* group, const ActivationGroup& a, F8 sum) {
    const F8 scales = Type::template Scales<kCount>(group);
    const F8 minima = Type::template Minima<kCount>(group);
    const float32x4_t low = FileGroup<Type, kHalved>::template FourIntegers<kCount, 0>(group, a);
    sum.low = vfmaq_f32(sum.low, low, vmulq_f32(scales.low, vld1q_f32(a.d)));
    if (kMinima) sum.low = vfmaq_f32(sum.low, minima.low, vld1q_f32(a.d_sum));
    if (kCount <= 4) return sum;
    const float32x4_t high = FileGroup<Type, kHalved>::template FourIntegers<kCount, 4>(group, a);
    sum.high = vfmaq_f32(sum.high, high, vmulq_f32(scales.high, vld1q_f32(a.d + 4)));
    if (kMinima) sum.high = vfmaq_f32(sum.high, minima.high, vld1q_f32(a.d_sum + 4));
    return sum;
  }
  // What Dot gives for a row that ends with `count` < 8 blocks, `sum` being that of its whole groups.
  static inline __attribute__((noinline)) float AddLastBlocks(const uint8_t* group, int64_t count,
                                                              const ActivationGroup& a, F8 sum) {
    switch (count) {
      case 1:
        return SumAcross(AddBlocks<1>(group, a, sum));
      case 2:
        return SumAcross(AddBlocks<2>(group, a, sum));
      case 3:
        return SumAcross(AddBlocks<3>(group, a, sum));
      case 4:
        return SumAcross(AddBlocks<4>(group, a, sum));
      case 5:
        return SumAcross(AddBlocks<5>(group, a, sum));
      case 6:
        return SumAcross(AddBlocks<6>(group, a, sum));
      default:
        return SumAcross(AddBlocks<7>(group, a, sum));
    }
  }

  // The product of one row with one token. Lane j sums the blocks j, j + 8, ... Meanwhile the bytes
  // at `ahead`, as many as the row has, are fetched into the cache.
  static KL_INLINE float Dot(const uint8_t* row, int64_t blocks, const ActivationGroup* a,
                             const uint8_t* ahead) {
    F8 sum = Zero8();
    const int64_t groups = blocks / 8;
    for (int64_t g = 0; g < groups; ++g, row += kGroupBytes, ahead += kGroupBytes, ++a) {
#pragma GCC unroll 8
      for (int line = 0; line < kGroupBytes; line += 64) Prefetch(ahead + line);
      sum = AddGroup(row, *a, sum);
    }
    if constexpr (!kWholeGroups) {
      if (blocks % 8 != 0) return AddLastBlocks(row, blocks % 8, *a, sum);
    }
    return SumAcross(sum);
  }

  // The `count` blocks of one group, times `factor`.
  static KL_INLINE void DequantiseGroup(const uint8_t* group, int count, float factor, float* y) {
    float scales[8];
    float minima[8];
    Store8(scales, Type::Scales(group) * Splat8(factor));
    Store8(minima, Type::Minima(group) * Splat8(factor));
    for (int j = 0; j < count; ++j) {
      const int8x16x2_t w = Type::Load(group, j);
#pragma GCC unroll 2
      for (int half = 0; half < 2; ++half) {
        const float scale = kHalved ? scales[j] * (float)Type::Half(group, j, half) : scales[j];
        const int16x8_t wide[2] = {vmovl_s8(vget_low_s8(w.val[half])), vmovl_high_s8(w.val[half])};
#pragma GCC unroll 2
        for (int i = 0; i < 2; ++i) {
          F8 v = {vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide[i]))),
                  vcvtq_f32_s32(vmovl_high_s16(wide[i]))};
          v = v * Splat8(scale);
          if (kMinima) v = v + Splat8(minima[j]);
          Store8(y + 32 * j + 16 * half + 8 * i, v);
        }
      }
    }
  }

  // Blocks [first, first + count) of one row into a panel.
  static KL_INLINE void UnpackGroup(const uint8_t* group, int64_t first, int count, int64_t row,
                                    const Panel& panel) {
    float scales[8];
    float minima[8];
    Store8(scales, Type::Scales(group));
    if (kMinima) Store8(minima, Type::Minima(group));
    for (int j = 0; j < count; ++j) {
      const int8x16x2_t w = Type::Load(group, j);
      PutColumns(panel, first + j, row, 0, w.val[0]);
      PutColumns(panel, first + j, row, 1, w.val[1]);
      PutScale(panel, first + j, row, scales[j]);
      if (kMinima) PutMinimum(panel, first + j, row, minima[j]);
      if (kHalved) {
        PutHalf(panel, first + j, row, 0, Type::Half(group, j, 0));
        PutHalf(panel, first + j, row, 1, Type::Half(group, j, 1));
      }
    }
  }

  // Unpacks `count` (1..16) rows; missing rows repeat the last.
  static inline __attribute__((noinline)) void Unpack(const uint8_t* first_row,
                                                      uint64_t stride, int64_t count,
                                                      int64_t blocks, const Panel& panel) {
    for (int64_t r = 0; r < kPanelRows; ++r) {
      const uint8_t* row = first_row + (uint64_t)Minimum(r, count - 1) * stride;
      int64_t b = 0;
      for (; b + 8 <= blocks; b += 8, row += kGroupBytes) UnpackGroup(row, b, 8, r, panel);
      if (b < blocks) {
        alignas(16) uint8_t padded[kGroupBytes];
        memset(padded, 0, sizeof padded);
        memcpy(padded, row, RowBytes(blocks - b));
        UnpackGroup(padded, b, (int)(blocks - b), r, panel);
      }
    }
  }

  template <class Store>
  static KL_INLINE void MultiplyPanel(const uint8_t* first_row, uint64_t stride, int64_t rows,
                                      int64_t blocks, const ActivationGroup* const* tokens,
                                      int64_t count, void* memory, const Store& store) {
    const Panel panel = PanelAt(memory, blocks);
    Unpack(first_row, stride, rows, blocks, panel);
    MultiplyPanelTokens<Type::kTraits>(panel, blocks, tokens, count, store);
  }
};

}  // namespace

#endif  // PLUGINS_SPARSE_ARM_FILE_ROWS_NEON_H_
