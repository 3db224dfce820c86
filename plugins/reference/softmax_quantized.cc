// op "softmax_quantized": softmax of 8-bit codes along the last axis.
//
//   y = code of exp(beta * x) / sum over the axis of exp(beta * x)
//
//   x             i8, u8     [.., K]   in
//   x_scale       f32        []        in
//   y_scale       f32        []        in
//   y_zero_point  type of y  []        in
//   y             i8, u8     [.., K]   out
//
// Attributes: beta (float, default 1); fixed_point (int, default 0): 1: TFLite's whole numbers, for
//             which y_scale is 1/256 and y_zero_point the type's lowest code.
// Work:    one unit a row.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail, and
//          computes as with fixed_point = 0 where y_scale or y_zero_point are others or K >= 4096.
// Numbers: fixed point: e^x from x in units of 2^-26 by a polynomial around -1/8 and factors
//          e^(-2^k), the reciprocal of the sum by three Newton steps, all in 31-bit fractions.
//          Else in double, rounded once. Kernels may differ from this one by one code.
// Source:  TFLite SOFTMAX (reference operator); ONNX Softmax, operator set 13.
#include "plugins/reference/quantized.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kXScale, kYScale, kYZero, kY };
struct NodeState {
  double beta;
  bool fixed_point;
};

constexpr kl_operand kOperands[] = {Input("x"), Input("x_scale"), Input("y_scale"),
                                    Input("y_zero_point"), Result("y")};
constexpr kl_attribute kTflite[] = {IntAttribute("fixed_point", 1)};
constexpr kl_attribute kSharp[] = {IntAttribute("fixed_point", 1), FloatAttribute("beta", 2.5)};
constexpr kl_case_operand kSigned[] = {
    Codes(KL_TYPE_I8, {S(1), S(2)}), Constant(KL_TYPE_F32, {}, 0.04),
    Constant(KL_TYPE_F32, {}, 1.0 / 256), Constant(KL_TYPE_I8, {}, -128),
    Output({S(1), S(2)}, KL_TYPE_I8)};
constexpr kl_case_operand kUnsigned[] = {
    Codes(KL_TYPE_U8, {2, S(1), S(2)}), Constant(KL_TYPE_F32, {}, 0.01),
    Constant(KL_TYPE_F32, {}, 1.0 / 256), Constant(KL_TYPE_U8, {}, 0),
    Output({2, S(1), S(2)}, KL_TYPE_U8)};
constexpr kl_case_operand kOther[] = {
    Codes(KL_TYPE_I8, {S(1), S(2)}), Constant(KL_TYPE_F32, {}, 0.04),
    Constant(KL_TYPE_F32, {}, 0.003), Constant(KL_TYPE_I8, {}, -100),
    Output({S(1), S(2)}, KL_TYPE_I8)};
constexpr kl_op_case kCases[] = {
    Case("signed", kTflite, kSigned, {{Fixed(1), Range(1, 9), Range(1, 60)}}, 3),
    Case("unsigned", kTflite, kUnsigned, {{Fixed(1), Range(1, 5), Range(1, 60)}}, 2),
    Case("sharp", kSharp, kSigned, {{Fixed(1), Range(1, 9), Range(1, 200)}}, 1),
    Case("float", kOther, {{Fixed(1), Range(1, 9), Range(1, 60)}}, 2),
};
constexpr kl_op kOp = Operator("softmax_quantized", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  Check check(kOp, node, error);
  check.Type(kXScale, KL_TYPE_F32);
  check.Type(kYScale, KL_TYPE_F32);
  check.Rank(kX, 1, KL_MAX_RANK);
  check.SameShape(kY, kX);
  if (!check.ok()) return check.code();
  for (const uint32_t i : {kX, kY})
    check.RequireOperand(i, IsByteType(node->operands[i]->type), "i8 or u8");
  check.Type(kYZero, node->operands[kY]->type);
  for (const uint32_t i : {kXScale, kYScale, kYZero}) CheckOneOrCount(node, i, 1, &check);
  NodeState* s = static_cast<NodeState*>(state);
  s->beta = kl_attribute_float(node, "beta", 1.0);
  s->fixed_point = kl_attribute_int(node, "fixed_point", 0) != 0;
  check.Require(s->beta > 0.0, "attribute beta above 0", static_cast<int64_t>(s->beta));
  return check.code();
}

void Work(const kl_run* run, kl_work* work) {
  const kl_tensor* y = run->operands[kY];
  OnePhase(work, kl_element_count(y) == 0 ? 0 : RowCount(y));
}

// A fraction of 31 bits. Numbers with n bits before the point have 31 - n behind it.
constexpr int32_t kOne = INT32_MAX;

int32_t ShiftUp(int32_t value, int bits) {
  const int64_t wide = int64_t{value} * (int64_t{1} << bits);
  return static_cast<int32_t>(wide > INT32_MAX ? INT32_MAX : wide < INT32_MIN ? INT32_MIN : wide);
}

// e^x for -1/4 <= x < 0, both fractions of 31 bits.
int32_t ExpNearZero(int32_t x) {
  constexpr int32_t kExpOfEighth = 1895147668;  // e^(-1/8)
  constexpr int32_t kThird = 715827883;
  const int32_t d = x + (1 << 28);  // distance from -1/8
  const int32_t d2 = HighProduct(d, d), d3 = HighProduct(d2, d), d4 = HighProduct(d2, d2);
  // d^2 / 2 + d^3 / 6 + d^4 / 24
  const int32_t higher = ShiftRounded(HighProduct(ShiftRounded(d4, 2) + d3, kThird) + d2, 1);
  return kExpOfEighth + HighProduct(kExpOfEighth, d + higher);
}

