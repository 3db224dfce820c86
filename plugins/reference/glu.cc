// op "glu": gated linear unit, elementwise.
//
//   y = act(gate) * up
//
//   gate  f32  [.., n]     in
//   up    f32  like gate   in
//   y     f32  like gate   out; may alias gate
//
// Attributes: activation: "relu", "silu" (x / (1 + e^-x)) or "gelu" (tanh form).
// Work:    one unit a row.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: activation and product in double, rounded once.
// Source:  arXiv 2002.05202; gelu: arXiv 1606.08415.
#include "plugins/reference/cases.h"
#include "plugins/reference/reference.h"

namespace kinglet {
namespace reference {
namespace {

enum { kGate, kUp, kY };
struct NodeState {
  Activation activation;
};

constexpr kl_operand kOperands[] = {Input("gate"), Input("up"), Result("y", kGate)};

constexpr kl_attribute kSilu[] = {StringAttribute("activation", "silu")};
constexpr kl_attribute kRelu[] = {StringAttribute("activation", "relu")};
constexpr kl_attribute kGelu[] = {StringAttribute("activation", "gelu")};
constexpr kl_case_operand kRows[] = {Normal({S(0), S(1)}, 2.0), Normal({S(0), S(1)}),
                                     Output({S(0), S(1)})};
constexpr kl_case_operand kWide[] = {Normal({S(0), S(1)}, 60.0), Normal({S(0), S(1)}),
                                     Output({S(0), S(1)})};
constexpr kl_op_case kCases[] = {
    Case("silu_one_token", kSilu, kRows, {{Fixed(1), Range(1, 2048)}}, 2),
    Case("silu_batch", kSilu, kRows, {{Range(2, 20), Range(1, 600)}}, 2),
    Case("silu_odd_length", kSilu, kRows, {{Range(1, 4), Fixed(172)}}, 1),
    Case("silu_large_values", kSilu, kWide, {{Range(1, 4), Range(1, 600)}}, 1),
    Case("relu", kRelu, kRows, {{Range(1, 20), Range(1, 600)}}, 2),
    Case("gelu", kGelu, kRows, {{Range(1, 20), Range(1, 600)}}, 2),
    Case("gelu_large_values", kGelu, kWide, {{Range(1, 4), Range(1, 600)}}, 1),
};
constexpr kl_op kOp = Operator("glu", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  Check check(kOp, node, error);
  check.Type(kGate, KL_TYPE_F32);
  check.Type(kUp, KL_TYPE_F32);
  check.Type(kY, KL_TYPE_F32);
  check.Rank(kGate, 1, KL_MAX_RANK);
  check.SameShape(kUp, kGate);
  check.SameShape(kY, kGate);
  static_cast<NodeState*>(state)->activation = ParseActivation(node, &check);
  return check.code();
}

void Work(const kl_run* run, kl_work* work) { OnePhase(work, RowCount(run->operands[kGate])); }

kl_code Run(const kl_run* run) {
  const Activation activation = static_cast<const NodeState*>(run->state)->activation;
  const int64_t length = RowElements(run->operands[kGate]);
  for (int64_t r = run->begin; r < run->end; ++r) {
    const float* gate = F32Row(run->operands[kGate], r);
    const float* up = F32Row(run->operands[kUp], r);
    float* y = MutableF32Row(run->operands[kY], r);
    for (int64_t i = 0; i < length; ++i)
      y[i] = static_cast<float>(Activate(activation, gate[i]) * up[i]);
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "glu_f32_reference", sizeof(NodeState), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, glu) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
