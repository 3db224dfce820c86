// op "hard_swish": y = x * min(max(x / 6 + 1 / 2, 0), 1), elementwise.
//
//   x  f32  [..]     in
//   y  f32  like x   out; may alias x
//
// Work:    one unit a row.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: in double, rounded once.
// Source:  ONNX HardSwish, arXiv 1905.02244.
#include "plugins/reference/unary.h"

namespace kinglet {
namespace reference {
namespace {

constexpr kl_op kOp = Operator("hard_swish", kUnaryOperands, kUnaryCases);

struct HardSwish {
  static constexpr const kl_op* kDefinition = &kOp;
  static constexpr UnaryParameters kDefaults = {};
  static double Apply(double x, const UnaryParameters&) {
    return x * std::fmin(std::fmax(x / 6.0 + 0.5, 0.0), 1.0);
  }
};

constexpr kl_kernel kKernel = UnaryKernel<HardSwish>("hard_swish_f32_reference");
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, hard_swish) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1,
                                   nullptr};
