// op "gemm": general matrix product.
//
//   y[m][n] = alpha * sum over k of A[m][k] * B[k][n]  +  beta * C[m][n]
//
//   a  f32  [M, K]; with transpose_a = 1: [K, M]     in
//   b  f32  [K, N]; with transpose_b = 1: [N, K]     in
//   c  f32  [], [N], [1, N], [M, 1], [M, N] ..       in, optional; broadcast to [M, N]
//   y  f32  [M, N]                                   out; must not alias an input
//
// Attributes: transpose_a, transpose_b (int, default 0), alpha, beta (float, default 1).
// Work:    ceil(M * N / 64) units of 64 outputs.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: sums in double in index order, rounded once.
// Source:  ONNX Gemm.
#include "plugins/reference/cases.h"
#include "plugins/reference/reference.h"

namespace kinglet {
namespace reference {
namespace {

enum { kA, kB, kC, kY };
constexpr int64_t kOutputsPerUnit = 64;
struct NodeState {
  bool transpose_a;
  bool transpose_b;
  double alpha;
  double beta;
};

constexpr kl_operand kOperands[] = {Input("a"), Input("b"), OptionalInput("c"), Result("y")};

// S(1) = M, S(2) = N, S(3) = K.
constexpr kl_attribute kTransposeB[] = {IntAttribute("transpose_b", 1)};
constexpr kl_attribute kTransposeA[] = {IntAttribute("transpose_a", 1)};
constexpr kl_attribute kScaled[] = {FloatAttribute("alpha", 0.5), FloatAttribute("beta", -2.0),
                                    IntAttribute("transpose_a", 1), IntAttribute("transpose_b", 1)};
constexpr kl_case_operand kPlain[] = {Normal({S(1), S(3)}), Normal({S(3), S(2)}), Absent(),
                                      Output({S(1), S(2)})};
constexpr kl_case_operand kRow[] = {Normal({S(1), S(3)}), Normal({S(2), S(3)}), Normal({S(2)}),
                                    Output({S(1), S(2)})};
constexpr kl_case_operand kColumn[] = {Normal({S(3), S(1)}), Normal({S(3), S(2)}),
                                       Normal({S(1), 1}), Output({S(1), S(2)})};
constexpr kl_case_operand kFull[] = {Normal({S(3), S(1)}), Normal({S(2), S(3)}),
                                     Normal({S(1), S(2)}), Output({S(1), S(2)})};
constexpr kl_case_operand kScalar[] = {Normal({S(1), S(3)}), Normal({S(3), S(2)}), Normal({}),
                                       Output({S(1), S(2)})};
constexpr kl_case_operand kPruned[] = {Normal({S(1), S(3)}), Sparse({S(2), S(3)}, 0.9),
                                       Normal({S(2)}), Output({S(1), S(2)})};
constexpr kl_case_operand kPrunedBy4[] = {Normal({S(1), S(3)}), Sparse({S(2), S(3)}, 0.8, 4),
                                          Absent(), Output({S(1), S(2)})};
constexpr kl_case_operand kPrunedColumns[] = {Normal({S(1), S(3)}), Sparse({S(3), S(2)}, 0.8),
                                              Normal({1, S(2)}), Output({S(1), S(2)})};
constexpr kl_op_case kCases[] = {
    Case("pruned", kTransposeB, kPruned, {{Fixed(1), Range(1, 40), Range(8, 150), Range(1, 600)}},
         4),
    Case("pruned_one_row", kTransposeB, kPruned,
         {{Fixed(1), Fixed(1), Range(8, 150), Range(1, 600)}}, 3),
    Case("pruned_by_4", kTransposeB, kPrunedBy4,
         {{Fixed(1), Range(1, 20), Range(8, 150, 4), Range(1, 300)}}, 3),
    Case("pruned_columns", kPrunedColumns, {{Fixed(1), Range(1, 20), Range(8, 90), Range(1, 300)}},
         3),
    Case("plain", kPlain, {{Fixed(1), Range(1, 30), Range(1, 30), Range(1, 90)}}, 2),
    Case("dense_layer", kTransposeB, kRow, {{Fixed(1), Fixed(1), Range(1, 100), Range(1, 300)}}, 2),
    Case("dense_layer_batch", kTransposeB, kRow,
         {{Fixed(1), Range(2, 9), Range(1, 100), Range(1, 300)}}, 1),
    Case("transpose_a_column_c", kTransposeA, kColumn,
         {{Fixed(1), Range(1, 30), Range(1, 30), Range(1, 90)}}, 1),
    Case("scaled_full_c", kScaled, kFull, {{Fixed(1), Range(1, 30), Range(1, 30), Range(1, 90)}},
         1),
    Case("scalar_c", kScalar, {{Fixed(1), Range(1, 9), Range(1, 9), Range(1, 9)}}, 1),
};
constexpr kl_op kOp = Operator("gemm", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  Check check(kOp, node, error);
  for (const uint32_t index : {kA, kB, kC, kY}) check.Type(index, KL_TYPE_F32);
  check.Rank(kA, 2, 2);
  check.Rank(kB, 2, 2);
  check.Rank(kC, 0, 2);
  if (!check.ok()) return check.code();
  NodeState* s = static_cast<NodeState*>(state);
  s->transpose_a = kl_attribute_int(node, "transpose_a", 0) != 0;
  s->transpose_b = kl_attribute_int(node, "transpose_b", 0) != 0;
  s->alpha = kl_attribute_float(node, "alpha", 1.0);
  s->beta = kl_attribute_float(node, "beta", 1.0);
  const kl_tensor* a = node->operands[kA];
  const kl_tensor* b = node->operands[kB];
  const kl_tensor* c = node->operands[kC];
  const int64_t rows = a->shape[s->transpose_a ? 1 : 0], depth = a->shape[s->transpose_a ? 0 : 1];
  const int64_t columns = b->shape[s->transpose_b ? 0 : 1];
  if (s->transpose_b) {
    check.Shape(kB, {columns, depth});
  } else {
    check.Shape(kB, {depth, columns});
  }
  if (!IsAbsent(c)) {
    const int64_t c_columns = RowElements(c), c_rows = c->rank == 2 ? c->shape[0] : 1;
    check.RequireOperand(
        kC, (c_columns == 1 || c_columns == columns) && (c_rows == 1 || c_rows == rows),
        "a shape that broadcasts to that of y");
  }
  check.Shape(kY, {rows, columns});
  return check.code();
}

void Work(const kl_run* run, kl_work* work) {
  OnePhase(work, CeilDivide(kl_element_count(run->operands[kY]), kOutputsPerUnit));
}

kl_code Run(const kl_run* run) {
  const NodeState* s = static_cast<const NodeState*>(run->state);
  const kl_tensor* y = run->operands[kY];
  const kl_tensor* c = run->operands[kC];
  const int64_t rows = y->shape[0], columns = y->shape[1];
  const int64_t depth = run->operands[kA]->shape[s->transpose_a ? 0 : 1];
  const float* a = F32Row(run->operands[kA], 0);
  const float* b = F32Row(run->operands[kB], 0);
  float* out = MutableF32Row(y, 0);
  const int64_t count = rows * columns;
  const int64_t end = run->end * kOutputsPerUnit < count ? run->end * kOutputsPerUnit : count;
  for (int64_t i = run->begin * kOutputsPerUnit; i < end; ++i) {
    const int64_t m = i / columns, n = i % columns;
    double sum = 0.0;
    for (int64_t k = 0; k < depth; ++k) {
      const float left = s->transpose_a ? a[k * rows + m] : a[m * depth + k];
      const float right = s->transpose_b ? b[n * depth + k] : b[k * columns + n];
      sum += static_cast<double>(left) * static_cast<double>(right);
    }
    sum *= s->alpha;
    if (!IsAbsent(c)) {
      const int64_t c_row = c->rank == 2 && c->shape[0] > 1 ? m : 0;
      const int64_t c_column = RowElements(c) > 1 ? n : 0;
      sum += s->beta * F32Row(c, c_row)[c_column];
    }
    out[i] = static_cast<float>(sum);
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "gemm_f32_reference", sizeof(NodeState), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, gemm) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
