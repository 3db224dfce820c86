// op "softmax_quantized" with constant scales: XNNPACK's softmax of u8 codes; i8 codes go through
// u8.
//
// The contract is that of plugins/reference/softmax_quantized.cc. x is copied to scratch, which has
// the room that the library may read behind it.
#include "plugins/xnnpack/layout.h"
#include "plugins/xnnpack/xnnpack.h"

namespace kinglet {
namespace xnnpack {
namespace {

enum { kX, kXScale, kYScale, kYZero, kY, kOperandCount };
constexpr kl_dtype kSigned[kOperandCount] = {KL_TYPE_I8, KL_TYPE_F32, KL_TYPE_F32, KL_TYPE_I8,
                                             KL_TYPE_I8};
constexpr kl_dtype kUnsigned[kOperandCount] = {KL_TYPE_U8, KL_TYPE_F32, KL_TYPE_F32, KL_TYPE_U8,
                                               KL_TYPE_U8};

float InputScale(const kl_node* node) {
  return Floats(node->operands[kXScale])[0] *
         static_cast<float>(kl_attribute_float(node, "beta", 1.0));
}

kl_code Supports(const kl_node* node, kl_error* error) {
  const kl_tensor* x = node->operands[kX];
  const kl_tensor* x_scale = node->operands[kXScale];
  if (!IsConstantRows(x_scale) || kl_element_count(x_scale) != 1 ||
      !IsConstantScale(node->operands[kYScale], node->operands[kYZero])) {
    return Decline(node, "constant scales and zero points", error);
  }
  const int32_t lowest = x->type == KL_TYPE_I8 ? -128 : 0;
  if (Floats(node->operands[kYScale])[0] != 0x1.0p-8f ||
      CodeAt(node->operands[kYZero], 0) != lowest) {
    return Decline(node, "results in 256ths, from the lowest code", error);
  }
  if (!(InputScale(node) > 0.0f && InputScale(node) < 1e4f))
    return Decline(node, "scales of x between 0 and 10^4", error);
  if (x->rank < 1 || RowElements(x) < 1 || RowElements(x) >= int64_t{1} << 16 ||
      !SameShape(x, node->operands[kY]))
    return Decline(node, "x and y of one shape, rows of 1 to 65535 codes", error);
  return KL_OK;
}

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements* requirements,
                kl_error* error) {
  kl_code code = Supports(node, error);
  if (code == KL_OK) code = Initialise(node, error);
  if (code != KL_OK) return code;
  const kl_tensor* x = node->operands[kX];
  const size_t length = static_cast<size_t>(RowElements(x));
  requirements->scratch_bytes = 2 * PaddedBytes(kl_tensor_bytes(x));
  return CheckStatus(
      node, "xnn_create_softmax_nc_qu8",
      xnn_create_softmax_nc_qu8(length, length, length, InputScale(node), 0, 0x1.0p-8f,
                                /*flags=*/0, &static_cast<OperatorState*>(state)->op),
      error);
}

kl_code Run(const kl_run* run) {
  const xnn_operator_t op = static_cast<OperatorState*>(run->state)->op;
  const pthreadpool_t pool = static_cast<pthreadpool_t>(run->pthreadpool);
  const kl_tensor* x = run->operands[kX];
  const uint8_t flip = x->type == KL_TYPE_I8 ? kFlipSign : kKeepSign;
  uint8_t* input = static_cast<uint8_t*>(run->scratch);
  uint8_t* output = input + PaddedBytes(kl_tensor_bytes(x));
  const int64_t count = kl_element_count(x);
  CodesLast(pool, 1, 1, count, x->data, input, flip);
  const kl_code code = RunOperator(
      xnn_setup_softmax_nc_qu8(op, static_cast<size_t>(RowCount(x)), input, output, pool), op, run);
  if (code != KL_OK) return code;
  CodesLast(pool, 1, 1, count, output, run->operands[kY]->data, flip);
  return KL_OK;
}

constexpr kl_kernel kSignedKernel =
    XnnpackKernel("softmax_quantized", "softmax_i8_xnnpack", kSigned, 0, sizeof(OperatorState),
                  kOneCode, Supports, Prepare, Run);
constexpr kl_kernel kUnsignedKernel =
    XnnpackKernel("softmax_quantized", "softmax_u8_xnnpack", kUnsigned, 0, sizeof(OperatorState),
                  kOneCode, Supports, Prepare, Run);
constexpr const kl_kernel* kKernels[] = {&kSignedKernel, &kUnsignedKernel};

}  // namespace
}  // namespace xnnpack
}  // namespace kinglet

KL_TABLE(xnnpack, softmax_quantized) = {nullptr, kinglet::xnnpack::kKernels, 2};
