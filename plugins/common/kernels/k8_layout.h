// Rows of quantised weights in the K8 layout: the bytes of the file, in another order.
//
// Lane j of every vector of eight 32-bit lanes belongs to block j of 256 columns, so that the
// products of a block add up in its own lane and no sum across lanes is needed before the end of
// the row. 256 columns of 4-bit weights are 144 bytes, of 6-bit weights 210, of 8-bit weights 272:
//
//   byte 0..15    scales: 8 f16, of the blocks 0..7; Q4_K: d, dmin and 12 bytes as in the file
//   byte 16..     vectors of 32 bytes; bytes 4j .. 4j + 3 of each belong to block j
//     4 bits      vector i, byte 4j + k: low half = column 8i + k, high half = column 8i + 4 + k
//     8 bits      vector i, byte 4j + k: column 4i + k
//
// Six bits leave two of a byte free, so three vectors hold four: no bits that lie elsewhere need
// masks of their own. The half blocks that Q6_K has scales for are the columns 0..15 and 16..31.
//
//   byte 0..      6 vectors; vector 2m + u, byte 4j + k:
//                   bits 0..5   column 4 * (2u + 0, 1, 4 for m = 0, 1, 2) + k of block j
//                   bits 6..7   bits 2m, 2m + 1 of column 4 * (2u + 5) + k
//   byte 192..    16 scales and d, as in the file
//
// plugins/sparse_x86/README.md draws it. A format is a struct with
//   kType, kLayout, kGroupBytes, kBits
//   PackGroup(group, packed)    kGroupBytes of the file -> kGroupBytes
#ifndef PLUGINS_COMMON_KERNELS_K8_LAYOUT_H_
#define PLUGINS_COMMON_KERNELS_K8_LAYOUT_H_

#include "core/abi/kernel.h"
#include "plugins/common/kernels/entry.h"

#if defined(__AVX2__)
#include <immintrin.h>

#include "plugins/common/kernels/transpose.h"
#endif

namespace {

#if defined(__AVX2__)
// As below, of four times eight columns.
KL_INLINE __m256i PairNibbles(__m256i columns) {
  columns = _mm256_and_si256(columns, _mm256_set1_epi8(15));
  return _mm256_or_si256(columns, _mm256_srli_epi64(columns, 28));
}
// Takes the low dwords of the four 64-bit lanes of `a` and of `b`.
KL_INLINE __m256i LowDwords(__m256i a, __m256i b) {
  return _mm256_castps_si256(
      _mm256_shuffle_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b), 0x88));
}
#else
// Eight columns in the low halves of eight bytes: the first four below, the others above.
KL_INLINE uint32_t PairNibbles(uint64_t columns) {
  columns &= 0x0f0f0f0f0f0f0f0full;
  return (uint32_t)(columns | columns >> 28);
}
#endif

struct K8BytesQ4_0 {
  static constexpr kl_dtype kType = KL_TYPE_Q4_0;
  static constexpr const char* kLayout = "q4_0_k8";
  static constexpr int kGroupBytes = 144;
  static constexpr int kBits = 4;
#if defined(__AVX2__)
  static KL_INLINE void PackGroup(const uint8_t* group, uint8_t* packed) {
    for (int j = 0; j < 8; ++j) memcpy(packed + 2 * j, group + 18 * j, 2);
    // d[j]: dwords 0..3 of block j, beside those of block j + 4.
    __m256i d[4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      const __m256i v =
          _mm256_set_m128i(_mm_loadu_si128((const __m128i*)(group + 18 * (j + 4) + 2)),
                           _mm_loadu_si128((const __m128i*)(group + 18 * j + 2)));
      d[j] = LowDwords(PairNibbles(v), PairNibbles(_mm256_srli_epi16(v, 4)));
    }
    const __m256i a = _mm256_unpacklo_epi32(d[0], d[1]);
    const __m256i b = _mm256_unpackhi_epi32(d[0], d[1]);
    const __m256i c = _mm256_unpacklo_epi32(d[2], d[3]);
    const __m256i e = _mm256_unpackhi_epi32(d[2], d[3]);
    __m256i* vectors = (__m256i*)(packed + 16);
    _mm256_storeu_si256(vectors, _mm256_unpacklo_epi64(a, c));
    _mm256_storeu_si256(vectors + 1, _mm256_unpackhi_epi64(a, c));
    _mm256_storeu_si256(vectors + 2, _mm256_unpacklo_epi64(b, e));
    _mm256_storeu_si256(vectors + 3, _mm256_unpackhi_epi64(b, e));
  }
#else
  static KL_INLINE void PackGroup(const uint8_t* group, uint8_t* packed) {
    for (int j = 0; j < 8; ++j, group += 18) {
      memcpy(packed + 2 * j, group, 2);
      // Low halves are columns 0..15, high halves 16..31.
      const uint64_t first = LoadU64(group + 2);
      const uint64_t second = LoadU64(group + 10);
      uint8_t* block = packed + 16 + 4 * j;
      StoreU32(block, PairNibbles(first));
      StoreU32(block + 32, PairNibbles(second));
      StoreU32(block + 64, PairNibbles(first >> 4));
      StoreU32(block + 96, PairNibbles(second >> 4));
    }
  }
#endif
};

