// A cache without storage behind it: how many askings would have been hits.
#ifndef KINGLET_PLUGINS_COMMON_RECORD_BANK_REPLAY_H_
#define KINGLET_PLUGINS_COMMON_RECORD_BANK_REPLAY_H_

#include "core/abi/bank.h"

namespace record_bank {

// kl_bank.replay: see core/abi/bank.h. Pure. Time: count * (1 + slots on a miss); memory: some
// bytes a record, 8 an asking for "belady".
kl_code Replay(const char* policy, uint64_t record_count, uint64_t slot_count, const uint64_t* ids,
               uint64_t count, uint32_t lease_count, kl_bank_replay_result* result,
               kl_error* error);

}  // namespace record_bank

#endif  // KINGLET_PLUGINS_COMMON_RECORD_BANK_REPLAY_H_
