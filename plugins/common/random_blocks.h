// Seeded random numbers and random valid rows of every weight type, for tests and benchmarks.
//
// Every code of a type occurs; scales are finite, of both signs where the type allows it, and such
// that the row's values have about the wanted standard deviation and a mean near zero. Equal seeds
// give equal bytes on every machine.
#ifndef KINGLET_PLUGINS_COMMON_RANDOM_BLOCKS_H_
#define KINGLET_PLUGINS_COMMON_RANDOM_BLOCKS_H_

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "core/abi/dtype.h"
#include "plugins/common/blocks.h"
#include "plugins/common/f16.h"

namespace kinglet {

// SplitMix64. Not thread safe: one per thread.
struct Random {
  uint64_t state;
};

static inline uint64_t NextBits(Random* random) {
  uint64_t z = random->state += 0x9e3779b97f4a7c15ull;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ z >> 27) * 0x94d049bb133111ebull;
  return z ^ z >> 31;
}

// [0, 1)
static inline double NextUniform(Random* random) {
  return static_cast<double>(NextBits(random) >> 11) * (1.0 / 9007199254740992.0);
}

// Whole number in [low, high].
static inline int64_t NextInteger(Random* random, int64_t low, int64_t high) {
  return low + static_cast<int64_t>(NextBits(random) % static_cast<uint64_t>(high - low + 1));
}

// Mean 0, standard deviation 1, by Box and Muller.
static inline double NextNormal(Random* random) {
  const double radius = sqrt(-2.0 * log(1.0 - NextUniform(random)));
  return radius * cos(6.283185307179586 * NextUniform(random));
}

static inline void RandomBytes(Random* random, void* bytes, size_t count) {
  uint8_t* out = static_cast<uint8_t*>(bytes);
  for (size_t i = 0; i < count; ++i) out[i] = static_cast<uint8_t>(NextBits(random) >> 56);
}

// A positive scale around `middle`, varied by a factor of up to about 2.
static inline float RandomScale(Random* random, double middle) {
  return static_cast<float>(middle * (0.6 + 0.8 * NextUniform(random)));
}

// The byte of TQ1_0 that stands for trits random in the upper `trits` of five places.
static inline uint8_t RandomTrits(Random* random, int trits) {
  int value = 0;
  for (int n = 0; n < 5; ++n)
    value = value * 3 + (n < trits ? static_cast<int>(NextBits(random) % 3) : 0);
  return static_cast<uint8_t>((value * 256 + 242) / 243);
}

