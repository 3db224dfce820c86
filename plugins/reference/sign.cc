// op "sign": y = -1, 0 or 1: the sign of x, elementwise.
//
//   x  f32  [..]     in
//   y  f32  like x   out; may alias x
//
// Work:    one unit a row.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: in double, rounded once.
// Source:  ONNX Sign.
#include "plugins/reference/unary.h"

namespace kinglet {
namespace reference {
namespace {

constexpr kl_op kOp = Operator("sign", kUnaryOperands, kUnaryCases);

struct Sign {
  static constexpr const kl_op* kDefinition = &kOp;
  static constexpr UnaryParameters kDefaults = {};
  static double Apply(double x, const UnaryParameters&) {
    return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : x;
  }
};

constexpr kl_kernel kKernel = UnaryKernel<Sign>("sign_f32_reference");
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, sign) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
