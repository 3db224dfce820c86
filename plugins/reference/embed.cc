// op "embed": rows of a table.
//
//   y[t] = scale * table[ids[t]]
//
//   ids    i32         [T]      in; 0 <= id < V
//   table  any weight  [V, D]   in
//   y      f32         [T, D]   out
//
// Attributes: scale (float, default 1).
// Work:    T units.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() returns it for an id
//          outside the table.
// Numbers: the row is widened to f32, then multiplied in f32.
// Source:  token embedding; ONNX Gather along axis 0.
#include "plugins/reference/cases.h"
#include "plugins/reference/reference.h"

namespace kinglet {
namespace reference {
namespace {

enum { kIds, kTable, kY };
struct NodeState {
  float scale;
};

constexpr kl_operand kOperands[] = {Input("ids"), Input("table"), Result("y")};

constexpr kl_case_operand kRows[] = {Integers({S(0)}, 0, 50), Weight({50, S(1)}),
                                     Output({S(0), S(1)})};
constexpr kl_attribute kScaled[] = {FloatAttribute("scale", 8.5)};
constexpr kl_op_case kCases[] = {
    Case("one_token", kRows, {{Fixed(1), Range(32, 512, 32)}}, 2),
    Case("batch", kRows, {{Range(2, 20), Range(32, 512, 32)}}, 2),
    Case("odd_length", kRows, {{Range(1, 5), Fixed(172)}}, 1),
    Case("scaled", kScaled, kRows, {{Range(1, 5), Range(32, 256, 32)}}, 1),
};
constexpr kl_op kOp = Operator("embed", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  Check check(kOp, node, error);
  check.Type(kIds, KL_TYPE_I32);
  check.Rank(kIds, 1, 1);
  check.Weight(kTable);
  check.Rank(kTable, 2, 2);
  check.Type(kY, KL_TYPE_F32);
  if (!check.ok()) return check.code();
  check.Shape(kY, {node->operands[kIds]->shape[0], node->operands[kTable]->shape[1]});
  static_cast<NodeState*>(state)->scale =
      static_cast<float>(kl_attribute_float(node, "scale", 1.0));
  return check.code();
}

void Work(const kl_run* run, kl_work* work) { OnePhase(work, run->operands[kIds]->shape[0]); }

kl_code Run(const kl_run* run) {
  const float scale = static_cast<const NodeState*>(run->state)->scale;
  const kl_tensor* table = run->operands[kTable];
  const int32_t* ids = I32Row(run->operands[kIds], 0);
  const int64_t length = RowElements(table);
  for (int64_t t = run->begin; t < run->end; ++t) {
    if (ids[t] < 0 || ids[t] >= table->shape[0]) return KL_INVALID_ARGUMENT;
    float* y = MutableF32Row(run->operands[kY], t);
    DequantizeRow(table->type, RowPointer(table, ids[t]), length, y);
    for (int64_t i = 0; i < length; ++i) y[i] *= scale;
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "embed_any_reference", sizeof(NodeState), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, embed) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
