// op "cast": y = x in y's type.
//
//   x  floats, whole numbers or bool  [..]     in
//   y  the same choice                like x   out; must not alias x
//
// Work:    one unit for 1024 elements.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: floats to whole numbers: cut towards zero, then kept within the ends of the type (NaN:
//          0). Whole numbers to smaller ones: the low bits. To bool: not 0. To f16, bf16: nearest,
//          ties to even.
// Source:  ONNX Cast; what it leaves open is defined here.
#include <limits>

#include "plugins/reference/cases.h"
#include "plugins/reference/elements.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kY };

constexpr kl_operand kOperands[] = {Input("x"), Result("y")};
constexpr kl_case_operand kToHalf[] = {Normal({S(0), S(1)}), Output({S(0), S(1)}, KL_TYPE_F16)};
constexpr kl_case_operand kToWhole[] = {Normal({S(1)}, 100.0), Output({S(1)}, KL_TYPE_I32)};
constexpr kl_case_operand kToByte[] = {Normal({S(1)}, 300.0), Output({S(1)}, KL_TYPE_U8)};
constexpr kl_case_operand kToFloat[] = {Integers({S(1)}, -1000, 1000), Output({S(1)})};
constexpr kl_op_case kCases[] = {
    Case("to_f16", kToHalf, {{Range(1, 9), Range(1, 500)}}, 1),
    Case("to_i32", kToWhole, {{Fixed(1), Range(1, 3000)}}, 1),
    Case("to_u8", kToByte, {{Fixed(1), Range(1, 500)}}, 1),
    Case("to_f32", kToFloat, {{Fixed(1), Range(1, 500)}}, 1),
};
constexpr kl_op kOp = Operator("cast", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void*, kl_requirements*, kl_error* error) {
  Check check(kOp, node, error);
  if (!check.ok()) return check.code();
  for (const uint32_t index : {kX, kY}) {
    check.RequireOperand(index, IsElementType(node->operands[index]->type),
                         "floats, whole numbers or bool");
  }
  check.SameShape(kY, kX);
  return check.code();
}

void Work(const kl_run* run, kl_work* work) { ElementWork(run->operands[kY], work); }

template <typename From, typename To>
To Convert(From from) {
  if constexpr (std::is_same<To, Bool>::value) {
    if constexpr (kIsFloat<From>)
      return {static_cast<uint8_t>(ToDouble(from) != 0.0 ? 1 : 0)};
    else
      return FromInt<Bool>(ToInt(from));
  } else if constexpr (kIsFloat<To>) {
    if constexpr (kIsFloat<From>) return FromDouble<To>(ToDouble(from));
    // One rounding: int64 does not fit a double.
    else if constexpr (std::is_same<To, float>::value)
      return static_cast<float>(ToInt(from));
    else
      return FromDouble<To>(static_cast<double>(ToInt(from)));
  } else if constexpr (kIsFloat<From>) {
    const double v = std::trunc(ToDouble(from));
    if (std::isnan(v)) return 0;
    // The ends as doubles; INT64_MAX rounds up to 2^63, which no longer fits.
    const double low = static_cast<double>(std::numeric_limits<To>::min());
    const double high = static_cast<double>(std::numeric_limits<To>::max());
    if (v <= low) return std::numeric_limits<To>::min();
    return v >= high ? std::numeric_limits<To>::max() : static_cast<To>(v);
  } else {
    return FromInt<To>(ToInt(from));
  }
}

kl_code Run(const kl_run* run) {
  const kl_tensor* x = run->operands[kX];
  const kl_tensor* y = run->operands[kY];
  const int64_t first = FirstElement(run), end = EndElement(run, y);
  WithType(x->type, [&](auto from_zero) {
    using From = decltype(from_zero);
    WithType(y->type, [&](auto to_zero) {
      using To = decltype(to_zero);
      const From* from = static_cast<const From*>(x->data);
      To* to = static_cast<To*>(y->data);
      for (int64_t i = first; i < end; ++i) to[i] = Convert<From, To>(from[i]);
    });
  });
  return KL_OK;
}

constexpr kl_kernel kKernel = ReferenceKernel(kOp, "cast_any_reference", 0, Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, cast) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
