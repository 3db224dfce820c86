// op "add_quantized": the sum of two i8 tensors of equal shape, bit for bit that of the reference,
// in float arithmetic (ONNX). Everything else goes to the kernels below.
//
// Work: units of 4,096 elements.
#include <string.h>

#include "plugins/common/table.h"
#include "plugins/sparse_x86/codes_avx2.h"

namespace {

enum { kA, kAScale, kAZero, kB, kBScale, kBZero, kSumScale, kSumZero, kSum, kAddOperands };
constexpr int64_t kAddedPerUnit = 4096;

struct AddState {
  int32_t low, high;
};

constexpr kl_dtype kTypes[] = {KL_TYPE_I8, KL_TYPE_F32, KL_TYPE_I8, KL_TYPE_I8, KL_TYPE_F32,
                               KL_TYPE_I8, KL_TYPE_F32, KL_TYPE_I8, KL_TYPE_I8};

kl_code Supports(const kl_node* node, kl_error* error) {
  KL_TRY(ExpectOperands(node, kAddOperands, error));
  const kl_tensor* a = node->operands[kA];
  const uint32_t others[] = {kB, kSum};
  for (const uint32_t i : others) {
    const kl_tensor* other = node->operands[i];
    bool same = a->rank == other->rank;
    for (int32_t d = 0; same && d < a->rank; ++d) same = a->shape[d] == other->shape[d];
    if (!same) return RefuseCodes(node, "the shapes differ", error);
  }
  const uint32_t singles[] = {kAScale, kAZero, kBScale, kBZero, kSumScale, kSumZero};
  for (const uint32_t i : singles) {
    if (kl_element_count(node->operands[i]) != 1)
      return RefuseCodes(node, "more than one scale or zero point", error);
  }
  if (kl_attribute_int(node, "fixed_point", 0) != 0)
    return RefuseCodes(node, "fixed-point scaling", error);
  return KL_OK;
}

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  KL_TRY(Supports(node, error));
  AddState* self = (AddState*)state;
  self->low = ClampToCodes(kl_attribute_int(node, "minimum", -128));
  self->high = ClampToCodes(kl_attribute_int(node, "maximum", 127));
  return KL_OK;
}

void Work(const kl_run* run, kl_work* work) {
  OnePhase(work, CeilDivide(kl_element_count(run->operands[kA]), kAddedPerUnit));
}

// Numbers of 8 codes.
KL_INLINE __m256 Real(const int8_t* codes, __m256i zero, __m256 scale) {
  const __m256i code = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i*)codes));
  __m256 real = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_sub_epi32(code, zero)), scale);
  KL_KEEP(real);  // rounded before it is added, as in the reference: no fused multiply-add
  return real;
}

kl_code Run(const kl_run* run) {
  const AddState& self = *(const AddState*)run->state;
  const int8_t* a = (const int8_t*)run->operands[kA]->data;
  const int8_t* b = (const int8_t*)run->operands[kB]->data;
  int8_t* y = (int8_t*)run->operands[kSum]->data;
  const int32_t y_zero = ZeroOf(run, kSumZero);
  const __m256i a_zero = _mm256_set1_epi32(ZeroOf(run, kAZero));
  const __m256i b_zero = _mm256_set1_epi32(ZeroOf(run, kBZero));
  const __m256 a_scale = _mm256_set1_ps(ScaleOf(run, kAScale));
  const __m256 b_scale = _mm256_set1_ps(ScaleOf(run, kBScale));
  const __m256 y_scale = _mm256_set1_ps(ScaleOf(run, kSumScale));
  const __m256 low = _mm256_set1_ps((float)(self.low - y_zero));
  const __m256 high = _mm256_set1_ps((float)(self.high - y_zero));
  const int64_t end = Minimum(run->end * kAddedPerUnit, kl_element_count(run->operands[kA]));
  for (int64_t i = run->begin * kAddedPerUnit; i < end; i += 8) {
    const int64_t count = Minimum(end - i, 8);
    int8_t ends[3][8] = {};
    const bool whole = count == 8;
    if (!whole) {
      memcpy(ends[0], a + i, (size_t)count);
      memcpy(ends[1], b + i, (size_t)count);
    }
    const __m256 sum = _mm256_add_ps(Real(whole ? a + i : ends[0], a_zero, a_scale),
                                     Real(whole ? b + i : ends[1], b_zero, b_scale));
    const __m256 steps = RoundAndClamp(_mm256_div_ps(sum, y_scale), low, high);
    const __m256i code = _mm256_add_epi32(_mm256_cvtps_epi32(steps), _mm256_set1_epi32(y_zero));
    const __m128i words =
        _mm_packs_epi32(_mm256_castsi256_si128(code), _mm256_extracti128_si256(code, 1));
    int8_t* to = whole ? y + i : ends[2];
    _mm_storel_epi64((__m128i*)to, _mm_packs_epi16(words, words));
    if (!whole) memcpy(y + i, ends[2], (size_t)count);
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    SimpleKernel("add_quantized", "add_quantized_i8_avx2", kTypes, kAddOperands, sizeof(AddState),
                 /*tolerance=*/0.0f, Prepare, Work, Run, Supports);
const kl_kernel* const kKernels[] = {&kKernel};

}  // namespace

KL_TABLE(sparse_x86, add_quantized_i8_avx2) = {nullptr, kKernels, 1};
