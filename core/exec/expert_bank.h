// A model's experts in a bank: opened once a model, leased by every run of its sessions (expert_run.h).
//
// Its slots are the elastic part of the model's budget: they get what is left of it, and give way when a session is made.
#ifndef KINGLET_CORE_EXEC_EXPERT_BANK_H_
#define KINGLET_CORE_EXEC_EXPERT_BANK_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/exec/expert_layout.h"
#include "core/exec/expert_source.h"
#include "core/memory/bank_client.h"
#include "core/memory/budget.h"
#include "core/memory/memory_pressure.h"
#include "core/memory/pressure_valve.h"

namespace kinglet {

struct ExpertOptions {
  std::string policy;  // of the bank; empty: its default
  std::string reader;  // likewise
  bool prefetch = true;
  bool verifies_once = false;  // a record's first read, and every one after its file has changed; else each read
  bool heeds_pressure = true;  // gives memory back while the system is short of it
  std::string system_root;     // what /proc and /sys are below, where that is read; for tests and containers
  std::vector<uint64_t> hot_records;  // to be pinned, as many as MostPinned() of expert_profile.h; the hottest first
};

// What memory pressure did to a bank.
struct PressureStats {
  bool heeded = false;
  bool pressed = false;  // the bank is smaller now than the budget allows
  uint64_t shrink_count = 0;
  uint64_t grow_count = 0;
  PressureReading last;  // reading
  std::string sources;
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

  // Before a run: takes what has become free in the budget, and looks whether the system is short of memory if it has not
  // just done so. While it is, the bank gives memory back, but keeps the experts of one layer (or what it has, if that is
  // less: then those of one token). Returns how many records can be leased at the same time.
  int64_t Rebalance();
  PressureStats pressure() const;
  // Resident bytes at most `most_bytes` until it is called again (UINT64_MAX: as budget and pressure allow).
  void Cap(uint64_t most_bytes);
  uint64_t least_bytes() const { return needs_.least_bytes; }

 private:
  ExpertBank(const ExpertLayout& layout, std::unique_ptr<ExpertSource> source, Budget* budget,
             const ExpertOptions& options)
      : layout_(layout), source_(std::move(source)), budget_(budget), options_(options) {}
  void GiveWay(uint64_t bytes);
  void HeedPressure();
  // These require the lock.
  uint64_t LeastUnderPressure() const;
  void SetBytes(uint64_t bytes);
  // Pins as many hot records as a cache of that many slots may.
  void PinHot(uint64_t slot_count);

  const ExpertLayout& layout_;
  const std::unique_ptr<ExpertSource> source_;
  Budget* const budget_;
  const ExpertOptions options_;
  BankNeeds needs_;
  uint64_t most_bytes_ = 0;  // the budget of Bank::Open()
  size_t pinned_count_ = 0;  // of options_.hot_records, from the first on
  mutable std::mutex mutex_;  // of the sizes
  Reservation reservation_;
  std::unique_ptr<MemoryPressure> pressure_;  // NULL: not heeded
  std::unique_ptr<PressureValve> valve_;
  PressureReading last_reading_;
  int64_t next_look_ns_ = 0;
  uint64_t cap_bytes_ = UINT64_MAX;
  std::unique_ptr<Bank> bank_;  // destroyed first
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_EXPERT_BANK_H_
