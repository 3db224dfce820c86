// op "sigmoid": y = 1 / (1 + e^-x), elementwise.
//
//   x  f32  [..]     in
//   y  f32  like x   out; may alias x
//
// Work:    one unit a row.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: in double, rounded once.
// Source:  ONNX Sigmoid; TFLite LOGISTIC.
#include "plugins/reference/unary.h"

namespace kinglet {
namespace reference {
namespace {

constexpr kl_op kOp = Operator("sigmoid", kUnaryOperands, kUnaryCases);

struct Sigmoid {
  static constexpr const kl_op* kDefinition = &kOp;
  static constexpr UnaryParameters kDefaults = {};
  static double Apply(double x, const UnaryParameters&) { return 1.0 / (1.0 + std::exp(-x)); }
};

constexpr kl_kernel kKernel = UnaryKernel<Sigmoid>("sigmoid_f32_reference");
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, sigmoid) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
