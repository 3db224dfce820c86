// op "softmax" along the last axis: y = exp(x - max) / sum of exp(x - max).
//
//   x f32 [.., n]   y f32 like x, may be x   attribute axis: the last; others are refused
//
// Work: one unit a row.
#include "plugins/common/table.h"
#include "plugins/sparse_x86/kernel_avx2.h"

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
  const __m256 lowest = _mm256_set1_ps(-__builtin_inff());
  __m256 largest = lowest;
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) largest = _mm256_max_ps(largest, _mm256_loadu_ps(x + i));
  if (i < n) {
    const __m256 mask = _mm256_castsi256_ps(FirstLanes(n - i));
    largest = _mm256_max_ps(largest, _mm256_blendv_ps(lowest, LoadFirst(x + i, n - i), mask));
  }
  const __m256 maximum = _mm256_set1_ps(MaximumAcross(largest));
  __m256 total = _mm256_setzero_ps();
  for (i = 0; i + 8 <= n; i += 8) {
    const __m256 e = Exp(_mm256_sub_ps(_mm256_loadu_ps(x + i), maximum));
    total = _mm256_add_ps(total, e);
    _mm256_storeu_ps(y + i, e);
  }
  if (i < n) {
    const __m256 mask = _mm256_castsi256_ps(FirstLanes(n - i));
    const __m256 e = _mm256_and_ps(mask, Exp(_mm256_sub_ps(LoadFirst(x + i, n - i), maximum)));
    total = _mm256_add_ps(total, e);
    StoreFirst(y + i, n - i, e);
  }
  const __m256 scale = _mm256_set1_ps(1.0f / SumAcross(total));
  for (i = 0; i + 8 <= n; i += 8) {
    _mm256_storeu_ps(y + i, _mm256_mul_ps(_mm256_loadu_ps(y + i), scale));
  }
  if (i < n) StoreFirst(y + i, n - i, _mm256_mul_ps(LoadFirst(y + i, n - i), scale));
}

kl_code Run(const kl_run* run) {
  const int64_t n = LastOf(run->operands[kX]);
  const float* x = (const float*)run->operands[kX]->data;
  float* y = (float*)run->operands[kY]->data;
  for (int64_t row = run->begin; row < run->end; ++row) Normalise(x + row * n, y + row * n, n);
  return KL_OK;
}

const kl_dtype kTypes[] = {KL_TYPE_F32, KL_TYPE_F32};
const kl_kernel kKernel =
    SimpleKernel("softmax", "softmax_f32_avx2", kTypes, 2, 0, 1e-5f, Prepare, Work, Run, Supports);
const kl_kernel* const kKernels[] = {&kKernel};

}  // namespace

KL_TABLE(sparse_x86, softmax_f32_avx2) = {nullptr, kKernels, 1};
