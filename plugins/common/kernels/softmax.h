// op "softmax" along the last axis: y = exp(x - max) / sum of exp(x - max).
//
//   x f32 [.., n]   y f32 like x, may be x   attribute axis: the last; others are refused
//
// Work: one unit a row.
#ifndef PLUGINS_COMMON_KERNELS_SOFTMAX_H_
#define PLUGINS_COMMON_KERNELS_SOFTMAX_H_

#include "plugins/common/kernels/activation_functions.h"
#include "plugins/common/kernels/entry.h"
#include "plugins/common/table.h"

namespace {

enum { kX = 0, kY = 1 };

kl_code Supports(const kl_node* node, kl_error* error) {
  const int64_t axis = kl_attribute_int(node, "axis", -1);
  if (axis == -1 || axis == node->operands[kX]->rank - 1) return KL_OK;
  return kl_fail(error, KL_UNSUPPORTED, "%s (softmax): axis %lld is not the last", NameOf(node),
                 (long long)axis);
}

kl_code Prepare(const kl_host*, const kl_node* node, void*, kl_requirements*, kl_error* error) {
  KL_TRY(ExpectOperands(node, 2, error));
  KL_TRY(ExpectSame(node, "length of y's rows", LastOf(node->operands[kX]),
                    LastOf(node->operands[kY]), error));
  return ExpectSame(node, "rows of y", RowsOf(node->operands[kX]), RowsOf(node->operands[kY]),
                    error);
}

void Work(const kl_run* run, kl_work* work) {
  OnePhase(work, LastOf(run->operands[kX]) == 0 ? 0 : RowsOf(run->operands[kX]));
}

void Normalise(const float* x, float* y, int64_t n) {
  const F8 lowest = Splat8(-__builtin_inff());
  F8 largest = lowest;
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) largest = Maximum(largest, Load8(x + i));
  if (i < n) {
    const F8 mask = FirstLanes8(n - i);
    largest = Maximum(largest, Select(mask, LoadFirst(x + i, n - i), lowest));
  }
  const F8 maximum = Splat8(MaximumAcross(largest));
  F8 total = Zero8();
  for (i = 0; i + 8 <= n; i += 8) {
    const F8 e = Exp(Load8(x + i) - maximum);
    total = total + e;
    Store8(y + i, e);
  }
  if (i < n) {
    const F8 mask = FirstLanes8(n - i);
    const F8 e = Keep(mask, Exp(LoadFirst(x + i, n - i) - maximum));
    total = total + e;
    StoreFirst(y + i, n - i, e);
  }
  const F8 scale = Splat8(1.0f / SumAcross(total));
  for (i = 0; i + 8 <= n; i += 8) {
    Store8(y + i, Load8(y + i) * scale);
  }
  if (i < n) StoreFirst(y + i, n - i, LoadFirst(y + i, n - i) * scale);
}

kl_code Run(const kl_run* run) {
  const int64_t n = LastOf(run->operands[kX]);
  const float* x = (const float*)run->operands[kX]->data;
  float* y = (float*)run->operands[kY]->data;
  for (int64_t row = run->begin; row < run->end; ++row) Normalise(x + row * n, y + row * n, n);
  return KL_OK;
}

const kl_dtype kTypes[] = {KL_TYPE_F32, KL_TYPE_F32};

}  // namespace

// A kernel file, all but its includes.
#define KL_SOFTMAX(plugin, stem)                                                         \
  namespace {                                                                            \
  const kl_kernel kKernel =                                                              \
      SimpleKernel("softmax", #stem, kTypes, 2, 0, 1e-5f, Prepare, Work, Run, Supports); \
  const kl_kernel* const kKernels[] = {&kKernel};                                        \
  }                                                                                      \
  KL_TABLE(plugin, stem) = {nullptr, kKernels, 1}

#endif  // PLUGINS_COMMON_KERNELS_SOFTMAX_H_
