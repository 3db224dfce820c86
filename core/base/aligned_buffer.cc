#include "core/base/aligned_buffer.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace kinglet {
namespace {

constexpr int kProtection = PROT_READ | PROT_WRITE;
constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS;

}  // namespace

absl::StatusOr<AlignedBuffer> AlignedBuffer::Allocate(uint64_t bytes, HugePages huge_pages) {
  if (bytes == 0) return AlignedBuffer();
  void* data = MAP_FAILED;
  errno = ENOMEM;
  if (bytes <= std::numeric_limits<size_t>::max() / 2) {
    data = mmap(nullptr, bytes, kProtection, kFlags, -1, 0);
  }
  if (data == MAP_FAILED) {
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot allocate ", bytes, " bytes: ", strerror(errno),
                     "; use a smaller model, context or memory budget"));
  }
  if (huge_pages == HugePages::kAdvise) madvise(data, bytes, MADV_HUGEPAGE);
  return AlignedBuffer(static_cast<uint8_t*>(data), bytes);
}

AlignedBuffer::AlignedBuffer(AlignedBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

AlignedBuffer& AlignedBuffer::operator=(AlignedBuffer&& other) noexcept {
  if (this != &other) {
    Release();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

AlignedBuffer::~AlignedBuffer() { Release(); }

void AlignedBuffer::Discard() {
  if (data_ != nullptr) madvise(data_, size_, MADV_DONTNEED);
}

void AlignedBuffer::Release() {
  if (data_ != nullptr) munmap(data_, size_);
  data_ = nullptr;
  size_ = 0;
}

}  // namespace kinglet
