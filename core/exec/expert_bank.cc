#include "core/exec/expert_bank.h"

#include <algorithm>

#include "core/base/status.h"
#include "core/exec/memory_split.h"

namespace kinglet {

namespace {

BankOptions OptionsFor(const ExpertLayout& layout, const ExpertSource& source, const ExpertOptions& options) {
  BankOptions bank;
  bank.min_lease_count = static_cast<uint32_t>(layout.most_chosen());
  bank.source = &source.abi();
  bank.policy = options.policy;
  bank.reader = options.reader;
  return bank;
}

}  // namespace

absl::StatusOr<BankNeeds> ExpertBank::Needs(const kl_bank& table, const ExpertLayout& layout,
                                            const ExpertSource& source, const ExpertOptions& options) {
  return Bank::QueryBudget(table, OptionsFor(layout, source, options));
}

absl::StatusOr<std::unique_ptr<ExpertBank>> ExpertBank::Open(const kl_bank& table, const kl_host* host,
                                                             const ExpertLayout& layout,
                                                             std::unique_ptr<ExpertSource> source, Budget* budget,
                                                             const ExpertOptions& options) {
  std::unique_ptr<ExpertBank> self(new ExpertBank(layout, std::move(source), budget, options));
  BankOptions bank = OptionsFor(layout, *self->source_, options);
  KL_ASSIGN_OR_RETURN(self->needs_, Bank::QueryBudget(table, bank));
  KL_ASSIGN_OR_RETURN(self->reservation_, budget->Reserve("experts in memory", self->needs_.least_bytes));
  self->most_bytes_ = BankBytes(self->needs_, layout.record_count(),
                                self->reservation_.bytes() + std::min(budget->free_bytes(), UINT64_MAX / 2));
  KL_RETURN_IF_ERROR(budget->SetBytes(&self->reservation_, self->most_bytes_));
  bank.budget_bytes = self->most_bytes_;
  KL_ASSIGN_OR_RETURN(self->bank_, Bank::Open(table, host, bank));
  ExpertBank* raw = self.get();
  budget->SetElastic([raw](uint64_t bytes) { raw->GiveWay(bytes); });
  return self;
}

ExpertBank::~ExpertBank() {
  if (bank_ != nullptr) budget_->SetElastic(nullptr);
}

uint64_t ExpertBank::budget_bytes() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return reservation_.bytes();
}

void ExpertBank::SetBytes(uint64_t bytes) {
  if (bytes == reservation_.bytes()) return;
  // Shrinking: the bank before the ledger; growing: the ledger before the bank. What fails leaves both as they were.
  if (bytes < reservation_.bytes()) {
    if (bank_->Resize(bytes).ok()) budget_->SetBytes(&reservation_, bytes).IgnoreError();
    return;
  }
  const uint64_t before = reservation_.bytes();
  if (!budget_->SetBytes(&reservation_, bytes).ok()) return;
  if (!bank_->Resize(bytes).ok()) budget_->SetBytes(&reservation_, before).IgnoreError();
}

void ExpertBank::GiveWay(uint64_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const uint64_t spare = reservation_.bytes() - std::min(reservation_.bytes(), needs_.least_bytes);
  SetBytes(reservation_.bytes() - std::min(spare, bytes));
}

int64_t ExpertBank::Rebalance() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const uint64_t most = std::min(most_bytes_, std::max(cap_bytes_, needs_.least_bytes));
    const uint64_t held = reservation_.bytes();
    const uint64_t wanted = std::min(most, held + std::min(budget_->free_bytes(), most_bytes_));
    // By whole slots only: a resize is not free.
    if (wanted < held || wanted - held >= needs_.bytes_per_slot) SetBytes(wanted);
  }
  const kl_bank_stats stats = bank_->Stats();
  return static_cast<int64_t>(stats.slot_count - std::min(stats.slot_count, stats.pinned_count));
}

void ExpertBank::Cap(uint64_t most_bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  cap_bytes_ = most_bytes;
}

}  // namespace kinglet
