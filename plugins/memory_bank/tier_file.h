// The copies of one level's blocks in one directory: a file that outlives the process.
//
//   0      header, 4 KiB: magic, version, fingerprint, count and bytes of the blocks, checksum
//   4096   table: u32 of each block of the level: 0, or 1 + the place of its copy
//   then   places of `stride` bytes, 4 KiB aligned, filled one after the other
//
// Nothing in it is trusted: the fingerprint says of which blocks these are copies (sizes,
// checksums, which are denied), and the bank verifies a copy whenever it reads it. A file of other
// blocks, a damaged or an unknown one is emptied and begun anew. A copy's bytes are on storage
// before the table names it; a process that dies between the two leaves a place that is written
// again.
//
// One process fills a file (flock); others that use the same directory read what was there when
// they opened it.
//
// Bookkeeping is not thread safe. What does I/O touches none of it: one thread copies while others,
// under a lock, look up, forget and reserve.
#ifndef KINGLET_PLUGINS_MEMORY_BANK_TIER_FILE_H_
#define KINGLET_PLUGINS_MEMORY_BANK_TIER_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/abi/types.h"

namespace memory_bank {

// Which blocks a file holds copies of.
struct TierFileContent {
  uint64_t fingerprint = 0;
  uint32_t block_count = 0;   // of the level
  uint64_t stride_bytes = 0;  // of a copy, whole 4 KiB blocks
};

class TierFile {
 public:
  static constexpr uint32_t kNowhere = UINT32_MAX;

  // Bytes of a file without copies.
  static uint64_t EmptyBytes(uint32_t block_count);

  // Opens or makes the file, for at most most_count copies; those beyond are given up, and the file
  // is cut. KL_IO_ERROR: it can neither be read nor made.
  static kl_code Open(const std::string& path, const TierFileContent& content, uint32_t most_count,
                      std::unique_ptr<TierFile>* file, kl_error* error);
  // Removes the file, unless somebody uses it.
  static void Remove(const std::string& path);
  ~TierFile();
  TierFile(const TierFile&) = delete;
  TierFile& operator=(const TierFile&) = delete;

  const std::string& path() const { return path_; }
  // False: another process fills it, or the system does not let it be written.
  bool writable() const { return writable_; }
  uint32_t copy_count() const { return copy_count_; }
  uint32_t most_count() const { return static_cast<uint32_t>(block_of_place_.size()); }
  // One more descriptor, for reading; direct where the file system can and `direct`. -1: errno.
  int OpenForReading(bool direct) const;

  // ---- bookkeeping ----
  // Where the copy begins, or 0.
  uint64_t Find(uint32_t block) const;
  // A free place, which is taken now; kNowhere when there is none.
  uint32_t Reserve();
  // The place is free again.
  void GiveBack(uint32_t place);
  // A copy is whole.
  void Publish(uint32_t place, uint32_t block);
  // The copy is no good.
  void Forget(uint32_t block);
  // Blocks that were forgotten and are still named in the file; clear them before a place is
  // written.
  std::vector<uint32_t> TakeForgotten();

  // ---- I/O; 0 or an errno ----
  int ClearEntries(const std::vector<uint32_t>& blocks) const;
  // Bytes of a copy that is not whole yet, in ascending order.
  int Write(uint32_t place, uint64_t from, const void* data, uint64_t bytes) const;
  // Syncs what was written, then names it in the table.
  int Name(uint32_t place, uint32_t block) const;

 private:
  TierFile() = default;
  int Begin();
  bool ReadWhatIsThere();
  int WriteEntry(uint32_t block, uint32_t value) const;
  uint64_t OffsetOf(uint32_t place) const { return data_offset_ + place * content_.stride_bytes; }

  std::string path_;
  TierFileContent content_;
  int descriptor_ = -1;
  bool writable_ = false;
  uint64_t data_offset_ = 0;
  uint32_t copy_count_ = 0;
  std::vector<uint32_t> place_of_block_;  // kNowhere: no copy
  std::vector<uint32_t> block_of_place_;  // kNowhere: free; kTaken: reserved
  std::vector<uint32_t> forgotten_;       // blocks whose entry in the file is to be cleared
};

}  // namespace memory_bank

#endif  // KINGLET_PLUGINS_MEMORY_BANK_TIER_FILE_H_
