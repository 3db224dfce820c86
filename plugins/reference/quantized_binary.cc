#include "plugins/reference/quantized_binary.h"

namespace kinglet {
namespace reference {

kl_code PrepareCodeBinary(const kl_op& op, const kl_node* node, CodeBinary* state,
                          kl_error* error) {
  Check check(op, node, error);
  for (const uint32_t i : {kScaleA, kScaleB, kScaleY}) check.Type(i, KL_TYPE_F32);
  if (!check.ok()) return check.code();
  for (const uint32_t i : {kCodesA, kCodesB, kCodesY})
    check.RequireOperand(i, IsByteType(node->operands[i]->type), "i8 or u8");
  check.Type(kZeroA, node->operands[kCodesA]->type);
  check.Type(kZeroB, node->operands[kCodesB]->type);
  check.Type(kZeroY, node->operands[kCodesY]->type);
  for (const uint32_t i : {kScaleA, kZeroA, kScaleB, kZeroB, kScaleY, kZeroY})
    CheckOneOrCount(node, i, 1, &check);
  int64_t shape[KL_MAX_RANK];
  int32_t rank = 0;
  CheckBroadcast(node, kCodesA, kCodesB, shape, &rank, &check);
  check.Shape(kCodesY, rank, shape);
  state->range = ReadCodeRange(node, node->operands[kCodesY]->type);
  state->fixed_point = kl_attribute_int(node, "fixed_point", 0) != 0;
  return check.code();
}

}  // namespace reference
}  // namespace kinglet
