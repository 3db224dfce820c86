// The plugin's table.
#include "plugins/common/record_bank/bank_face.h"
#include "plugins/common/table.h"
#include "plugins/memory_bank/memory_bank.h"

namespace memory_bank {
namespace {

kl_code Open(const kl_host* host, const kl_bank_options* options, kl_bank_handle** bank,
             kl_error* error) {
  return record_bank::OpenHandle(host, *options, Kind(), record_bank::Surroundings(), bank, error);
}

kl_code QueryBudget(const kl_bank_options* options, uint64_t* least_bytes, uint64_t* bytes_per_slot,
                    kl_error* error) {
  return record_bank::RecordBank::QueryBudget(*options, Kind(), least_bytes, bytes_per_slot, error);
}

const char* const kPolicies[] = {"lru", "lfu", "s3fifo", nullptr};

kl_bank Face() {
  kl_bank face = record_bank::BankFace(kName, Open, QueryBudget);
  face.policies = kPolicies;
  face.replay = nullptr;  // it replays a cache of equal slots
  return face;
}

const kl_bank kBank = Face();

}  // namespace
}  // namespace memory_bank

KL_TABLE(memory_bank, bank) = {nullptr, nullptr, 0, nullptr, &memory_bank::kBank};
