// Zeroed memory straight from the operating system, page-aligned: arenas, caches, packed weights.
//
// Pages become resident when they are first written, and go back to the system when the buffer is
// destroyed, which an allocator may put off. Not for many small blocks: the smallest size is a
// page.
#ifndef KINGLET_CORE_BASE_ALIGNED_BUFFER_H_
#define KINGLET_CORE_BASE_ALIGNED_BUFFER_H_

#include <cstdint>

#include "absl/status/statusor.h"

namespace kinglet {

// Movable owner of one block; the address does not change when the owner moves.
// Thread compatible: the caller orders accesses to the bytes.
class AlignedBuffer {
 public:
  enum class HugePages { kNo, kAdvise };

  // Alignment of data(): at least a cache line on every processor that is supported; in fact a
  // page.
  static constexpr uint64_t kAlignmentBytes = 64;

  // `bytes` zeros; 0 gives an empty buffer. kAdvise asks for transparent huge pages, which helps
  // buffers of many megabytes that are read all over; a system without them ignores it.
  // ResourceExhausted when the system refuses.
  static absl::StatusOr<AlignedBuffer> Allocate(uint64_t bytes,
                                                HugePages huge_pages = HugePages::kNo);

  AlignedBuffer() = default;
  AlignedBuffer(AlignedBuffer&& other) noexcept;
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept;
  ~AlignedBuffer();

  uint8_t* data() { return data_; }  // NULL when empty
  const uint8_t* data() const { return data_; }
  uint64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Gives all resident pages back; the contents become zeros.
  void Discard();

 private:
  AlignedBuffer(uint8_t* data, uint64_t size) : data_(data), size_(size) {}
  void Release();

  uint8_t* data_ = nullptr;
  uint64_t size_ = 0;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_BASE_ALIGNED_BUFFER_H_
