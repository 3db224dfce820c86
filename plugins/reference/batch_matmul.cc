// op "batch_matmul": matrix products of stacks of matrices, the stacks broadcast as in numpy.
//
//   y[..][m][n] = sum over k of a[..][m][k] * b[..][k][n]
//
//   a  f32  [.., M, K]   in; dimensions before the last two meet from the right, agree or are 1
//   b  f32  [.., K, N]   in
//   y  f32  [.., M, N]   out; must not alias an input
//
// Work:    one unit a row of y.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: sums in double in index order, rounded once.
// Source:  ONNX MatMul, numpy.matmul; operands of rank 1 are the loader's to reshape.
#include "plugins/reference/cases.h"
#include "plugins/reference/reference.h"

namespace kinglet {
namespace reference {
namespace {

enum { kA, kB, kY };

constexpr kl_operand kOperands[] = {Input("a"), Input("b"), Result("y")};

// S(1) = M, S(2) = N, S(3) = K.
constexpr kl_case_operand kMatrices[] = {Normal({S(1), S(3)}), Normal({S(3), S(2)}),
                                         Output({S(1), S(2)})};
constexpr kl_case_operand kStacks[] = {Normal({3, S(1), S(3)}), Normal({3, S(3), S(2)}),
                                       Output({3, S(1), S(2)})};
constexpr kl_case_operand kSharedB[] = {Normal({2, 3, S(1), S(3)}), Normal({S(3), S(2)}),
                                        Output({2, 3, S(1), S(2)})};
constexpr kl_case_operand kBoth[] = {Normal({2, 1, S(1), S(3)}), Normal({4, S(3), S(2)}),
                                     Output({2, 4, S(1), S(2)})};
constexpr kl_op_case kCases[] = {
    Case("one_matrix", kMatrices, {{Fixed(1), Range(1, 30), Range(1, 30), Range(1, 90)}}, 2),
    Case("one_row", kMatrices, {{Fixed(1), Fixed(1), Range(1, 90), Range(1, 90)}}, 1),
    Case("stacks", kStacks, {{Fixed(1), Range(1, 20), Range(1, 20), Range(1, 40)}}, 1),
    Case("shared_b", kSharedB, {{Fixed(1), Range(1, 20), Range(1, 20), Range(1, 40)}}, 1),
    Case("both_broadcast", kBoth, {{Fixed(1), Range(1, 20), Range(1, 20), Range(1, 40)}}, 1),
};
constexpr kl_op kOp = Operator("batch_matmul", kOperands, kCases);

// Size of dimension `d` of y's stack in `tensor`, 1 where it has none.
int64_t StackDimension(const kl_tensor* tensor, int32_t rank, int32_t d) {
  const int32_t own = d - (rank - tensor->rank);
  return own < 0 ? 1 : tensor->shape[own];
}

// First element of the matrix of `tensor` that belongs to matrix `index` of y.
const float* MatrixOf(const kl_tensor* tensor, const kl_tensor* y, int64_t index) {
  int64_t stride = tensor->shape[tensor->rank - 1] * tensor->shape[tensor->rank - 2];
  int64_t offset = 0;
  for (int32_t d = y->rank - 3; d >= 0; --d) {
    const int64_t size = StackDimension(tensor, y->rank, d);
    offset += (size == 1 ? 0 : index % y->shape[d]) * stride;
    index /= y->shape[d];
    stride *= size;
  }
  return static_cast<const float*>(tensor->data) + offset;
}

kl_code Prepare(const kl_host*, const kl_node* node, void*, kl_requirements*, kl_error* error) {
  Check check(kOp, node, error);
  for (const uint32_t index : {kA, kB, kY}) check.Type(index, KL_TYPE_F32);
  check.Rank(kA, 2, KL_MAX_RANK);
  check.Rank(kB, 2, KL_MAX_RANK);
  if (!check.ok()) return check.code();
  const kl_tensor* a = node->operands[kA];
  const kl_tensor* b = node->operands[kB];
  const int32_t rank = a->rank > b->rank ? a->rank : b->rank;
  int64_t shape[KL_MAX_RANK];
  for (int32_t d = 0; d + 2 < rank; ++d) {
    const int64_t from_a = StackDimension(a, rank, d), from_b = StackDimension(b, rank, d);
    check.RequireOperand(kB, from_a == from_b || from_a == 1 || from_b == 1,
                         "leading dimensions that agree with those of a, or are 1");
    shape[d] = from_a == 1 ? from_b : from_a;
  }
  check.RequireOperand(kB, b->shape[b->rank - 2] == RowElements(a),
                       "as many rows as a has columns");
  shape[rank - 2] = a->shape[a->rank - 2];
  shape[rank - 1] = RowElements(b);
  check.Shape(kY, rank, shape);
  return check.code();
}

void Work(const kl_run* run, kl_work* work) { OnePhase(work, RowCount(run->operands[kY])); }

kl_code Run(const kl_run* run) {
  const kl_tensor* y = run->operands[kY];
  const int64_t rows = y->shape[y->rank - 2], columns = RowElements(y);
  const int64_t depth = RowElements(run->operands[kA]);
  for (int64_t unit = run->begin; unit < run->end; ++unit) {
    const float* a = MatrixOf(run->operands[kA], y, unit / rows) + unit % rows * depth;
    const float* b = MatrixOf(run->operands[kB], y, unit / rows);
    float* out = MutableF32Row(y, unit);
    for (int64_t n = 0; n < columns; ++n) {
      double sum = 0.0;
      for (int64_t k = 0; k < depth; ++k)
        sum += static_cast<double>(a[k]) * static_cast<double>(b[k * columns + n]);
      out[n] = static_cast<float>(sum);
    }
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "batch_matmul_f32_reference", 0, Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, batch_matmul) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1,
                                     nullptr};
