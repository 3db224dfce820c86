// How long each value of a plan is needed: the requests that a memory planner places.
#ifndef KINGLET_CORE_EXEC_LIFETIMES_H_
#define KINGLET_CORE_EXEC_LIFETIMES_H_

#include <cstdint>
#include <vector>

#include "core/abi/planner.h"
#include "core/exec/plan.h"

namespace kinglet {

enum class TakeOver {
  kSameSize,  // the output has the bytes of the input
  kSmaller    // the output has at most those
};

struct Lifetimes {
  std::vector<kl_memory_request> requests;
  std::vector<int32_t>
      request_of;  // by value; -1: it lies elsewhere (weights, caches, inputs of a network)

  // Lets operand `output` of node `node` take over the memory of operand `input`, if that ends at
  // this node and nothing else there reads it.
  void Share(const Plan& plan, int32_t node, int32_t input, int32_t output, TakeOver kind);
};

// From the node that writes a value to the last one that reads it; what a session fills, and what
// is handed out, through the whole run. `bytes`: by value.
Lifetimes LifetimesOf(const Plan& plan, const std::vector<uint64_t>& bytes);

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_LIFETIMES_H_
