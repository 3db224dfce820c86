// Memory with a pattern before and behind it that shows writes outside; under AddressSanitizer
// reads outside as well.
//
// Ownership: owns its bytes. Thread safety: as a plain array.
#ifndef KINGLET_TESTS_CONFORMANCE_GUARDED_BUFFER_H_
#define KINGLET_TESTS_CONFORMANCE_GUARDED_BUFFER_H_

#include <cstdint>
#include <vector>

namespace kinglet {
namespace conformance {

class GuardedBuffer {
 public:
  // `bytes` of memory filled with `fill`, starting `offset_bytes` (< 64) behind a 64-byte boundary.
  GuardedBuffer(uint64_t bytes, uint64_t offset_bytes, uint8_t fill);
  ~GuardedBuffer();
  GuardedBuffer(const GuardedBuffer&) = delete;
  GuardedBuffer& operator=(const GuardedBuffer&) = delete;

  uint8_t* data() const { return data_; }
  uint64_t bytes() const { return bytes_; }
  void Fill(uint8_t value);
  bool GuardsIntact() const;

 private:
  void Poison() const;
  void Unpoison() const;

  std::vector<uint8_t> memory_;
  uint8_t* data_;
  uint64_t bytes_;
};

}  // namespace conformance
}  // namespace kinglet

#endif  // KINGLET_TESTS_CONFORMANCE_GUARDED_BUFFER_H_
