// op "hard_sigmoid": y = min(max(alpha * x + beta, 0), 1), elementwise.
//
//   x  f32  [..]     in
//   y  f32  like x   out; may alias x
//
// Attributes: alpha, beta (float, default 0.2, 0.5).
// Work:    one unit a row.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: in double, rounded once.
// Source:  ONNX HardSigmoid.
#include "plugins/reference/unary.h"

namespace kinglet {
namespace reference {
namespace {

constexpr kl_op kOp = Operator("hard_sigmoid", kUnaryOperands, kUnaryCases);

struct HardSigmoid {
  static constexpr const kl_op* kDefinition = &kOp;
  static constexpr UnaryParameters kDefaults = {0.2, 0.5, 0.0, 0};
  static double Apply(double x, const UnaryParameters& p) {
    return std::fmin(std::fmax(p.alpha * x + p.beta, 0.0), 1.0);
  }
};

constexpr kl_kernel kKernel = UnaryKernel<HardSigmoid>("hard_sigmoid_f32_reference");
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, hard_sigmoid) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1,
                                     nullptr};
