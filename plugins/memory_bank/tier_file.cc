#include "plugins/memory_bank/tier_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/abi/checksum.h"
#include "core/abi/error.h"
#include "plugins/common/record_bank/files.h"
#include "plugins/common/record_bank/record_layout.h"

namespace memory_bank {
namespace {

using record_bank::kBlockBytes;
using record_bank::RoundUp;

constexpr uint32_t kVersion = 1;
constexpr uint32_t kTaken = UINT32_MAX - 1;

struct Header {
  char magic[8];
  uint32_t version;
  uint32_t block_count;
  uint64_t fingerprint;
  uint64_t stride_bytes;
  uint64_t checksum;  // of what is before it
};

Header HeaderOf(const TierFileContent& content) {
  Header header = {{'K', 'L', 'T', 'I', 'E', 'R', '\r', '\n'},
                   kVersion,
                   content.block_count,
                   content.fingerprint,
                   content.stride_bytes,
                   0};
  header.checksum = kl_checksum64(&header, offsetof(Header, checksum), 0);
  return header;
}

bool ReadAll(int descriptor, void* data, uint64_t bytes, uint64_t offset) {
  auto* to = static_cast<uint8_t*>(data);
  while (bytes > 0) {
    const ssize_t got = pread(descriptor, to, bytes, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got;
    offset += static_cast<uint64_t>(got);
    bytes -= static_cast<uint64_t>(got);
  }
  return true;
}

// 0 or an errno.
int WriteAll(int descriptor, const void* data, uint64_t bytes, uint64_t offset) {
  const auto* from = static_cast<const uint8_t*>(data);
  while (bytes > 0) {
    const ssize_t put = pwrite(descriptor, from, bytes, static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return put < 0 ? errno : EIO;
    from += put;
    offset += static_cast<uint64_t>(put);
    bytes -= static_cast<uint64_t>(put);
  }
  return 0;
}

}  // namespace

uint64_t TierFile::EmptyBytes(uint32_t block_count) {
  return kBlockBytes + RoundUp(uint64_t{block_count} * sizeof(uint32_t), kBlockBytes);
}

kl_code TierFile::Open(const std::string& path, const TierFileContent& content, uint32_t most_count,
                       std::unique_ptr<TierFile>* file, kl_error* error) {
  std::unique_ptr<TierFile> made(new TierFile());
  made->path_ = path;
  made->content_ = content;
  made->data_offset_ = EmptyBytes(content.block_count);
  made->place_of_block_.assign(content.block_count, kNowhere);
  made->block_of_place_.assign(most_count, kNowhere);
  // Copies of what somebody may want to keep to himself: nobody else reads them.
  constexpr int kFlags = O_CLOEXEC | O_NOFOLLOW;
  made->descriptor_ = open(path.c_str(), O_RDWR | O_CREAT | kFlags, S_IRUSR | S_IWUSR);
  const int refused = errno;
  made->writable_ = made->descriptor_ >= 0 && flock(made->descriptor_, LOCK_EX | LOCK_NB) == 0;
  if (made->descriptor_ < 0) made->descriptor_ = open(path.c_str(), O_RDONLY | kFlags);
  struct stat status;
  if (made->descriptor_ < 0 || fstat(made->descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
    return kl_fail(error, KL_IO_ERROR, "%s: %s", record_bank::ShortPath(path).c_str(),
                   made->descriptor_ < 0 ? strerror(refused) : "is no regular file");
  }
  if (!made->ReadWhatIsThere() && made->writable_) {
    const int failed = made->Begin();
    if (failed != 0)
      return kl_fail(error, KL_IO_ERROR, "%s: %s", record_bank::ShortPath(path).c_str(),
                     strerror(failed));
  }
  *file = std::move(made);
  return KL_OK;
}

void TierFile::Remove(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) return;
  if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) unlink(path.c_str());
  close(descriptor);
}

TierFile::~TierFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

// Empties the file. The header last: a file without it is nobody's.
int TierFile::Begin() {
  std::fill(place_of_block_.begin(), place_of_block_.end(), kNowhere);
  std::fill(block_of_place_.begin(), block_of_place_.end(), kNowhere);
  forgotten_.clear();
  copy_count_ = 0;
  if (ftruncate(descriptor_, 0) != 0) return errno;
  if (ftruncate(descriptor_, static_cast<off_t>(data_offset_)) != 0) return errno;
  const Header header = HeaderOf(content_);
  return WriteAll(descriptor_, &header, sizeof header, 0);
}

// False: the file is empty, damaged, or of other blocks.
bool TierFile::ReadWhatIsThere() {
  const Header wanted = HeaderOf(content_);
  Header found;
  if (!ReadAll(descriptor_, &found, sizeof found, 0) ||
      memcmp(&found, &wanted, sizeof wanted) != 0) {
    return false;
  }
  std::vector<uint32_t> entries(content_.block_count);
  if (!ReadAll(descriptor_, entries.data(), entries.size() * sizeof(uint32_t), kBlockBytes)) {
    return false;
  }
  struct stat status;
  if (fstat(descriptor_, &status) != 0) return false;
  for (uint32_t block = 0; block < content_.block_count; ++block) {
    if (entries[block] == 0) continue;
    const uint32_t place = entries[block] - 1;
    const bool there = place < most_count() && block_of_place_[place] == kNowhere &&
                       OffsetOf(place + 1) <= static_cast<uint64_t>(status.st_size);
    if (!there) {
      forgotten_.push_back(block);
      continue;
    }
    place_of_block_[block] = place;
    block_of_place_[place] = block;
    ++copy_count_;
  }
  // Gives back what lies beyond a budget that is smaller than it was.
  if (writable_ && OffsetOf(most_count()) < static_cast<uint64_t>(status.st_size)) {
    return ftruncate(descriptor_, static_cast<off_t>(OffsetOf(most_count()))) == 0;
  }
  return true;
}

int TierFile::OpenForReading(bool direct) const {
  int descriptor = -1;
  if (direct) descriptor = open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_DIRECT);
  if (descriptor < 0) descriptor = open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  return descriptor;
}

uint64_t TierFile::Find(uint32_t block) const {
  const uint32_t place = place_of_block_[block];
  return place == kNowhere ? 0 : OffsetOf(place);
}

uint32_t TierFile::Reserve() {
  if (!writable_) return kNowhere;
  const auto free = std::find(block_of_place_.begin(), block_of_place_.end(), kNowhere);
  if (free == block_of_place_.end()) return kNowhere;
  *free = kTaken;
  return static_cast<uint32_t>(free - block_of_place_.begin());
}

void TierFile::GiveBack(uint32_t place) { block_of_place_[place] = kNowhere; }

void TierFile::Publish(uint32_t place, uint32_t block) {
  block_of_place_[place] = block;
  place_of_block_[block] = place;
  ++copy_count_;
}

void TierFile::Forget(uint32_t block) {
  const uint32_t place = place_of_block_[block];
  if (place == kNowhere) return;
  place_of_block_[block] = kNowhere;
  block_of_place_[place] = kNowhere;
  --copy_count_;
  forgotten_.push_back(block);
}

std::vector<uint32_t> TierFile::TakeForgotten() { return std::exchange(forgotten_, {}); }

int TierFile::ClearEntries(const std::vector<uint32_t>& blocks) const {
  for (const uint32_t block : blocks) {
    const int failed = WriteEntry(block, 0);
    if (failed != 0) return failed;
  }
  return 0;
}

int TierFile::Write(uint32_t place, uint64_t from, const void* data, uint64_t bytes) const {
  if (from == 0) {
    // As long as it will be: direct reads end at a block, whatever a copy's own bytes.
    struct stat status;
    if (fstat(descriptor_, &status) != 0) return errno;
    const uint64_t end = OffsetOf(place + 1);
    if (static_cast<uint64_t>(status.st_size) < end &&
        ftruncate(descriptor_, static_cast<off_t>(end)) != 0) {
      return errno;
    }
  }
  return WriteAll(descriptor_, data, bytes, OffsetOf(place) + from);
}

int TierFile::Name(uint32_t place, uint32_t block) const {
  if (fdatasync(descriptor_) != 0) return errno;
  // The bank's slots are the only cache.
  posix_fadvise(descriptor_, static_cast<off_t>(OffsetOf(place)),
                static_cast<off_t>(content_.stride_bytes), POSIX_FADV_DONTNEED);
  return WriteEntry(block, place + 1);
}

int TierFile::WriteEntry(uint32_t block, uint32_t value) const {
  return WriteAll(descriptor_, &value, sizeof value, kBlockBytes + block * sizeof value);
}

}  // namespace memory_bank
