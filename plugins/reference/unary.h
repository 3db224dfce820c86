// Elementwise operators of one f32 operand: what exp, tanh, gelu and their like share.
//
// An operator is a struct with its definition, the defaults of its attributes and Apply():
//
//   struct Tanh {
//     static constexpr const kl_op* kDefinition = &kOp;
//     static constexpr UnaryParameters kDefaults = {};
//     static double Apply(double x, const UnaryParameters&) { return std::tanh(x); }
//   };
//
// Thread safety: pure functions.
#ifndef KINGLET_PLUGINS_REFERENCE_UNARY_H_
#define KINGLET_PLUGINS_REFERENCE_UNARY_H_

#include "plugins/reference/cases.h"
#include "plugins/reference/reference.h"

namespace kinglet {
namespace reference {

// The attributes alpha, beta, gamma (float) and approximate (int) that some of them have.
struct UnaryParameters {
  double alpha = 0;
  double beta = 0;
  double gamma = 0;
  int64_t approximate = 0;
};

enum { kUnaryX, kUnaryY };
constexpr kl_operand kUnaryOperands[] = {Input("x"), Result("y", kUnaryX)};

constexpr kl_case_operand kUnaryRows[] = {Normal({S(0), S(1)}, 2.0), Output({S(0), S(1)})};
constexpr kl_case_operand kUnaryImage[] = {Normal({1, S(1), 7, 5}, 2.0), Output({1, S(1), 7, 5})};
constexpr kl_op_case kUnaryCases[] = {
    Case("rows", kUnaryRows, {{Range(1, 9), Range(1, 500)}}, 2),
    Case("image", kUnaryImage, {{Fixed(1), Range(1, 20)}}, 1),
};
constexpr kl_case_operand kPositiveRows[] = {Uniform({S(0), S(1)}, 0.1, 9.0), Output({S(0), S(1)})};
constexpr kl_op_case kPositiveCases[] = {
    Case("rows", kPositiveRows, {{Range(1, 9), Range(1, 500)}}, 2),
};

template <typename Operation>
kl_code PrepareUnary(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                     kl_error* error) {
  Check check(*Operation::kDefinition, node, error);
  check.Type(kUnaryX, KL_TYPE_F32);
  check.Type(kUnaryY, KL_TYPE_F32);
  check.SameShape(kUnaryY, kUnaryX);
  const UnaryParameters& defaults = Operation::kDefaults;
  UnaryParameters* parameters = static_cast<UnaryParameters*>(state);
  parameters->alpha = kl_attribute_float(node, "alpha", defaults.alpha);
  parameters->beta = kl_attribute_float(node, "beta", defaults.beta);
  parameters->gamma = kl_attribute_float(node, "gamma", defaults.gamma);
  parameters->approximate = kl_attribute_int(node, "approximate", defaults.approximate);
  return check.code();
}

inline void UnaryWork(const kl_run* run, kl_work* work) {
  OnePhase(work, RowCount(run->operands[kUnaryX]));
}

template <typename Operation>
kl_code RunUnary(const kl_run* run) {
  const UnaryParameters& parameters = *static_cast<const UnaryParameters*>(run->state);
  const int64_t length = RowElements(run->operands[kUnaryX]);
  for (int64_t r = run->begin; r < run->end; ++r) {
    const float* x = F32Row(run->operands[kUnaryX], r);
    float* y = MutableF32Row(run->operands[kUnaryY], r);
    for (int64_t i = 0; i < length; ++i)
      y[i] = static_cast<float>(Operation::Apply(static_cast<double>(x[i]), parameters));
  }
  return KL_OK;
}

template <typename Operation>
constexpr kl_kernel UnaryKernel(const char* name) {
  return ReferenceKernel(*Operation::kDefinition, name, sizeof(UnaryParameters),
                         PrepareUnary<Operation>, UnaryWork, RunUnary<Operation>);
}

}  // namespace reference
}  // namespace kinglet

#endif  // KINGLET_PLUGINS_REFERENCE_UNARY_H_
