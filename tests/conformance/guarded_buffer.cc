#include "tests/conformance/guarded_buffer.h"

#include <cstring>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace kinglet {
namespace conformance {
namespace {

constexpr uint64_t kAlignment = 64;
constexpr uint64_t kGuardBytes = 256;
constexpr uint8_t kPattern = 0xC5;

}  // namespace

GuardedBuffer::GuardedBuffer(uint64_t bytes, uint64_t offset_bytes, uint8_t fill)
    : memory_(bytes + 2 * kGuardBytes + 2 * kAlignment, kPattern), bytes_(bytes) {
  const uint64_t first = reinterpret_cast<uintptr_t>(memory_.data()) + kGuardBytes;
  const uint64_t aligned = (first + kAlignment - 1) / kAlignment * kAlignment;
  data_ = memory_.data() + kGuardBytes + (aligned - first) + offset_bytes;
  Fill(fill);
  Poison();
}

GuardedBuffer::~GuardedBuffer() { Unpoison(); }

void GuardedBuffer::Fill(uint8_t value) {
  if (bytes_ > 0) memset(data_, value, bytes_);
}

bool GuardedBuffer::GuardsIntact() const {
  Unpoison();
  bool intact = true;
  for (const uint8_t* p = memory_.data(); p < data_; ++p) intact = intact && *p == kPattern;
  for (const uint8_t* p = data_ + bytes_; p < memory_.data() + memory_.size(); ++p) {
    intact = intact && *p == kPattern;
  }
  Poison();
  return intact;
}

void GuardedBuffer::Poison() const {
#if defined(__SANITIZE_ADDRESS__)
  const uint8_t* end = data_ + bytes_;
  __asan_poison_memory_region(memory_.data(), static_cast<size_t>(data_ - memory_.data()));
  __asan_poison_memory_region(end, static_cast<size_t>(memory_.data() + memory_.size() - end));
#endif
}

void GuardedBuffer::Unpoison() const {
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(memory_.data(), memory_.size());
#endif
}

}  // namespace conformance
}  // namespace kinglet
