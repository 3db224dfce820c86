#include "plugins/xnnpack/clamp.h"

namespace kinglet {
namespace xnnpack {

kl_code SupportsClamp(const kl_node* node, kl_error* error) {
  if (SameShape(node->operands[kClampX], node->operands[kClampY])) return KL_OK;
  return Decline(node, "x and y of one shape", error);
}

kl_code PrepareClamp(const kl_node* node, float minimum, float maximum, void* state,
                     kl_error* error) {
  const kl_code code = Initialise(node, error);
  if (code != KL_OK) return code;
  // One channel: the library then sees one run of elements.
  return CheckStatus(node, "xnn_create_clamp_nc_f32",
                     xnn_create_clamp_nc_f32(1, 1, 1, minimum, maximum, /*flags=*/0,
                                             &static_cast<OperatorState*>(state)->op),
                     error);
}

kl_code RunClamp(const kl_run* run) {
  const xnn_operator_t op = static_cast<OperatorState*>(run->state)->op;
  const kl_tensor* x = run->operands[kClampX];
  return RunOperator(xnn_setup_clamp_nc_f32(op, static_cast<size_t>(kl_element_count(x)), Floats(x),
                                            MutableFloats(run->operands[kClampY]),
                                            static_cast<pthreadpool_t>(run->pthreadpool)),
                     op, run);
}

}  // namespace xnnpack
}  // namespace kinglet
