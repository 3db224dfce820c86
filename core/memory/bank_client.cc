#include "core/memory/bank_client.h"

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace kinglet {
namespace {

std::string Context(const kl_bank& table) { return absl::StrCat("bank ", table.name); }

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
  std::vector<kl_bank_tier> tiers;
  std::vector<const kl_bank_tier*> pointers;
  tiers.reserve(options.tiers.size());
  for (const BankTier& tier : options.tiers) {
    tiers.push_back(
        {sizeof(kl_bank_tier), tier.path.empty() ? nullptr : tier.path.c_str(), tier.budget_bytes});
    pointers.push_back(&tiers.back());
  }
  const kl_bank_options raw = {sizeof raw, pointers.data(), static_cast<uint32_t>(pointers.size()),
                               options.budget_bytes, options.min_lease_count};
  kl_bank_handle* handle = nullptr;
  kl_error error = EmptyError();
  const kl_code code = table.open(host, &raw, &handle, &error);
  if (code != KL_OK) return StatusFromError(code, error, Context(table));
  if (handle == nullptr) {
    return absl::InternalError(absl::StrCat(Context(table), ": open() returned KL_OK and NULL"));
  }
  return std::unique_ptr<Bank>(new Bank(table, handle));
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

absl::Status Bank::Prefetch(const uint64_t* ids, uint32_t count) {
  return SubmitKind(ids, count, KL_SUBMIT_PREFETCH).status();
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

}  // namespace kinglet
