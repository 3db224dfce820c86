// op "rms_norm": root mean square normalisation of runs of d elements.
//
//   y[i] = x[i] / sqrt(mean over the run of x^2 + eps) * weight[i mod d]
//
//   x       f32  [.., n]   in; n is a multiple of d, each run of d elements is normalised by itself
//   weight  f32  [d]       in; d = n for a layer norm, d = head length for QK norm
//   y       f32  like x    out; may alias x
//
// Attributes: eps (float).
// Work:    one unit a row of x.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: mean and quotient in double, rounded once.
// Source:  arXiv 1910.07467.
#include "plugins/reference/cases.h"
#include "plugins/reference/reference.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kWeight, kY };
struct NodeState {
  double epsilon;
};

constexpr kl_operand kOperands[] = {Input("x"), Input("weight"), Result("y", kX)};

constexpr kl_attribute kAttributes[] = {FloatAttribute("eps", 1e-6)};
constexpr kl_attribute kLargeEpsilon[] = {FloatAttribute("eps", 0.5)};
constexpr kl_case_operand kRows[] = {Normal({S(0), S(1)}), Normal({S(1)}, 0.2, 1.0),
                                     Output({S(0), S(1)})};
constexpr kl_case_operand kSmall[] = {Normal({S(0), S(1)}, 1e-4), Normal({S(1)}, 0.2, 1.0),
                                      Output({S(0), S(1)})};
constexpr kl_case_operand kZero[] = {Fill(KL_TYPE_F32, {S(0), 64}, KL_FILL_ZERO, 0, 0),
                                     Normal({64}), Output({S(0), 64})};
constexpr kl_case_operand kHeads[] = {Normal({S(0), 6 * 64}), Normal({64}, 0.2, 1.0),
                                      Output({S(0), 6 * 64})};
constexpr kl_case_operand kRank3[] = {Normal({2, S(0), 40}), Normal({40}), Output({2, S(0), 40})};
constexpr kl_op_case kCases[] = {
    Case("one_token", kAttributes, kRows, {{Fixed(1), Range(1, 2048)}}, 3),
    Case("batch", kAttributes, kRows, {{Range(2, 40), Range(32, 512, 32)}}, 2),
    Case("odd_length", kAttributes, kRows, {{Range(1, 4), Fixed(172)}}, 1),
    Case("small_values", kAttributes, kSmall, {{Range(1, 4), Range(1, 300)}}, 1),
    Case("large_eps", kLargeEpsilon, kRows, {{Range(1, 4), Range(1, 300)}}, 1),
    Case("zero", kAttributes, kZero, {{Range(1, 4)}}, 1),
    Case("per_head", kAttributes, kHeads, {{Range(1, 8)}}, 2),
    Case("rank_3", kAttributes, kRank3, {{Range(1, 8)}}, 1),
};
constexpr kl_op kOp = Operator("rms_norm", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  Check check(kOp, node, error);
  check.Type(kX, KL_TYPE_F32);
  check.Rank(kX, 1, KL_MAX_RANK);
  check.Type(kWeight, KL_TYPE_F32);
  check.Rank(kWeight, 1, 1);
  check.Type(kY, KL_TYPE_F32);
  check.SameShape(kY, kX);
  if (!check.ok()) return check.code();
  const int64_t d = node->operands[kWeight]->shape[0];
  const int64_t n = RowElements(node->operands[kX]);
  check.RequireOperand(kWeight, d > 0 && n % d == 0, "a length that divides the rows of x");
  const double epsilon = kl_attribute_float(node, "eps", -1.0);
  check.Require(epsilon >= 0.0, "attribute eps, not negative", 0);
  static_cast<NodeState*>(state)->epsilon = epsilon;
  return check.code();
}

void Work(const kl_run* run, kl_work* work) { OnePhase(work, RowCount(run->operands[kX])); }

kl_code Run(const kl_run* run) {
  const double epsilon = static_cast<const NodeState*>(run->state)->epsilon;
  const float* weight = F32Row(run->operands[kWeight], 0);
  const int64_t d = RowElements(run->operands[kWeight]);
  const int64_t n = RowElements(run->operands[kX]);
  for (int64_t r = run->begin; r < run->end; ++r) {
    for (int64_t first = 0; first < n; first += d) {
      const float* x = F32Row(run->operands[kX], r) + first;
      float* y = MutableF32Row(run->operands[kY], r) + first;
      const double root = std::sqrt(Dot(x, x, d) / static_cast<double>(d) + epsilon);
      // All zero with eps 0: zero, not 0 / 0.
      const double inverse = root > 0.0 ? 1.0 / root : 0.0;
      for (int64_t i = 0; i < d; ++i) y[i] = static_cast<float>(x[i] * inverse * weight[i]);
    }
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "rms_norm_f32_reference", sizeof(NodeState), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, rms_norm) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1,
                                 nullptr};
