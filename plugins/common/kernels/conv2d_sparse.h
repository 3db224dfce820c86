// op "conv2d", 1x1 with pruned constant weights: a sparse product over the pixels, NCHW as it is.
//
//   x f32 [N, C, H, W]   w f32 [M, C, 1, 1], packed   bias f32 [M] or absent   y f32 [N, M, H, W]
//
// Refuses weights with so few zeros that the dense product is faster (spmm_cost.h). A zero weight
// is skipped: it does not carry a NaN or an infinity of x over. Work: spmm_product.h, for each
// image.
#ifndef PLUGINS_COMMON_KERNELS_CONV2D_SPARSE_H_
#define PLUGINS_COMMON_KERNELS_CONV2D_SPARSE_H_

#include "plugins/common/kernels/conv_shape.h"
#include "plugins/common/kernels/spmm_cost.h"
#include "plugins/common/kernels/spmm_product.h"
#include "plugins/common/table.h"

namespace {

struct State {
  SpmmProduct product;
  int64_t x_floats, y_floats;  // of an image
};

SpmmSource SourceOf(const kl_tensor* w) {
  return {(const float*)w->data, w->shape[0], w->shape[1], w->shape[1], 1};
}

kl_code Supports(const kl_node* node, kl_error* error) {
  ConvShape shape = {};
  KL_TRY(ReadConv(node, &shape, error));
  if (!IsPointwise(shape)) return RefuseConv(node, "not a plain 1x1 convolution", error);
  const kl_tensor* w = node->operands[kConvW];
  if (w->data == nullptr || w->layout != KL_LAYOUT_ROWS) {
    return RefuseConv(node, "the weights are not known yet", error);
  }
  const SpmmSource source = SourceOf(w);
  if (SparsePays(source, CountSpmm(source), shape.rows * shape.columns)) return KL_OK;
  return RefuseConv(node, "too few zeros for the sparse product", error);
}

kl_code PackQuery(const kl_node* node, uint32_t operand, kl_pack* pack, kl_error*) {
  NothingToPack(pack);
  if (operand == kConvW) QuerySpmmPack(SourceOf(node->operands[kConvW]), pack);
  return KL_OK;
}

kl_code Pack(const kl_node*, uint32_t, const kl_tensor* source, void* destination, int64_t begin,
             int64_t end) {
  if (begin < end) PackSpmm(SourceOf(source), destination);
  return KL_OK;
}

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements* requirements,
                kl_error* error) {
  ConvShape shape = {};
  KL_TRY(ReadConv(node, &shape, error));
  KL_TRY(ExpectSpmm(node, node->operands[kConvW], error));
  State* s = (State*)state;
  const int64_t pixels = shape.rows * shape.columns;
  s->product = ProductOver((const SpmmWeights*)node->operands[kConvW]->data, pixels,
                           /*in_order=*/false, node->thread_count, shape.low, shape.high);
  s->x_floats = shape.channels * pixels;
  s->y_floats = shape.outputs * pixels;
  requirements->worker_scratch_bytes = s->product.worker_scratch_bytes();
  return KL_OK;
}

void Work(const kl_run* run, kl_work* work) {
  const State* s = (const State*)run->state;
  OnePhase(work, run->operands[kConvX]->shape[0] * s->product.unit_count);
}

kl_code Run(const kl_run* run) {
  const State* s = (const State*)run->state;
  const int64_t units = s->product.unit_count;
  for (int64_t unit = run->begin; unit < run->end;) {
    const int64_t image = unit / units, first = unit % units;
    const int64_t last = Minimum(units, first + (run->end - unit));
    RunUnits(s->product, (const float*)run->operands[kConvX]->data + image * s->x_floats,
             ConvBias(run), (float*)run->operands[kConvY]->data + image * s->y_floats, first, last,
             (float*)run->worker_scratch);
    unit += last - first;
  }
  return KL_OK;
}

}  // namespace

// A kernel file, all but its includes.
#define KL_CONV2D_SPARSE(plugin, stem)                                                    \
  namespace {                                                                             \
  constexpr kl_kernel kKernel =                                                           \
      ConvKernel(#stem, 4, sizeof(State), Prepare, Work, Run, Supports, PackQuery, Pack); \
  const kl_kernel* const kKernels[] = {&kKernel};                                         \
  }                                                                                       \
  KL_TABLE(plugin, stem) = {nullptr, kKernels, 1}

#endif  // PLUGINS_COMMON_KERNELS_CONV2D_SPARSE_H_
