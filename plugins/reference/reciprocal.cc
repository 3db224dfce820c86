// op "reciprocal": y = 1 / x, elementwise.
//
//   x  f32  [..]     in
//   y  f32  like x   out; may alias x
//
// Work:    one unit a row.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: in double, rounded once.
// Source:  ONNX Reciprocal.
#include "plugins/reference/unary.h"

namespace kinglet {
namespace reference {
namespace {

constexpr kl_op kOp = Operator("reciprocal", kUnaryOperands, kPositiveCases);

struct Reciprocal {
  static constexpr const kl_op* kDefinition = &kOp;
  static constexpr UnaryParameters kDefaults = {};
  static double Apply(double x, const UnaryParameters&) { return 1.0 / x; }
};

constexpr kl_kernel kKernel = UnaryKernel<Reciprocal>("reciprocal_f32_reference");
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, reciprocal) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1,
                                   nullptr};
