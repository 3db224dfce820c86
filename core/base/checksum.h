// FNV-1a, 64 bits, in pieces: finds damage, not forgery.
//
// Source: http://www.isthe.com/chongo/tech/comp/fnv (public domain).
#ifndef KINGLET_CORE_BASE_CHECKSUM_H_
#define KINGLET_CORE_BASE_CHECKSUM_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace kinglet {

// The same bytes in any number of pieces give the same value.
class Checksum {
 public:
  void Add(const void* data, size_t bytes) {
    const auto* next = static_cast<const uint8_t*>(data);
    for (size_t i = 0; i < bytes; i++) value_ = (value_ ^ next[i]) * kPrime;
  }
  uint64_t value() const { return value_; }

 private:
  static constexpr uint64_t kOffsetBasis = 0xcbf29ce484222325u;
  static constexpr uint64_t kPrime = 0x100000001b3u;

  uint64_t value_ = kOffsetBasis;
};

inline uint64_t ChecksumOf(const void* data, size_t bytes) {
  Checksum checksum;
  checksum.Add(data, bytes);
  return checksum.value();
}

// The same function on eight interleaved columns of 64-bit words, then over the columns and what is
// left: as fast as memory, for gigabytes. Every step is a bijection of the running value, so one
// damaged word never goes unseen. Depends on the byte order.
inline uint64_t WideChecksum(const void* data, size_t bytes) {
  constexpr size_t kColumns = 8;
  constexpr uint64_t kPrime = 0x100000001b3u;
  const auto* next = static_cast<const uint8_t*>(data);
  uint64_t columns[kColumns];
  for (size_t c = 0; c < kColumns; c++) columns[c] = 0xcbf29ce484222325u + c;
  const size_t rows = bytes / sizeof columns;
  for (size_t r = 0; r < rows; r++, next += sizeof columns) {
    uint64_t words[kColumns];
    std::memcpy(words, next, sizeof words);
    for (size_t c = 0; c < kColumns; c++) columns[c] = (columns[c] ^ words[c]) * kPrime;
  }
  Checksum checksum;
  checksum.Add(columns, sizeof columns);
  checksum.Add(next, bytes - rows * sizeof columns);
  return checksum.value();
}

}  // namespace kinglet

#endif  // KINGLET_CORE_BASE_CHECKSUM_H_
