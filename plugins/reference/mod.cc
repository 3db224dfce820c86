// op "mod": y = the rest of a / b, elementwise, with numpy broadcasting.
//
//   a, b  floats or whole numbers  [..]   in, of one type; dimensions meet from the right and agree
//   or are 1 y     the same type  [..]   out; the broadcast shape; may alias a where a has that
//   shape
//
// Work:    one unit a row of y.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: elements.h. Floats: the sign of a (ONNX
//          fmod = 1). Whole numbers: the sign of b (fmod = 0); 0 where b is 0
// Source:  ONNX Mod.
#include "plugins/reference/binary.h"

namespace kinglet {
namespace reference {
namespace {

constexpr kl_op kOp = Operator("mod", kBinaryOperands, kPositiveBinaryCases);

struct Mod {
  static constexpr const kl_op* kDefinition = &kOp;
  static constexpr BinaryTypes kTypes = BinaryTypes::kSame;
  static double Floats(double a, double b) { return std::fmod(a, b); }
  static int64_t Whole(int64_t a, int64_t b) {
    if (b == 0 || b == -1) return 0;
    const int64_t rest = a % b;
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
  }
};

constexpr kl_kernel kKernel = BinaryKernel<Mod>("mod_any_reference");
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, mod) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
