// op "where": y = condition ? a : b, elementwise, with numpy broadcasting of all three.
//
//   condition  bool      [..]   in
//   a, b       any type  [..]   in, of one type; dimensions meet from the right and agree or are 1
//   y          the same  [..]   out; must not alias an input
//
// Work:    one unit a row of y.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: exact.
// Source:  ONNX Where.
#include "plugins/reference/binary.h"

namespace kinglet {
namespace reference {
namespace {

enum { kCondition, kA, kB, kY };

constexpr kl_operand kOperands[] = {Input("condition"), Input("a"), Input("b"), Result("y")};
constexpr kl_case_operand kBroadcast[] = {Fill(KL_TYPE_BOOL, {S(1), 1, 7}, KL_FILL_INTEGERS, 0, 2),
                                          Normal({S(2), 1}), Normal({}), Output({S(1), S(2), 7})};
constexpr kl_case_operand kWhole[] = {Fill(KL_TYPE_BOOL, {7}, KL_FILL_INTEGERS, 0, 2),
                                      Integers({S(1), 7}, -9, 9), Integers({7}, -9, 9),
                                      Output({S(1), 7}, KL_TYPE_I32)};
constexpr kl_op_case kCases[] = {
    Case("broadcast", kBroadcast, {{Fixed(1), Range(1, 9), Range(1, 9)}}, 2),
    Case("whole_numbers", kWhole, {{Fixed(1), Range(1, 9)}}, 1),
};
constexpr kl_op kOp = Operator("where", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void*, kl_requirements*, kl_error* error) {
  Check check(kOp, node, error);
  if (!check.ok()) return check.code();
  const kl_dtype type = node->operands[kA]->type;
  check.Type(kCondition, KL_TYPE_BOOL);
  check.RequireOperand(kA, IsElementType(type), "a type of single elements");
  check.Type(kB, type);
  check.Type(kY, type);
  // The broadcast of a and b, then of that and the condition.
  kl_tensor both = {};
  CheckBroadcast(node, kA, kB, both.shape, &both.rank, &check);
  const kl_tensor* pair[] = {node->operands[kCondition], &both};
  kl_node view = *node;
  view.operands = pair;
  int64_t shape[KL_MAX_RANK];
  int32_t rank = 0;
  CheckBroadcast(&view, 0, 1, shape, &rank, &check);
  check.Shape(kY, rank, shape);
  return check.code();
}

void Work(const kl_run* run, kl_work* work) {
  const kl_tensor* y = run->operands[kY];
  OnePhase(work, kl_element_count(y) == 0 ? 0 : RowCount(y));
}

kl_code Run(const kl_run* run) {
  const kl_tensor* y = run->operands[kY];
  const kl_tensor* condition = run->operands[kCondition];
  const int64_t length = RowElements(y);
  const uint32_t size = kl_dtype_info_of(y->type).block_bytes;
  for (int64_t r = run->begin; r < run->end; ++r) {
    int64_t step[3], offset[3];
    for (int i = 0; i < 3; ++i) offset[i] = BroadcastOffset(run->operands[i], y, r, &step[i]);
    const uint8_t* flags = static_cast<const uint8_t*>(condition->data) + offset[kCondition];
    for (int64_t i = 0; i < length; ++i) {
      const int from = flags[i * step[kCondition]] != 0 ? kA : kB;
      CopyElement(run->operands[from], offset[from] + i * step[from], y, r * length + i, size);
    }
  }
  return KL_OK;
}

constexpr kl_kernel kKernel = ReferenceKernel(kOp, "where_any_reference", 0, Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, where) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
