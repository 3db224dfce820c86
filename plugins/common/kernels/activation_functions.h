// e^x and the gated units' activations, eight lanes at a time.
#ifndef PLUGINS_COMMON_KERNELS_ACTIVATION_FUNCTIONS_H_
#define PLUGINS_COMMON_KERNELS_ACTIVATION_FUNCTIONS_H_

#include "plugins/common/kernels/f32x8.h"

namespace {

// e^x with a relative error of about 1e-7; 0 below -87.3, at most e^88 above. NaN stays NaN.
// Cody and Waite's reduction to |r| <= ln(2)/2, then the Taylor polynomial of degree 7.
KL_INLINE F8 Exp(F8 x) {
  const F8 below = Below8(x, Splat8(-87.3f));
  // The operand order lets NaN through.
  x = Maximum(Splat8(-88.0f), Minimum(Splat8(88.0f), x));
  const F8 n = Round(x * Splat8(1.44269504088896341f));
  F8 r = MultiplyAdd(n, Splat8(-0.693359375f), x);
  r = MultiplyAdd(n, Splat8(2.12194440e-4f), r);
  F8 p = Splat8(1.0f / 5040.0f);
  p = MultiplyAdd(p, r, Splat8(1.0f / 720.0f));
  p = MultiplyAdd(p, r, Splat8(1.0f / 120.0f));
  p = MultiplyAdd(p, r, Splat8(1.0f / 24.0f));
  p = MultiplyAdd(p, r, Splat8(1.0f / 6.0f));
  p = MultiplyAdd(p, r, Splat8(0.5f));
  p = MultiplyAdd(p, r, Splat8(1.0f));
  p = MultiplyAdd(p, r, Splat8(1.0f));
  return Select(below, Zero8(), p * TwoToThe(n));
}

// act(gate) of the gated units. kSilu: x * sigmoid(x). kGelu: the tanh form. kRelu: max(x, 0).
enum Activation { kRelu = 0, kSilu = 1, kGelu = 2, kUnknownActivation = 3 };

KL_INLINE Activation ParseActivation(const char* name) {
  if (name != nullptr && strcmp(name, "relu") == 0) return kRelu;
  if (name != nullptr && strcmp(name, "silu") == 0) return kSilu;
  if (name != nullptr && strcmp(name, "gelu") == 0) return kGelu;
  return kUnknownActivation;
}

KL_INLINE F8 Activate(Activation activation, F8 x) {
  if (activation == kRelu) return Maximum(x, Zero8());
  F8 t = x;
  if (activation == kGelu) {
    // 0.5 (1 + tanh(u)) = sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3)
    const F8 u = MultiplyAdd(x * x, Splat8(0.044715f), Splat8(1.0f));
    t = (x * u) * Splat8(1.5957691216057308f);
  }
  const F8 e = Exp(Zero8() - t);
  return x / (e + Splat8(1.0f));
}

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_ACTIVATION_FUNCTIONS_H_
