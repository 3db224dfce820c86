// op "glu": y = act(gate) * up, act relu, silu or gelu (tanh form).
//
//   gate, up f32 [.., n]   y f32 like gate, may be gate
//
// Work: units of 2,048 elements, so that a few tokens make one unit.
#ifndef PLUGINS_COMMON_KERNELS_GLU_H_
#define PLUGINS_COMMON_KERNELS_GLU_H_

#include "plugins/common/kernels/activation_functions.h"
#include "plugins/common/kernels/entry.h"
#include "plugins/common/table.h"

namespace {

enum { kGate = 0, kUp = 1, kY = 2 };
constexpr int64_t kElementsPerUnit = 2048;

struct State {
  Activation activation;
};

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  KL_TRY(ExpectOperands(node, 3, error));
  const char* name = kl_attribute_string(node, "activation", "");
  State* self = (State*)state;
  self->activation = ParseActivation(name);
  if (self->activation == kUnknownActivation) {
    return kl_fail(error, KL_INVALID_ARGUMENT,
                   "%s (glu): activation should be relu, silu or gelu, found '%s'", NameOf(node),
                   name);
  }
  const int64_t elements = kl_element_count(node->operands[kGate]);
  KL_TRY(
      ExpectSame(node, "elements of up", elements, kl_element_count(node->operands[kUp]), error));
  return ExpectSame(node, "elements of y", elements, kl_element_count(node->operands[kY]), error);
}

void Work(const kl_run* run, kl_work* work) {
  OnePhase(work, CeilDivide(kl_element_count(run->operands[kGate]), kElementsPerUnit));
}

kl_code Run(const kl_run* run) {
  const Activation activation = ((const State*)run->state)->activation;
  const float* gate = (const float*)run->operands[kGate]->data;
  const float* up = (const float*)run->operands[kUp]->data;
  float* y = (float*)run->operands[kY]->data;
  const int64_t end = Minimum(run->end * kElementsPerUnit, kl_element_count(run->operands[kGate]));
  int64_t i = run->begin * kElementsPerUnit;
  for (; i + 8 <= end; i += 8) {
    const F8 a = Activate(activation, Load8(gate + i));
    Store8(y + i, a * Load8(up + i));
  }
  if (i < end) {
    const F8 a = Activate(activation, LoadFirst(gate + i, end - i));
    StoreFirst(y + i, end - i, a * LoadFirst(up + i, end - i));
  }
  return KL_OK;
}

const kl_dtype kTypes[] = {KL_TYPE_F32, KL_TYPE_F32, KL_TYPE_F32};

}  // namespace

// A kernel file, all but its includes.
#define KL_GLU(plugin, stem)                                                           \
  namespace {                                                                          \
  const kl_kernel kKernel =                                                            \
      SimpleKernel("glu", #stem, kTypes, 3, sizeof(State), 1e-5f, Prepare, Work, Run); \
  const kl_kernel* const kKernels[] = {&kKernel};                                      \
  }                                                                                    \
  KL_TABLE(plugin, stem) = {nullptr, kKernels, 1}

#endif  // PLUGINS_COMMON_KERNELS_GLU_H_
