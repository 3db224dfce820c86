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
  const void* data() const { return lease_.data; }  // 64-byte aligned, unless left in place
  uint64_t bytes() const { return lease_.bytes; }
  // Where each piece of the record is; null when the bank unpacked it, or does not say.
  const void* const* pieces() const { return lease_.pieces; }
  // Where the bytes came from, KL_BANK_ORIGIN_*; unknown when the bank does not say.
  kl_bank_origin origin() const { return lease_.origin; }
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
  // What the records are; null: the bank finds them in its tiers. Outlives the bank.
  const kl_bank_source* source = nullptr;
  std::string policy;         // empty: the bank's default
  std::string reader;         // empty: the best that works
  uint32_t queue_depth = 0;   // 0: the bank's choice
  uint32_t thread_count = 0;  // 0: the bank's choice
  kl_bank_verify verify = KL_BANK_VERIFY_ALWAYS;
};

// What a budget buys.
struct BankNeeds {
  uint64_t least_bytes = 0;     // the smallest budget that Open() takes
  uint64_t bytes_per_slot = 0;  // of each further slot
};

// An open bank, closed on destruction; leases and tickets have to be gone before. Thread safe.
class Bank {
 public:
  // `table` and `host` outlive the bank. Errors: the bank's own, as KL_OUT_OF_BUDGET.
  static absl::StatusOr<std::unique_ptr<Bank>> Open(const kl_bank& table, const kl_host* host,
                                                    const BankOptions& options);
  // Before anything is opened; options.budget_bytes is not read. Error: KL_UNSUPPORTED for a bank
  // that cannot tell.
  static absl::StatusOr<BankNeeds> QueryBudget(const kl_bank& table, const BankOptions& options);
  // The bank's policies, the default first; empty for a bank that has none to choose from.
  static std::vector<std::string> Policies(const kl_bank& table);
  ~Bank();
  Bank(const Bank&) = delete;
  Bank& operator=(const Bank&) = delete;

  // Starts reading; never blocks. Error: an id that the bank does not have.
  absl::StatusOr<BankTicket> Submit(const uint64_t* ids, uint32_t count);
  // Hints at what comes next; hands out nothing. The ticket is for CancelPrefetch(), if anything.
  absl::Status Prefetch(const uint64_t* ids, uint32_t count, kl_bank_ticket* ticket = nullptr);
  // Drops what has not begun to be read; nothing happens when all of it has.
  void CancelPrefetch(kl_bank_ticket ticket);
  absl::Status Pin(uint64_t id, bool pinned);
  kl_bank_stats Stats() const;
  // Gives memory back, or takes it again up to the budget of Open(). Errors: KL_OUT_OF_BUDGET when
  // it is too small, KL_UNSUPPORTED for a bank that cannot.
  absl::Status Resize(uint64_t budget_bytes);
  // One line for people: reader, policy, slots; the bank's name at least.
  std::string Describe() const;

 private:
  Bank(const kl_bank& table, kl_bank_handle* handle) : table_(table), handle_(handle) {}
  absl::StatusOr<kl_bank_ticket> SubmitKind(const uint64_t* ids, uint32_t count, uint32_t kind);

  const kl_bank& table_;
  kl_bank_handle* const handle_;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_MEMORY_BANK_CLIENT_H_
