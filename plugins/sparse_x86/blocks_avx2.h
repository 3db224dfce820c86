// The block types of GGUF, eight blocks (256 columns) at a time; see weights_avx2.h for the roles
// of the members and plugins/common/blocks.h for the bytes.
#ifndef PLUGINS_SPARSE_X86_BLOCKS_AVX2_H_
#define PLUGINS_SPARSE_X86_BLOCKS_AVX2_H_

#include "plugins/common/blocks.h"
#include "plugins/sparse_x86/weights_avx2.h"

namespace {

// Eight f16 numbers, `stride` bytes apart.
template <int kStride>
KL_INLINE __m256 LoadHalves(const uint8_t* p) {
  const uint64_t low = LoadU16(p) | (uint32_t)LoadU16(p + kStride) << 16 |
                       (uint64_t)LoadU16(p + 2 * kStride) << 32 |
                       (uint64_t)LoadU16(p + 3 * kStride) << 48;
  p += 4 * kStride;
  const uint64_t high = LoadU16(p) | (uint32_t)LoadU16(p + kStride) << 16 |
                        (uint64_t)LoadU16(p + 2 * kStride) << 32 |
                        (uint64_t)LoadU16(p + 3 * kStride) << 48;
  return _mm256_cvtph_ps(_mm_set_epi64x((long long)high, (long long)low));
}

// 16 bytes of nibbles: low halves are elements 0..15, high halves 16..31.
KL_INLINE __m256i LoadNibbles(const uint8_t* p) {
  const __m128i v = _mm_loadu_si128((const __m128i*)p);
  const __m256i both = _mm256_set_m128i(_mm_srli_epi16(v, 4), v);
  return _mm256_and_si256(both, _mm256_set1_epi8(15));
}

// 32 bits: 16 in byte i where bit i is set.
KL_INLINE __m256i LoadFifthBits(const uint8_t* p) {
  const __m256i bits =
      _mm256_shuffle_epi8(_mm256_set1_epi32((int)LoadU32(p)),
                          _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2,
                                           2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3));
  const __m256i select = _mm256_set1_epi64x((long long)0x8040201008040201ull);
  const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(bits, select), select);
  return _mm256_and_si256(set, _mm256_set1_epi8(16));
}

struct TypeQ4_0 {
  static constexpr kl_dtype kType = KL_TYPE_Q4_0;
  static constexpr PanelKind kKind = kUnsigned;
  static constexpr bool kMinima = false;
  static constexpr int kOffset = 8;
  static constexpr int kGroupBytes = 8 * 18;
  static KL_INLINE __m256i Load(const uint8_t* group, int j) {
    return LoadNibbles(group + 18 * j + 2);
  }
  static KL_INLINE __m256 Scales(const uint8_t* group) { return LoadHalves<18>(group); }
  static KL_INLINE __m256 Minima(const uint8_t*) { return _mm256_setzero_ps(); }
  static KL_INLINE __m256i Halves(const uint8_t*) { return _mm256_setzero_si256(); }
};

struct TypeQ4_1 {  // q d + m = (q - 8) d + (m + 8 d)
  static constexpr kl_dtype kType = KL_TYPE_Q4_1;
  static constexpr PanelKind kKind = kUnsigned;
  static constexpr bool kMinima = true;
  static constexpr int kOffset = 8;
  static constexpr int kGroupBytes = 8 * 20;
  static KL_INLINE __m256i Load(const uint8_t* group, int j) {
    return LoadNibbles(group + 20 * j + 4);
  }
  static KL_INLINE __m256 Scales(const uint8_t* group) { return LoadHalves<20>(group); }
  static KL_INLINE __m256 Minima(const uint8_t* group) {
    return _mm256_fmadd_ps(Scales(group), _mm256_set1_ps(8.0f), LoadHalves<20>(group + 2));
  }
  static KL_INLINE __m256i Halves(const uint8_t*) { return _mm256_setzero_si256(); }
};

struct TypeQ5_0 {
  static constexpr kl_dtype kType = KL_TYPE_Q5_0;
  static constexpr PanelKind kKind = kUnsigned;
  static constexpr bool kMinima = false;
  static constexpr int kOffset = 16;
  static constexpr int kGroupBytes = 8 * 22;
  static KL_INLINE __m256i Load(const uint8_t* group, int j) {
    return _mm256_or_si256(LoadNibbles(group + 22 * j + 6), LoadFifthBits(group + 22 * j + 2));
  }
  static KL_INLINE __m256 Scales(const uint8_t* group) { return LoadHalves<22>(group); }
  static KL_INLINE __m256 Minima(const uint8_t*) { return _mm256_setzero_ps(); }
  static KL_INLINE __m256i Halves(const uint8_t*) { return _mm256_setzero_si256(); }
};

