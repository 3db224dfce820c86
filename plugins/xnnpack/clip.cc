// op "clip": XNNPACK's clamp. The contract is that of plugins/reference/clip.cc.
#include "plugins/xnnpack/clamp.h"

namespace kinglet {
namespace xnnpack {
namespace {

float Bound(const kl_node* node, const char* name, double otherwise) {
  return static_cast<float>(kl_attribute_float(node, name, otherwise));
}

kl_code Supports(const kl_node* node, kl_error* error) {
  // ONNX: where minimum > maximum every element becomes maximum; the library refuses such bounds.
  if (!(Bound(node, "minimum", -INFINITY) < Bound(node, "maximum", INFINITY))) {
    return Decline(node, "a minimum below the maximum", error);
  }
  return SupportsClamp(node, error);
}

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  const kl_code code = Supports(node, error);
  if (code != KL_OK) return code;
  return PrepareClamp(node, Bound(node, "minimum", -INFINITY), Bound(node, "maximum", INFINITY),
                      state, error);
}

constexpr kl_kernel kKernel =
    XnnpackKernel("clip", "clip_f32_xnnpack", kClampTypes, KL_CPU_AVX2, sizeof(OperatorState), 0.0f,
                  Supports, Prepare, RunClamp);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace xnnpack
}  // namespace kinglet

KL_TABLE(xnnpack, clip) = {nullptr, kinglet::xnnpack::kKernels, 1};
