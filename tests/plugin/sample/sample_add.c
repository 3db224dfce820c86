// A plugin in one file, as somebody outside of Kinglet's tree writes it.
//
// It brings a kernel for the operator "add" that takes f32 tensors of equal shapes, and is
// preferred to the kernels that Kinglet has for it. Build and use it:
//
//   gcc -shared -fPIC -O2 -I FOLDER_WITH_CORE_ABI sample_add.c -o libkinglet_sample.so
//   kinglet chat -v --plugin ./libkinglet_sample.so
#include <string.h>

#include "core/abi/plugin.h"

KL_PLUGIN_MANIFEST("sample", "1.0", "any")

// The operator's operands, in its order.
enum { A, B, Y };
static const kl_dtype kTypes[] = {KL_TYPE_F32, KL_TYPE_F32, KL_TYPE_F32};

// Elements in one unit of work: enough that handing it out costs little.
#define UNIT_ELEMENTS 4096

// The operator broadcasts, this kernel does not: such nodes go to the next kernel in line.
static kl_code Supports(const kl_node* node, kl_error* error) {
  const kl_tensor* a = node->operands[A];
  const kl_tensor* b = node->operands[B];
  if (a->rank != b->rank || memcmp(a->shape, b->shape, (size_t)a->rank * sizeof a->shape[0]) != 0) {
    return kl_fail(error, KL_UNSUPPORTED, "node %s: a and b have different shapes", node->name);
  }
  return KL_OK;
}

// Called before each run, when the shapes are known.
static void Work(const kl_run* run, kl_work* work) {
  work->phase_count = 1;
  work->unit_count[0] = (kl_element_count(run->operands[Y]) + UNIT_ELEMENTS - 1) / UNIT_ELEMENTS;
}

// Called by several threads at once, each with units of its own.
static kl_code Run(const kl_run* run) {
  const float* a = (const float*)run->operands[A]->data;
  const float* b = (const float*)run->operands[B]->data;
  float* y = (float*)run->operands[Y]->data;  // may be a's memory
  const int64_t count = kl_element_count(run->operands[Y]);
  const int64_t begin = run->begin * UNIT_ELEMENTS;
  const int64_t end = run->end * UNIT_ELEMENTS < count ? run->end * UNIT_ELEMENTS : count;
  for (int64_t i = begin; i < end; ++i) y[i] = a[i] + b[i];
  return KL_OK;
}

static const kl_kernel kAdd = {
    .struct_size = sizeof(kl_kernel),
    .op = "add",
    .name = "add_f32_sample",
    .operand_types = kTypes,
    .operand_count = 3,
    .priority = 1000,
    .supports = Supports,
    .work = Work,
    .run = Run,
};
static const kl_kernel* const kKernels[] = {&kAdd};

static const kl_plugin_v1 kPlugin = {
    .struct_size = sizeof(kl_plugin_v1),
    .abi_major = KL_ABI_MAJOR,
    .abi_minor = KL_ABI_MINOR,
    .name = "sample",
    .version = "1.0",
    .kernels = kKernels,
    .kernel_count = 1,
};

KL_EXPORT const kl_plugin_v1* kl_plugin_query_v1(const kl_host* host, kl_error* error) {
  (void)error;
  host->log(host, KL_LOG_INFO, "hello from the sample");
  return &kPlugin;
}
