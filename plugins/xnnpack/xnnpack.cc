#include "plugins/xnnpack/xnnpack.h"

namespace kinglet {
namespace xnnpack {
namespace {

const char* StatusText(xnn_status status) {
  switch (status) {
    case xnn_status_success:
      return "success";
    case xnn_status_uninitialized:
      return "the library was not initialised";
    case xnn_status_invalid_parameter:
      return "invalid parameter";
    case xnn_status_invalid_state:
      return "invalid state";
    case xnn_status_unsupported_parameter:
      return "unsupported parameter";
    case xnn_status_unsupported_hardware:
      return "unsupported processor";
    case xnn_status_out_of_memory:
      return "out of memory";
    default:
      return "an unknown status";
  }
}

}  // namespace

kl_code Initialise(const kl_node* node, kl_error* error) {
  return CheckStatus(node, "xnn_initialize", xnn_initialize(nullptr), error);
}

kl_code CheckStatus(const kl_node* node, const char* call, xnn_status status, kl_error* error) {
  if (status == xnn_status_success) return KL_OK;
  kl_code code = KL_INTERNAL;
  if (status == xnn_status_out_of_memory) code = KL_OUT_OF_MEMORY;
  if (status == xnn_status_unsupported_parameter || status == xnn_status_unsupported_hardware) {
    code = KL_UNSUPPORTED;
  }
  return kl_fail(error, code,
                 "%s '%s': %s answered '%s'; disable the plugin xnnpack or pin another kernel",
                 node->op, node->name, call, StatusText(status));
}

kl_code Decline(const kl_node* node, const char* what, kl_error* error) {
  return kl_fail(error, KL_UNSUPPORTED, "%s '%s': XNNPACK takes only %s", node->op, node->name,
                 what);
}

bool IsConstantBias(const kl_tensor* tensor, int64_t length) {
  if (IsAbsent(tensor)) return true;
  return tensor->type == KL_TYPE_F32 && tensor->rank == 1 && tensor->shape[0] == length &&
         IsConstantRows(tensor);
}

bool IsConstantScale(const kl_tensor* scale, const kl_tensor* zero_point) {
  return IsConstantRows(scale) && scale->type == KL_TYPE_F32 && kl_element_count(scale) == 1 &&
         IsConstantRows(zero_point) && kl_element_count(zero_point) == 1;
}

bool SameShape(const kl_tensor* a, const kl_tensor* b) {
  if (a->rank != b->rank) return false;
  for (int32_t d = 0; d < a->rank; ++d) {
    if (a->shape[d] != b->shape[d]) return false;
  }
  return true;
}

void OneUnit(const kl_run* run, kl_work* work) {
  // Nothing to compute when the output, the last operand, is empty.
  work->phase_count = kl_element_count(run->operands[run->operand_count - 1]) == 0 ? 0 : 1;
  work->unit_count[0] = 1;
}

void ReleaseOperator(const kl_host*, void* state) {
  OperatorState* operator_state = static_cast<OperatorState*>(state);
  if (operator_state->op != nullptr) xnn_delete_operator(operator_state->op);
  operator_state->op = nullptr;
}

}  // namespace xnnpack
}  // namespace kinglet
