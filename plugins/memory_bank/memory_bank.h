// What makes a record bank (plugins/common/record_bank) the bank of a hierarchical memory.
#ifndef KINGLET_PLUGINS_MEMORY_BANK_MEMORY_BANK_H_
#define KINGLET_PLUGINS_MEMORY_BANK_MEMORY_BANK_H_

#include "plugins/memory_bank/tiers.h"

namespace memory_bank {

inline constexpr char kName[] = "memory_bank";

// Within a level the block that was not asked for for the longest time leaves: prompts that follow
// each other are about the same, and a block is asked for once a prompt, too seldom for counts.
inline record_bank::BankKind Kind() { return {kName, "lru", Tiers::Bytes, Tiers::Make}; }

}  // namespace memory_bank

#endif  // KINGLET_PLUGINS_MEMORY_BANK_MEMORY_BANK_H_
