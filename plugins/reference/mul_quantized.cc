// op "mul_quantized": y = a * b of 8-bit codes. Operands, attributes and numbers:
// quantized_binary.h.
//
// Source:  TFLite MUL; ONNX Mul between DequantizeLinear and QuantizeLinear.
#include "plugins/reference/quantized_binary.h"

namespace kinglet {
namespace reference {
namespace {

constexpr kl_op kOp = Operator("mul_quantized", kCodeBinaryOperands, kCodeBinaryCases);

struct MulCodes {
  static constexpr const kl_op* kDefinition = &kOp;
  // TFLite multiplies the scales in f32.
  explicit MulCodes(const CodeScales& scales)
      : requantizer(MakeRequantizer(static_cast<double>(scales.a * scales.b / scales.y), true,
                                    scales.y_zero, scales.range)) {}
  static float Real(float a, float b) { return a * b; }
  int32_t Code(int32_t a, int32_t b) const { return Requantize(requantizer, a * b); }
  const Requantizer requantizer;
};

constexpr kl_kernel kKernel = CodeBinaryKernel<MulCodes>("mul_quantized_reference");
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, mul_quantized) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1,
                                      nullptr};
