// The plugin's table.
#include "plugins/common/record_bank/bank_face.h"
#include "plugins/common/table.h"

namespace expert_bank {
namespace {

kl_code Open(const kl_host* host, const kl_bank_options* options, kl_bank_handle** bank,
             kl_error* error) {
  return record_bank::OpenHandle(host, *options, record_bank::BankKind(),
                                 record_bank::Surroundings(), bank, error);
}

kl_code QueryBudget(const kl_bank_options* options, uint64_t* least_bytes, uint64_t* bytes_per_slot,
                    kl_error* error) {
  return record_bank::RecordBank::QueryBudget(*options, record_bank::BankKind(), least_bytes,
                                              bytes_per_slot, error);
}

const kl_bank kBank = record_bank::BankFace("expert_bank", Open, QueryBudget);

}  // namespace
}  // namespace expert_bank

KL_TABLE(expert_bank, bank) = {nullptr, nullptr, 0, nullptr, &expert_bank::kBank};
