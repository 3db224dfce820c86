// op "div": y = a / b, elementwise, with numpy broadcasting.
//
//   a, b  floats or whole numbers  [..]   in, of one type; dimensions meet from the right and agree
//   or are 1 y     the same type  [..]   out; the broadcast shape; may alias a where a has that
//   shape
//
// Work:    one unit a row of y.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: elements.h. Whole numbers are
//          cut towards zero; division by 0 gives 0
// Source:  ONNX Div.
#include "plugins/reference/binary.h"

namespace kinglet {
namespace reference {
namespace {

constexpr kl_op kOp = Operator("div", kBinaryOperands, kPositiveBinaryCases);

struct Div {
  static constexpr const kl_op* kDefinition = &kOp;
  static constexpr BinaryTypes kTypes = BinaryTypes::kSame;
  static double Floats(double a, double b) { return a / b; }
  static int64_t Whole(int64_t a, int64_t b) {
    return b == 0 ? 0 : b == -1 ? WrappingSubtract(0, a) : a / b;
  }
};

constexpr kl_kernel kKernel = BinaryKernel<Div>("div_any_reference");
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, div) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
