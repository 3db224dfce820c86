#include "core/exec/expert_bank.h"

#include <algorithm>
#include <chrono>

#include "core/base/status.h"
#include "core/exec/expert_profile.h"
#include "core/exec/memory_split.h"

namespace kinglet {

namespace {

BankOptions OptionsFor(const ExpertLayout& layout, const ExpertSource& source, const ExpertOptions& options) {
  BankOptions bank;
  bank.min_lease_count = static_cast<uint32_t>(layout.most_chosen());
  bank.source = &source.abi();
  bank.policy = options.policy;
  bank.reader = options.reader;
  bank.verify = options.verifies_once ? KL_BANK_VERIFY_FIRST : KL_BANK_VERIFY_ALWAYS;
  return bank;
}

// Between two looks at the system's memory: some tokens, and some tens of microseconds a look.
constexpr int64_t kLookNs = 500000000;

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
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
  {
    const std::lock_guard<std::mutex> lock(self->mutex_);
    if (options.heeds_pressure) {
      self->pressure_ = std::make_unique<MemoryPressure>(options.system_root);
      self->valve_ = std::make_unique<PressureValve>(self->LeastUnderPressure(), self->most_bytes_);
    }
    self->PinHot(self->bank_->Stats().slot_count);
    // Pinning reads nothing. What a conversation will need first is better read while the rest is set up; a guess like any
    // other, of which the bank takes what it has room for.
    if (options.prefetch && self->pinned_count_ > 0) {
      self->bank_->Prefetch(options.hot_records.data(), static_cast<uint32_t>(self->pinned_count_)).IgnoreError();
    }
  }
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

void ExpertBank::PinHot(uint64_t slot_count) {
  const std::vector<uint64_t>& hot = options_.hot_records;
  const uint64_t most = MostPinned(slot_count, static_cast<uint64_t>(layout_.most_experts()));
  while (pinned_count_ > most) bank_->Pin(hot[--pinned_count_], false).IgnoreError();
  while (pinned_count_ < std::min<uint64_t>(most, hot.size())) {
    if (!bank_->Pin(hot[pinned_count_], true).ok()) return;  // slots that are in use are still to be given back
    ++pinned_count_;
  }
}

void ExpertBank::SetBytes(uint64_t bytes) {
  if (bytes == reservation_.bytes()) return;
  // Shrinking: the bank before the ledger; growing: the ledger before the bank. What fails leaves both as they were.
  const uint64_t before = reservation_.bytes();
  if (bytes < before) {
    // Pins first: the bank does not shrink below what is pinned.
    const uint64_t slots = bank_->Stats().slot_count;
    const uint64_t fewer = (before - bytes + needs_.bytes_per_slot - 1) / needs_.bytes_per_slot;
    PinHot(slots - std::min(slots, fewer));
    if (bank_->Resize(bytes).ok()) budget_->SetBytes(&reservation_, bytes).IgnoreError();
  } else if (budget_->SetBytes(&reservation_, bytes).ok() && !bank_->Resize(bytes).ok()) {
    budget_->SetBytes(&reservation_, before).IgnoreError();
  }
  PinHot(bank_->Stats().slot_count);
}

void ExpertBank::GiveWay(uint64_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const uint64_t spare = reservation_.bytes() - std::min(reservation_.bytes(), needs_.least_bytes);
  SetBytes(reservation_.bytes() - std::min(spare, bytes));
}

int64_t ExpertBank::Rebalance() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    HeedPressure();
    const uint64_t open = valve_ == nullptr ? most_bytes_ : valve_->cap_bytes();
    const uint64_t most = std::min(open, std::max(cap_bytes_, needs_.least_bytes));
    const uint64_t held = reservation_.bytes();
    const uint64_t wanted = std::min(most, held + std::min(budget_->free_bytes(), most_bytes_));
    // By whole slots only: a resize is not free.
    if (wanted < held || wanted - held >= needs_.bytes_per_slot) SetBytes(wanted);
  }
  const kl_bank_stats stats = bank_->Stats();
  return static_cast<int64_t>(stats.slot_count - std::min(stats.slot_count, stats.pinned_count));
}

uint64_t ExpertBank::LeastUnderPressure() const {
  const uint64_t more = static_cast<uint64_t>(layout_.most_experts() - layout_.most_chosen());
  const uint64_t layer = needs_.least_bytes + more * needs_.bytes_per_slot;
  return layer <= most_bytes_ ? layer : needs_.least_bytes;
}

void ExpertBank::Cap(uint64_t most_bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  cap_bytes_ = most_bytes;
}

void ExpertBank::HeedPressure() {
  const int64_t now_ns = NowNs();
  if (pressure_ == nullptr || now_ns < next_look_ns_) return;
  next_look_ns_ = now_ns + kLookNs;
  last_reading_ = pressure_->Read(now_ns);
  valve_->Update(last_reading_, reservation_.bytes(), now_ns);
}

PressureStats ExpertBank::pressure() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  PressureStats stats;
  if (pressure_ == nullptr) return stats;
  stats.heeded = true;
  stats.pressed = !valve_->is_open();
  stats.shrink_count = valve_->shrink_count();
  stats.grow_count = valve_->grow_count();
  stats.last = last_reading_;
  stats.sources = pressure_->sources();
  return stats;
}

}  // namespace kinglet
