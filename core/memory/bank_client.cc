#include "core/memory/bank_client.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace kinglet {
namespace {

std::string Context(const kl_bank& table) { return absl::StrCat("bank ", table.name); }

// kl_bank_options and what it points to. Must outlive its use, and must not move.
class RawOptions {
 public:
  explicit RawOptions(const BankOptions& options) {
    tiers_.reserve(options.tiers.size());
    for (const BankTier& tier : options.tiers) {
      tiers_.push_back({sizeof(kl_bank_tier), tier.path.empty() ? nullptr : tier.path.c_str(),
                        tier.budget_bytes});
      pointers_.push_back(&tiers_.back());
    }
    raw_.struct_size = sizeof raw_;
    raw_.tiers = pointers_.data();
    raw_.tier_count = static_cast<uint32_t>(pointers_.size());
    raw_.budget_bytes = options.budget_bytes;
    raw_.min_lease_count = options.min_lease_count;
    raw_.source = options.source;
    raw_.policy = options.policy.empty() ? nullptr : options.policy.c_str();
    raw_.reader = options.reader.empty() ? nullptr : options.reader.c_str();
    raw_.queue_depth = options.queue_depth;
    raw_.thread_count = options.thread_count;
    raw_.verify = options.verify;
  }
  RawOptions(const RawOptions&) = delete;
  RawOptions& operator=(const RawOptions&) = delete;

  const kl_bank_options& raw() const { return raw_; }

 private:
  std::vector<kl_bank_tier> tiers_;
  std::vector<const kl_bank_tier*> pointers_;
  kl_bank_options raw_ = {};
};

absl::Status Cannot(const kl_bank& table, absl::string_view what) {
  return absl::UnimplementedError(absl::StrCat(Context(table), " has no ", what,
                                               "; it was built for an older version of Kinglet"));
}

}  // namespace

BankLease& BankLease::operator=(BankLease&& other) noexcept {
  if (this != &other) {
    Release();
    table_ = std::exchange(other.table_, nullptr);
    handle_ = other.handle_;
    lease_ = std::exchange(other.lease_, kl_lease{});
  }
  return *this;
}

void BankLease::Release() {
  if (table_ == nullptr) return;
  table_->release(handle_, &lease_);
  table_ = nullptr;
  lease_ = {};
}

BankTicket& BankTicket::operator=(BankTicket&& other) noexcept {
  if (this != &other) {
    Cancel();
    table_ = other.table_;
    handle_ = other.handle_;
    ticket_ = std::exchange(other.ticket_, 0);
    status_ = std::move(other.status_);
  }
  return *this;
}

kl_bank_answer BankTicket::Next(int64_t wait_ns, BankLease* lease) {
  lease->Release();
  if (ticket_ == 0) return status_.ok() ? KL_BANK_DONE : KL_BANK_FAILED;
  lease->lease_.struct_size = sizeof lease->lease_;
  kl_error error = EmptyError();
  const kl_bank_answer answer =
      table_->next_ready(handle_, ticket_, wait_ns, &lease->lease_, &error);
  switch (answer) {
    case KL_BANK_READY:
      lease->table_ = table_;
      lease->handle_ = handle_;
      break;
    case KL_BANK_DONE:
      ticket_ = 0;
      break;
    case KL_BANK_PENDING:
    case KL_BANK_EXHAUSTED:
      break;
    default:
      ticket_ = 0;
      status_ =
          StatusFromError(error.code == KL_OK ? KL_INTERNAL : error.code, error, Context(*table_));
      return KL_BANK_FAILED;
  }
  return answer;
}

void BankTicket::Cancel() {
  if (ticket_ != 0) table_->cancel(handle_, ticket_);
  ticket_ = 0;
}

absl::StatusOr<std::unique_ptr<Bank>> Bank::Open(const kl_bank& table, const kl_host* host,
                                                 const BankOptions& options) {
  const RawOptions raw(options);
  kl_bank_handle* handle = nullptr;
  kl_error error = EmptyError();
  const kl_code code = table.open(host, &raw.raw(), &handle, &error);
  if (code != KL_OK) return StatusFromError(code, error, Context(table));
  if (handle == nullptr) {
    return absl::InternalError(absl::StrCat(Context(table), ": open() returned KL_OK and NULL"));
  }
  return std::unique_ptr<Bank>(new Bank(table, handle));
}

