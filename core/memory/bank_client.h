// The caller's side of a parameter bank (core/abi/bank.h), with owners for what must be given back.
//
//   Bank --Submit(ids)--> BankTicket --Next()--> READY: BankLease (data stays until it is
//   destroyed)
//                                                PENDING | DONE | EXHAUSTED | FAILED
#ifndef KINGLET_CORE_MEMORY_BANK_CLIENT_H_
#define KINGLET_CORE_MEMORY_BANK_CLIENT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/abi/bank.h"

namespace kinglet {

// One record's bytes, given back to the bank on destruction. Movable. Must not outlive its Bank.
class BankLease {
 public:
  BankLease() = default;
  BankLease(BankLease&& other) noexcept { *this = std::move(other); }
  BankLease& operator=(BankLease&& other) noexcept;
  ~BankLease() { Release(); }

  bool empty() const { return table_ == nullptr; }
  uint64_t id() const { return lease_.id; }
  const void* data() const { return lease_.data; }  // 64-byte aligned
  uint64_t bytes() const { return lease_.bytes; }
  void Release();

 private:
  friend class BankTicket;
  const kl_bank* table_ = nullptr;
  kl_bank_handle* handle_ = nullptr;
  kl_lease lease_ = {};
};

// Records under way; what was not handed out is cancelled on destruction. Movable. Must not outlive
// its Bank.
class BankTicket {
 public:
  BankTicket() = default;
  BankTicket(BankTicket&& other) noexcept { *this = std::move(other); }
  BankTicket& operator=(BankTicket&& other) noexcept;
  ~BankTicket() { Cancel(); }

  // The next record that is there, in any order. READY fills `lease` (which is released first);
  // after DONE and FAILED the ticket is over. wait_ns > 0: sleeps up to that long for PENDING.
  // Allocates nothing unless it fails.
  kl_bank_answer Next(int64_t wait_ns, BankLease* lease);
  // Why Next() said FAILED.
  const absl::Status& status() const { return status_; }
  void Cancel();

 private:
  friend class Bank;
  const kl_bank* table_ = nullptr;
  kl_bank_handle* handle_ = nullptr;
  kl_bank_ticket ticket_ = 0;
  absl::Status status_;
};

struct BankTier {
  std::string path;  // empty: memory only
  uint64_t budget_bytes = 0;
};

struct BankOptions {
  std::vector<BankTier> tiers;  // fastest first
  uint64_t budget_bytes = 0;
  uint32_t min_lease_count = 1;
};

// An open bank, closed on destruction; leases and tickets have to be gone before. Thread safe.
class Bank {
 public:
  // `table` and `host` outlive the bank. Errors: the bank's own, as KL_OUT_OF_BUDGET.
  static absl::StatusOr<std::unique_ptr<Bank>> Open(const kl_bank& table, const kl_host* host,
                                                    const BankOptions& options);
  ~Bank();
  Bank(const Bank&) = delete;
  Bank& operator=(const Bank&) = delete;

  // Starts reading; never blocks. Error: an id that the bank does not have.
  absl::StatusOr<BankTicket> Submit(const uint64_t* ids, uint32_t count);
  // Hints at what comes next; hands out nothing.
  absl::Status Prefetch(const uint64_t* ids, uint32_t count);
  absl::Status Pin(uint64_t id, bool pinned);
  kl_bank_stats Stats() const;

 private:
  Bank(const kl_bank& table, kl_bank_handle* handle) : table_(table), handle_(handle) {}
  absl::StatusOr<kl_bank_ticket> SubmitKind(const uint64_t* ids, uint32_t count, uint32_t kind);

  const kl_bank& table_;
  kl_bank_handle* const handle_;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_MEMORY_BANK_CLIENT_H_
