// op "add_quantized": y = a + b of 8-bit codes. Operands, attributes and numbers:
// quantized_binary.h.
//
// Source:  TFLite ADD; ONNX Add between DequantizeLinear and QuantizeLinear.
#include "plugins/reference/quantized_binary.h"

namespace kinglet {
namespace reference {
namespace {

constexpr kl_op kOp = Operator("add_quantized", kCodeBinaryOperands, kCodeBinaryCases);

struct AddCodes : CodeSumOf {
  static constexpr const kl_op* kDefinition = &kOp;
  explicit AddCodes(const CodeScales& scales) : CodeSumOf(scales, 1) {}
  static float Real(float a, float b) { return a + b; }
};

constexpr kl_kernel kKernel = CodeBinaryKernel<AddCodes>("add_quantized_reference");
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, add_quantized) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1,
                                      nullptr};
