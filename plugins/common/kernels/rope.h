// op "rope": rotary position embedding; cos and sin of a token's position are computed once for
// all its heads.
//
//   angle(i) = position * scale * base^(-2i/R) / factors[i]          0 <= i < R/2
//   x f32 [T, H*L]   positions i32 [T]   factors f32 [R/2] or absent   y f32 like x, may be x
//
// Work: one unit a token. Numbers: angles, cos and sin in double (error below 1e-13 up to a
// million radians), rounded to f32; the rotation in f32.
#ifndef PLUGINS_COMMON_KERNELS_ROPE_H_
#define PLUGINS_COMMON_KERNELS_ROPE_H_

#include <math.h>

#include "plugins/common/kernels/entry.h"
#include "plugins/common/kernels/f64x4.h"
#include "plugins/common/table.h"

namespace {

enum { kX = 0, kPositions = 1, kFactors = 2, kY = 3 };

constexpr int64_t kLargestPairs = 512;

struct State {
  int64_t head_length;
  int64_t pairs;  // R / 2
  bool interleaved;
  double magnitude;
  double frequency[kLargestPairs];  // scale * base^(-2i/R) / factors[i], once factors are known
  bool has_factors;
};

kl_code Supports(const kl_node* node, kl_error* error) {
  const int64_t length = kl_attribute_int(node, "head_length", 0);
  if (kl_attribute_int(node, "rotary_length", length) <= 2 * kLargestPairs) return KL_OK;
  return kl_fail(error, KL_UNSUPPORTED, "%s (rope): heads longer than %lld", NameOf(node),
                 (long long)(2 * kLargestPairs));
}

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements* requirements,
                kl_error* error) {
  KL_TRY(ExpectOperands(node, 4, error));
  KL_TRY(Supports(node, error));
  State* self = (State*)state;
  self->head_length = kl_attribute_int(node, "head_length", 0);
  const int64_t rotary = kl_attribute_int(node, "rotary_length", self->head_length);
  self->pairs = rotary / 2;
  self->interleaved = kl_attribute_int(node, "interleaved", 0) != 0;
  self->magnitude = kl_attribute_float(node, "magnitude", 1.0);
  const double base = kl_attribute_float(node, "base", 0.0);
  const double scale = kl_attribute_float(node, "scale", 1.0);
  const kl_tensor* x = node->operands[kX];
  if (self->head_length <= 0 || LastOf(x) % self->head_length != 0) {
    return kl_fail(error, KL_INVALID_ARGUMENT,
                   "%s (rope): rows of %lld elements are no whole heads of head_length %lld",
                   NameOf(node), (long long)LastOf(x), (long long)self->head_length);
  }
  if (rotary <= 0 || rotary % 2 != 0 || rotary > self->head_length || !(base > 0.0)) {
    return kl_fail(error, KL_INVALID_ARGUMENT,
                   "%s (rope): rotary_length should be even, above 0 and at most %lld, base above "
                   "0; found %lld and %g",
                   NameOf(node), (long long)self->head_length, (long long)rotary, base);
  }
  self->has_factors = node->operands[kFactors]->type != KL_TYPE_NONE;
  if (self->has_factors) {
    KL_TRY(ExpectSame(node, "elements of factors", self->pairs,
                      kl_element_count(node->operands[kFactors]), error));
  }
  KL_TRY(ExpectSame(node, "elements of positions", RowsOf(x),
                    kl_element_count(node->operands[kPositions]), error));
  KL_TRY(ExpectSame(node, "elements of y", kl_element_count(x),
                    kl_element_count(node->operands[kY]), error));
  for (int64_t i = 0; i < self->pairs; ++i) {
    self->frequency[i] = scale * pow(base, -2.0 * (double)i / (double)rotary);
  }
  requirements->worker_scratch_bytes = (uint64_t)RoundUp(self->pairs, 8) * 2 * sizeof(float);
  return KL_OK;
}

void Work(const kl_run* run, kl_work* work) { OnePhase(work, RowsOf(run->operands[kX])); }

// cos and sin of four angles. Reduction by multiples of pi/2 in two parts, Taylor polynomials.
void CosSin(D4 x, D4* cosine, D4* sine) {
  const D4 n = Round(x * Splat4(0.63661977236758134308));
  D4 r = MultiplyAdd(n, Splat4(-1.5707963267948966192e+00), x);
  r = MultiplyAdd(n, Splat4(-6.1232339957367658860e-17), r);
  const D4 r2 = r * r;
  D4 s = Splat4(-1.0 / 1307674368000.0);
  s = MultiplyAdd(s, r2, Splat4(1.0 / 6227020800.0));
  s = MultiplyAdd(s, r2, Splat4(-1.0 / 39916800.0));
  s = MultiplyAdd(s, r2, Splat4(1.0 / 362880.0));
  s = MultiplyAdd(s, r2, Splat4(-1.0 / 5040.0));
  s = MultiplyAdd(s, r2, Splat4(1.0 / 120.0));
  s = MultiplyAdd(s, r2, Splat4(-1.0 / 6.0));
  s = MultiplyAdd(s * r2, r, r);
  D4 c = Splat4(1.0 / 20922789888000.0);
  c = MultiplyAdd(c, r2, Splat4(-1.0 / 87178291200.0));
  c = MultiplyAdd(c, r2, Splat4(1.0 / 479001600.0));
  c = MultiplyAdd(c, r2, Splat4(-1.0 / 3628800.0));
  c = MultiplyAdd(c, r2, Splat4(1.0 / 40320.0));
  c = MultiplyAdd(c, r2, Splat4(-1.0 / 720.0));
  c = MultiplyAdd(c, r2, Splat4(1.0 / 24.0));
  c = MultiplyAdd(c, r2, Splat4(-0.5));
  c = MultiplyAdd(c, r2, Splat4(1.0));
  Turn(n, s, c, sine, cosine);
}

