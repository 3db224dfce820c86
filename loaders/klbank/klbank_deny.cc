#include "loaders/klbank/klbank_deny.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "core/base/checked_math.h"
#include "core/base/status.h"
#include "core/model/memory_source.h"
#include "loaders/klbank/klbank_header.h"
#include "loaders/klbank/klbank_reader.h"

namespace kinglet {
namespace {

absl::Status SystemError(const std::string& path, absl::string_view action) {
  const int error = errno;
  const std::string message = absl::StrCat(path, ": cannot ", action, ": ", strerror(error),
                                           "; the deny list was left as it was");
  return error == ENOENT ? absl::NotFoundError(message) : absl::UnavailableError(message);
}

absl::Status WriteAt(int descriptor, const std::string& path, uint64_t offset, const void* data,
                     uint64_t bytes) {
  const char* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = pwrite(descriptor, next, bytes, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return SystemError(path, "write");
    next += written;
    offset += static_cast<uint64_t>(written);
    bytes -= static_cast<uint64_t>(written);
  }
  if (fsync(descriptor) != 0) return SystemError(path, "sync");
  return absl::OkStatus();
}

// The first aligned place of `bytes` bytes that nothing uses; the end of the bank at the latest.
uint64_t FreePlace(const MemorySource& bank, uint64_t bytes) {
  const MemoryLayout& layout = bank.layout;
  std::vector<std::pair<uint64_t, uint64_t>> used = {
      {0, sizeof(KlbankHeader)},
      {bank.centroids_offset, layout.CentroidBytes()},
      {bank.table_offset, bytes}};
  for (uint32_t level = 1; level <= layout.depth(); ++level) {
    if (layout.BlockCount(level) > 0)
      used.push_back({bank.level_offsets[level - 1], layout.LevelBytes(level)});
  }
  if (bank.has_generic) used.push_back({bank.generic_offset, layout.GenericBytes()});
  std::sort(used.begin(), used.end());
  uint64_t place = 0;
  for (const auto& [begin, length] : used) {
    if (begin >= place && begin - place >= bytes) return place;
    place = AlignUp(begin + length, kMemoryAlignment);
  }
  return place;
}

// The bank as it is in the file that is open as `descriptor`, and locked.
absl::StatusOr<std::unique_ptr<MemorySource>> ReadLocked(int descriptor, const std::string& path) {
  KL_ASSIGN_OR_RETURN(auto bank, ReadKlbank(path));
  struct stat locked = {}, named = {};
  if (fstat(descriptor, &locked) != 0 || stat(path.c_str(), &named) != 0)
    return SystemError(path, "look at it");
  if (locked.st_dev != named.st_dev || locked.st_ino != named.st_ino) {
    return absl::UnavailableError(
        absl::StrCat(path, ": another file took its place meanwhile; try again"));
  }
  return bank;
}

}  // namespace

absl::Status SetKlbankDenied(absl::string_view bank_path, const std::vector<MemoryNode>& nodes,
                             bool denied) {
  const std::string path(bank_path);
  const int descriptor = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return SystemError(path, "open it for writing");
  const auto close_it = absl::MakeCleanup([descriptor] { close(descriptor); });
  while (flock(descriptor, LOCK_EX) != 0) {
    if (errno != EINTR) return SystemError(path, "lock it");
  }
  KL_ASSIGN_OR_RETURN(const std::unique_ptr<MemorySource> bank, ReadLocked(descriptor, path));
  const MemoryLayout& layout = bank->layout;
  for (const MemoryNode& node : nodes) {
    if (node.level >= 1 && node.level <= layout.depth() && node.id < layout.BlockCount(node.level))
      continue;
    const uint64_t count =
        node.level >= 1 && node.level <= layout.depth() ? layout.BlockCount(node.level) : 0;
    return absl::InvalidArgumentError(absl::StrCat(path, ": expected a block of levels 1 to ",
                                                   layout.depth(), ", found ", node.level, ":",
                                                   node.id, "; that level has ", count, " blocks"));
  }
  std::vector<MemoryRecord> table(bank->table, bank->table + layout.RecordCount());
  for (const MemoryNode& node : nodes) {
    uint32_t& flags = table[layout.BlockRecord(node.level, node.id)].flags;
    flags = denied ? flags | kMemoryDenied : flags & ~kMemoryDenied;
  }
  KlbankHeader header;
  memcpy(&header, bank->file->data(), sizeof header);
  KL_RETURN_IF_ERROR(bank->file->CheckIntact());

  const uint64_t table_bytes = table.size() * sizeof(MemoryRecord);
  header.table_offset = FreePlace(*bank, table_bytes);
  header.table_checksum = kl_checksum64(table.data(), table_bytes, 0);
  header.file_bytes =
      std::max(header.file_bytes, AlignUp(header.table_offset + table_bytes, kMemoryAlignment));
  header.header_checksum = KlbankHeaderSum(header);
  if (header.file_bytes > bank->file->size() &&
      ftruncate(descriptor, static_cast<off_t>(header.file_bytes)) != 0) {
    return SystemError(path, "lengthen it");
  }
  KL_RETURN_IF_ERROR(WriteAt(descriptor, path, header.table_offset, table.data(), table_bytes));
  return WriteAt(descriptor, path, 0, &header, sizeof header);
}

}  // namespace kinglet
