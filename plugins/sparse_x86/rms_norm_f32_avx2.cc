// op "rms_norm": y = x / sqrt(mean(x^2) + eps) * weight, for runs of d elements.
//
//   x f32 [.., n], n a multiple of d   weight f32 [d]   y f32 like x, may be x
//
// Work: one unit a row. Numbers: the sum of squares in two vectors of f32.
#include <math.h>

#include "plugins/common/table.h"
#include "plugins/sparse_x86/kernel_avx2.h"

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
  __m256 even = _mm256_setzero_ps();
  __m256 odd = _mm256_setzero_ps();
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const __m256 a = _mm256_loadu_ps(x + i);
    const __m256 b = _mm256_loadu_ps(x + i + 8);
    even = _mm256_fmadd_ps(a, a, even);
    odd = _mm256_fmadd_ps(b, b, odd);
  }
  for (; i < n; i += 8) {
    const __m256 a = LoadFirst(x + i, n - i);
    even = _mm256_fmadd_ps(a, a, even);
  }
  const double mean = (double)SumAcross(_mm256_add_ps(even, odd)) / (double)n;
  const double root = sqrt(mean + eps);
  // All zero with eps 0: zero, not 0 / 0.
  const __m256 scale = _mm256_set1_ps(root > 0.0 ? (float)(1.0 / root) : 0.0f);
  for (i = 0; i + 8 <= n; i += 8) {
    const __m256 v = _mm256_mul_ps(_mm256_loadu_ps(x + i), scale);
    _mm256_storeu_ps(y + i, _mm256_mul_ps(v, _mm256_loadu_ps(weight + i)));
  }
  if (i < n) {
    const __m256 v = _mm256_mul_ps(LoadFirst(x + i, n - i), scale);
    StoreFirst(y + i, n - i, _mm256_mul_ps(v, LoadFirst(weight + i, n - i)));
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
const kl_kernel kKernel = SimpleKernel("rms_norm", "rms_norm_f32_avx2", kTypes, 3, sizeof(State),
                                       1e-5f, Prepare, Work, Run);
const kl_kernel* const kKernels[] = {&kKernel};

}  // namespace

KL_TABLE(sparse_x86, rms_norm_f32_avx2) = {nullptr, kKernels, 1};
