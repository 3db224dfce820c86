// op "sub_quantized": y = a - b of 8-bit codes. Operands, attributes and numbers:
// quantized_binary.h.
//
// Source:  TFLite SUB; ONNX Sub between DequantizeLinear and QuantizeLinear.
#include "plugins/reference/quantized_binary.h"

namespace kinglet {
namespace reference {
namespace {

constexpr kl_op kOp = Operator("sub_quantized", kCodeBinaryOperands, kCodeBinaryCases);

struct SubCodes : CodeSumOf {
  static constexpr const kl_op* kDefinition = &kOp;
  explicit SubCodes(const CodeScales& scales) : CodeSumOf(scales, -1) {}
  static float Real(float a, float b) { return a - b; }
};

constexpr kl_kernel kKernel = CodeBinaryKernel<SubCodes>("sub_quantized_reference");
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, sub_quantized) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1,
                                      nullptr};
