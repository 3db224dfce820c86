// The first 512 bytes of a `.klbank` file. Little-endian; offsets in README.md of this folder.
#ifndef KINGLET_LOADERS_KLBANK_KLBANK_HEADER_H_
#define KINGLET_LOADERS_KLBANK_KLBANK_HEADER_H_

#include <cstddef>
#include <cstdint>

#include "core/abi/checksum.h"

namespace kinglet {

inline constexpr char kKlbankMagic[8] = {'K', 'L', 'B', 'A', 'N', 'K', '\r', '\n'};
inline constexpr uint32_t kKlbankVersion = 1;
inline constexpr uint32_t kKlbankHasGeneric = 1u << 0;  // flags

struct KlbankHeader {
  char magic[8];
  uint32_t version;
  uint32_t header_bytes;
  uint32_t branching;
  uint32_t depth;
  uint32_t layer_count;
  uint32_t dim;
  uint32_t type;        // kl_dtype
  uint32_t activation;  // MemoryActivation
  uint32_t rows[4];
  uint32_t encoder_width;
  uint32_t flags;
  uint64_t model_fingerprint;
  uint64_t encoder_fingerprint;
  uint64_t centroids_offset;
  uint64_t centroids_checksum;
  uint64_t table_offset;
  uint64_t table_checksum;
  uint64_t level_offset[4];
  uint64_t level_stride[4];
  uint64_t generic_offset;
  uint64_t file_bytes;
  char name[64];
  char encoder_file[128];
  uint8_t zeros[120];
  uint64_t header_checksum;
};
static_assert(sizeof(KlbankHeader) == 512 && offsetof(KlbankHeader, header_checksum) == 504);
static_assert(offsetof(KlbankHeader, model_fingerprint) == 64 &&
              offsetof(KlbankHeader, level_offset) == 112 && offsetof(KlbankHeader, name) == 192);

inline uint64_t KlbankHeaderSum(const KlbankHeader& header) {
  return kl_checksum64(&header, offsetof(KlbankHeader, header_checksum), 0);
}

}  // namespace kinglet

#endif  // KINGLET_LOADERS_KLBANK_KLBANK_HEADER_H_
