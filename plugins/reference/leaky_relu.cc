// op "leaky_relu": y = x >= 0 ? x : alpha * x, elementwise.
//
//   x  f32  [..]     in
//   y  f32  like x   out; may alias x
//
// Attributes: alpha (float, default 0.01).
// Work:    one unit a row.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: in double, rounded once.
// Source:  ONNX LeakyRelu.
#include "plugins/reference/unary.h"

namespace kinglet {
namespace reference {
namespace {

constexpr kl_op kOp = Operator("leaky_relu", kUnaryOperands, kUnaryCases);

struct LeakyRelu {
  static constexpr const kl_op* kDefinition = &kOp;
  static constexpr UnaryParameters kDefaults = {0.01, 0.0, 0.0, 0};
  static double Apply(double x, const UnaryParameters& p) { return x >= 0.0 ? x : p.alpha * x; }
};

constexpr kl_kernel kKernel = UnaryKernel<LeakyRelu>("leaky_relu_f32_reference");
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, leaky_relu) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1,
                                   nullptr};
