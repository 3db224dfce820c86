// The C face of ExpertBank.
//
// Who opens it decides in which surroundings: the plugin in the real ones, a test of a whole model
// in some that fail. Everything else is the same code.
#ifndef KINGLET_PLUGINS_EXPERT_BANK_BANK_FACE_H_
#define KINGLET_PLUGINS_EXPERT_BANK_BANK_FACE_H_

#include "core/abi/bank.h"
#include "plugins/expert_bank/expert_bank.h"

namespace expert_bank {

using OpenFunction = kl_code (*)(const kl_host* host, const kl_bank_options* options,
                                 kl_bank_handle** bank, kl_error* error);

// What an OpenFunction does; the handle is for the functions of BankFace().
kl_code OpenHandle(const kl_host* host, const kl_bank_options& options,
                   const Surroundings& surroundings, kl_bank_handle** bank, kl_error* error);

// The table of a bank that `open` opens.
kl_bank BankFace(OpenFunction open);

}  // namespace expert_bank

#endif  // KINGLET_PLUGINS_EXPERT_BANK_BANK_FACE_H_
