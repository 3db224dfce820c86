// Quantised nodes that pass through f32, joined into one that does not.
//
//   conv2d_quantized -> dequantize -> add <- dequantize <- residual      conv2d_quantized_add(..,
//   residual)
//                                      \-> quantize                =>    in the memory of the
//                                      residual
//   dequantize -> global_average_pool -> quantize                  => global_average_pool_quantized
//
// A pool is joined in every plan: the last image of a network is nowhere in f32. An addition is
// joined where memory is short, if the numbers stay the same bit for bit: if every kernel concerned
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

// The plan with all pools joined, and all additions of exact kernels; its kernels as they were.
// Joined nodes have none yet; `joined` (may be NULL) gets their indices. Borrows the constants of
// `from`.
PinnedPlan MakeJoinedPlan(const PinnedPlan& from, const IsExactFunction& is_exact,
                          std::vector<size_t>* joined);

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_PATCH_JOINED_PLAN_H_
