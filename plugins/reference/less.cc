// op "less": y = a < b, elementwise, with numpy broadcasting.
//
//   a, b  floats or whole numbers  [..]   in, of one type; dimensions meet from the right and agree
//   or are 1 y     bool  [..]   out; the broadcast shape
//
// Work:    one unit a row of y.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: elements.h.
// Source:  ONNX Less; Greater with a and b exchanged.
#include "plugins/reference/binary.h"

namespace kinglet {
namespace reference {
namespace {

constexpr kl_op kOp = Operator("less", kComparisonOperands, kComparisonCases);

struct Less {
  static constexpr const kl_op* kDefinition = &kOp;
  static constexpr BinaryTypes kTypes = BinaryTypes::kComparison;
  static bool Floats(double a, double b) { return a < b; }
  static int64_t Whole(int64_t a, int64_t b) { return a < b ? 1 : 0; }
};

constexpr kl_kernel kKernel = BinaryKernel<Less>("less_any_reference");
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, less) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
