// The plugin's table.
#include "plugins/common/table.h"
#include "plugins/expert_bank/bank_face.h"

namespace expert_bank {
namespace {

kl_code Open(const kl_host* host, const kl_bank_options* options, kl_bank_handle** bank,
             kl_error* error) {
  return OpenHandle(host, *options, Surroundings(), bank, error);
}

const kl_bank kBank = BankFace(Open);

}  // namespace
}  // namespace expert_bank

KL_TABLE(expert_bank, bank) = {nullptr, nullptr, 0, nullptr, &expert_bank::kBank};
