// How a budget is cut up: the one place that decides what stays in memory. Loading a model and `kinglet plan` both ask it.
//
//   budget >= everything       program + all weights + what packing needs for a while + a session
//   else, experts in a bank    program + other weights + max(packing, a session + the bank);   the bank gets what is left
//   else, large weights too    program + small weights + max(packing, a session + the least bank + a stream of large ones);
//                              the stream gets what is left
//
// Pure.
#ifndef KINGLET_CORE_EXEC_MEMORY_SPLIT_H_
#define KINGLET_CORE_EXEC_MEMORY_SPLIT_H_

#include <cstdint>
#include <optional>

#include "core/exec/prepared_plan.h"
#include "core/exec/session_needs.h"
#include "core/memory/bank_client.h"

namespace kinglet {

// Of large weights that are read for every pass (weight_stream.h).
struct StreamNeeds {
  WeightNeeds kept;       // the others; experts are left as well
  SessionNeeds session;   // with them streamed. Also where none is known: the stream will not give way to it
  BankNeeds bank;
  uint64_t record_count = 0;
};

// All in bytes, but for the count.
struct MemoryNeeds {
  uint64_t program = 0;  // what the process holds besides the model, now and as it goes on
  WeightNeeds whole;
  std::optional<WeightNeeds> without_experts;  // absent: they cannot stay in their file
  SessionNeeds session;                        // zeros: not known
  bool session_known = false;
  bool context_known = false;
  uint64_t longest_cache = 0;  // beside it, where no context was asked for: before experts are left out, one of the model's
  BankNeeds bank;              // of the experts; read only where they are left
  uint64_t expert_count = 0;   // of all layers
  std::optional<StreamNeeds> stream;  // absent: large weights cannot stay in their file, or it need not be known
};

struct MemorySplit {
  bool fits = false;           // else the budget is below smallest_bytes, and the rest says how things would be there
  bool leaves_experts = false;
  bool leaves_weights = false;  // large ones
  uint64_t smallest_bytes = 0;  // the smallest budget that works
  uint64_t keeping_bytes = 0;   // the smallest that keeps all but the experts in memory
  uint64_t whole_bytes = 0;     // the smallest that keeps everything in memory
  uint64_t bank_bytes = 0;      // of the experts' bank beside a session
  uint64_t stream_bytes = 0;    // of the large weights' bank
};

// The smallest budget that keeps everything in memory.
uint64_t WholeBytes(const MemoryNeeds& needs);
// budget_bytes 0: none.
MemorySplit SplitMemory(const MemoryNeeds& needs, uint64_t budget_bytes);
// The weights that stay in memory, and the session beside them.
const WeightNeeds& KeptWeights(const MemoryNeeds& needs, const MemorySplit& split);
SessionNeeds SessionBeside(const MemoryNeeds& needs, const MemorySplit& split);

// A budget to name to people: the next process may be a little larger than this one.
uint64_t SafeBudget(uint64_t smallest_bytes);

// What a bank takes of `free_bytes`: all, unless every record needs less.
uint64_t BankBytes(const BankNeeds& bank, uint64_t record_count, uint64_t free_bytes);

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_MEMORY_SPLIT_H_