// cos and sin of every pair's angle at `position`, times magnitude.
void FillTable(const State& self, const float* factors, int32_t position, float* cosines,
               float* sines) {
  const D4 magnitude = Splat4(self.magnitude);
  for (int64_t i = 0; i < self.pairs; i += 4) {
    alignas(32) double angle[4] = {0.0, 0.0, 0.0, 0.0};
    for (int64_t j = 0; j < 4 && i + j < self.pairs; ++j) {
      angle[j] = (double)position * self.frequency[i + j];
      if (factors != nullptr) angle[j] /= (double)factors[i + j];
    }
    D4 c;
    D4 s;
    CosSin(LoadDouble4(angle), &c, &s);
    StoreFloat4(cosines + i, c * magnitude);
    StoreFloat4(sines + i, s * magnitude);
  }
}

// Rotates (x[i], x[i + pairs]).
void RotateHalves(const float* x, float* y, int64_t pairs, const float* cosines,
                  const float* sines) {
  for (int64_t i = 0; i < pairs; i += 8) {
    const int64_t left = pairs - i;
    const F8 c = LoadFirst(cosines + i, left);
    const F8 s = LoadFirst(sines + i, left);
    const F8 a = LoadFirst(x + i, left);
    const F8 b = LoadFirst(x + pairs + i, left);
    StoreFirst(y + i, left, MultiplySubtract(a, c, b * s));
    StoreFirst(y + pairs + i, left, MultiplyAdd(a, s, b * c));
  }
}

// Rotates (x[2i], x[2i + 1]), four pairs at a time.
void RotatePairs(const float* x, float* y, int64_t pairs, const float* cosines,
                 const float* sines) {
  for (int64_t i = 0; i < pairs; i += 4) {
    const int64_t left = 2 * (pairs - i);
    const F8 c = LoadTwice4(cosines + i);
    const F8 s = LoadTwice4(sines + i);
    const F8 v = LoadFirst(x + 2 * i, left);
    const F8 exchanged = SwapPairs(v);
    // Even lanes a c - b s, odd lanes b c + a s.
    StoreFirst(y + 2 * i, left, MultiplyAdd(v, c, NegateEven(exchanged * s)));
  }
}

kl_code Run(const kl_run* run) {
  const State& self = *(const State*)run->state;
  const int64_t row = LastOf(run->operands[kX]);
  const int32_t* positions = (const int32_t*)run->operands[kPositions]->data;
  const float* factors = self.has_factors ? (const float*)run->operands[kFactors]->data : nullptr;
  float* cosines = (float*)run->worker_scratch;
  float* sines = cosines + RoundUp(self.pairs, 8);
  for (int64_t t = run->begin; t < run->end; ++t) {
    FillTable(self, factors, positions[t], cosines, sines);
    for (int64_t at = t * row; at < (t + 1) * row; at += self.head_length) {
      const float* x = (const float*)run->operands[kX]->data + at;
      float* y = (float*)run->operands[kY]->data + at;
      if (self.interleaved) {
        RotatePairs(x, y, self.pairs, cosines, sines);
      } else {
        RotateHalves(x, y, self.pairs, cosines, sines);
      }
      const int64_t rest = self.head_length - 2 * self.pairs;
      if (y != x && rest > 0) {
        memcpy(y + 2 * self.pairs, x + 2 * self.pairs, (size_t)rest * sizeof(float));
      }
    }
  }
  return KL_OK;
}

const kl_dtype kTypes[] = {KL_TYPE_F32, KL_TYPE_I32, KL_TYPE_ANY, KL_TYPE_F32};

}  // namespace

// A kernel file, all but its includes.
#define KL_ROPE(plugin, stem)                                                                     \
  namespace {                                                                                     \
  const kl_kernel kKernel =                                                                       \
      SimpleKernel("rope", #stem, kTypes, 4, sizeof(State), 1e-5f, Prepare, Work, Run, Supports); \
  const kl_kernel* const kKernels[] = {&kKernel};                                                 \
  }                                                                                               \
  KL_TABLE(plugin, stem) = {nullptr, kKernels, 1}

#endif  // PLUGINS_COMMON_KERNELS_ROPE_H_