absl::StatusOr<BankNeeds> Bank::QueryBudget(const kl_bank& table, const BankOptions& options) {
  if (!KL_HAS_FIELD(&table, kl_bank, query_budget) || table.query_budget == nullptr) {
    return Cannot(table, "query_budget()");
  }
  const RawOptions raw(options);
  BankNeeds needs;
  kl_error error = EmptyError();
  const kl_code code =
      table.query_budget(&raw.raw(), &needs.least_bytes, &needs.bytes_per_slot, &error);
  if (code != KL_OK) return StatusFromError(code, error, Context(table));
  return needs;
}

std::vector<std::string> Bank::Policies(const kl_bank& table) {
  std::vector<std::string> names;
  if (!KL_HAS_FIELD(&table, kl_bank, policies) || table.policies == nullptr) return names;
  for (const char* const* name = table.policies; *name != nullptr; ++name) names.push_back(*name);
  return names;
}

Bank::~Bank() { table_.close(handle_); }

absl::StatusOr<kl_bank_ticket> Bank::SubmitKind(const uint64_t* ids, uint32_t count,
                                                uint32_t kind) {
  kl_bank_ticket ticket = 0;
  kl_error error = EmptyError();
  const kl_code code = table_.submit(handle_, ids, count, kind, &ticket, &error);
  if (code != KL_OK) return StatusFromError(code, error, Context(table_));
  if (ticket == 0 && kind == KL_SUBMIT_DEMAND) {
    return absl::InternalError(absl::StrCat(Context(table_), ": submit() gave no ticket"));
  }
  return ticket;
}

absl::StatusOr<BankTicket> Bank::Submit(const uint64_t* ids, uint32_t count) {
  KL_ASSIGN_OR_RETURN(const kl_bank_ticket id, SubmitKind(ids, count, KL_SUBMIT_DEMAND));
  BankTicket ticket;
  ticket.table_ = &table_;
  ticket.handle_ = handle_;
  ticket.ticket_ = id;
  return ticket;
}

absl::Status Bank::Prefetch(const uint64_t* ids, uint32_t count, kl_bank_ticket* ticket) {
  KL_ASSIGN_OR_RETURN(const kl_bank_ticket id, SubmitKind(ids, count, KL_SUBMIT_PREFETCH));
  if (ticket != nullptr) *ticket = id;
  return absl::OkStatus();
}

void Bank::CancelPrefetch(kl_bank_ticket ticket) {
  if (ticket != 0) table_.cancel(handle_, ticket);
}

absl::Status Bank::Pin(uint64_t id, bool pinned) {
  kl_error error = EmptyError();
  const kl_code code = table_.pin(handle_, id, pinned ? 1 : 0, &error);
  return code == KL_OK ? absl::OkStatus() : StatusFromError(code, error, Context(table_));
}

kl_bank_stats Bank::Stats() const {
  kl_bank_stats stats = {};
  stats.struct_size = sizeof stats;
  table_.stats(handle_, &stats);
  return stats;
}

absl::Status Bank::Resize(uint64_t budget_bytes) {
  if (!KL_HAS_FIELD(&table_, kl_bank, resize) || table_.resize == nullptr) {
    return Cannot(table_, "resize()");
  }
  kl_error error = EmptyError();
  const kl_code code = table_.resize(handle_, budget_bytes, &error);
  return code == KL_OK ? absl::OkStatus() : StatusFromError(code, error, Context(table_));
}

std::string Bank::Describe() const {
  if (!KL_HAS_FIELD(&table_, kl_bank, describe) || table_.describe == nullptr) return table_.name;
  std::string line(table_.describe(handle_, nullptr, 0), '\0');
  // The terminator goes where std::string keeps its own.
  table_.describe(handle_, line.data(), line.size() + 1);
  line.resize(strlen(line.c_str()));
  return line;
}

}  // namespace kinglet
