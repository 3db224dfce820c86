// op "layer_norm": the last dimensions brought to mean 0 and variance 1, scaled and shifted.
//
//   y = (x - mean) / sqrt(variance + epsilon) * scale + bias     over all dimensions from the axis
//   on
//
//   x        f32  [.., D]            in; D: the product of the dimensions from the axis on
//   scale    f32  D elements or 1    in, optional
//   bias     f32  D elements or 1    in, optional
//   y        f32  like x             out; may alias x
//   mean     f32  as x, 1 from the axis on   out, optional
//   inverse  f32  like mean          out, optional: 1 / sqrt(variance + epsilon)
//
// Attributes: axis (int, 0 to rank - 1), epsilon (float, default 1e-5).
// Work:    one unit for each group.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: in double, in index order, rounded once.
// Source:  ONNX LayerNormalization, arXiv 1607.06450.
#include "plugins/reference/cases.h"
#include "plugins/reference/elements.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kScale, kBias, kY, kMean, kInverse };
struct NodeState {
  int64_t length;
  double epsilon;
};

constexpr kl_operand kOptionalMean = {"mean", KL_OPERAND_OUTPUT, 1, -1};
constexpr kl_operand kOptionalInverse = {"inverse", KL_OPERAND_OUTPUT, 1, -1};
constexpr kl_operand kOperands[] = {Input("x"),      OptionalInput("scale"), OptionalInput("bias"),
                                    Result("y", kX), kOptionalMean,          kOptionalInverse};
constexpr kl_attribute kLast[] = {IntAttribute("axis", 1), FloatAttribute("epsilon", 1e-3)};
constexpr kl_case_operand kRows[] = {
    Normal({S(1), S(2)}, 2.0, 1.0), Normal({S(2)}),    Normal({S(2)}),
    Output({S(1), S(2)}),           Output({S(1), 1}), Output({S(1), 1})};
constexpr kl_case_operand kTwoLast[] = {
    Normal({S(1), 3, S(2)}, 2.0, 1.0), Normal({3, S(2)}), Absent(),
    Output({S(1), 3, S(2)}),           Absent(),          Absent()};
constexpr kl_op_case kCases[] = {
    Case("rows", kLast, kRows, {{Fixed(1), Range(4, 20), Range(2, 300)}}, 2),
    Case("two_dimensions", kLast, kTwoLast, {{Fixed(1), Range(1, 20), Range(1, 50)}}, 1),
};
constexpr kl_op kOp = Operator("layer_norm", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  Check check(kOp, node, error);
  for (const uint32_t i : {kX, kScale, kBias, kY, kMean, kInverse}) check.Type(i, KL_TYPE_F32);
  if (!check.ok()) return check.code();
  NodeState* s = static_cast<NodeState*>(state);
  const kl_tensor* x = node->operands[kX];
  const int64_t axis = kl_attribute_int(node, "axis", -1);
  check.Require(axis >= 0 && axis < x->rank, "attribute axis within the rank of x", axis);
  if (!check.ok()) return check.code();
  s->epsilon = kl_attribute_float(node, "epsilon", 1e-5);
  s->length = 1;
  int64_t shape[KL_MAX_RANK];
  for (int32_t d = 0; d < x->rank; ++d) {
    shape[d] = d < axis ? x->shape[d] : 1;
    if (d >= axis) s->length *= x->shape[d];
  }
  for (const uint32_t i : {kScale, kBias}) {
    if (IsAbsent(node->operands[i])) continue;
    const int64_t count = kl_element_count(node->operands[i]);
    check.RequireOperand(i, count == s->length || count == 1,
                         "as many elements as a group of x, or one");
  }
  check.SameShape(kY, kX);
  check.Shape(kMean, x->rank, shape);
  check.Shape(kInverse, x->rank, shape);
  return check.code();
}

void Work(const kl_run* run, kl_work* work) {
  const int64_t length = static_cast<const NodeState*>(run->state)->length;
  OnePhase(work, length == 0 ? 0 : kl_element_count(run->operands[kX]) / length);
}

double ElementOr(const kl_tensor* tensor, int64_t i, double otherwise) {
  if (IsAbsent(tensor)) return otherwise;
  return static_cast<const float*>(tensor->data)[kl_element_count(tensor) == 1 ? 0 : i];
}

kl_code Run(const kl_run* run) {
  const NodeState* s = static_cast<const NodeState*>(run->state);
  for (int64_t unit = run->begin; unit < run->end; ++unit) {
    const float* x = static_cast<const float*>(run->operands[kX]->data) + unit * s->length;
    float* y = static_cast<float*>(run->operands[kY]->data) + unit * s->length;
    double mean = 0.0, variance = 0.0;
    for (int64_t i = 0; i < s->length; ++i) mean += x[i];
    mean /= static_cast<double>(s->length);
    for (int64_t i = 0; i < s->length; ++i) variance += (x[i] - mean) * (x[i] - mean);
    variance /= static_cast<double>(s->length);
    const double inverse = 1.0 / std::sqrt(variance + s->epsilon);
    for (int64_t i = 0; i < s->length; ++i) {
      y[i] = static_cast<float>((x[i] - mean) * inverse * ElementOr(run->operands[kScale], i, 1.0) +
                                ElementOr(run->operands[kBias], i, 0.0));
    }
    if (!IsAbsent(run->operands[kMean]))
      static_cast<float*>(run->operands[kMean]->data)[unit] = static_cast<float>(mean);
    if (!IsAbsent(run->operands[kInverse]))
      static_cast<float*>(run->operands[kInverse]->data)[unit] = static_cast<float>(inverse);
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "layer_norm_f32_reference", sizeof(NodeState), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, layer_norm) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1,
                                   nullptr};
