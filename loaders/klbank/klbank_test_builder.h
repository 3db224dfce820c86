// Small banks for tests: two branches, two levels, two layers of width 32 in q8_0, 48 KiB.
#ifndef KINGLET_LOADERS_KLBANK_KLBANK_TEST_BUILDER_H_
#define KINGLET_LOADERS_KLBANK_KLBANK_TEST_BUILDER_H_

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "core/base/status.h"
#include "loaders/klbank/klbank_header.h"
#include "loaders/klbank/klbank_writer.h"

namespace kinglet {

inline KlbankHead SmallKlbankHead() {
  KlbankHead head;
  head.shape.branching = 2;
  head.shape.depth = 2;
  head.shape.layer_count = 2;
  head.shape.dim = 32;
  head.shape.type = KL_TYPE_Q8_0;
  head.shape.activation = MemoryActivation::kRelu;
  head.shape.rows = {2, 1, 0, 0};
  head.shape.encoder_width = 4;
  head.generic = true;
  head.model_fingerprint = 0x1111;
  head.encoder_fingerprint = 0x2222;
  head.name = "capitals";
  head.encoder_file = "encoder.gguf";
  return head;
}

// The bytes of a block: a fixed function of its place and of `salt`.
inline std::string KlbankBlock(uint64_t bytes, uint32_t level, uint64_t id, uint32_t salt = 0) {
  std::string block(bytes, '\0');
  for (uint64_t i = 0; i < bytes; ++i) {
    block[i] = static_cast<char>(level * 101 + id * 37 + i * 7 + salt * 13);
  }
  return block;
}

inline std::vector<float> KlbankCentroids(const MemoryLayout& layout) {
  std::vector<float> centroids(layout.TotalNodeCount() * layout.shape().encoder_width);
  for (size_t i = 0; i < centroids.size(); ++i) centroids[i] = static_cast<float>(i % 11) - 5;
  return centroids;
}

// Writes a bank without the blocks of `absent` ({level, id}).
inline absl::Status WriteKlbank(const std::string& path, const KlbankHead& head,
                                const std::set<std::pair<uint32_t, uint64_t>>& absent = {},
                                uint32_t salt = 0) {
  KL_ASSIGN_OR_RETURN(const MemoryLayout layout, MemoryLayout::Create(head.shape));
  const std::vector<float> centroids = KlbankCentroids(layout);
  KL_ASSIGN_OR_RETURN(const auto writer,
                      KlbankWriter::Create(path, head, centroids.data(), layout.TotalNodeCount()));
  for (uint32_t level = 1; level <= layout.depth(); ++level) {
    const uint64_t bytes = layout.BlockBytes(level);
    for (uint64_t id = 0; id < layout.BlockCount(level); ++id) {
      if (absent.count({level, id}) > 0) continue;
      const std::string block = KlbankBlock(bytes, level, id, salt);
      KL_RETURN_IF_ERROR(writer->AddBlock(level, id, block.data(), bytes));
    }
    if (!head.generic || layout.BlockCount(level) == 0) continue;
    const std::string block = KlbankBlock(bytes, level, 99);
    KL_RETURN_IF_ERROR(writer->AddGeneric(level, block.data(), bytes));
  }
  return writer->Commit();
}

inline std::string KlbankContents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline KlbankHeader KlbankHeaderOf(const std::string& bank) {
  KlbankHeader header;
  memcpy(&header, bank.data(), sizeof header);
  return header;
}

// The bank with this header, its checksum made right.
inline std::string WithKlbankHeader(std::string bank, KlbankHeader header) {
  header.header_checksum = KlbankHeaderSum(header);
  memcpy(bank.data(), &header, sizeof header);
  return bank;
}

// The bank with the checksums of centroids, table and header made right.
inline std::string WithKlbankSums(const std::string& bank, const MemoryLayout& layout) {
  KlbankHeader header = KlbankHeaderOf(bank);
  header.centroids_checksum =
      kl_checksum64(bank.data() + header.centroids_offset, layout.CentroidBytes(), 0);
  header.table_checksum = kl_checksum64(bank.data() + header.table_offset,
                                        layout.RecordCount() * sizeof(MemoryRecord), 0);
  return WithKlbankHeader(bank, header);
}

}  // namespace kinglet

#endif  // KINGLET_LOADERS_KLBANK_KLBANK_TEST_BUILDER_H_
