// Elementwise operators of two 8-bit operands with numpy broadcasting: what add_quantized,
// sub_quantized and mul_quantized share.
//
//   y = clamp(code of (a OP b))      a, b, y stand for (code - zero_point) * scale
//
//   a             i8, u8     [..]   in
//   a_scale       f32        []     in
//   a_zero_point  type of a  []     in
//   b             i8, u8     [..]   in; dimensions meet those of a from the right, agree or are 1
//   b_scale       f32        []     in
//   b_zero_point  type of b  []     in
//   y_scale       f32        []     in
//   y_zero_point  type of y  []     in
//   y             i8, u8     [..]   out; the broadcast shape
//
// Attributes: minimum, maximum (int, default the ends of the type): codes;
//             fixed_point (int, default 0): 1: TFLite's arithmetic, 0: f32 between a dequantisation
//             and a quantisation, as ONNX defines it.
// Work:    one unit a row of y.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: plugins/common/fixed_point.h. Kernels may differ from this one by one code.
#ifndef KINGLET_PLUGINS_REFERENCE_QUANTIZED_BINARY_H_
#define KINGLET_PLUGINS_REFERENCE_QUANTIZED_BINARY_H_

#include "plugins/reference/binary.h"
#include "plugins/reference/quantized.h"

namespace kinglet {
namespace reference {

enum { kCodesA, kScaleA, kZeroA, kCodesB, kScaleB, kZeroB, kScaleY, kZeroY, kCodesY };
constexpr kl_operand kCodeBinaryOperands[] = {
    Input("a"),       Input("a_scale"),      Input("a_zero_point"),
    Input("b"),       Input("b_scale"),      Input("b_zero_point"),
    Input("y_scale"), Input("y_zero_point"), Result("y")};

constexpr kl_attribute kFixedPoint[] = {IntAttribute("fixed_point", 1)};
constexpr kl_attribute kFixedPointClamp[] = {
    IntAttribute("fixed_point", 1), IntAttribute("minimum", -20), IntAttribute("maximum", 90)};
#define KL_SCALED(type, scale, zero) Constant(KL_TYPE_F32, {}, scale), Constant(type, {}, zero)
constexpr kl_case_operand kCodesSame[] = {
    Codes(KL_TYPE_I8, {2, S(1), S(2)}), KL_SCALED(KL_TYPE_I8, 0.031, -3),
    Codes(KL_TYPE_I8, {2, S(1), S(2)}), KL_SCALED(KL_TYPE_I8, 0.017, 11),
    KL_SCALED(KL_TYPE_I8, 0.043, -9),   Output({2, S(1), S(2)}, KL_TYPE_I8)};
constexpr kl_case_operand kCodesChannel[] = {
    Codes(KL_TYPE_U8, {2, S(1), 5, 4}), KL_SCALED(KL_TYPE_U8, 0.02, 120),
    Codes(KL_TYPE_U8, {S(1), 1, 1}),    KL_SCALED(KL_TYPE_U8, 0.051, 131),
    KL_SCALED(KL_TYPE_U8, 0.06, 128),   Output({2, S(1), 5, 4}, KL_TYPE_U8)};
constexpr kl_case_operand kCodesBoth[] = {
    Codes(KL_TYPE_I8, {S(1), 1, 7}),  KL_SCALED(KL_TYPE_I8, 0.02, 5),
    Codes(KL_TYPE_I8, {1, S(2), 1}),  KL_SCALED(KL_TYPE_I8, 0.02, 5),
    KL_SCALED(KL_TYPE_I8, 0.03, -12), Output({S(1), S(2), 7}, KL_TYPE_I8)};
#undef KL_SCALED
constexpr kl_op_case kCodeBinaryCases[] = {
    Case("fixed_point", kFixedPoint, kCodesSame, {{Fixed(1), Range(1, 9), Range(1, 90)}}, 3),
    Case("clamped", kFixedPointClamp, kCodesSame, {{Fixed(1), Range(1, 9), Range(1, 90)}}, 1),
    Case("float", kCodesSame, {{Fixed(1), Range(1, 9), Range(1, 90)}}, 2),
    Case("unsigned_channel", kFixedPoint, kCodesChannel, {{Fixed(1), Range(1, 9)}}, 2),
    Case("both_broadcast", kFixedPoint, kCodesBoth, {{Fixed(1), Range(1, 9), Range(1, 9)}}, 1),
};

struct CodeBinary {
  CodeRange range;
  bool fixed_point;
};

kl_code PrepareCodeBinary(const kl_op& op, const kl_node* node, CodeBinary* state, kl_error* error);

// What one element needs of the operands.
struct CodeScales {
  float a, b, y;
  int32_t a_zero, b_zero, y_zero;
  CodeRange range;
};
inline CodeScales ReadCodeScales(const kl_run* run, CodeRange range) {
  const auto scale = [run](int i) { return static_cast<float>(ScaleAt(run->operands[i], 0)); };
  const auto zero = [run](int i) { return ZeroPointAt(run->operands[i], 0); };
  return {scale(kScaleA), scale(kScaleB), scale(kScaleY), zero(kZeroA),
          zero(kZeroB),   zero(kZeroY),   range};
}

// `Operation` has kDefinition, Real(a, b) on floats, and is made from CodeScales; Code(a, b) then
// is the fixed-point result of two codes less their zero points, clamped.
template <typename Operation>
kl_code PrepareCodeBinaryOp(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                            kl_error* error) {
  return PrepareCodeBinary(*Operation::kDefinition, node, static_cast<CodeBinary*>(state), error);
}

inline void CodeBinaryWork(const kl_run* run, kl_work* work) {
  const kl_tensor* y = run->operands[kCodesY];
  OnePhase(work, kl_element_count(y) == 0 ? 0 : RowCount(y));
}

template <typename Operation>
kl_code RunCodeBinary(const kl_run* run) {
  const CodeBinary& s = *static_cast<const CodeBinary*>(run->state);
  const CodeScales scales = ReadCodeScales(run, s.range);
  const Operation operation(scales);
  const kl_tensor* a = run->operands[kCodesA];
  const kl_tensor* b = run->operands[kCodesB];
  const kl_tensor* y = run->operands[kCodesY];
  const int64_t length = RowElements(y);
  for (int64_t r = run->begin; r < run->end; ++r) {
    int64_t a_step = 0, b_step = 0;
    const int64_t from_a = BroadcastOffset(a, y, r, &a_step);
    const int64_t from_b = BroadcastOffset(b, y, r, &b_step);
    for (int64_t i = 0; i < length; ++i) {
      const int32_t of_a = WholeAt(a, from_a + i * a_step) - scales.a_zero;
      const int32_t of_b = WholeAt(b, from_b + i * b_step) - scales.b_zero;
      const float real =
          Operation::Real(static_cast<float>(of_a) * scales.a, static_cast<float>(of_b) * scales.b);
      StoreCode(y, r * length + i,
                s.fixed_point ? operation.Code(of_a, of_b)
                              : CodeOfReal(real / scales.y, scales.y_zero, s.range));
    }
  }
  return KL_OK;
}

template <typename Operation>
constexpr kl_kernel CodeBinaryKernel(const char* name) {
  return ReferenceKernel(*Operation::kDefinition, name, sizeof(CodeBinary),
                         PrepareCodeBinaryOp<Operation>, CodeBinaryWork, RunCodeBinary<Operation>);
}

// TFLite's sums: both terms, 20 bits up, in units of twice the larger scale; then in units of y.
class CodeSumOf {
 public:
  CodeSumOf(const CodeScales& scales, int32_t sign_of_b)
      : a_(FixedPointOf(static_cast<double>(scales.a) / Unit(scales))),
        b_(FixedPointOf(static_cast<double>(scales.b) / Unit(scales))),
        sign_of_b_(sign_of_b),
        requantizer_(
            MakeRequantizer(Unit(scales) / (double{1 << kBits} * static_cast<double>(scales.y)),
                            true, scales.y_zero, scales.range)) {}

  int32_t Code(int32_t a, int32_t b) const {
    const int32_t sum =
        Multiply(a * (1 << kBits), a_) + sign_of_b_ * Multiply(b * (1 << kBits), b_);
    return Requantize(requantizer_, sum);
  }

 private:
  static constexpr int kBits = 20;
  static double Unit(const CodeScales& s) {
    return 2.0 * static_cast<double>(s.a > s.b ? s.a : s.b);
  }
  const FixedPoint a_, b_;
  const int32_t sign_of_b_;
  const Requantizer requantizer_;
};

}  // namespace reference
}  // namespace kinglet

#endif  // KINGLET_PLUGINS_REFERENCE_QUANTIZED_BINARY_H_
