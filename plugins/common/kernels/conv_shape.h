// What a node of op "conv2d" says, for the kernels that take it.
#ifndef PLUGINS_COMMON_KERNELS_CONV_SHAPE_H_
#define PLUGINS_COMMON_KERNELS_CONV_SHAPE_H_

#include <math.h>

#include "plugins/common/kernels/entry.h"

namespace {

enum { kConvX, kConvW, kConvBias, kConvY, kConvOperands };

struct ConvShape {
  int64_t images, channels, rows, columns;  // of x
  int64_t outputs, out_rows, out_columns;   // of y
  int64_t kernel[2], strides[2], dilations[2];
  int64_t pads[4];  // top, left, bottom, right
  int64_t group;
  float low, high;  // clamp
};

KL_INLINE kl_code RefuseConv(const kl_node* node, const char* what, kl_error* error) {
  return kl_fail(error, KL_UNSUPPORTED, "%s (conv2d): %s", NameOf(node), what);
}

// KL_UNSUPPORTED for what does not fit together: the reference kernel says what is wrong.
KL_INLINE kl_code ReadConv(const kl_node* node, ConvShape* shape, kl_error* error) {
  KL_TRY(ExpectOperands(node, kConvOperands, error));
  const kl_tensor* x = node->operands[kConvX];
  const kl_tensor* w = node->operands[kConvW];
  const kl_tensor* bias = node->operands[kConvBias];
  const kl_tensor* y = node->operands[kConvY];
  if (x->rank != 4 || w->rank != 4 || y->rank != 4) return RefuseConv(node, "rank is not 4", error);
  shape->images = x->shape[0];
  shape->channels = x->shape[1];
  shape->rows = x->shape[2];
  shape->columns = x->shape[3];
  shape->outputs = y->shape[1];
  shape->out_rows = y->shape[2];
  shape->out_columns = y->shape[3];
  shape->group = kl_attribute_int(node, "group", 1);
  shape->low = (float)kl_attribute_float(node, "minimum", -INFINITY);
  shape->high = (float)kl_attribute_float(node, "maximum", INFINITY);
  if (shape->group < 1 ||
      !kl_attribute_ints(node, "strides", 2, 1, INT32_MAX, shape->strides) ||
      !kl_attribute_ints(node, "pads", 4, 0, INT32_MAX, shape->pads) ||
      !kl_attribute_ints(node, "dilations", 2, 1, INT32_MAX, shape->dilations)) {
    return RefuseConv(node, "strides, pads, dilations or group are out of range", error);
  }
  for (int d = 0; d < 4; ++d) {
    if (x->shape[d] < 1 || w->shape[d] < 1) return RefuseConv(node, "an operand is empty", error);
  }
  for (int d = 0; d < 2; ++d) {
    shape->kernel[d] = w->shape[2 + d];
    const int64_t reach = (shape->kernel[d] - 1) * shape->dilations[d] + 1;
    const int64_t padded = x->shape[2 + d] + shape->pads[d] + shape->pads[2 + d];
    if (padded < reach || (padded - reach) / shape->strides[d] + 1 != y->shape[2 + d]) {
      return RefuseConv(node, "y does not have the window's size", error);
    }
  }
  if (y->shape[0] != shape->images || w->shape[0] != shape->outputs ||
      w->shape[1] * shape->group != shape->channels || shape->outputs % shape->group != 0) {
    return RefuseConv(node, "channels do not fit", error);
  }
  if (bias->type != KL_TYPE_NONE &&
      (bias->type != KL_TYPE_F32 || bias->rank != 1 || bias->shape[0] != shape->outputs)) {
    return RefuseConv(node, "the bias is not f32 [outputs]", error);
  }
  if (!(shape->low <= shape->high)) return RefuseConv(node, "minimum is above maximum", error);
  return KL_OK;
}

KL_INLINE const float* ConvBias(const kl_run* run) {
  const kl_tensor* bias = run->operands[kConvBias];
  return bias->type == KL_TYPE_NONE ? nullptr : (const float*)bias->data;
}

// One pixel of x makes one of y: a product of matrices.
KL_INLINE bool IsPointwise(const ConvShape& shape) {
  return shape.kernel[0] == 1 && shape.kernel[1] == 1 && shape.strides[0] == 1 &&
         shape.strides[1] == 1 && shape.group == 1 && shape.pads[0] == 0 && shape.pads[1] == 0 &&
         shape.pads[2] == 0 && shape.pads[3] == 0;
}

constexpr kl_dtype kConvTypes[] = {KL_TYPE_F32, KL_TYPE_F32, KL_TYPE_ANY, KL_TYPE_F32};

// `above` orders kernels that take the same node: no two of this operator may share a priority.
KL_INLINE constexpr kl_kernel ConvKernel(const char* name, int32_t above, uint64_t state_bytes,
                                         decltype(kl_kernel::prepare) prepare,
                                         decltype(kl_kernel::work) work,
                                         decltype(kl_kernel::run) run,
                                         decltype(kl_kernel::supports) supports,
                                         decltype(kl_kernel::pack_query) pack_query = nullptr,
                                         decltype(kl_kernel::pack) pack = nullptr) {
  kl_kernel kernel = SimpleKernel("conv2d", name, kConvTypes, kConvOperands, state_bytes, 1e-5f,
                                  prepare, work, run, supports);
  kernel.priority = kIsaPriority + above;
  kernel.flags |= KL_KERNEL_PLACE_INDEPENDENT;  // sums from the bias on, taps in one order for every pixel
  kernel.pack_query = pack_query;
  kernel.pack = pack;
  return kernel;
}

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_CONV_SHAPE_H_
