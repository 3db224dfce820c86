// op "abs": y = |x|, elementwise.
//
//   x  f32  [..]     in
//   y  f32  like x   out; may alias x
//
// Work:    one unit a row.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: in double, rounded once.
// Source:  ONNX Abs.
#include "plugins/reference/unary.h"

namespace kinglet {
namespace reference {
namespace {

constexpr kl_op kOp = Operator("abs", kUnaryOperands, kUnaryCases);

struct Abs {
  static constexpr const kl_op* kDefinition = &kOp;
  static constexpr UnaryParameters kDefaults = {};
  static double Apply(double x, const UnaryParameters&) { return std::fabs(x); }
};

constexpr kl_kernel kKernel = UnaryKernel<Abs>("abs_f32_reference");
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, abs) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
