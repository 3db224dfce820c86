#include "core/memory/array_bank.h"

#include <cstring>
#include <deque>
#include <map>
#include <vector>

#include "core/abi/error.h"

namespace {

constexpr uint64_t kRecordCount = 1000;
constexpr uint64_t kRecordBytes = 64;
constexpr uint64_t kUnreadableRecord = 666;

thread_local int open_handles = 0;
thread_local int open_leases = 0;
thread_local int open_tickets = 0;

struct alignas(64) Slot {
  uint8_t bytes[kRecordBytes];
  int leases = 0;
};

struct Ticket {
  std::deque<uint64_t> ids;
  bool was_pending = false;
};

}  // namespace

struct kl_bank_handle {
  std::vector<Slot> slots;
  std::map<kl_bank_ticket, Ticket> tickets;
  std::map<uint64_t, bool> pinned;
  kl_bank_ticket last_ticket = 0;
  kl_bank_stats stats = {};
};

namespace {

kl_code Open(const kl_host*, const kl_bank_options* options, kl_bank_handle** bank,
             kl_error* error) {
  const uint64_t slots = options->budget_bytes / kRecordBytes;
  if (slots < options->min_lease_count) {
    return kl_fail(error, KL_OUT_OF_BUDGET, "%llu bytes hold %llu records, %u are needed",
                   static_cast<unsigned long long>(options->budget_bytes),
                   static_cast<unsigned long long>(slots), options->min_lease_count);
  }
  *bank = new kl_bank_handle();
  (*bank)->slots.resize(slots);
  ++open_handles;
  return KL_OK;
}

kl_code Submit(kl_bank_handle* bank, const uint64_t* ids, uint32_t count, uint32_t kind,
               kl_bank_ticket* ticket, kl_error* error) {
  for (uint32_t i = 0; i < count; ++i) {
    if (ids[i] >= kRecordCount) {
      return kl_fail(error, KL_INVALID_ARGUMENT, "no record %llu",
                     static_cast<unsigned long long>(ids[i]));
    }
  }
  if (kind == KL_SUBMIT_PREFETCH) {
    bank->stats.prefetch_count += count;
    *ticket = 0;
    return KL_OK;
  }
  *ticket = ++bank->last_ticket;
  bank->tickets[*ticket].ids.assign(ids, ids + count);
  ++open_tickets;
  return KL_OK;
}

void EndTicket(kl_bank_handle* bank, kl_bank_ticket ticket) {
  if (bank->tickets.erase(ticket) > 0) --open_tickets;
}

kl_bank_answer NextReady(kl_bank_handle* bank, kl_bank_ticket ticket, int64_t, kl_lease* lease,
                         kl_error* error) {
  const auto found = bank->tickets.find(ticket);
  if (found == bank->tickets.end()) {
    kl_fail(error, KL_INVALID_ARGUMENT, "no such ticket");
    return KL_BANK_FAILED;
  }
  Ticket& state = found->second;
  if (!state.was_pending) {
    state.was_pending = true;
    return KL_BANK_PENDING;
  }
  if (state.ids.empty()) {
    EndTicket(bank, ticket);
    return KL_BANK_DONE;
  }
  const uint64_t id = state.ids.front();
  if (id == kUnreadableRecord) {
    kl_fail(error, KL_IO_ERROR, "record 666 cannot be read");
    EndTicket(bank, ticket);
    return KL_BANK_FAILED;
  }
  for (size_t s = 0; s < bank->slots.size(); ++s) {
    Slot& slot = bank->slots[s];
    if (slot.leases > 0) continue;
    memset(slot.bytes, static_cast<int>(id % 256), kRecordBytes);
    slot.leases = 1;
    ++open_leases;
    state.ids.pop_front();
    lease->id = id;
    lease->data = slot.bytes;
    lease->bytes = kRecordBytes;
    lease->slot = s;
    return KL_BANK_READY;
  }
  return KL_BANK_EXHAUSTED;
}

void Release(kl_bank_handle* bank, const kl_lease* lease) {
  --bank->slots[lease->slot].leases;
  --open_leases;
}

kl_code Pin(kl_bank_handle* bank, uint64_t id, uint32_t pinned, kl_error* error) {
  if (id >= kRecordCount) return kl_fail(error, KL_NOT_FOUND, "no such record");
  bank->pinned[id] = pinned != 0;
  return KL_OK;
}

void Stats(kl_bank_handle* bank, kl_bank_stats* stats) {
  stats->record_count = kRecordCount;
  stats->slot_count = bank->slots.size();
  stats->prefetch_count = bank->stats.prefetch_count;
}

void Close(kl_bank_handle* bank) {
  open_tickets -= static_cast<int>(bank->tickets.size());
  delete bank;
  --open_handles;
}

constexpr kl_bank kArrayBank = {sizeof(kl_bank), "array_bank", Open,    Submit,  NextReady,
                                Release,         EndTicket,    Pin,     Stats,   Close,
                                nullptr,         nullptr,      nullptr, nullptr, nullptr};

}  // namespace

namespace kinglet {

const kl_bank& ArrayBank() { return kArrayBank; }

int ArrayBankOpenHandles() { return open_handles; }
int ArrayBankOpenLeases() { return open_leases; }
int ArrayBankOpenTickets() { return open_tickets; }

}  // namespace kinglet
