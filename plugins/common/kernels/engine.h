// Matrix times vectors, one interface for all weight types, layouts and instruction sets.
//
// An engine is a struct with
//   kVectorsForPanel                        from which number on MultiplyRows beats Dot
//   kWholeBlocks                            vectors are stored in blocks of 32 columns
//   ActivationBytes(columns)                one vector as the engine reads it
//   Prepare(x, columns, activation)         a whole vector
//   PrepareBlock(x, b, count, activation)   its columns 32b .. 32b + count - 1, count <= 32
//   RowBytes(columns)
//   Dot(row, columns, activation, ahead)    fetches `ahead` meanwhile
//   PanelBytes(columns)                     worker scratch for MultiplyRows
//   MultiplyRows(first_row, stride, rows, columns, activations, count, panel, store)
//                                           up to kEngineRows rows, `stride` bytes apart; store(t, y)
//                                           of kEngineRows products; the bits of Dot
// Operators are written on engines, an instruction set provides them. Here is what makes one of
// quantised rows:
//   kTokensForPanel, RowBytes(blocks), PanelBytes(blocks)
//   QuantiseRow(x, columns, groups)  QuantiseBlock(x, group, j)     block j = 0..7 of the group
//   Dot(row, blocks, groups, ahead)
//   MultiplyPanel(first_row, stride, rows, blocks, tokens' groups, count, panel, store)
#ifndef PLUGINS_COMMON_KERNELS_ENGINE_H_
#define PLUGINS_COMMON_KERNELS_ENGINE_H_

#include "plugins/common/kernels/activation_group.h"
#include "plugins/common/kernels/isa.h"

namespace {

// What store() is given, to where it fits.
KL_INLINE void CopyRows(const float* from, float* to) {
  memcpy(to, from, kEngineRows * sizeof(float));
}

template <class Rows>
struct QuantisedEngine {
  static constexpr bool kWholeBlocks = true;
  static constexpr int64_t kVectorsForPanel = Rows::kTokensForPanel;

  static KL_INLINE uint64_t ActivationBytes(int64_t columns) {
    return (uint64_t)GroupCount(columns) * sizeof(ActivationGroup);
  }
  static KL_INLINE void Prepare(const float* x, int64_t columns, void* activation) {
    Rows::QuantiseRow(x, columns, (ActivationGroup*)activation);
  }
  static KL_INLINE void PrepareBlock(const float* x, int64_t b, int64_t, void* activation) {
    Rows::QuantiseBlock(x, (ActivationGroup*)activation + b / 8, b % 8);
  }
  static KL_INLINE uint64_t RowBytes(int64_t columns) { return Rows::RowBytes(columns / 32); }
  static KL_INLINE float Dot(const uint8_t* row, int64_t columns, const void* activation,
                             const uint8_t* ahead) {
    return Rows::Dot(row, columns / 32, (const ActivationGroup*)activation, ahead);
  }
  static KL_INLINE uint64_t PanelBytes(int64_t columns) { return Rows::PanelBytes(columns / 32); }
  template <class Store>
  static KL_INLINE void MultiplyRows(const uint8_t* first_row, uint64_t stride, int64_t rows,
                                     int64_t columns, const void* const* activations,
                                     int64_t count, void* memory, const Store& store) {
    Rows::MultiplyPanel(first_row, stride, rows, columns / 32,
                        (const ActivationGroup* const*)activations, count, memory, store);
  }
};

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_ENGINE_H_
