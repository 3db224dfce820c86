// op "sub": elementwise, with numpy broadcasting.
//
//   y = a - b
//
//   a, b  f32  [..]   in; dimensions meet from the right and agree or are 1
//   y     f32  [..]   out; the broadcast shape; may alias a where a has that shape
//
// Work:    one unit a row of y.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: one f32 operation an element.
// Source:  ONNX Sub.
#include "plugins/reference/binary.h"

namespace kinglet {
namespace reference {
namespace {

constexpr kl_op kOp = Operator("sub", kBinaryOperands, kBinaryCases);

kl_code Prepare(const kl_host*, const kl_node* node, void*, kl_requirements*, kl_error* error) {
  return PrepareBinary(kOp, node, error);
}

kl_code Run(const kl_run* run) {
  return RunBinary(run, [](float a, float b) { return a - b; });
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "sub_f32_reference", 0, Prepare, BinaryWork, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, sub) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
