// op "moe_route": which experts a token goes to, and with what weights.
//
//   ids[t]        the k experts with the largest logits, in descending order, ties by lower id
//   weights[t][i] softmax: exp(l_i) / sum over all E of exp(l_j);  sigmoid: 1 / (1 + exp(-l_i))
//                 normalise = 1: divided by their sum over the chosen;  then times scale
//
//   logits   f32  [T, E]   in
//   ids      i32  [T, k]   out; k <= E
//   weights  f32  [T, k]   out
//
// Attributes: gating "softmax" | "sigmoid", normalise (int, default 0), scale (float, default 1).
// Work:    T units.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail,
//          whatever the logits: the ids are always different experts, so that a NaN cannot make a
//          later operator read outside its weights.
// Numbers: in double, rounded once.
// Source:  SmallThinker, arXiv 2507.20984, section 2; Mixtral, arXiv 2401.04088.
#include "plugins/reference/cases.h"
#include "plugins/reference/reference.h"

namespace kinglet {
namespace reference {
namespace {

enum { kLogits, kIds, kWeights };
struct NodeState {
  bool sigmoid;
  bool normalise;
  double scale;
};

constexpr kl_operand kOperands[] = {Input("logits"), Result("ids"), Result("weights")};

constexpr kl_attribute kSoftmax[] = {StringAttribute("gating", "softmax")};
constexpr kl_attribute kSoftmaxNormalised[] = {StringAttribute("gating", "softmax"),
                                               IntAttribute("normalise", 1)};
constexpr kl_attribute kSigmoid[] = {StringAttribute("gating", "sigmoid"),
                                     FloatAttribute("scale", 2.5)};
constexpr kl_attribute kSigmoidNormalised[] = {StringAttribute("gating", "sigmoid"),
                                               IntAttribute("normalise", 1)};
constexpr kl_case_operand kSome[] = {Normal({S(0), S(1)}, 2.0), Output({S(0), 4}, KL_TYPE_I32),
                                     Output({S(0), 4})};
constexpr kl_case_operand kOne[] = {Normal({S(0), S(1)}, 2.0), Output({S(0), 1}, KL_TYPE_I32),
                                    Output({S(0), 1})};
constexpr kl_case_operand kAll[] = {Normal({S(0), 6}, 2.0), Output({S(0), 6}, KL_TYPE_I32),
                                    Output({S(0), 6})};
constexpr kl_case_operand kTies[] = {Fill(KL_TYPE_F32, {S(0), 32}, KL_FILL_INTEGERS, -2, 3),
                                     Output({S(0), 6}, KL_TYPE_I32), Output({S(0), 6})};
constexpr kl_op_case kCases[] = {
    Case("softmax", kSoftmax, kSome, {{Range(1, 20), Range(4, 64)}}, 2),
    Case("softmax_normalised", kSoftmaxNormalised, kSome, {{Range(1, 20), Range(4, 64)}}, 2),
    Case("sigmoid_scaled", kSigmoid, kSome, {{Range(1, 20), Range(4, 64)}}, 2),
    Case("sigmoid_normalised", kSigmoidNormalised, kSome, {{Range(1, 20), Range(4, 64)}}, 2),
    Case("one_expert", kSoftmaxNormalised, kOne, {{Range(1, 9), Range(1, 9)}}, 1),
    Case("all_experts", kSoftmax, kAll, {{Range(1, 9)}}, 1),
    Case("ties", kSigmoidNormalised, kTies, {{Range(1, 9)}}, 2),
};
constexpr kl_op kOp = Operator("moe_route", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements* requirements,
                kl_error* error) {
  Check check(kOp, node, error);
  check.Type(kLogits, KL_TYPE_F32);
  check.Rank(kLogits, 2, 2);
  check.Type(kIds, KL_TYPE_I32);
  check.Rank(kIds, 2, 2);
  check.Type(kWeights, KL_TYPE_F32);
  if (!check.ok()) return check.code();
  const int64_t experts = node->operands[kLogits]->shape[1];
  const int64_t chosen = node->operands[kIds]->shape[1];
  check.Shape(kIds, {node->operands[kLogits]->shape[0], kAnyDimension});
  check.RequireOperand(kIds, chosen >= 1 && chosen <= experts,
                       "between 1 and as many columns as there are experts");
  check.SameShape(kWeights, kIds);
  const char* gating = kl_attribute_string(node, "gating", "");
  NodeState* s = static_cast<NodeState*>(state);
  s->sigmoid = strcmp(gating, "sigmoid") == 0;
  check.Require(s->sigmoid || strcmp(gating, "softmax") == 0,
                "attribute gating to be softmax or sigmoid", 0);
  s->normalise = kl_attribute_int(node, "normalise", 0) != 0;
  s->scale = kl_attribute_float(node, "scale", 1.0);
  requirements->worker_scratch_bytes = static_cast<uint64_t>(experts);
  return check.code();
}

void Work(const kl_run* run, kl_work* work) { OnePhase(work, run->operands[kLogits]->shape[0]); }

// Marks and returns the largest logit that is not taken yet; the lowest id among equals. NaN counts
// as smallest.
int64_t TakeLargest(const float* logits, int64_t experts, uint8_t* taken) {
  int64_t best = -1;
  for (int64_t e = 0; e < experts; ++e) {
    if (taken[e] != 0) continue;
    if (best < 0 || logits[e] > logits[best] ||
        (std::isnan(logits[best]) && !std::isnan(logits[e])))
      best = e;
  }
  taken[best] = 1;
  return best;
}

kl_code Run(const kl_run* run) {
  const NodeState* s = static_cast<const NodeState*>(run->state);
  const int64_t experts = RowElements(run->operands[kLogits]);
  const int64_t chosen = RowElements(run->operands[kIds]);
  uint8_t* taken = static_cast<uint8_t*>(run->worker_scratch);
  for (int64_t t = run->begin; t < run->end; ++t) {
    const float* logits = F32Row(run->operands[kLogits], t);
    int32_t* ids = static_cast<int32_t*>(run->operands[kIds]->data) + t * chosen;
    float* weights = MutableF32Row(run->operands[kWeights], t);
    memset(taken, 0, static_cast<size_t>(experts));
    for (int64_t i = 0; i < chosen; ++i)
      ids[i] = static_cast<int32_t>(TakeLargest(logits, experts, taken));

    const double largest = logits[ids[0]];
    const auto gate = [&](int64_t e) {
      return s->sigmoid ? 1.0 / (1.0 + std::exp(-static_cast<double>(logits[e])))
                        : std::exp(logits[e] - largest);
    };
    double divisor = 0.0;
    if (s->normalise) {
      for (int64_t i = 0; i < chosen; ++i) divisor += gate(ids[i]);
    } else if (s->sigmoid) {
      divisor = 1.0;
    } else {
      for (int64_t e = 0; e < experts; ++e) divisor += gate(e);
    }
    for (int64_t i = 0; i < chosen; ++i)
      weights[i] = static_cast<float>(gate(ids[i]) / divisor * s->scale);
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "moe_route_f32_reference", sizeof(NodeState), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, moe_route) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1,
                                  nullptr};