struct TypeQ5_1 {  // q d + m = (q - 16) d + (m + 16 d)
  static constexpr kl_dtype kType = KL_TYPE_Q5_1;
  static constexpr PanelKind kKind = kUnsigned;
  static constexpr bool kMinima = true;
  static constexpr int kOffset = 16;
  static constexpr int kGroupBytes = 8 * 24;
  static KL_INLINE __m256i Load(const uint8_t* group, int j) {
    return _mm256_or_si256(LoadNibbles(group + 24 * j + 8), LoadFifthBits(group + 24 * j + 4));
  }
  static KL_INLINE __m256 Scales(const uint8_t* group) { return LoadHalves<24>(group); }
  static KL_INLINE __m256 Minima(const uint8_t* group) {
    return _mm256_fmadd_ps(Scales(group), _mm256_set1_ps(16.0f), LoadHalves<24>(group + 2));
  }
  static KL_INLINE __m256i Halves(const uint8_t*) { return _mm256_setzero_si256(); }
};

struct TypeQ8_0 {
  static constexpr kl_dtype kType = KL_TYPE_Q8_0;
  static constexpr PanelKind kKind = kSigned;
  static constexpr bool kMinima = false;
  static constexpr int kOffset = 0;
  static constexpr int kGroupBytes = 8 * 34;
  static KL_INLINE __m256i Load(const uint8_t* group, int j) {
    return _mm256_loadu_si256((const __m256i*)(group + 34 * j + 2));
  }
  static KL_INLINE __m256 Scales(const uint8_t* group) { return LoadHalves<34>(group); }
  static KL_INLINE __m256 Minima(const uint8_t*) { return _mm256_setzero_ps(); }
  static KL_INLINE __m256i Halves(const uint8_t*) { return _mm256_setzero_si256(); }
};

struct TypeIQ4_NL {
  static constexpr kl_dtype kType = KL_TYPE_IQ4_NL;
  static constexpr PanelKind kKind = kSigned;
  static constexpr bool kMinima = false;
  static constexpr int kOffset = 0;
  static constexpr int kGroupBytes = 8 * 18;
  static KL_INLINE __m256i Load(const uint8_t* group, int j) {
    const __m128i table = _mm_loadu_si128((const __m128i*)kinglet::kIQ4Values);
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), LoadNibbles(group + 18 * j + 2));
  }
  static KL_INLINE __m256 Scales(const uint8_t* group) { return LoadHalves<18>(group); }
  static KL_INLINE __m256 Minima(const uint8_t*) { return _mm256_setzero_ps(); }
  static KL_INLINE __m256i Halves(const uint8_t*) { return _mm256_setzero_si256(); }
};

// The eight 6-bit scales (low 8 bytes) and eight 6-bit minima (high 8 bytes) of Q4_K and Q5_K.
KL_INLINE __m128i UnpackScalesK(const uint8_t* p) {
  const uint32_t a = LoadU32(p);      // scales 0..3, top bits: high bits of scales 4..7
  const uint32_t b = LoadU32(p + 4);  // minima 0..3, top bits: high bits of minima 4..7
  const uint32_t c = LoadU32(p + 8);  // low halves: scales 4..7, high halves: minima 4..7
  const uint32_t scales_low = a & 0x3f3f3f3fu;
  const uint32_t scales_high = (c & 0x0f0f0f0fu) | ((a >> 2) & 0x30303030u);
  const uint32_t minima_low = b & 0x3f3f3f3fu;
  const uint32_t minima_high = ((c >> 4) & 0x0f0f0f0fu) | ((b >> 2) & 0x30303030u);
  return _mm_setr_epi32((int)scales_low, (int)scales_high, (int)minima_low, (int)minima_high);
}

// d * scale of the eight blocks.
KL_INLINE __m256 ScalesK(const uint8_t* super) {
  const __m128i packed = UnpackScalesK(super + 4);
  return _mm256_mul_ps(_mm256_set1_ps(HalfToFloat(LoadU16(super))),
                       _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(packed)));
}

