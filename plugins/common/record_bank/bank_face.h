// The C face of RecordBank.
//
// Who opens it decides in which surroundings: the plugin in the real ones, a test of a whole model
// in some that fail. Everything else is the same code.
#ifndef KINGLET_PLUGINS_COMMON_RECORD_BANK_BANK_FACE_H_
#define KINGLET_PLUGINS_COMMON_RECORD_BANK_BANK_FACE_H_

#include "core/abi/bank.h"
#include "plugins/common/record_bank/record_bank.h"

namespace record_bank {

using OpenFunction = kl_code (*)(const kl_host* host, const kl_bank_options* options,
                                 kl_bank_handle** bank, kl_error* error);

// What an OpenFunction does; the handle is for the functions of BankFace().
kl_code OpenHandle(const kl_host* host, const kl_bank_options& options, const BankKind& kind,
                   const Surroundings& surroundings, kl_bank_handle** bank, kl_error* error);

using QueryFunction = kl_code (*)(const kl_bank_options* options, uint64_t* least_bytes,
                                  uint64_t* bytes_per_slot, kl_error* error);

// The table of a bank that `open` opens, of the same kind as `query` asks about; `name` outlives
// it.
kl_bank BankFace(const char* name, OpenFunction open, QueryFunction query);

}  // namespace record_bank

#endif  // KINGLET_PLUGINS_COMMON_RECORD_BANK_BANK_FACE_H_
