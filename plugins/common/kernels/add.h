// op "add" of equal shapes: y = a + b. Broadcasting is refused: the next kernel does it.
//
//   a, b f32   y f32, may be a or b
//
// Work: units of 4,096 elements.
#ifndef PLUGINS_COMMON_KERNELS_ADD_H_
#define PLUGINS_COMMON_KERNELS_ADD_H_

#include "plugins/common/kernels/entry.h"
#include "plugins/common/kernels/f32x8.h"
#include "plugins/common/table.h"

namespace {

enum { kA = 0, kB = 1, kY = 2 };
constexpr int64_t kElementsPerUnit = 4096;

bool SameShape(const kl_tensor* a, const kl_tensor* b) {
  if (a->rank != b->rank) return false;
  for (int32_t d = 0; d < a->rank; ++d) {
    if (a->shape[d] != b->shape[d]) return false;
  }
  return true;
}

kl_code Supports(const kl_node* node, kl_error* error) {
  if (SameShape(node->operands[kA], node->operands[kB])) return KL_OK;
  return kl_fail(error, KL_UNSUPPORTED, "%s (add): the shapes differ", NameOf(node));
}

kl_code Prepare(const kl_host*, const kl_node* node, void*, kl_requirements*, kl_error* error) {
  KL_TRY(ExpectOperands(node, 3, error));
  KL_TRY(Supports(node, error));
  return ExpectSame(node, "elements of y", kl_element_count(node->operands[kA]),
                    kl_element_count(node->operands[kY]), error);
}

void Work(const kl_run* run, kl_work* work) {
  OnePhase(work, CeilDivide(kl_element_count(run->operands[kA]), kElementsPerUnit));
}

kl_code Run(const kl_run* run) {
  const float* a = (const float*)run->operands[kA]->data;
  const float* b = (const float*)run->operands[kB]->data;
  float* y = (float*)run->operands[kY]->data;
  const int64_t end = Minimum(run->end * kElementsPerUnit, kl_element_count(run->operands[kA]));
  int64_t i = run->begin * kElementsPerUnit;
  for (; i + 8 <= end; i += 8) {
    Store8(y + i, Load8(a + i) + Load8(b + i));
  }
  for (; i < end; ++i) y[i] = a[i] + b[i];
  return KL_OK;
}

const kl_dtype kTypes[] = {KL_TYPE_F32, KL_TYPE_F32, KL_TYPE_F32};

}  // namespace

// A kernel file, all but its includes.
#define KL_ADD(plugin, stem)                                                        \
  namespace {                                                                       \
  const kl_kernel kKernel =                                                         \
      SimpleKernel("add", #stem, kTypes, 3, 0, 0.0f, Prepare, Work, Run, Supports); \
  const kl_kernel* const kKernels[] = {&kKernel};                                   \
  }                                                                                 \
  KL_TABLE(plugin, stem) = {nullptr, kKernels, 1}

#endif  // PLUGINS_COMMON_KERNELS_ADD_H_
