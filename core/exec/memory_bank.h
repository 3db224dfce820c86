// A model's memory bank: its blocks as records of a bank, opened once a model, leased by the
// sessions that hold a path (memory_run.h).
//
//   MemorySource        which blocks there are, which of them may be read, where they lie in the
//   file records             one a block; a block that is denied or absent has no place in the file
//   that could be read bank "memory_bank"  keeps, reads, hands out
#ifndef KINGLET_CORE_EXEC_MEMORY_BANK_H_
#define KINGLET_CORE_EXEC_MEMORY_BANK_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/memory/bank_client.h"
#include "core/memory/budget.h"
#include "core/model/memory_source.h"

namespace kinglet {

struct MemoryDeny {
  uint32_t level = 0;
  uint64_t id = 0;
};

struct MemoryOptions {
  std::vector<BankTier> tiers;  // fastest first; empty: blocks are read from the bank's file
  uint64_t budget_bytes =
      0;  // of blocks in memory and what else the bank needs; 0: chosen by the bank's size
  std::string reader;              // as ExpertOptions::reader
  std::vector<MemoryDeny> denied;  // further nodes, beside those that the file denies
};

// Thread safe. Borrows the budget and the bank's table.
class MemoryBank {
 public:
  // Nothing is opened or read yet. Errors: a node to deny that does not exist.
  static absl::StatusOr<std::unique_ptr<MemoryBank>> Create(std::unique_ptr<MemorySource> source,
                                                            MemoryOptions options);
  MemoryBank(const MemoryBank&) = delete;
  MemoryBank& operator=(const MemoryBank&) = delete;

  const MemorySource& source() const { return *source_; }
  const MemoryLayout& layout() const { return source_->layout; }
  // Tells banks apart for session files: all blocks' checksums, and which of them may be read.
  uint64_t identity() const { return identity_; }

  // What Open() will reserve, under a budget of `limit_bytes` for everything (0: no limit).
  absl::StatusOr<uint64_t> WantedBytes(const kl_bank& table, uint64_t limit_bytes) const;
  absl::Status Open(const kl_bank& table, const kl_host* host, uint64_t bytes, Budget* budget);
  // NULL until it was opened: such a bank can be asked for sizes.
  Bank* bank() const { return bank_.get(); }
  uint64_t budget_bytes() const { return reservation_.bytes(); }

  // What each level runs; without a path generic blocks. See MemorySource::Resolve.
  absl::StatusOr<MemoryFetch> Resolve(const std::optional<MemoryPath>& path) const;

 private:
  MemoryBank() = default;
  absl::Status Deny();
  void MakeRecords();
  BankOptions Options() const;

  std::unique_ptr<MemorySource> source_;
  MemoryOptions options_;
  std::vector<MemoryRecord> table_;  // the file's, with options_.denied
  uint64_t identity_ = 0;
  std::vector<kl_bank_piece> pieces_;  // by record
  std::vector<kl_bank_record> records_;
  std::vector<uint8_t> group_of_record_;
  std::vector<uint64_t> group_slot_bytes_;
  const char* paths_[1] = {};
  kl_bank_source abi_ = {};
  Reservation reservation_;
  std::unique_ptr<Bank> bank_;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_MEMORY_BANK_H_
