// Any bytes as a memory bank: refused or read, never a crash, a hang or an allocation that the file
// does not warrant. What was read can be routed, resolved and verified.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "loaders/klbank/klbank_header.h"
#include "loaders/klbank/klbank_reader.h"
#include "loaders/klbank/klbank_verify.h"
#include "tests/support/memory_file.h"

namespace {

// Checksums that are right lead the search past them.
std::string WithSums(std::string bytes) {
  kinglet::KlbankHeader header;
  if (bytes.size() < sizeof header) return bytes;
  memcpy(&header, bytes.data(), sizeof header);
  const auto sum_of = [&bytes](uint64_t offset, uint64_t length) {
    const bool inside = offset <= bytes.size() && length <= bytes.size() - offset;
    return inside ? kl_checksum64(bytes.data() + offset, length, 0) : 0;
  };
  uint64_t nodes = 1, centroids = 0, records = 0;
  for (uint32_t level = 0; level < header.depth && level < 4; ++level) {
    nodes *= header.branching % 65;
    centroids += nodes;
    if (header.rows[level] > 0) records += nodes;
  }
  header.centroids_checksum =
      sum_of(header.centroids_offset, centroids * header.encoder_width * sizeof(float));
  header.table_checksum =
      sum_of(header.table_offset, (records + header.depth) * sizeof(kinglet::MemoryRecord));
  header.header_checksum = kinglet::KlbankHeaderSum(header);
  memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

void Use(const kinglet::MemorySource& bank) {
  const uint64_t width = bank.layout.shape().encoder_width;
  const std::vector<float> vector(width, 0.25f);
  const auto path = bank.Route(vector.data(), width);
  if (!path.ok()) std::abort();
  const auto fetch = bank.Resolve(*path);
  if (!fetch.ok() || fetch->bytes() > bank.file_bytes) std::abort();
  for (const kinglet::MemoryChoice& choice : fetch->levels) {
    if (choice.bytes > bank.file_bytes || choice.offset > bank.file_bytes - choice.bytes) {
      std::abort();
    }
  }
  // A bank of many tiny levels has at most as many blocks as its table, which is in the file.
  if (!kinglet::VerifyKlbank(bank, nullptr).ok()) std::abort();
}

void Read(const std::string& bytes) {
  const kinglet::MemoryFile file(bytes);
  const auto bank = kinglet::ReadKlbank(file.path());
  if (bank.ok()) {
    Use(**bank);
  } else if (bank.status().message().empty()) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  Read(bytes);
  Read(WithSums(bytes));
  return 0;
}
