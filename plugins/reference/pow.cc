// op "pow": y = a^b, elementwise, with numpy broadcasting.
//
//   a, b  floats or whole numbers  [..]   in, of one type; dimensions meet from the right and agree
//   or are 1 y     the same type  [..]   out; the broadcast shape; may alias a where a has that
//   shape
//
// Work:    one unit a row of y.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: elements.h.
// Source:  ONNX Pow.
#include "plugins/reference/binary.h"

namespace kinglet {
namespace reference {
namespace {

constexpr kl_op kOp = Operator("pow", kBinaryOperands, kPositiveBinaryCases);

// What lies outside int64 is cut to its ends.
int64_t FromDoubleToWhole(double v) {
  if (std::isnan(v)) return 0;
  return v >= 9.2233720368547748e18    ? INT64_MAX
         : v <= -9.2233720368547748e18 ? INT64_MIN
                                       : static_cast<int64_t>(v);
}

struct Pow {
  static constexpr const kl_op* kDefinition = &kOp;
  static constexpr BinaryTypes kTypes = BinaryTypes::kSame;
  static double Floats(double a, double b) { return std::pow(a, b); }
  static int64_t Whole(int64_t a, int64_t b) {
    return FromDoubleToWhole(std::pow(static_cast<double>(a), static_cast<double>(b)));
  }
};

constexpr kl_kernel kKernel = BinaryKernel<Pow>("pow_any_reference");
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, pow) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
