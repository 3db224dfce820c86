// Checks nothing that RecordBank checks.
#include "plugins/common/record_bank/bank_face.h"

#include <algorithm>
#include <cstring>

#include "core/abi/error.h"
#include "plugins/common/record_bank/replay.h"

struct kl_bank_handle {
  std::unique_ptr<record_bank::RecordBank> bank;
};

namespace record_bank {

kl_code OpenHandle(const kl_host* host, const kl_bank_options& options, const BankKind& kind,
                   const Surroundings& surroundings, kl_bank_handle** bank, kl_error* error) {
  std::unique_ptr<RecordBank> opened;
  const kl_code code = RecordBank::Open(host, options, kind, surroundings, &opened, error);
  if (code == KL_OK) *bank = new kl_bank_handle{std::move(opened)};
  return code;
}

namespace {

kl_code Submit(kl_bank_handle* bank, const uint64_t* ids, uint32_t count, uint32_t kind,
               kl_bank_ticket* ticket, kl_error* error) {
  return bank->bank->Submit(ids, count, kind, ticket, error);
}

kl_bank_answer NextReady(kl_bank_handle* bank, kl_bank_ticket ticket, int64_t wait_ns,
                         kl_lease* lease, kl_error* error) {
  return bank->bank->NextReady(ticket, wait_ns, lease, error);
}

void Release(kl_bank_handle* bank, const kl_lease* lease) { bank->bank->Release(*lease); }

void Cancel(kl_bank_handle* bank, kl_bank_ticket ticket) { bank->bank->Cancel(ticket); }

kl_code Pin(kl_bank_handle* bank, uint64_t id, uint32_t pinned, kl_error* error) {
  return bank->bank->Pin(id, pinned != 0, error);
}

// Fills as much as the caller's version of the struct has.
void Stats(kl_bank_handle* bank, kl_bank_stats* stats) {
  const uint32_t size = stats->struct_size;
  const kl_bank_stats all = bank->bank->Stats();
  memcpy(stats, &all, std::min<size_t>(size, sizeof all));
  stats->struct_size = size;
}

void Close(kl_bank_handle* bank) { delete bank; }

kl_code Resize(kl_bank_handle* bank, uint64_t budget_bytes, kl_error* error) {
  return bank->bank->Resize(budget_bytes, error);
}

uint64_t Describe(kl_bank_handle* bank, char* buffer, uint64_t size) {
  const std::string text = bank->bank->Describe();
  if (size > 0) {
    const size_t length = std::min<size_t>(text.size(), size - 1);
    memcpy(buffer, text.data(), length);
    buffer[length] = '\0';
  }
  return text.size();
}

}  // namespace

kl_bank BankFace(const char* name, OpenFunction open, QueryFunction query) {
  return {sizeof(kl_bank), name,  open,   Submit,   NextReady,    Release, Cancel, Pin,
          Stats,           Close, Resize, Describe, kPolicyNames, Replay,  query};
}

}  // namespace record_bank