// One row of `elements` (a multiple of the block) with standard deviation about `deviation` (> 0).
// False for a type that is no weight type. The divisors are the root mean square of the type's
// integer part under random codes.
static inline bool RandomRow(kl_dtype type, Random* random, double deviation, int64_t elements,
                             void* row) {
  const kl_dtype_info info = kl_dtype_info_of(type);
  if (info.name == nullptr) return false;
  uint8_t* out = static_cast<uint8_t*>(row);
  for (int64_t i = 0; i < elements / info.block_elements; ++i, out += info.block_bytes) {
    RandomBytes(random, out, info.block_bytes);
    const bool negative = NextBits(random) >> 63 != 0;
    const double sign = negative ? -1.0 : 1.0;
    switch (type) {
      case KL_TYPE_F32: {
        const float value = static_cast<float>(deviation * NextNormal(random));
        memcpy(out, &value, sizeof value);
        break;
      }
      case KL_TYPE_F16: {
        const uint16_t bits = F32ToF16(static_cast<float>(deviation * NextNormal(random)));
        memcpy(out, &bits, sizeof bits);
        break;
      }
      case KL_TYPE_BF16: {
        const uint16_t bits = F32ToBf16(static_cast<float>(deviation * NextNormal(random)));
        memcpy(out, &bits, sizeof bits);
        break;
      }
      case KL_TYPE_Q4_0:
        reinterpret_cast<BlockQ4_0*>(out)->d =
            F32ToF16(RandomScale(random, sign * deviation / 4.6));
        break;
      case KL_TYPE_Q4_1: {
        const float d = RandomScale(random, deviation / 4.6);
        reinterpret_cast<BlockQ4_1*>(out)->d = F32ToF16(d);
        reinterpret_cast<BlockQ4_1*>(out)->m = F32ToF16(-7.5f * d);
        break;
      }
      case KL_TYPE_Q5_0:
        reinterpret_cast<BlockQ5_0*>(out)->d =
            F32ToF16(RandomScale(random, sign * deviation / 9.2));
        break;
      case KL_TYPE_Q5_1: {
        const float d = RandomScale(random, deviation / 9.2);
        reinterpret_cast<BlockQ5_1*>(out)->d = F32ToF16(d);
        reinterpret_cast<BlockQ5_1*>(out)->m = F32ToF16(-15.5f * d);
        break;
      }
      case KL_TYPE_Q8_0:
        reinterpret_cast<BlockQ8_0*>(out)->d = F32ToF16(RandomScale(random, deviation / 74.0));
        break;
      case KL_TYPE_IQ4_NL:
        reinterpret_cast<BlockIQ4_NL*>(out)->d =
            F32ToF16(RandomScale(random, sign * deviation / 69.0));
        break;
      case KL_TYPE_Q2_K: {
        const float d = RandomScale(random, deviation / 14.0);
        reinterpret_cast<BlockQ2_K*>(out)->d = F32ToF16(d);
        reinterpret_cast<BlockQ2_K*>(out)->dmin = F32ToF16(1.5f * d);
        break;
      }
      case KL_TYPE_Q3_K:
        reinterpret_cast<BlockQ3_K*>(out)->d =
            F32ToF16(RandomScale(random, sign * deviation / 43.0));
        break;
      case KL_TYPE_Q4_K: {
        const float d = RandomScale(random, deviation / 265.0);
        reinterpret_cast<BlockQ4_K*>(out)->d = F32ToF16(d);
        reinterpret_cast<BlockQ4_K*>(out)->dmin = F32ToF16(7.5f * d);
        break;
      }
      case KL_TYPE_Q5_K: {
        const float d = RandomScale(random, deviation / 541.0);
        reinterpret_cast<BlockQ5_K*>(out)->d = F32ToF16(d);
        reinterpret_cast<BlockQ5_K*>(out)->dmin = F32ToF16(15.5f * d);
        break;
      }
      case KL_TYPE_Q6_K:
        reinterpret_cast<BlockQ6_K*>(out)->d = F32ToF16(RandomScale(random, deviation / 1370.0));
        break;
      case KL_TYPE_IQ4_XS:
        reinterpret_cast<BlockIQ4_XS*>(out)->d =
            F32ToF16(RandomScale(random, sign * deviation / 1270.0));
        break;
      case KL_TYPE_TQ1_0: {
        BlockTQ1_0* block = reinterpret_cast<BlockTQ1_0*>(out);
        for (uint8_t& byte : block->qs) byte = RandomTrits(random, 5);
        for (uint8_t& byte : block->qh) byte = RandomTrits(random, 4);
        block->d = F32ToF16(RandomScale(random, deviation / 0.82));
        break;
      }
      case KL_TYPE_TQ2_0: {
        BlockTQ2_0* block = reinterpret_cast<BlockTQ2_0*>(out);
        for (uint8_t& byte : block->qs) {
          byte = 0;
          for (int s = 0; s < 4; ++s) byte = static_cast<uint8_t>(byte << 2 | NextBits(random) % 3);
        }
        block->d = F32ToF16(RandomScale(random, deviation / 0.82));
        break;
      }
      default:
        return false;
    }
  }
  return true;
}

}  // namespace kinglet

#endif  // KINGLET_PLUGINS_COMMON_RANDOM_BLOCKS_H_
