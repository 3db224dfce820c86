// op "exp": y = e^x, elementwise.
//
//   x  f32  [..]     in
//   y  f32  like x   out; may alias x
//
// Work:    one unit a row.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: in double, rounded once.
// Source:  ONNX Exp.
#include "plugins/reference/unary.h"

namespace kinglet {
namespace reference {
namespace {

constexpr kl_op kOp = Operator("exp", kUnaryOperands, kUnaryCases);

struct Exp {
  static constexpr const kl_op* kDefinition = &kOp;
  static constexpr UnaryParameters kDefaults = {};
  static double Apply(double x, const UnaryParameters&) { return std::exp(x); }
};

constexpr kl_kernel kKernel = UnaryKernel<Exp>("exp_f32_reference");
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, exp) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
