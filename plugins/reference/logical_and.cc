// op "logical_and": y = a and b, elementwise, with numpy broadcasting.
//
//   a, b  bool  [..]   in, of one type; dimensions meet from the right and agree or are 1
//   y     bool  [..]   out; the broadcast shape
//
// Work:    one unit a row of y.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: elements.h.
// Source:  ONNX And.
#include "plugins/reference/binary.h"

namespace kinglet {
namespace reference {
namespace {

constexpr kl_op kOp = Operator("logical_and", kComparisonOperands, kLogicalCases);

struct LogicalAnd {
  static constexpr const kl_op* kDefinition = &kOp;
  static constexpr BinaryTypes kTypes = BinaryTypes::kLogical;
  static bool Floats(double, double) { return false; }  // never: operands are bool
  static int64_t Whole(int64_t a, int64_t b) { return (a & b); }
};

constexpr kl_kernel kKernel = BinaryKernel<LogicalAnd>("logical_and_any_reference");
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, logical_and) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1,
                                    nullptr};