struct K8BytesQ4_K {
  static constexpr kl_dtype kType = KL_TYPE_Q4_K;
  static constexpr const char* kLayout = "q4_k_k8";
  static constexpr int kGroupBytes = 144;
  static constexpr int kBits = 4;
#if defined(__AVX2__)
  static KL_INLINE void PackGroup(const uint8_t* group, uint8_t* packed) {
    memcpy(packed, group, 16);
    // p[k]: 64-bit lane i has dword i of the blocks 2k and 2k + 1.
    __m256i p[4];
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) {
      const __m256i v = _mm256_loadu_si256((const __m256i*)(group + 16 + 32 * k));
      const __m256i both = LowDwords(PairNibbles(v), PairNibbles(_mm256_srli_epi16(v, 4)));
      p[k] = _mm256_shuffle_epi32(both, 0xd8);
    }
    const __m256i a = _mm256_unpacklo_epi64(p[0], p[1]);
    const __m256i b = _mm256_unpackhi_epi64(p[0], p[1]);
    const __m256i c = _mm256_unpacklo_epi64(p[2], p[3]);
    const __m256i e = _mm256_unpackhi_epi64(p[2], p[3]);
    __m256i* vectors = (__m256i*)(packed + 16);
    _mm256_storeu_si256(vectors, _mm256_permute2x128_si256(a, c, 0x20));
    _mm256_storeu_si256(vectors + 1, _mm256_permute2x128_si256(b, e, 0x20));
    _mm256_storeu_si256(vectors + 2, _mm256_permute2x128_si256(a, c, 0x31));
    _mm256_storeu_si256(vectors + 3, _mm256_permute2x128_si256(b, e, 0x31));
  }
#else
  static KL_INLINE void PackGroup(const uint8_t* group, uint8_t* packed) {
    memcpy(packed, group, 16);
    for (int j = 0; j < 8; ++j) {
      // Two blocks share 32 bytes: the even one has the low halves.
      const uint8_t* bytes = group + 16 + 32 * (j / 2);
      for (int i = 0; i < 4; ++i) {
        StoreU32(packed + 16 + 32 * i + 4 * j, PairNibbles(LoadU64(bytes + 8 * i) >> 4 * (j % 2)));
      }
    }
  }
#endif
};

struct K8BytesQ6_K {
  static constexpr kl_dtype kType = KL_TYPE_Q6_K;
  static constexpr const char* kLayout = "q6_k_k8";
  static constexpr int kGroupBytes = 210;
  static constexpr int kBits = 6;
  static constexpr int kColumns[3] = {0, 1, 4};  // fours of them, of vectors 2m
#if defined(__AVX2__)
  static KL_INLINE void PackGroup(const uint8_t* group, uint8_t* packed) {
    __m256i v[8];  // of a block each
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) {
      const int m = j % 4;
      const uint8_t* bytes = group + 64 * (j / 4) + 32 * (m % 2);
      const __m256i low = _mm256_loadu_si256((const __m256i*)bytes);
      const __m256i high = _mm256_loadu_si256((const __m256i*)(group + 128 + 32 * (j / 4)));
      const __m256i two = _mm256_and_si256(_mm256_srli_epi16(high, 2 * m), _mm256_set1_epi8(3));
      v[j] = _mm256_or_si256(
          _mm256_and_si256(_mm256_srli_epi16(low, 4 * (m / 2)), _mm256_set1_epi8(15)),
          _mm256_slli_epi16(two, 4));
    }
    Transpose8x8(v);  // of four columns each
#pragma GCC unroll 3
    for (int m = 0; m < 3; ++m) {
#pragma GCC unroll 2
      for (int u = 0; u < 2; ++u) {
        const __m256i spread = _mm256_and_si256(_mm256_slli_epi16(v[2 * u + 5], 6 - 2 * m),
                                                _mm256_set1_epi8((char)0xc0));
        _mm256_storeu_si256((__m256i*)(packed + 64 * m + 32 * u),
                            _mm256_or_si256(v[2 * u + kColumns[m]], spread));
      }
    }
    memcpy(packed + 192, group + 192, 18);
  }
