// op "gelu": y = x * Phi(x), or its approximation by tanh, elementwise.
//
//   x  f32  [..]     in
//   y  f32  like x   out; may alias x
//
// Attributes: approximate (int, default 0; 1: 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))).
// Work:    one unit a row.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: in double, rounded once.
// Source:  ONNX Gelu, arXiv 1606.08415.
#include "plugins/reference/unary.h"

namespace kinglet {
namespace reference {
namespace {

constexpr kl_op kOp = Operator("gelu", kUnaryOperands, kUnaryCases);

struct Gelu {
  static constexpr const kl_op* kDefinition = &kOp;
  static constexpr UnaryParameters kDefaults = {};
  static double Apply(double x, const UnaryParameters& p) {
    constexpr double kRootOfTwoOverPi = 0.79788456080286541, kRootOfHalf = 0.70710678118654752;
    if (p.approximate != 0)
      return 0.5 * x * (1.0 + std::tanh(kRootOfTwoOverPi * (x + 0.044715 * x * x * x)));
    return 0.5 * x * (1.0 + std::erf(x * kRootOfHalf));
  }
};

constexpr kl_kernel kKernel = UnaryKernel<Gelu>("gelu_f32_reference");
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, gelu) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
