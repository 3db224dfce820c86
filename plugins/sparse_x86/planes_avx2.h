// Rows of Q4_0 weights cut into two planes: upper and lower two bits of each weight.
//
//   upper plane   rows of 80 bytes for 256 columns: 8 f16 scales, then 2 vectors of 32 bytes
//   lower plane   rows of 64 bytes for 256 columns: 2 vectors
//   in vector i, dword lane j belongs to block j; bits 2f, 2f + 1 of its byte k: column 16i + 4f +
//   k
//
// Both together have the bytes of the file's rows. From the upper plane alone a product is known
// but for its lower bits: with w = 4u + l - 8 and l spread evenly over 0..3,
//   estimate = sum over blocks of scale * d * sum of (4u + 1.5 - 8) * q
//   variance = sum over blocks of (scale * d)^2 * 1.25 * sum of q^2
// matmul_head_avx2.h says how they are used.
#ifndef PLUGINS_SPARSE_X86_PLANES_AVX2_H_
#define PLUGINS_SPARSE_X86_PLANES_AVX2_H_

#include "core/abi/kernel.h"
#include "plugins/sparse_x86/blocks_avx2.h"
#include "plugins/sparse_x86/kernel_avx2.h"

namespace {

// What the estimate needs of 256 columns of the activations, beside their ActivationGroup.
struct alignas(32) EstimateGroup {
  int32_t offset[8];  // -13 * sum of q
  float half_d[8];    // scale / 2
  float variance[8];  // 1.25 * scale^2 * sum of q^2
};

struct Planes {
  static constexpr ActivationForm kForm = {kInterleaved, 8, false};
  static constexpr uint64_t kUpperBytes = 80;  // of 256 columns
  static constexpr uint64_t kLowerBytes = 64;
  static constexpr uint64_t kBytes = kUpperBytes + kLowerBytes;

  const uint8_t* upper;
  const uint8_t* lower;

  static KL_INLINE Planes At(const void* data, int64_t rows, int64_t groups) {
    const uint8_t* upper = (const uint8_t*)data;
    return {upper, upper + (uint64_t)(rows * groups) * kUpperBytes};
  }
  KL_INLINE const uint8_t* Upper(int64_t row, int64_t groups) const {
    return upper + (uint64_t)(row * groups) * kUpperBytes;
  }
  KL_INLINE const uint8_t* Lower(int64_t row, int64_t groups) const {
    return lower + (uint64_t)(row * groups) * kLowerBytes;
  }

  static inline void PackRow(const uint8_t* source, int64_t groups, uint8_t* upper,
                             uint8_t* lower) {
    constexpr uint32_t kTwo = 0x03030303u;
    for (int64_t g = 0; g < groups; ++g) {
      for (int j = 0; j < 8; ++j, source += 18) {
        memcpy(upper + 2 * j, source, 2);
        alignas(32) uint32_t columns[8];
        _mm256_store_si256((__m256i*)columns, LoadNibbles(source + 2));
        for (int i = 0; i < 2; ++i) {
          uint32_t high = 0;
          uint32_t low = 0;
          for (int f = 0; f < 4; ++f) {
            high |= (columns[4 * i + f] >> 2 & kTwo) << (2 * f);
            low |= (columns[4 * i + f] & kTwo) << (2 * f);
          }
          memcpy(upper + 16 + 32 * i + 4 * j, &high, 4);
          memcpy(lower + 32 * i + 4 * j, &low, 4);
        }
      }
      upper += kUpperBytes;
      lower += kLowerBytes;
    }
  }

