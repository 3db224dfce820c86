// op "reshape": the same elements under another shape.
//
//   x  any element type  [..]   in
//   y  the same type     [..]   out, as many elements; may alias x (then nothing is copied)
//
// Work:    ceil(bytes / 65536) units.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: exact.
// Source:  ONNX Reshape, Flatten, Squeeze, Unsqueeze, Identity, once shapes are known.
#include "plugins/reference/cases.h"
#include "plugins/reference/reference.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kY };
constexpr uint64_t kBytesPerUnit = 65536;

constexpr kl_operand kOperands[] = {Input("x"), Result("y", kX)};

constexpr kl_case_operand kFlatten[] = {Normal({1, S(1), 8, 8}), Output({S(1), 64})};
constexpr kl_case_operand kScalar[] = {Normal({1, 1}), Output({})};
constexpr kl_case_operand kWhole[] = {Integers({S(1), S(2)}, -9, 9),
                                      Output({S(2), S(1)}, KL_TYPE_I32)};
constexpr kl_op_case kCases[] = {
    Case("flatten", kFlatten, {{Fixed(1), Range(1, 900)}}, 2),
    Case("to_scalar", kScalar),
    Case("whole_numbers", kWhole, {{Fixed(1), Range(1, 40), Range(1, 40)}}, 1),
};
constexpr kl_op kOp = Operator("reshape", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void*, kl_requirements*, kl_error* error) {
  Check check(kOp, node, error);
  if (!check.ok()) return check.code();
  const kl_tensor* x = node->operands[kX];
  const kl_dtype_info info = kl_dtype_info_of(x->type);
  check.RequireOperand(kX, info.name != nullptr && info.block_elements == 1,
                       "a type of single elements");
  check.Type(kY, x->type);
  check.RequireOperand(kY, kl_element_count(x) == kl_element_count(node->operands[kY]),
                       "as many elements as x has");
  return check.code();
}

void Work(const kl_run* run, kl_work* work) {
  if (run->operands[kX]->data == run->operands[kY]->data) return OnePhase(work, 0);
  OnePhase(work, static_cast<int64_t>((kl_tensor_bytes(run->operands[kX]) + kBytesPerUnit - 1) /
                                      kBytesPerUnit));
}

kl_code Run(const kl_run* run) {
  const uint64_t bytes = kl_tensor_bytes(run->operands[kX]);
  const uint64_t begin = static_cast<uint64_t>(run->begin) * kBytesPerUnit;
  uint64_t end = static_cast<uint64_t>(run->end) * kBytesPerUnit;
  if (end > bytes) end = bytes;
  memcpy(static_cast<uint8_t*>(run->operands[kY]->data) + begin,
         static_cast<const uint8_t*>(run->operands[kX]->data) + begin, end - begin);
  return KL_OK;
}

constexpr kl_kernel kKernel = ReferenceKernel(kOp, "reshape_any_reference", 0, Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, reshape) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
