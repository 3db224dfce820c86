// Speed against budget, and the budget beyond which more memory brings little.
#ifndef KINGLET_TOOLS_PLAN_CURVE_H_
#define KINGLET_TOOLS_PLAN_CURVE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tools/plan/prediction.h"

namespace kinglet::tools {

// `count` budgets from the smallest to the one for everything, both included; fewer where they are
// close together.
std::vector<uint64_t> SweepBudgets(uint64_t smallest_bytes, uint64_t whole_bytes, size_t count);

// The point farthest above the straight line from the first to the last, in shares of their
// distance: where a curve that rises ever more slowly bends most. Points in order of their budgets;
// 0 for fewer than three.
size_t KneeOf(const std::vector<Prediction>& points);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_PLAN_CURVE_H_
