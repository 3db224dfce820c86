// A kernel for the plugins of this folder: op "test_sum", y = a + b, f32.
#ifndef KINGLET_CORE_PLUGIN_TESTDATA_SUM_KERNEL_H_
#define KINGLET_CORE_PLUGIN_TESTDATA_SUM_KERNEL_H_

#include "core/abi/plugin.h"

static void SumWork(const kl_run* run, kl_work* work) {
  work->phase_count = 1;
  work->unit_count[0] = kl_element_count(run->operands[0]);
}

static kl_code SumRun(const kl_run* run) {
  const float* a = (const float*)run->operands[0]->data;
  const float* b = (const float*)run->operands[1]->data;
  float* y = (float*)run->operands[2]->data;
  for (int64_t i = run->begin; i < run->end; ++i) y[i] = a[i] + b[i];
  return KL_OK;
}

static const kl_dtype kSumTypes[] = {KL_TYPE_F32, KL_TYPE_F32, KL_TYPE_F32};

// Designated initialisers, so that a field that is appended to kl_kernel changes nothing here.
#define SUM_KERNEL(kernel_name, kernel_priority)                                   \
  {                                                                                \
    .struct_size = sizeof(kl_kernel), .op = "test_sum", .name = kernel_name,       \
    .operand_types = kSumTypes, .operand_count = 3, .priority = (kernel_priority), \
    .work = SumWork, .run = SumRun                                                 \
  }

#endif  // KINGLET_CORE_PLUGIN_TESTDATA_SUM_KERNEL_H_
