// The planner that is always there.
#ifndef KINGLET_CORE_MEMORY_GREEDY_PLANNER_H_
#define KINGLET_CORE_MEMORY_GREEDY_PLANNER_H_

#include "core/abi/planner.h"

namespace kinglet {

// "greedy": places the largest request first, each into the tightest gap that is free during all of
// its life. Requests that take over each other's memory are placed as one. Time: quadratic.
//
// Source: Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference",
// arXiv 2001.03288, "greedy by size".
const kl_planner& GreedyPlanner();

}  // namespace kinglet

#endif  // KINGLET_CORE_MEMORY_GREEDY_PLANNER_H_
