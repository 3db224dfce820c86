// A model's experts in a bank: opened once a model, leased by every run of its sessions (expert_run.h).
//
// Its slots are the elastic part of the model's budget: they get what is left of it, and give way when a session is made.
#ifndef KINGLET_CORE_EXEC_EXPERT_BANK_H_
#define KINGLET_CORE_EXEC_EXPERT_BANK_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "core/exec/expert_layout.h"
#include "core/exec/expert_source.h"
#include "core/memory/bank_client.h"
#include "core/memory/budget.h"

namespace kinglet {

struct ExpertOptions {
  std::string policy;  // of the bank; empty: its default
  std::string reader;  // likewise
  bool prefetch = true;
};

// Thread safe. Borrows the layout, the budget and the bank's table.
class ExpertBank {
 public:
  // The smallest budget that Open() takes, and the price of a slot.
  static absl::StatusOr<BankNeeds> Needs(const kl_bank& table, const ExpertLayout& layout, const ExpertSource& source,
                                         const ExpertOptions& options);
  // Reserves what it takes in `budget`: everything that is left, at most what all experts need.
  // Errors: the budget is too small for one token's experts (the message says what would do); the bank's own.
  static absl::StatusOr<std::unique_ptr<ExpertBank>> Open(const kl_bank& table, const kl_host* host,
                                                          const ExpertLayout& layout,
                                                          std::unique_ptr<ExpertSource> source, Budget* budget,
                                                          const ExpertOptions& options);
  ~ExpertBank();
  ExpertBank(const ExpertBank&) = delete;
  ExpertBank& operator=(const ExpertBank&) = delete;

  Bank* bank() { return bank_.get(); }
  const ExpertLayout& layout() const { return layout_; }
  const ExpertSource& source() const { return *source_; }
  bool prefetches() const { return options_.prefetch; }
  uint64_t budget_bytes() const;  // slots and all else that the bank needs

  // Before a run: takes what has become free in the budget. Returns how many records can be leased at the same time.
  int64_t Rebalance();
  // Resident bytes at most `most_bytes` until it is called again (UINT64_MAX: as the budget allows): under memory pressure.
  void Cap(uint64_t most_bytes);
  uint64_t least_bytes() const { return needs_.least_bytes; }

 private:
  ExpertBank(const ExpertLayout& layout, std::unique_ptr<ExpertSource> source, Budget* budget,
             const ExpertOptions& options)
      : layout_(layout), source_(std::move(source)), budget_(budget), options_(options) {}
  void GiveWay(uint64_t bytes);
  // Requires the lock.
  void SetBytes(uint64_t bytes);

  const ExpertLayout& layout_;
  const std::unique_ptr<ExpertSource> source_;
  Budget* const budget_;
  const ExpertOptions options_;
  BankNeeds needs_;
  uint64_t most_bytes_ = 0;  // the budget of Bank::Open()
  uint64_t cap_bytes_ = UINT64_MAX;
  mutable std::mutex mutex_;  // of the sizes
  Reservation reservation_;
  std::unique_ptr<Bank> bank_;  // destroyed first
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_EXPERT_BANK_H_