  static KL_INLINE void PrepareEstimate(const ActivationGroup& a, EstimateGroup* e) {
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i sum = _mm256_setzero_si256();
    __m256i squares = sum;
    for (int v = 0; v < 8; ++v) {
      const __m256i q = _mm256_load_si256((const __m256i*)a.q + v);
      const __m256i size = _mm256_abs_epi8(q);
      sum = _mm256_add_epi32(sum,
                             _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_set1_epi8(1), q), ones));
      squares =
          _mm256_add_epi32(squares, _mm256_madd_epi16(_mm256_maddubs_epi16(size, size), ones));
    }
    const __m256 d = _mm256_load_ps(a.d);
    _mm256_store_si256((__m256i*)e->offset, _mm256_mullo_epi32(sum, _mm256_set1_epi32(-13)));
    _mm256_store_ps(e->half_d, _mm256_mul_ps(d, _mm256_set1_ps(0.5f)));
    _mm256_store_ps(e->variance,
                    _mm256_mul_ps(_mm256_mul_ps(_mm256_mul_ps(d, d), _mm256_set1_ps(1.25f)),
                                  _mm256_cvtepi32_ps(squares)));
  }

  // Sums of products of two-bit fields with 256 activations, as pairs of int16 in block j's lane.
  static KL_INLINE __m256i DotFields(const uint8_t* vectors, const ActivationGroup& a) {
    const __m256i two = _mm256_set1_epi8(3);
    const __m256i* q = (const __m256i*)a.q;
    const __m256i v = _mm256_loadu_si256((const __m256i*)vectors);
    const __m256i w = _mm256_loadu_si256((const __m256i*)vectors + 1);
    __m256i first = _mm256_maddubs_epi16(_mm256_and_si256(v, two), _mm256_load_si256(q));
    __m256i second = _mm256_maddubs_epi16(_mm256_and_si256(w, two), _mm256_load_si256(q + 4));
#pragma GCC unroll 3
    for (int f = 1; f < 4; ++f) {
      first = _mm256_add_epi16(
          first, _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(v, 2 * f), two),
                                      _mm256_load_si256(q + f)));
      KL_KEEP(first);
      second = _mm256_add_epi16(
          second, _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(w, 2 * f), two),
                                       _mm256_load_si256(q + 4 + f)));
      KL_KEEP(second);
    }
    return _mm256_add_epi16(first, second);
  }

  static KL_INLINE __m256 Scales(const uint8_t* upper) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)upper));
  }

  // The lanes of a row's estimate and of the variance of its error: SumEachFloat of eight rows'
  // adds them up.
  static KL_INLINE void EstimateRow(const uint8_t* upper, int64_t groups, const ActivationGroup* a,
                                    const EstimateGroup* e, __m256* estimate, __m256* variance) {
    const __m256i eight = _mm256_set1_epi16(8);
    __m256 sum = _mm256_setzero_ps();
    __m256 error = sum;
    for (int64_t g = 0; g < groups; ++g, upper += kUpperBytes) {
      _mm_prefetch((const char*)upper + kPrefetchAhead, _MM_HINT_T0);
      const __m256 scales = Scales(upper);
      const __m256i twice = _mm256_add_epi32(_mm256_madd_epi16(DotFields(upper + 16, a[g]), eight),
                                             _mm256_load_si256((const __m256i*)e[g].offset));
      sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(twice),
                            _mm256_mul_ps(scales, _mm256_load_ps(e[g].half_d)), sum);
      error = _mm256_fmadd_ps(_mm256_mul_ps(scales, scales), _mm256_load_ps(e[g].variance), error);
    }
    *estimate = sum;
    *variance = error;
  }

  // The product of a row: the bits of K8Rows::Dot and of the panels. Fetches kAhead bytes further
  // on, 0 where rows do not follow each other.
  template <int64_t kAhead>
  static KL_INLINE float Dot(const uint8_t* upper, const uint8_t* lower, int64_t groups,
                             const ActivationGroup* a) {
    const __m256i ones = _mm256_set1_epi16(1);
    __m256 sum = _mm256_setzero_ps();
    for (int64_t g = 0; g < groups; ++g, upper += kUpperBytes, lower += kLowerBytes) {
      if (kAhead > 0) {
        _mm_prefetch((const char*)upper + kAhead, _MM_HINT_T0);
        _mm_prefetch((const char*)lower + kAhead, _MM_HINT_T0);
        if (g % 4 == 0) _mm_prefetch((const char*)upper + kAhead + 64, _MM_HINT_T0);
      }
      // Wrapping: the sum fits 16 bits once the offset is in.
      const __m256i pairs =
          _mm256_add_epi16(_mm256_add_epi16(_mm256_slli_epi16(DotFields(upper + 16, a[g]), 2),
                                            DotFields(lower, a[g])),
                           _mm256_load_si256((const __m256i*)a[g].init));
      sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, ones)),
                            _mm256_mul_ps(Scales(upper), _mm256_load_ps(a[g].d)), sum);
    }
    return SumAcross(sum);
  }

  // Both halves of a row into the L1 cache.
  KL_INLINE void Prefetch(int64_t row, int64_t groups) const {
    for (int64_t at = 0; at < groups * (int64_t)kUpperBytes + 63; at += 64) {
      _mm_prefetch((const char*)Upper(row, groups) + at, _MM_HINT_T0);
    }
    for (int64_t at = 0; at < groups * (int64_t)kLowerBytes + 63; at += 64) {
      _mm_prefetch((const char*)Lower(row, groups) + at, _MM_HINT_T0);
    }
  }

  // Unpacks rows [first, first + count <= 16); missing rows repeat the last.
  inline void Unpack(int64_t first, int64_t count, int64_t groups, const Panel& panel) const {
    const __m256i two = _mm256_set1_epi8(3);
    for (int r = 0; r < 2; ++r) {
      for (int64_t g = 0; g < groups; ++g) {
        const uint8_t* uppers[8];
        const uint8_t* lowers[8];
        for (int i = 0; i < 8; ++i) {
          const int64_t row = first + Minimum(8 * r + i, count - 1);
          uppers[i] = Upper(row, groups) + (uint64_t)g * kUpperBytes;
          lowers[i] = Lower(row, groups) + (uint64_t)g * kLowerBytes;
        }
        for (int i = 0; i < 2; ++i) {
          __m256i high[8];
          __m256i low[8];
          for (int row = 0; row < 8; ++row) {
            high[row] = _mm256_loadu_si256((const __m256i*)(uppers[row] + 16) + i);
            low[row] = _mm256_loadu_si256((const __m256i*)lowers[row] + i);
          }
          Transpose8x8(high);
          Transpose8x8(low);
          for (int j = 0; j < 8; ++j) {
            __m256i* bytes = (__m256i*)panel.bytes + (8 * g + j) * 16 + 8 * i + r;
            for (int f = 0; f < 4; ++f) {
              const __m128i shift = _mm_cvtsi32_si128(2 * f);
              const __m256i h = _mm256_and_si256(_mm256_srl_epi16(high[j], shift), two);
              const __m256i l = _mm256_and_si256(_mm256_srl_epi16(low[j], shift), two);
              _mm256_store_si256(bytes + 2 * f, _mm256_or_si256(_mm256_slli_epi16(h, 2), l));
            }
          }
        }
        __m256i v[8];
        for (int row = 0; row < 8; ++row) v[row] = _mm256_castps_si256(Scales(uppers[row]));
        Transpose8x8(v);
        float* scales = panel.scales + 8 * g * 16 + 8 * r;
        for (int j = 0; j < 8; ++j) _mm256_store_si256((__m256i*)(scales + 16 * j), v[j]);
      }
    }
  }
};

