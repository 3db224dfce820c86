// op "rms_norm": y = x / sqrt(mean(x^2) + eps) * weight, for runs of d elements.
//
//   x f32 [.., n], n a multiple of d   weight f32 [d]   y f32 like x, may be x
//
// Work: one unit a row. Numbers: the sum of squares in two vectors of f32.
#ifndef PLUGINS_COMMON_KERNELS_RMS_NORM_H_
#define PLUGINS_COMMON_KERNELS_RMS_NORM_H_

#include <math.h>

#include "plugins/common/kernels/entry.h"
#include "plugins/common/kernels/f32x8.h"
#include "plugins/common/table.h"

namespace {

enum { kX = 0, kWeight = 1, kY = 2 };

struct State {
  int64_t length;  // d
  double eps;
};

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  KL_TRY(ExpectOperands(node, 3, error));
  State* self = (State*)state;
  self->length = kl_element_count(node->operands[kWeight]);
  self->eps = kl_attribute_float(node, "eps", -1.0);
  if (!(self->eps >= 0.0)) {
    return kl_fail(error, KL_INVALID_ARGUMENT, "%s (rms_norm): attribute eps should be 0 or more",
                   NameOf(node));
  }
  if (self->length <= 0 || LastOf(node->operands[kX]) % self->length != 0) {
    return kl_fail(error, KL_INVALID_ARGUMENT,
                   "%s (rms_norm): rows of %lld elements are no multiple of the weight's %lld",
                   NameOf(node), (long long)LastOf(node->operands[kX]), (long long)self->length);
  }
  return ExpectSame(node, "elements of y", kl_element_count(node->operands[kX]),
                    kl_element_count(node->operands[kY]), error);
}

void Work(const kl_run* run, kl_work* work) { OnePhase(work, RowsOf(run->operands[kX])); }

void Normalise(const float* x, const float* weight, float* y, int64_t n, double eps) {
  F8 even = Zero8();
  F8 odd = Zero8();
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const F8 a = Load8(x + i);
    const F8 b = Load8(x + i + 8);
    even = MultiplyAdd(a, a, even);
    odd = MultiplyAdd(b, b, odd);
  }
  for (; i < n; i += 8) {
    const F8 a = LoadFirst(x + i, n - i);
    even = MultiplyAdd(a, a, even);
  }
  const double mean = (double)SumAcross(even + odd) / (double)n;
  const double root = sqrt(mean + eps);
  // All zero with eps 0: zero, not 0 / 0.
  const F8 scale = Splat8(root > 0.0 ? (float)(1.0 / root) : 0.0f);
  for (i = 0; i + 8 <= n; i += 8) {
    const F8 v = Load8(x + i) * scale;
    Store8(y + i, v * Load8(weight + i));
  }
  if (i < n) {
    const F8 v = LoadFirst(x + i, n - i) * scale;
    StoreFirst(y + i, n - i, v * LoadFirst(weight + i, n - i));
  }
}

kl_code Run(const kl_run* run) {
  const State* self = (const State*)run->state;
  const int64_t row = LastOf(run->operands[kX]);
  const float* x = (const float*)run->operands[kX]->data;
  const float* weight = (const float*)run->operands[kWeight]->data;
  float* y = (float*)run->operands[kY]->data;
  for (int64_t i = run->begin * row; i < run->end * row; i += self->length) {
    Normalise(x + i, weight, y + i, self->length, self->eps);
  }
  return KL_OK;
}

const kl_dtype kTypes[] = {KL_TYPE_F32, KL_TYPE_F32, KL_TYPE_F32};

}  // namespace

// A kernel file, all but its includes.
#define KL_RMS_NORM(plugin, stem)                                                           \
  namespace {                                                                               \
  const kl_kernel kKernel =                                                                 \
      SimpleKernel("rms_norm", #stem, kTypes, 3, sizeof(State), 1e-5f, Prepare, Work, Run); \
  const kl_kernel* const kKernels[] = {&kKernel};                                           \
  }                                                                                         \
  KL_TABLE(plugin, stem) = {nullptr, kKernels, 1}

#endif  // PLUGINS_COMMON_KERNELS_RMS_NORM_H_
