// Quantised nodes that pass through f32, joined into one that does not.
//
//   conv2d_quantized -> dequantize -> add <- dequantize <- residual      conv2d_quantized_add(.., residual)
//                                      \-> quantize                =>    in the memory of the residual
//   dequantize -> global_average_pool -> quantize                  =>    global_average_pool_quantized
//
// The numbers stay the same bit for bit if every kernel concerned gives those of the reference: IsExact() asks.
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

// The plan with everything joined that can be, its kernels as they were; joined nodes (`joined`, may be NULL: their indices)
// have none yet. Borrows the constants of `from`.
PinnedPlan MakeJoinedPlan(const PinnedPlan& from, const IsExactFunction& is_exact, std::vector<size_t>* joined);

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_PATCH_JOINED_PLAN_H_
