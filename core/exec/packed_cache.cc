#include "core/exec/packed_cache.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/atomic_file.h"
#include "core/base/checked_math.h"
#include "core/base/checksum.h"
#include "core/base/status.h"

namespace kinglet {
namespace {

constexpr char kMagic[8] = {'K', 'L', 'P', 'A', 'C', 'K', 'E', 'D'};
constexpr uint64_t kVersion = 1;
constexpr uint64_t kPageBytes = 4096;
constexpr uint64_t kChunkBytes = 1 << 20;  // of payload, under one checksum
constexpr uint64_t kWriteBytes = 32 << 20;
// Far above any real header; keeps a damaged size from being believed.
constexpr uint64_t kMostContentsBytes = 256 << 20;

struct Header {
  char magic[8];
  uint64_t version;
  uint64_t contents_bytes;
  uint64_t payload_offset;
  uint64_t payload_bytes;
  uint64_t header_checksum;  // of this struct with 0 here, contents and payload checksums
  uint64_t reserved[2];
};
static_assert(sizeof(Header) == 64, "the header's own layout");

uint64_t ChunkCount(uint64_t payload_bytes) { return (payload_bytes + kChunkBytes - 1) / kChunkBytes; }

uint64_t HeaderChecksum(Header header, const void* contents, const std::vector<uint64_t>& checksums) {
  header.header_checksum = 0;
  Checksum sum;
  sum.Add(&header, sizeof header);
  sum.Add(contents, header.contents_bytes);
  sum.Add(checksums.data(), checksums.size() * sizeof(uint64_t));
  return sum.value();
}

Header MakeHeader(uint64_t contents_bytes, uint64_t payload_bytes) {
  Header header = {};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.version = kVersion;
  header.contents_bytes = contents_bytes;
  header.payload_offset =
      AlignUp(sizeof header + contents_bytes + ChunkCount(payload_bytes) * sizeof(uint64_t), kPageBytes);
  header.payload_bytes = payload_bytes;
  return header;
}

// The checksum of every chunk, on all threads.
std::vector<uint64_t> PayloadChecksums(const uint8_t* payload, uint64_t payload_bytes,
                                       const ParallelForFunction& parallel_for) {
  std::vector<uint64_t> sums(ChunkCount(payload_bytes));
  struct Job {
    const uint8_t* payload;
    uint64_t bytes;
    uint64_t* sums;
  } job = {payload, payload_bytes, sums.data()};
  parallel_for(
      static_cast<int64_t>(sums.size()),
      [](void* context, int64_t begin, int64_t end) {
        const Job& job = *static_cast<Job*>(context);
        for (uint64_t i = static_cast<uint64_t>(begin); i < static_cast<uint64_t>(end); ++i) {
          const uint64_t first = i * kChunkBytes;
          const uint64_t bytes = std::min(kChunkBytes, job.bytes - first);
#ifdef MADV_POPULATE_READ
          // One system call in place of a fault every few pages; where it fails, faults do the
          // same.
          const uint64_t skew = reinterpret_cast<uintptr_t>(job.payload + first) % kPageBytes;
          if (skew == 0) madvise(const_cast<uint8_t*>(job.payload + first), bytes, MADV_POPULATE_READ);
#endif
          job.sums[i] = WideChecksum(job.payload + first, bytes);
        }
      },
      &job);
  return sums;
}

absl::Status Damaged(const std::string& path, absl::string_view what) {
  return absl::DataLossError(absl::StrCat(path, ": ", what, "; the file is damaged"));
}

// "expected A, found B" of the first line that differs.
std::string FirstDifference(absl::string_view expected, absl::string_view found) {
  const std::vector<absl::string_view> wanted = absl::StrSplit(expected, '\n');
  const std::vector<absl::string_view> there = absl::StrSplit(found, '\n');
  size_t line = 0;
  while (line < wanted.size() && line < there.size() && wanted[line] == there[line]) ++line;
  return absl::StrCat("expected \"", line < wanted.size() ? wanted[line] : "", "\", found \"",
                      line < there.size() ? there[line] : "", "\"");
}

}  // namespace

absl::StatusOr<std::unique_ptr<PackedCache>> PackedCache::Open(const std::string& path, const std::string& contents,
                                                               uint64_t payload_bytes,
                                                               const ParallelForFunction& parallel_for) {
  KL_ASSIGN_OR_RETURN(std::unique_ptr<MappedFile> file, MappedFile::Open(path));
  KL_RETURN_IF_ERROR(file->ContainFaults());
  Header header = {};
  if (file->size() < sizeof header) return Damaged(path, absl::StrCat(file->size(), " bytes are no whole header"));
  std::memcpy(&header, file->data(), sizeof header);
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0) return Damaged(path, "it does not begin with KLPACKED");
  if (header.version != kVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": expected version ", kVersion, " of the format, found ", header.version));
  }
  // The sizes say where everything lies, so they come before the checksum.
  if (header.contents_bytes > kMostContentsBytes || header.payload_bytes > file->size()) {
    return Damaged(path, "its sizes are larger than the file");
  }
  const Header derived = MakeHeader(header.contents_bytes, header.payload_bytes);
  if (derived.payload_offset != header.payload_offset || file->size() != header.payload_offset + header.payload_bytes) {
    return Damaged(path, absl::StrCat("expected ", derived.payload_offset + derived.payload_bytes, " bytes, found ",
                                      file->size()));
  }
  const char* found = reinterpret_cast<const char*>(file->data()) + sizeof header;
  std::vector<uint64_t> sums(ChunkCount(header.payload_bytes));
  std::memcpy(sums.data(), found + header.contents_bytes, sums.size() * sizeof(uint64_t));
  if (HeaderChecksum(header, found, sums) != header.header_checksum)
    return Damaged(path, "the header's checksum is wrong");
  if (absl::string_view(found, header.contents_bytes) != contents || header.payload_bytes != payload_bytes) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": made for something else: ", FirstDifference(contents, {found, header.contents_bytes})));
  }
  const uint8_t* payload = file->data() + header.payload_offset;
  const std::vector<uint64_t> actual = PayloadChecksums(payload, payload_bytes, parallel_for);
  KL_RETURN_IF_ERROR(file->CheckIntact());
  const auto wrong = std::mismatch(actual.begin(), actual.end(), sums.begin()).first - actual.begin();
  if (wrong != static_cast<ptrdiff_t>(actual.size())) {
    return Damaged(path, absl::StrCat("the checksum of the MiB at byte ",
                                      header.payload_offset + static_cast<uint64_t>(wrong) * kChunkBytes, " is wrong"));
  }
  return std::unique_ptr<PackedCache>(new PackedCache(std::move(file), payload));
}

