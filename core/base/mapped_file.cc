#include "core/base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace kinglet {
namespace {

uint64_t PageBytes() { return static_cast<uint64_t>(sysconf(_SC_PAGESIZE)); }

int64_t ModifiedNs(const struct stat& facts) {
  return static_cast<int64_t>(facts.st_mtim.tv_sec) * 1000000000 + facts.st_mtim.tv_nsec;
}

absl::Status OpenError(const std::string& path, int error) {
  const std::string message = absl::StrCat(path, ": cannot open: ", strerror(error));
  if (error == ENOENT || error == ENOTDIR) return absl::NotFoundError(message);
  return absl::UnavailableError(message);
}

}  // namespace

absl::StatusOr<std::unique_ptr<MappedFile>> MappedFile::Open(absl::string_view path) {
  std::unique_ptr<MappedFile> file(new MappedFile);
  file->path_ = std::string(path);
  // Without O_NONBLOCK, opening a pipe would wait for a writer.
  file->descriptor_ = open(file->path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file->descriptor_ < 0) return OpenError(file->path_, errno);
  struct stat facts = {};
  if (fstat(file->descriptor_, &facts) != 0) return OpenError(file->path_, errno);
  if (!S_ISREG(facts.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": expected a regular file, found a ",
                     S_ISDIR(facts.st_mode) ? "folder" : "device, pipe or socket"));
  }
  file->size_ = static_cast<uint64_t>(facts.st_size);
  file->modified_ns_ = ModifiedNs(facts);
  if (file->size_ == 0) return file;
  if (file->size_ > std::numeric_limits<size_t>::max()) {
    return absl::ResourceExhaustedError(
        absl::StrCat(path, ": ", file->size_, " bytes do not fit this processor's address space"));
  }
  void* data = mmap(nullptr, file->size_, PROT_READ, MAP_SHARED, file->descriptor_, 0);
  if (data == MAP_FAILED) {
    return absl::ResourceExhaustedError(
        absl::StrCat(path, ": cannot map ", file->size_, " bytes: ", strerror(errno),
                     "; is the address space limited (ulimit -v)?"));
  }
  file->data_ = static_cast<const uint8_t*>(data);
  return file;
}

MappedFile::~MappedFile() {
  watch_.reset();
  if (data_ != nullptr) munmap(const_cast<uint8_t*>(data_), size_);
  if (descriptor_ >= 0) close(descriptor_);
}

void MappedFile::Discard(uint64_t offset, uint64_t bytes) const {
  if (data_ == nullptr || offset >= size_) return;
  const uint64_t page_bytes = PageBytes();
  const uint64_t end = offset + std::min(bytes, size_ - offset);
  const uint64_t first = (offset + page_bytes - 1) / page_bytes * page_bytes;
  // The file's last page counts as whole: nothing but zeros follows the end.
  const uint64_t last = end == size_ ? end : end / page_bytes * page_bytes;
  if (first >= last) return;
  madvise(const_cast<uint8_t*>(data_) + first, last - first, MADV_DONTNEED);
}

void MappedFile::Forget(uint64_t offset, uint64_t bytes) const {
  Discard(offset, bytes);
  if (offset >= size_) return;
  // Whole pages only, so the range is widened: read-ahead has touched its neighbours too.
  const uint64_t first = offset / PageBytes() * PageBytes();
  const uint64_t end = offset + std::min(bytes, size_ - offset);
  const uint64_t last = std::min(size_, (end + PageBytes() - 1) / PageBytes() * PageBytes());
  posix_fadvise(descriptor_, static_cast<off_t>(first), static_cast<off_t>(last - first),
                POSIX_FADV_DONTNEED);
}

absl::Status MappedFile::Peek(uint64_t offset, uint64_t bytes, void* to) const {
  for (uint64_t done = 0; done < bytes;) {
    const ssize_t got = pread(descriptor_, static_cast<uint8_t*>(to) + done, bytes - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      return absl::DataLossError(absl::StrCat(path_, ": ", bytes, " bytes at offset ", offset, " cannot be read: ",
                                              got < 0 ? strerror(errno) : "the file ends before; was it cut short?"));
    }
    done += static_cast<uint64_t>(got);
  }
  return absl::OkStatus();
}

void MappedFile::AdviseRandom(uint64_t offset, uint64_t bytes) const {
  if (data_ == nullptr || offset >= size_ || bytes == 0) return;
  const uint64_t first = offset / PageBytes() * PageBytes();
  const uint64_t end = offset + std::min(bytes, size_ - offset);
  madvise(const_cast<uint8_t*>(data_) + first, end - first, MADV_RANDOM);
  // Where the page cache holds the file in large folios, a fault would map 2 MiB.
  madvise(const_cast<uint8_t*>(data_) + first, end - first, MADV_NOHUGEPAGE);
}

absl::Status MappedFile::ContainFaults() {
  if (data_ == nullptr) return absl::OkStatus();
  auto watch = FaultWatch::Create(data_, size_);
  if (!watch.ok()) {
    return absl::Status(watch.status().code(), absl::StrCat(path_, ": ", watch.status().message()));
  }
  watch_ = *std::move(watch);
  return absl::OkStatus();
}

absl::Status MappedFile::CheckIntact() const {
  if (watch_ == nullptr || watch_->lost_pages() == 0) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      path_, ": ", watch_->lost_pages(),
      " pages could not be read; the file was cut short or replaced while it was in use, or the "
      "disk is failing. Load it again"));
}

bool MappedFile::StillBacked() const {
  struct stat facts = {};
  if (fstat(descriptor_, &facts) != 0) return false;
  return static_cast<uint64_t>(facts.st_size) == size_ && ModifiedNs(facts) == modified_ns_;
}

}  // namespace kinglet