// pack_query() and pack() of weights [N, K].
struct PlanesPacking {
  static constexpr int64_t kRowsPerUnit = 64;

  static void Query(const kl_tensor* weights, kl_pack* pack) {
    if (LastOf(weights) % 256 != 0) return;
    const int64_t rows = RowsOf(weights);
    pack->bytes =
        (uint64_t)(rows * (LastOf(weights) / 256)) * (Planes::kUpperBytes + Planes::kLowerBytes);
    pack->unit_count = CeilDivide(rows, kRowsPerUnit);
    pack->layout = "q4_0_planes";
  }

  static void Pack(const kl_tensor* source, void* destination, int64_t begin, int64_t end) {
    const int64_t rows = RowsOf(source);
    const int64_t groups = LastOf(source) / 256;
    const Planes planes = Planes::At(destination, rows, groups);
    const int64_t last = Minimum(end * kRowsPerUnit, rows);
    for (int64_t row = begin * kRowsPerUnit; row < last; ++row) {
      Planes::PackRow((const uint8_t*)source->data + (uint64_t)(row * groups) * 144, groups,
                      (uint8_t*)planes.Upper(row, groups), (uint8_t*)planes.Lower(row, groups));
    }
  }
};

}  // namespace

#endif  // PLUGINS_SPARSE_X86_PLANES_AVX2_H_
