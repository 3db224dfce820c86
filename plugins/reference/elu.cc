// op "elu": y = gamma * (x > 0 ? x : alpha * (e^(x / beta) - 1)), elementwise.
//
//   x  f32  [..]     in
//   y  f32  like x   out; may alias x
//
// Attributes: alpha, beta, gamma (float, default 1).
// Work:    one unit a row.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: in double, rounded once.
// Source:  ONNX Elu (gamma = beta = 1), Selu (beta = 1), Celu (beta = alpha, gamma = 1).
#include "plugins/reference/unary.h"

namespace kinglet {
namespace reference {
namespace {

constexpr kl_op kOp = Operator("elu", kUnaryOperands, kUnaryCases);

struct Elu {
  static constexpr const kl_op* kDefinition = &kOp;
  static constexpr UnaryParameters kDefaults = {1.0, 1.0, 1.0, 0};
  static double Apply(double x, const UnaryParameters& p) {
    return p.gamma * (x > 0.0 ? x : p.alpha * std::expm1(x / p.beta));
  }
};

constexpr kl_kernel kKernel = UnaryKernel<Elu>("elu_f32_reference");
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, elu) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
