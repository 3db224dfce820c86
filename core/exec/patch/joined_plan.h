// Quantised projections joined with the addition behind them.
//
//   conv2d_quantized -> add_quantized <- residual   =>   conv2d_quantized_add(.., residual),
//                                                        in the memory of the residual
//
// Joined where memory is short, if the numbers stay the same bit for bit: if every kernel concerned
// gives those of the reference, which IsExact() says.
#ifndef KINGLET_CORE_EXEC_PATCH_JOINED_PLAN_H_
#define KINGLET_CORE_EXEC_PATCH_JOINED_PLAN_H_

#include <cstddef>
#include <functional>
#include <vector>

#include "core/exec/patch/patched_plan.h"
#include "core/exec/plan.h"

namespace kinglet {

// Whether the kernel of a node of the plan gives the reference's bits.
using IsExactFunction = std::function<bool(size_t node)>;

// The plan with all additions of exact kernels joined; its kernels as they were.
// Joined nodes have none yet; `joined` (may be NULL) gets their indices. Borrows the constants of
// `from`.
PinnedPlan MakeJoinedPlan(const PinnedPlan& from, const IsExactFunction& is_exact,
                          std::vector<size_t>* joined);

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_PATCH_JOINED_PLAN_H_
