#include "core/memory/budget.h"

#include <algorithm>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "core/base/checked_math.h"

namespace kinglet {

struct BudgetLedger {
  explicit BudgetLedger(uint64_t limit) : limit_bytes(limit) {}

  // Requires the lock.
  uint64_t* BytesOf(absl::string_view name) {
    for (auto& entry : entries) {
      if (entry.first == name) return &entry.second;
    }
    entries.emplace_back(std::string(name), 0);
    return &entries.back().second;
  }

  const uint64_t limit_bytes;
  mutable std::mutex mutex;
  uint64_t used_bytes = 0;
  uint64_t peak_bytes = 0;
  std::vector<std::pair<std::string, uint64_t>> entries;
};

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  if (this != &other) {
    Release();
    ledger_ = std::move(other.ledger_);
    name_ = std::move(other.name_);
    bytes_ = std::exchange(other.bytes_, 0);
  }
  return *this;
}

void Reservation::Release() {
  if (ledger_ != nullptr) {
    const std::lock_guard<std::mutex> lock(ledger_->mutex);
    ledger_->used_bytes -= bytes_;
    *ledger_->BytesOf(name_) -= bytes_;
  }
  ledger_ = nullptr;
  bytes_ = 0;
}

Budget::Budget(uint64_t limit_bytes) : ledger_(std::make_shared<BudgetLedger>(limit_bytes)) {}

namespace {

// Requires the lock. What a sum beyond the limit is refused with; OK when it fits.
absl::Status CheckSum(const BudgetLedger& ledger, absl::string_view name, uint64_t bytes,
                      uint64_t held_bytes) {
  uint64_t sum = 0;
  const bool representable = CheckedAdd(ledger.used_bytes - held_bytes, bytes, &sum);
  if (representable && (ledger.limit_bytes == 0 || sum <= ledger.limit_bytes)) {
    return absl::OkStatus();
  }
  std::string usage;
  for (const auto& entry : ledger.entries) {
    if (entry.second > 0) absl::StrAppend(&usage, ", ", entry.first, " holds ", entry.second);
  }
  return absl::OutOfRangeError(absl::StrCat(
      "memory budget: ", name, " needs ", bytes, " bytes, ",
      ledger.limit_bytes - std::min(ledger.limit_bytes, ledger.used_bytes), " of ",
      ledger.limit_bytes, " are left", usage, "; ",
      representable ? absl::StrCat("a budget of ", sum, " bytes would do") : "ask for less"));
}

}  // namespace

absl::StatusOr<Reservation> Budget::Reserve(absl::string_view name, uint64_t bytes) {
  if (give_way_ && bytes > free_bytes()) give_way_(bytes - free_bytes());
  BudgetLedger& ledger = *ledger_;
  const std::lock_guard<std::mutex> lock(ledger.mutex);
  const absl::Status fits = CheckSum(ledger, name, bytes, 0);
  if (!fits.ok()) return fits;
  Reservation reservation;
  reservation.ledger_ = ledger_;
  reservation.name_ = std::string(name);
  reservation.bytes_ = bytes;
  *ledger.BytesOf(name) += bytes;
  ledger.used_bytes += bytes;
  ledger.peak_bytes = std::max(ledger.peak_bytes, ledger.used_bytes);
  return reservation;
}

absl::Status Budget::SetBytes(Reservation* reservation, uint64_t bytes) {
  BudgetLedger& ledger = *ledger_;
  const std::lock_guard<std::mutex> lock(ledger.mutex);
  if (bytes > reservation->bytes_) {
    const absl::Status fits = CheckSum(ledger, reservation->name_, bytes, reservation->bytes_);
    if (!fits.ok()) return fits;
  }
  ledger.used_bytes += bytes - reservation->bytes_;  // wraps to a subtraction where it shrinks
  *ledger.BytesOf(reservation->name_) += bytes - reservation->bytes_;
  ledger.peak_bytes = std::max(ledger.peak_bytes, ledger.used_bytes);
  reservation->bytes_ = bytes;
  return absl::OkStatus();
}

absl::Status Budget::Grow(Reservation* reservation, uint64_t bytes) {
  const uint64_t more = bytes - std::min(bytes, reservation->bytes());
  if (give_way_ && more > free_bytes()) give_way_(more - free_bytes());
  return SetBytes(reservation, bytes);
}

void Budget::SetElastic(GiveWayFunction give_way) { give_way_ = std::move(give_way); }

uint64_t Budget::limit_bytes() const { return ledger_->limit_bytes; }

uint64_t Budget::used_bytes() const {
  const std::lock_guard<std::mutex> lock(ledger_->mutex);
  return ledger_->used_bytes;
}

uint64_t Budget::free_bytes() const {
  const std::lock_guard<std::mutex> lock(ledger_->mutex);
  if (ledger_->limit_bytes == 0) return UINT64_MAX;
  return ledger_->limit_bytes - std::min(ledger_->limit_bytes, ledger_->used_bytes);
}

uint64_t Budget::peak_bytes() const {
  const std::lock_guard<std::mutex> lock(ledger_->mutex);
  return ledger_->peak_bytes;
}

std::vector<std::pair<std::string, uint64_t>> Budget::Usage() const {
  const std::lock_guard<std::mutex> lock(ledger_->mutex);
  std::vector<std::pair<std::string, uint64_t>> usage;
  for (const auto& entry : ledger_->entries) {
    if (entry.second > 0) usage.push_back(entry);
  }
  return usage;
}

}  // namespace kinglet