absl::Status PackedCache::Write(const std::string& path, const std::string& contents, const uint8_t* payload,
                                uint64_t payload_bytes, const ParallelForFunction& parallel_for,
                                const ProgressFunction& progress) {
  KL_ASSIGN_OR_RETURN(const std::unique_ptr<AtomicFile> file, AtomicFile::Create(path));
  const std::vector<uint64_t> sums = PayloadChecksums(payload, payload_bytes, parallel_for);
  Header header = MakeHeader(contents.size(), payload_bytes);
  header.header_checksum = HeaderChecksum(header, contents.data(), sums);
  KL_RETURN_IF_ERROR(file->Write(&header, sizeof header));
  KL_RETURN_IF_ERROR(file->Write(contents));
  KL_RETURN_IF_ERROR(file->Write(sums.data(), sums.size() * sizeof(uint64_t)));
  const uint64_t written = sizeof header + contents.size() + sums.size() * sizeof(uint64_t);
  KL_RETURN_IF_ERROR(file->Write(std::string(header.payload_offset - written, '\0')));
  for (uint64_t done = 0; done < payload_bytes; done += kWriteBytes) {
    if (progress && !progress("write packed cache", done, payload_bytes)) {
      return absl::CancelledError("loading was stopped");
    }
    KL_RETURN_IF_ERROR(file->Write(payload + done, std::min(kWriteBytes, payload_bytes - done)));
  }
  if (progress) progress("write packed cache", payload_bytes, payload_bytes);
  return file->Commit();
}

}  // namespace kinglet