#else
  // Columns 4v .. 4v + 3 of block j, a byte each.
  static KL_INLINE uint32_t FourColumns(const uint8_t* group, int j, int v) {
    const int m = j % 4;
    const uint8_t* columns = group + 4 * v;
    const uint32_t low = LoadU32(columns + 64 * (j / 4) + 32 * (m % 2)) >> 4 * (m / 2);
    const uint32_t high = LoadU32(columns + 128 + 32 * (j / 4)) >> 2 * m;
    return (low & 0x0f0f0f0f) | (high & 0x03030303) << 4;
  }
  static KL_INLINE void PackGroup(const uint8_t* group, uint8_t* packed) {
    for (int j = 0; j < 8; ++j) {
      for (int u = 0; u < 2; ++u) {
        const uint32_t spread = FourColumns(group, j, 2 * u + 5);
        for (int m = 0; m < 3; ++m) {
          StoreU32(packed + 64 * m + 32 * u + 4 * j, FourColumns(group, j, 2 * u + kColumns[m]) |
                                                         (spread >> 2 * m & 0x03030303) << 6);
        }
      }
    }
    memcpy(packed + 192, group + 192, 18);
  }
#endif
};

struct K8BytesQ8_0 {
  static constexpr kl_dtype kType = KL_TYPE_Q8_0;
  static constexpr const char* kLayout = "q8_0_k8";
  static constexpr int kGroupBytes = 272;
  static constexpr int kBits = 8;
  static KL_INLINE void PackGroup(const uint8_t* group, uint8_t* packed) {
    for (int j = 0; j < 8; ++j, group += 34) {
      memcpy(packed + 2 * j, group, 2);
      for (int i = 0; i < 8; ++i) memcpy(packed + 16 + 32 * i + 4 * j, group + 2 + 4 * i, 4);
    }
  }
};

// pack_query() and pack() of any tensor of rows.
template <class Bytes>
struct K8Packing {
  static constexpr bool kPacks = true;
  static constexpr int64_t kRowsPerPackUnit = 64;

  static KL_INLINE uint64_t RowBytes(int64_t columns) {
    return (uint64_t)(columns / 256) * Bytes::kGroupBytes;
  }

  // Bytes 0 (used as it is) for rows that are not whole groups.
  static void Query(const kl_tensor* weights, kl_pack* pack) {
    if (LastOf(weights) % 256 != 0) return;
    const int64_t rows = RowsOf(weights);
    pack->bytes = (uint64_t)rows * RowBytes(LastOf(weights));
    pack->unit_count = CeilDivide(rows, kRowsPerPackUnit);
    pack->layout = Bytes::kLayout;
  }

  static void Pack(const kl_tensor* source, void* destination, int64_t begin, int64_t end) {
    const uint64_t row_bytes = RowBytes(LastOf(source));
    const int64_t rows = RowsOf(source);
    const int64_t rows_per_part = source->parts != nullptr ? rows / source->shape[0] : rows;
    const int64_t last = Minimum(end * kRowsPerPackUnit, rows);
    for (int64_t row = begin * kRowsPerPackUnit; row < last; ++row) {
      const uint8_t* part = source->parts != nullptr
                                ? (const uint8_t*)source->parts[row / rows_per_part]
                                : (const uint8_t*)source->data;
      const uint8_t* from = part + (uint64_t)(row % rows_per_part) * row_bytes;
      uint8_t* to = (uint8_t*)destination + (uint64_t)row * row_bytes;
      PackRow(LastOf(source), from, to);
    }
  }

  static KL_INLINE void PackRow(int64_t columns, const uint8_t* from, uint8_t* to) {
    for (int64_t g = 0; g < columns / 256; ++g) {
      Bytes::PackGroup(from + g * Bytes::kGroupBytes, to + g * Bytes::kGroupBytes);
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

#endif  // PLUGINS_COMMON_KERNELS_K8_LAYOUT_H_
