// How many bytes of weights a run of a node reads at most.
#ifndef KINGLET_CORE_EXEC_WEIGHT_BYTES_H_
#define KINGLET_CORE_EXEC_WEIGHT_BYTES_H_

#include <cstdint>

#include "core/exec/plan.h"

namespace kinglet {

// Of tables that are looked up ("embed") the rows in use, of expert tensors ("moe_ffn") as many experts as the tokens can
// choose, of all others everything, once a run.
uint64_t MostWeightBytes(const Plan& plan, const PlanNode& node, int64_t tokens);

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_WEIGHT_BYTES_H_
