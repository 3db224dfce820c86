// op "clip": y = min(max(x, minimum), maximum), elementwise.
//
//   x  f32  [..]     in
//   y  f32  like x   out; may alias x
//
// Attributes: minimum, maximum (float, default -inf, +inf).
// Work:    one unit a row.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: exact, with the limits rounded to f32.
// Source:  ONNX Clip.
#include "plugins/reference/cases.h"
#include "plugins/reference/reference.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kY };
struct NodeState {
  float minimum;
  float maximum;
};

constexpr kl_operand kOperands[] = {Input("x"), Result("y", kX)};

constexpr kl_attribute kBoth[] = {FloatAttribute("minimum", -0.5), FloatAttribute("maximum", 0.75)};
constexpr kl_attribute kRelu6[] = {FloatAttribute("minimum", 0.0), FloatAttribute("maximum", 6.0)};
constexpr kl_attribute kUpper[] = {FloatAttribute("maximum", 0.25)};
constexpr kl_case_operand kRows[] = {Normal({S(0), S(1)}, 3.0), Output({S(0), S(1)})};
constexpr kl_case_operand kImage[] = {Normal({1, S(1), 7, 5}, 5.0), Output({1, S(1), 7, 5})};
constexpr kl_op_case kCases[] = {
    Case("rows", kBoth, kRows, {{Range(1, 9), Range(1, 500)}}, 2),
    Case("relu6", kRelu6, kImage, {{Fixed(1), Range(1, 20)}}, 1),
    Case("upper_only", kUpper, kRows, {{Range(1, 9), Range(1, 500)}}, 1),
};
constexpr kl_op kOp = Operator("clip", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  Check check(kOp, node, error);
  check.Type(kX, KL_TYPE_F32);
  check.Type(kY, KL_TYPE_F32);
  check.SameShape(kY, kX);
  NodeState* s = static_cast<NodeState*>(state);
  s->minimum = static_cast<float>(kl_attribute_float(node, "minimum", -INFINITY));
  s->maximum = static_cast<float>(kl_attribute_float(node, "maximum", INFINITY));
  return check.code();
}

void Work(const kl_run* run, kl_work* work) { OnePhase(work, RowCount(run->operands[kX])); }

kl_code Run(const kl_run* run) {
  const NodeState* s = static_cast<const NodeState*>(run->state);
  const int64_t length = RowElements(run->operands[kX]);
  for (int64_t r = run->begin; r < run->end; ++r) {
    const float* x = F32Row(run->operands[kX], r);
    float* y = MutableF32Row(run->operands[kY], r);
    for (int64_t i = 0; i < length; ++i) {
      const float raised = x[i] < s->minimum ? s->minimum : x[i];
      y[i] = raised > s->maximum ? s->maximum : raised;
    }
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "clip_f32_reference", sizeof(NodeState), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, clip) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
