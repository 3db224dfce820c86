// op "matmul": rows of activations times the rows of a weight matrix.
//
//   y[t][n] = sum over k of x[t][k] * w[n][k]  + bias[n]
//
//   x     f32           [.., K]   in
//   w     any weight    [N, K]    in; row n holds the weights of output n
//   bias  f32           [N]       in, optional
//   y     f32           [.., N]   out; must not alias x
//
// Attributes: vocabulary_head (0): 1 says that y are a language model's logits. A kernel may then
// keep to kl_run::wanted_count; this one always computes all.
//
// Work:    ceil(N / 16) units of 16 outputs; a weight row is widened once for all rows of x.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: w is widened to f32, sums are in double, y is rounded once.
// Source:  the linear layer; ONNX MatMul with a transposed right side.
#include "plugins/reference/cases.h"
#include "plugins/reference/reference.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kW, kBias, kY };
constexpr int64_t kRowsPerUnit = 16;

constexpr kl_operand kOperands[] = {Input("x"), Input("w"), OptionalInput("bias"), Result("y")};

constexpr kl_case_operand kPlain[] = {Normal({S(0), S(1)}), Weight({S(2), S(1)}), Absent(),
                                      Output({S(0), S(2)})};
constexpr kl_case_operand kBiased[] = {Normal({S(0), S(1)}), Weight({S(2), S(1)}), Normal({S(2)}),
                                       Output({S(0), S(2)})};
constexpr kl_case_operand kRank3[] = {Normal({2, S(0), S(1)}), Weight({S(2), S(1)}), Absent(),
                                      Output({2, S(0), S(2)})};
constexpr kl_case_operand kZeroInput[] = {Fill(KL_TYPE_F32, {S(0), S(1)}, KL_FILL_ZERO, 0, 0),
                                          Weight({S(2), S(1)}), Normal({S(2)}),
                                          Output({S(0), S(2)})};
// A hint to kernels; the numbers are the same.
constexpr kl_attribute kHeadAttributes[] = {IntAttribute("vocabulary_head", 1)};
constexpr kl_case_operand kPruned[] = {Normal({S(0), S(1)}), Sparse({S(2), S(1)}, 0.85),
                                       Normal({S(2)}), Output({S(0), S(2)})};
constexpr kl_case_operand kPrunedBy2[] = {Normal({2, S(0), S(1)}), Sparse({S(2), S(1)}, 0.9, 2),
                                          Absent(), Output({2, S(0), S(2)})};
// No case has but a few outputs: errors are measured against their root mean square.
constexpr kl_op_case kCases[] = {
    Case("one_token", kPlain, {{Fixed(1), Range(32, 1024, 32), Range(32, 256, 16)}}, 3),
    Case("batch", kPlain, {{Range(2, 40), Range(32, 768, 32), Range(16, 200)}}, 3),
    Case("odd_rows", kPlain, {{Range(1, 9), Fixed(172), Fixed(173)}}, 2),
    Case("odd_depth", kPlain, {{Fixed(3), Range(1, 70), Range(4, 40)}}, 3),
    Case("one_row", kPlain, {{Range(8, 12), Range(32, 512, 32), Fixed(1)}}, 2),
    Case("bias", kBiased, {{Range(1, 6), Range(32, 512, 32), Range(8, 100)}}, 3),
    Case("rank_3", kRank3, {{Range(1, 4), Range(32, 256, 32), Range(8, 64, 8)}}, 1),
    Case("head_one_token", kHeadAttributes, kPlain,
         {{Fixed(1), Range(256, 1024, 256), Range(100, 300)}}, 2),
    Case("head_batch", kHeadAttributes, kPlain,
         {{Range(2, 20), Range(256, 512, 256), Range(16, 200)}}, 2),
    Case("pruned", kPruned, {{Range(1, 40), Range(1, 600), Range(16, 200)}}, 4),
    Case("pruned_one_token", kPruned, {{Fixed(1), Range(1, 600), Range(16, 200)}}, 3),
    Case("pruned_by_2", kPrunedBy2, {{Range(1, 9), Range(1, 300), Range(16, 90, 2)}}, 3),
    Case("zero_activations", kZeroInput, {{Range(1, 3), Fixed(64), Fixed(48)}}, 1),
};
constexpr kl_op kOp = Operator("matmul", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void*, kl_requirements* requirements,
                kl_error* error) {
  Check check(kOp, node, error);
  check.Type(kX, KL_TYPE_F32);
  check.Rank(kX, 1, KL_MAX_RANK);
  check.Weight(kW);
  check.Type(kBias, KL_TYPE_F32);
  check.Type(kY, KL_TYPE_F32);
  if (!check.ok()) return check.code();
  const kl_tensor* x = node->operands[kX];
  const int64_t depth = RowElements(x);
  check.Shape(kW, {kAnyDimension, depth});
  if (!check.ok()) return check.code();
  const int64_t outputs = node->operands[kW]->shape[0];
  check.Shape(kBias, {outputs});
  int64_t shape[KL_MAX_RANK];
  for (int32_t d = 0; d + 1 < x->rank; ++d) shape[d] = x->shape[d];
  shape[x->rank - 1] = outputs;
  check.Shape(kY, x->rank, shape);
  requirements->worker_scratch_bytes = static_cast<uint64_t>(depth) * sizeof(float);
  return check.code();
}

void Work(const kl_run* run, kl_work* work) {
  const int64_t tokens = RowCount(run->operands[kX]);
  OnePhase(work, tokens == 0 ? 0 : CeilDivide(run->operands[kW]->shape[0], kRowsPerUnit));
}

kl_code Run(const kl_run* run) {
  const kl_tensor* x = run->operands[kX];
  const kl_tensor* w = run->operands[kW];
  const kl_tensor* bias = run->operands[kBias];
  const int64_t tokens = RowCount(x), depth = RowElements(x), outputs = w->shape[0];
  float* row = static_cast<float*>(run->worker_scratch);
  const int64_t end = run->end * kRowsPerUnit < outputs ? run->end * kRowsPerUnit : outputs;
  for (int64_t n = run->begin * kRowsPerUnit; n < end; ++n) {
    DequantizeRow(w->type, RowPointer(w, n), depth, row);
    const double offset = IsAbsent(bias) ? 0.0 : F32Row(bias, 0)[n];
    for (int64_t t = 0; t < tokens; ++t) {
      MutableF32Row(run->operands[kY], t)[n] =
          static_cast<float>(Dot(F32Row(x, t), row, depth) + offset);
    }
  }
  return KL_OK;
}

constexpr kl_kernel kKernel = ReferenceKernel(kOp, "matmul_any_reference", 0, Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, matmul) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
