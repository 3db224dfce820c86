// op "matmul_quantized" with a constant matrix b and constant scales: XNNPACK's 8-bit products.
//
// The contract is that of plugins/reference/matmul_quantized.cc. i8 (b around 0, a scale for each
// column) is a convolution of single pixels, u8 (one scale) a fully connected layer. The library
// requantises in float, ties to even: within one code. a is copied to scratch, which has the room
// that the library may read behind it.
#include <cstring>
#include <initializer_list>

#include "plugins/xnnpack/layout.h"
#include "plugins/xnnpack/xnnpack.h"

namespace kinglet {
namespace xnnpack {
namespace {

enum { kA, kAScale, kAZero, kB, kBScale, kBZero, kYScale, kYZero, kY, kOperandCount };
constexpr kl_dtype kSigned[kOperandCount] = {KL_TYPE_I8,  KL_TYPE_F32, KL_TYPE_I8,
                                             KL_TYPE_I8,  KL_TYPE_F32, KL_TYPE_I8,
                                             KL_TYPE_F32, KL_TYPE_I8,  KL_TYPE_I8};
constexpr kl_dtype kUnsigned[kOperandCount] = {KL_TYPE_U8,  KL_TYPE_F32, KL_TYPE_U8,
                                               KL_TYPE_U8,  KL_TYPE_F32, KL_TYPE_U8,
                                               KL_TYPE_F32, KL_TYPE_U8,  KL_TYPE_U8};

kl_code Supports(const kl_node* node, kl_error* error) {
  const kl_tensor* a = node->operands[kA];
  const kl_tensor* b = node->operands[kB];
  const kl_tensor* b_scale = node->operands[kBScale];
  const kl_tensor* b_zero = node->operands[kBZero];
  if (!IsConstantRows(b) || b->rank != 2 || a->rank < 2 || b->shape[0] < 1 || b->shape[1] < 1 ||
      b->shape[0] != RowElements(a) || RowElements(node->operands[kY]) != b->shape[1] ||
      RowCount(node->operands[kY]) != RowCount(a)) {
    return Decline(node, "a constant matrix b that fits a", error);
  }
  if (!IsConstantScale(node->operands[kAScale], node->operands[kAZero]) ||
      !IsConstantScale(node->operands[kYScale], node->operands[kYZero]) ||
      !IsConstantRows(b_scale) || !IsConstantRows(b_zero)) {
    return Decline(node, "constant scales and zero points, one for a and for y", error);
  }
  for (int64_t i = 0; b->type == KL_TYPE_I8 && i < kl_element_count(b_zero); ++i) {
    if (CodeAt(b_zero, i) != 0) return Decline(node, "i8 codes of b around 0", error);
  }
  const int64_t scales = kl_element_count(b_scale);
  if (b->type == KL_TYPE_U8 && (scales != 1 || kl_element_count(b_zero) != 1))
    return Decline(node, "one scale and zero point for u8 codes of b", error);
  if (scales != 1 && scales != b->shape[1]) return Decline(node, "a scale a column", error);
  const float factor = Floats(node->operands[kAScale])[0] / Floats(node->operands[kYScale])[0];
  for (int64_t i = 0; i < scales; ++i) {
    const float product = factor * Floats(b_scale)[i];
    if (!(product >= 0x1.0p-31f && product < 255.0f))
      return Decline(node, "scales whose product over y's lies in [2^-31, 255)", error);
  }
  return KL_OK;
}

// The operator for codes of b column by column, [N, K].
xnn_status Create(const kl_node* node, const int8_t* transposed, const float* scales,
                  xnn_operator_t* op) {
  const size_t depth = static_cast<size_t>(node->operands[kB]->shape[0]);
  const size_t columns = static_cast<size_t>(node->operands[kB]->shape[1]);
  return xnn_create_convolution2d_nhwc_qc8(
      0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, depth, columns, depth, columns,
      Codes<int8_t>(node->operands[kAZero])[0], Floats(node->operands[kAScale])[0], scales,
      transposed, /*bias=*/nullptr, Codes<int8_t>(node->operands[kYZero])[0],
      Floats(node->operands[kYScale])[0], -128, 127, /*flags=*/0, op);
}
xnn_status Create(const kl_node* node, const uint8_t* transposed, const float* scales,
                  xnn_operator_t* op) {
  const size_t depth = static_cast<size_t>(node->operands[kB]->shape[0]);
  const size_t columns = static_cast<size_t>(node->operands[kB]->shape[1]);
  return xnn_create_fully_connected_nc_qu8(
      depth, columns, depth, columns, Codes<uint8_t>(node->operands[kAZero])[0],
      Floats(node->operands[kAScale])[0], Codes<uint8_t>(node->operands[kBZero])[0], scales[0],
      transposed, /*bias=*/nullptr, Codes<uint8_t>(node->operands[kYZero])[0],
      Floats(node->operands[kYScale])[0], 0, 255, /*flags=*/0, op);
}

xnn_status SetUp(xnn_operator_t op, int64_t rows, const int8_t* a, int8_t* y, pthreadpool_t pool) {
  return xnn_setup_convolution2d_nhwc_qc8(op, 1, static_cast<size_t>(rows), 1, a, y, pool);
}
xnn_status SetUp(xnn_operator_t op, int64_t rows, const uint8_t* a, uint8_t* y,
                 pthreadpool_t pool) {
  return xnn_setup_fully_connected_nc_qu8(op, static_cast<size_t>(rows), a, y, pool);
}

template <typename Code>
kl_code Prepare(const kl_host* host, const kl_node* node, void* state,
                kl_requirements* requirements, kl_error* error) {
  kl_code code = Supports(node, error);
  if (code == KL_OK) code = Initialise(node, error);
  if (code != KL_OK) return code;
  const kl_tensor* b = node->operands[kB];
  const kl_tensor* b_scale = node->operands[kBScale];
  requirements->scratch_bytes = PaddedBytes(kl_tensor_bytes(node->operands[kA]));
  // b column by column, and a scale for each, until the library has packed them.
  const uint64_t scale_offset = (kl_tensor_bytes(b) + 63) / 64 * 64;
  const uint64_t bytes = scale_offset + static_cast<uint64_t>(b->shape[1]) * sizeof(float);
  Code* transposed = static_cast<Code*>(host->allocate(host, bytes, 64));
  if (transposed == nullptr) {
    return kl_fail(error, KL_OUT_OF_MEMORY, "matmul_quantized '%s': %llu bytes for its weights",
                   node->name, static_cast<unsigned long long>(bytes));
  }
  float* scales = reinterpret_cast<float*>(reinterpret_cast<char*>(transposed) + scale_offset);
  for (int64_t n = 0; n < b->shape[1]; ++n)
    scales[n] = Floats(b_scale)[kl_element_count(b_scale) == 1 ? 0 : n];
  CodesLast(/*pool=*/nullptr, 1, b->shape[0], b->shape[1], b->data, transposed);
  OperatorState* operator_state = static_cast<OperatorState*>(state);
  const xnn_status status =
      Create(node, static_cast<const Code*>(transposed), scales, &operator_state->op);
  host->release(host, transposed);
  code = CheckStatus(node, "xnn_create_*_q*8", status, error);
  if (code != KL_OK) return code;
  Code* unread = static_cast<Code*>(state);
  return CheckStatus(
      node, "xnn_setup_*_q*8",
      SetUp(operator_state->op, RowCount(node->operands[kA]), unread, unread, nullptr), error);
}

template <typename Code>
kl_code Run(const kl_run* run) {
  const xnn_operator_t op = static_cast<OperatorState*>(run->state)->op;
  const kl_tensor* a = run->operands[kA];
  Code* copy = static_cast<Code*>(run->scratch);
  std::memcpy(copy, a->data, kl_tensor_bytes(a));
  return RunOperator(SetUp(op, RowCount(a), copy, static_cast<Code*>(run->operands[kY]->data),
                           static_cast<pthreadpool_t>(run->pthreadpool)),
                     op, run);
}

constexpr kl_kernel kSignedKernel =
    XnnpackKernel("matmul_quantized", "matmul_i8_xnnpack", kSigned, 0, sizeof(OperatorState),
                  kOneCode, Supports, Prepare<int8_t>, Run<int8_t>);
constexpr kl_kernel kUnsignedKernel =
    XnnpackKernel("matmul_quantized", "matmul_u8_xnnpack", kUnsigned, 0, sizeof(OperatorState),
                  kOneCode, Supports, Prepare<uint8_t>, Run<uint8_t>);
constexpr const kl_kernel* kKernels[] = {&kSignedKernel, &kUnsignedKernel};

}  // namespace
}  // namespace xnnpack
}  // namespace kinglet

KL_TABLE(xnnpack, matmul_quantized) = {nullptr, kinglet::xnnpack::kKernels, 2};
