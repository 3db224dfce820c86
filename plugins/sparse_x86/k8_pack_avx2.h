// pack_query() and pack() of the K8 layout, for any tensor of rows.
#ifndef PLUGINS_SPARSE_X86_K8_PACK_AVX2_H_
#define PLUGINS_SPARSE_X86_K8_PACK_AVX2_H_

#include "core/abi/kernel.h"
#include "plugins/sparse_x86/k8_avx2.h"
#include "plugins/sparse_x86/kernel_avx2.h"

namespace {

constexpr int64_t kRowsPerPackUnit = 64;

template <class Format>
struct K8Packing {
  static constexpr bool kPacks = true;

  // Bytes 0 (used as it is) for rows that are not whole groups.
  static void Query(const kl_tensor* weights, kl_pack* pack) {
    if (LastOf(weights) % 256 != 0) return;
    const int64_t rows = RowsOf(weights);
    pack->bytes = (uint64_t)rows * K8Rows<Format>::RowBytes(LastOf(weights) / 32);
    pack->unit_count = CeilDivide(rows, kRowsPerPackUnit);
    pack->layout = Format::kLayout;
  }

  static void Pack(const kl_tensor* source, void* destination, int64_t begin, int64_t end) {
    const int64_t blocks = LastOf(source) / 32;
    const uint64_t row_bytes = K8Rows<Format>::RowBytes(blocks);
    const int64_t rows = RowsOf(source);
    const int64_t rows_per_part = source->parts != nullptr ? rows / source->shape[0] : rows;
    const int64_t last = Minimum(end * kRowsPerPackUnit, rows);
    for (int64_t row = begin * kRowsPerPackUnit; row < last; ++row) {
      const uint8_t* part = source->parts != nullptr
                                ? (const uint8_t*)source->parts[row / rows_per_part]
                                : (const uint8_t*)source->data;
      K8Rows<Format>::PackRow(part + row % rows_per_part * row_bytes, blocks,
                              (uint8_t*)destination + row * row_bytes);
    }
  }
};

// Rows that are used as they are in the file.
struct NoPacking {
  static constexpr bool kPacks = false;
  static void Query(const kl_tensor*, kl_pack*) {}
  static void Pack(const kl_tensor*, void*, int64_t, int64_t) {}
};

}  // namespace

#endif  // PLUGINS_SPARSE_X86_K8_PACK_AVX2_H_
