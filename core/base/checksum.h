// FNV-1a, 64 bits, in pieces: finds damage, not forgery.
//
// Source: http://www.isthe.com/chongo/tech/comp/fnv (public domain).
#ifndef KINGLET_CORE_BASE_CHECKSUM_H_
#define KINGLET_CORE_BASE_CHECKSUM_H_

#include <cstddef>
#include <cstdint>

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

}  // namespace kinglet

#endif  // KINGLET_CORE_BASE_CHECKSUM_H_
