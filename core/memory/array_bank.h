// A bank for tests: records made on demand in a few slots of memory, every answer on request.
#ifndef KINGLET_CORE_MEMORY_ARRAY_BANK_H_
#define KINGLET_CORE_MEMORY_ARRAY_BANK_H_

#include <cstdint>

#include "core/abi/bank.h"

namespace kinglet {

// budget_bytes / 64 slots of 64 bytes each. Record i exists for i < 1000 and holds 64 bytes of
// value i % 256; record 666 cannot be read: a ticket with it fails. The first next_ready() of a
// ticket says PENDING. One thread at a time.
const kl_bank& ArrayBank();

// Handles and leases that are open in this thread: 0 when everything was given back.
int ArrayBankOpenHandles();
int ArrayBankOpenLeases();
int ArrayBankOpenTickets();

}  // namespace kinglet

#endif  // KINGLET_CORE_MEMORY_ARRAY_BANK_H_
