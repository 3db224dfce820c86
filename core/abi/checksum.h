// The checksum of a bank's records: XXH64 (its published description, github.com/Cyan4973/xxHash/doc), so that
// `xxhsum -H64` prints the same number for a record of one piece. About 10 GB/s on one core: it is run on every record
// that storage delivers.
#ifndef KINGLET_CORE_ABI_CHECKSUM_H_
#define KINGLET_CORE_ABI_CHECKSUM_H_

#include <string.h>

#include "core/abi/types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define KL_XXH_PRIME_1 0x9E3779B185EBCA87ull
#define KL_XXH_PRIME_2 0xC2B2AE3D27D4EB4Full
#define KL_XXH_PRIME_3 0x165667B19E3779F9ull
#define KL_XXH_PRIME_4 0x85EBCA77C2B2AE63ull
#define KL_XXH_PRIME_5 0x27D4EB2F165667C5ull

static inline uint64_t kl_xxh_rotate(uint64_t value, int bits) { return value << bits | value >> (64 - bits); }

// Little-endian processors only, as the rest of the formats that Kinglet reads.
static inline uint64_t kl_xxh_word(const uint8_t* bytes) {
  uint64_t word;
  memcpy(&word, bytes, sizeof word);
  return word;
}

static inline uint64_t kl_xxh_round(uint64_t lane, uint64_t word) {
  return kl_xxh_rotate(lane + word * KL_XXH_PRIME_2, 31) * KL_XXH_PRIME_1;
}

static inline uint64_t kl_xxh_merge(uint64_t hash, uint64_t lane) {
  return (hash ^ kl_xxh_round(0, lane)) * KL_XXH_PRIME_1 + KL_XXH_PRIME_4;
}

// Of `bytes` bytes at `data`. A record of several pieces: begins with seed 0, each piece is seeded with the checksum of
// those before it, so the pieces may lie anywhere.
static inline uint64_t kl_checksum64(const void* data, uint64_t bytes, uint64_t seed) {
  const uint8_t* at = (const uint8_t*)data;
  uint64_t left = bytes;
  uint64_t hash;
  if (bytes >= 32) {
    uint64_t lane0 = seed + KL_XXH_PRIME_1 + KL_XXH_PRIME_2;
    uint64_t lane1 = seed + KL_XXH_PRIME_2;
    uint64_t lane2 = seed;
    uint64_t lane3 = seed - KL_XXH_PRIME_1;
    for (; left >= 32; left -= 32, at += 32) {
      lane0 = kl_xxh_round(lane0, kl_xxh_word(at));
      lane1 = kl_xxh_round(lane1, kl_xxh_word(at + 8));
      lane2 = kl_xxh_round(lane2, kl_xxh_word(at + 16));
      lane3 = kl_xxh_round(lane3, kl_xxh_word(at + 24));
    }
    hash = kl_xxh_rotate(lane0, 1) + kl_xxh_rotate(lane1, 7) + kl_xxh_rotate(lane2, 12) + kl_xxh_rotate(lane3, 18);
    hash = kl_xxh_merge(hash, lane0);
    hash = kl_xxh_merge(hash, lane1);
    hash = kl_xxh_merge(hash, lane2);
    hash = kl_xxh_merge(hash, lane3);
  } else {
    hash = seed + KL_XXH_PRIME_5;
  }
  hash += bytes;
  for (; left >= 8; left -= 8, at += 8) {
    hash = kl_xxh_rotate(hash ^ kl_xxh_round(0, kl_xxh_word(at)), 27) * KL_XXH_PRIME_1 + KL_XXH_PRIME_4;
  }
  if (left >= 4) {
    uint32_t half;
    memcpy(&half, at, sizeof half);
    hash = kl_xxh_rotate(hash ^ half * KL_XXH_PRIME_1, 23) * KL_XXH_PRIME_2 + KL_XXH_PRIME_3;
    left -= 4;
    at += 4;
  }
  for (; left > 0; --left, ++at) hash = kl_xxh_rotate(hash ^ *at * KL_XXH_PRIME_5, 11) * KL_XXH_PRIME_1;
  hash = (hash ^ hash >> 33) * KL_XXH_PRIME_2;
  hash = (hash ^ hash >> 29) * KL_XXH_PRIME_3;
  return hash ^ hash >> 32;
}

#ifdef __cplusplus
}
#endif

#endif  // KINGLET_CORE_ABI_CHECKSUM_H_