// offset * d * scale - dmin * minimum: what the sum of the activations is multiplied with.
KL_INLINE __m256 MinimaK(const uint8_t* super, float offset) {
  const __m128i packed = UnpackScalesK(super + 4);
  const __m256 minima =
      _mm256_mul_ps(_mm256_set1_ps(HalfToFloat(LoadU16(super + 2))),
                    _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_unpackhi_epi64(packed, packed))));
  return _mm256_fmsub_ps(ScalesK(super), _mm256_set1_ps(offset), minima);
}

struct TypeQ4_K {  // q d s - dmin m = (q - 8) d s + (8 d s - dmin m)
  static constexpr kl_dtype kType = KL_TYPE_Q4_K;
  static constexpr PanelKind kKind = kUnsigned;
  static constexpr bool kMinima = true;
  static constexpr int kOffset = 8;
  static constexpr int kGroupBytes = 144;
  static KL_INLINE __m256i Load(const uint8_t* super, int j) {
    const __m256i v = _mm256_loadu_si256((const __m256i*)(super + 16 + 32 * (j / 2)));
    return _mm256_and_si256(_mm256_srl_epi16(v, _mm_cvtsi32_si128(4 * (j % 2))),
                            _mm256_set1_epi8(15));
  }
  static KL_INLINE __m256 Scales(const uint8_t* super) { return ScalesK(super); }
  static KL_INLINE __m256 Minima(const uint8_t* super) { return MinimaK(super, 8.0f); }
  static KL_INLINE __m256i Halves(const uint8_t*) { return _mm256_setzero_si256(); }
};

struct TypeQ5_K {  // (q - 16) d s + (16 d s - dmin m)
  static constexpr kl_dtype kType = KL_TYPE_Q5_K;
  static constexpr PanelKind kKind = kUnsigned;
  static constexpr bool kMinima = true;
  static constexpr int kOffset = 16;
  static constexpr int kGroupBytes = 176;
  static KL_INLINE __m256i Load(const uint8_t* super, int j) {
    const __m256i v = _mm256_loadu_si256((const __m256i*)(super + 48 + 32 * (j / 2)));
    const __m256i low =
        _mm256_and_si256(_mm256_srl_epi16(v, _mm_cvtsi32_si128(4 * (j % 2))), _mm256_set1_epi8(15));
    const __m256i bits = _mm256_loadu_si256((const __m256i*)(super + 16));
    const __m256i bit =
        _mm256_and_si256(_mm256_srl_epi16(bits, _mm_cvtsi32_si128(j)), _mm256_set1_epi8(1));
    return _mm256_or_si256(low, _mm256_slli_epi16(bit, 4));
  }
  static KL_INLINE __m256 Scales(const uint8_t* super) { return ScalesK(super); }
  static KL_INLINE __m256 Minima(const uint8_t* super) { return MinimaK(super, 16.0f); }
  static KL_INLINE __m256i Halves(const uint8_t*) { return _mm256_setzero_si256(); }
};

struct TypeQ6_K {  // d s (q - 32), s for each 16 columns
  static constexpr kl_dtype kType = KL_TYPE_Q6_K;
  static constexpr PanelKind kKind = kHalved;
  static constexpr bool kMinima = false;
  static constexpr int kOffset = 32;
  static constexpr int kGroupBytes = 210;
  static KL_INLINE __m256i Load(const uint8_t* super, int j) {
    const int n = j / 4;
    const int m = j % 4;
    const __m256i low = _mm256_loadu_si256((const __m256i*)(super + 64 * n + 32 * (m % 2)));
    const __m256i high = _mm256_loadu_si256((const __m256i*)(super + 128 + 32 * n));
    const __m256i four = _mm256_and_si256(_mm256_srl_epi16(low, _mm_cvtsi32_si128(4 * (m / 2))),
                                          _mm256_set1_epi8(15));
    const __m256i two =
        _mm256_and_si256(_mm256_srl_epi16(high, _mm_cvtsi32_si128(2 * m)), _mm256_set1_epi8(3));
    return _mm256_or_si256(four, _mm256_slli_epi16(two, 4));
  }
  static KL_INLINE __m256 Scales(const uint8_t* super) {
    return _mm256_set1_ps(HalfToFloat(LoadU16(super + 208)));
  }
  static KL_INLINE __m256 Minima(const uint8_t*) { return _mm256_setzero_ps(); }
  static KL_INLINE __m256i Halves(const uint8_t* super) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i*)(super + 192)));
  }
};

}  // namespace

#endif  // PLUGINS_SPARSE_X86_BLOCKS_AVX2_H_