// e^x as a fraction of 31 bits, for x <= 0 in units of 2^-26.
int32_t ExpOfNegative(int32_t x) {
  constexpr int32_t kQuarter = 1 << 24;
  // e^(-2^k), k = -2 .. 4
  constexpr int32_t kPowers[] = {1672461947, 1302514674, 790015084, 290630308,
                                 39332535,   720401,     242};
  if (x == 0) return kOne;
  const int32_t rest = (x & (kQuarter - 1)) - kQuarter;
  int32_t result = ExpNearZero(ShiftUp(rest, 5));
  const int32_t quarters = rest - x;  // whole ones
  for (int k = 0; k < 7; ++k) {
    if ((quarters >> (24 + k) & 1) != 0) result = HighProduct(result, kPowers[k]);
  }
  return result;
}

// 1 / (1 + x) for 0 <= x < 1, both fractions of 31 bits.
int32_t ReciprocalOfOnePlus(int32_t x) {
  constexpr int32_t k48Over17 = 1515870810, k32Over17 = 1010580540;  // in units of 2^-29
  const int32_t half = static_cast<int32_t>((int64_t{x} + kOne + 1) / 2);
  int32_t r = k48Over17 + HighProduct(half, -k32Over17);
  for (int step = 0; step < 3; ++step) {
    const int32_t error = (1 << 29) - HighProduct(half, r);
    r += ShiftUp(HighProduct(r, error), 2);
  }
  return ShiftUp(r, 1);
}

// Differences from the largest code to units of 2^-26; those below `lowest` count as e^-infinity.
struct Differences {
  FixedPoint factor;
  int32_t lowest;
};
Differences DifferencesOf(double scale) {
  const double factor = scale * 67108864.0 < 2147483647.0 ? scale * 67108864.0 : 2147483647.0;
  Differences d = {FixedPointOf(factor), 0};
  const int left = d.factor.exponent > 0 ? d.factor.exponent : 0;
  d.lowest = -static_cast<int32_t>(
      std::floor(31.0 * 67108864.0 / static_cast<double>(int64_t{1} << left)));
  return d;
}

void FixedRow(const kl_tensor* x, int64_t first, int64_t length, int32_t largest,
              const Differences& differences, const kl_tensor* y) {
  const CodeRange range = CodesOf(y->type);
  int32_t sum = 0;  // 12 bits before the point
  for (int64_t i = first; i < first + length; ++i) {
    const int32_t difference = WholeAt(x, i) - largest;
    if (difference < differences.lowest) continue;
    sum = static_cast<int32_t>(static_cast<uint32_t>(sum) +
                               static_cast<uint32_t>(ShiftRounded(
                                   ExpOfNegative(Multiply(difference, differences.factor)), 12)));
  }
  // sum = (1 + fraction) * 2^bits
  const int leading = sum > 0 ? __builtin_clz(static_cast<uint32_t>(sum)) : 0;
  const int32_t fraction =
      static_cast<int32_t>((static_cast<uint32_t>(sum) << leading) - (uint32_t{1} << 31));
  const int32_t reciprocal = ReciprocalOfOnePlus(fraction);
  const int bits = 12 - leading + 31 - 8;
  for (int64_t i = first; i < first + length; ++i) {
    const int32_t difference = WholeAt(x, i) - largest;
    int64_t code = range.low;
    if (difference >= differences.lowest) {
      const int32_t exponential = ExpOfNegative(Multiply(difference, differences.factor));
      if (bits < 32) code += ShiftRounded(HighProduct(reciprocal, exponential), bits);
    }
    StoreCode(y, i, ClampCode(code, range));
  }
}

void RealRow(const kl_tensor* x, int64_t first, int64_t length, int32_t largest, double scale,
             const kl_run* run) {
  const kl_tensor* y = run->operands[kY];
  const double y_scale = ScaleAt(run->operands[kYScale], 0);
  double sum = 0.0;
  for (int64_t i = first; i < first + length; ++i)
    sum += std::exp(scale * (WholeAt(x, i) - largest));
  for (int64_t i = first; i < first + length; ++i) {
    const double share = std::exp(scale * (WholeAt(x, i) - largest)) / sum;
    StoreCode(y, i,
              CodeOfReal(static_cast<float>(share / y_scale), ZeroPointAt(run->operands[kYZero], 0),
                         CodesOf(y->type)));
  }
}

kl_code Run(const kl_run* run) {
  const NodeState* s = static_cast<const NodeState*>(run->state);
  const kl_tensor* x = run->operands[kX];
  const kl_tensor* y = run->operands[kY];
  const double scale = s->beta * ScaleAt(run->operands[kXScale], 0);
  // The sum of 4096 elements or more may not fit its 12 bits.
  const bool fixed = s->fixed_point && RowElements(x) < 4096 &&
                     ScaleAt(run->operands[kYScale], 0) == 1.0 / 256 &&
                     ZeroPointAt(run->operands[kYZero], 0) == CodesOf(y->type).low;
  const Differences differences = DifferencesOf(scale);
  const int64_t length = RowElements(x);
  for (int64_t row = run->begin; row < run->end; ++row) {
    const int64_t first = row * length;
    int32_t largest = INT32_MIN;
    for (int64_t i = first; i < first + length; ++i)
      largest = WholeAt(x, i) > largest ? WholeAt(x, i) : largest;
    if (fixed) {
      FixedRow(x, first, length, largest, differences, y);
    } else {
      RealRow(x, first, length, largest, scale, run);
    }
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "softmax_quantized_reference", sizeof(NodeState), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, softmax_quantized) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1,
                                          nullptr};
