// op "reduce_quantized": mean or sum of 8-bit codes along some axes.
//
//   y = clamp(requantise(sum of (x - x_zero_point) * x_scale / y_scale / count) + y_zero_point)
//
//   count: 1 for the sum, for the mean the number of elements that are added
//
//   x             i8, u8     [..]   in
//   x_scale       f32        []     in
//   x_zero_point  type of x  []     in
//   y_scale       f32        []     in
//   y_zero_point  type of y  []     in
//   y             i8, u8     [..]   out; as x, with 1 for each of the axes
//
// Attributes: kind (string: mean, sum); axes (ints, from 0 to rank - 1, each once);
//             fixed_point (int, default 0): 1: TFLite's arithmetic, which divides the factor's
//             fraction by count, cut.
// Work:    one unit for 64 elements of y.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: plugins/common/fixed_point.h; the sum in 32 bits, which wraps. Of no elements: the zero
//          point. Kernels may differ from this one by one code.
// Source:  TFLite MEAN, SUM; ONNX ReduceMean, GlobalAveragePool between DequantizeLinear and
//          QuantizeLinear.
#include "plugins/reference/quantized.h"
#include "plugins/reference/reduction.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kXScale, kXZero, kYScale, kYZero, kY };
constexpr int64_t kOutputsPerUnit = 64;
struct NodeState {
  uint32_t reduced;
  bool mean;
  bool fixed_point;
};

constexpr kl_operand kOperands[] = {Input("x"),       Input("x_scale"),      Input("x_zero_point"),
                                    Input("y_scale"), Input("y_zero_point"), Result("y")};
constexpr int64_t kSpatial[] = {2, 3}, kLast[] = {1};
constexpr kl_attribute kPlanes[] = {StringAttribute("kind", "mean"),
                                    IntsAttribute("axes", kSpatial),
                                    IntAttribute("fixed_point", 1)};
constexpr kl_attribute kPlanesFloat[] = {StringAttribute("kind", "mean"),
                                         IntsAttribute("axes", kSpatial)};
constexpr kl_attribute kSums[] = {StringAttribute("kind", "sum"), IntsAttribute("axes", kLast),
                                  IntAttribute("fixed_point", 1)};
constexpr kl_case_operand kSignedPlanes[] = {
    Codes(KL_TYPE_I8, {2, S(1), 7, S(2)}), Constant(KL_TYPE_F32, {}, 0.02),
    Constant(KL_TYPE_I8, {}, -5),          Constant(KL_TYPE_F32, {}, 0.006),
    Constant(KL_TYPE_I8, {}, 9),           Output({2, S(1), 1, 1}, KL_TYPE_I8)};
constexpr kl_case_operand kUnsignedPlanes[] = {
    Codes(KL_TYPE_U8, {2, S(1), 7, S(2)}), Constant(KL_TYPE_F32, {}, 0.02),
    Constant(KL_TYPE_U8, {}, 120),         Constant(KL_TYPE_F32, {}, 0.006),
    Constant(KL_TYPE_U8, {}, 128),         Output({2, S(1), 1, 1}, KL_TYPE_U8)};
constexpr kl_case_operand kRows[] = {
    Codes(KL_TYPE_I8, {S(1), S(2)}), Constant(KL_TYPE_F32, {}, 0.02),
    Constant(KL_TYPE_I8, {}, -5),    Constant(KL_TYPE_F32, {}, 0.3),
    Constant(KL_TYPE_I8, {}, 9),     Output({S(1), 1}, KL_TYPE_I8)};
constexpr kl_op_case kCases[] = {
    Case("planes", kPlanes, kSignedPlanes, {{Fixed(1), Range(1, 40), Range(1, 9)}}, 3),
    Case("unsigned_planes", kPlanes, kUnsignedPlanes, {{Fixed(1), Range(1, 40), Range(1, 9)}}, 2),
    Case("planes_float", kPlanesFloat, kSignedPlanes, {{Fixed(1), Range(1, 40), Range(1, 9)}}, 2),
    Case("sums", kSums, kRows, {{Fixed(1), Range(1, 90), Range(1, 90)}}, 1),
};
constexpr kl_op kOp = Operator("reduce_quantized", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  Check check(kOp, node, error);
  check.Type(kXScale, KL_TYPE_F32);
  check.Type(kYScale, KL_TYPE_F32);
  if (!check.ok()) return check.code();
  for (const uint32_t i : {kX, kY})
    check.RequireOperand(i, IsByteType(node->operands[i]->type), "i8 or u8");
  check.Type(kXZero, node->operands[kX]->type);
  check.Type(kYZero, node->operands[kY]->type);
  for (const uint32_t i : {kXScale, kXZero, kYScale, kYZero}) CheckOneOrCount(node, i, 1, &check);
  NodeState* s = static_cast<NodeState*>(state);
  const char* kind = kl_attribute_string(node, "kind", "");
  s->mean = strcmp(kind, "mean") == 0;
  check.Require(s->mean || strcmp(kind, "sum") == 0, "attribute kind mean or sum, another", 0);
  s->fixed_point = kl_attribute_int(node, "fixed_point", 0) != 0;
  if (!check.ok()) return check.code();
  s->reduced = ReadReducedAxes(node, kX, kY, &check);
  return check.code();
}

void Work(const kl_run* run, kl_work* work) {
  OnePhase(work, CeilDivide(kl_element_count(run->operands[kY]), kOutputsPerUnit));
}

// TFLite divides the fraction of the factor, moved up by as many bits as count has after its first.
FixedPoint Divided(FixedPoint factor, int64_t count) {
  int bits = 63 - __builtin_clzll(static_cast<uint64_t>(count));
  bits = bits > 32 ? 32 : bits;
  bits = bits > 31 + factor.exponent ? 31 + factor.exponent : bits;
  return {static_cast<int32_t>((int64_t{factor.fraction} << bits) / count), factor.exponent - bits};
}

kl_code Run(const kl_run* run) {
  const NodeState& s = *static_cast<const NodeState*>(run->state);
  const kl_tensor* x = run->operands[kX];
  const kl_tensor* y = run->operands[kY];
  const int64_t count = ReducedCount(x, s.reduced), outputs = kl_element_count(y);
  const int32_t x_zero = ZeroPointAt(run->operands[kXZero], 0);
  const double factor = ScaleAt(run->operands[kXScale], 0) / ScaleAt(run->operands[kYScale], 0);
  const bool divides = s.mean && count > 0;
  Requantizer requantizer =
      MakeRequantizer(divides ? factor / static_cast<double>(count) : factor, s.fixed_point,
                      ZeroPointAt(run->operands[kYZero], 0), CodesOf(y->type));
  if (divides) requantizer.factor = Divided(FixedPointOf(factor), count);
  const int64_t end = run->end * kOutputsPerUnit < outputs ? run->end * kOutputsPerUnit : outputs;
  for (int64_t i = run->begin * kOutputsPerUnit; i < end; ++i) {
    uint32_t sum = 0;
    VisitReduced(x, y, s.reduced, i,
                 [&](int64_t at) { sum += static_cast<uint32_t>(WholeAt(x, at) - x_zero); });
    StoreCode(y, i, Requantize(requantizer, static_cast<int32_t>(sum)));
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "reduce_quantized_reference", sizeof(NodeState), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, reduce_quantized) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1,
                                         nullptr};
