// op "add_quantized": the sum of two i8 tensors of equal shape, bit for bit that of the reference,
// in float arithmetic (ONNX) and in TFLite's. Everything else goes to the kernels below.
//
// Work: units of 4,096 elements.
#include <string.h>

#include "plugins/common/table.h"
#include "plugins/sparse_x86/codes_avx2.h"
#include "plugins/sparse_x86/fixed_point_avx2.h"

namespace {

enum { kA, kAScale, kAZero, kB, kBScale, kBZero, kSumScale, kSumZero, kSum, kAddOperands };
constexpr int64_t kAddedPerUnit = 4096;

struct AddState {
  int32_t low, high;
  bool fixed_point;
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
  return KL_OK;
}

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  KL_TRY(Supports(node, error));
  AddState* self = (AddState*)state;
  self->low = ClampToCodes(kl_attribute_int(node, "minimum", -128));
  self->high = ClampToCodes(kl_attribute_int(node, "maximum", 127));
  self->fixed_point = kl_attribute_int(node, "fixed_point", 0) != 0;
  return KL_OK;
}

void Work(const kl_run* run, kl_work* work) {
  OnePhase(work, CeilDivide(kl_element_count(run->operands[kA]), kAddedPerUnit));
}

// Eight codes less the zero point.
KL_INLINE __m256i Steps(const int8_t* codes, __m256i zero) {
  return _mm256_sub_epi32(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i*)codes)), zero);
}

// Sums of eight pairs of steps, in steps of y: numbers added as f32, as ONNX defines it.
class RealSum {
 public:
  explicit RealSum(const kl_run* run)
      : a_(_mm256_set1_ps(ScaleOf(run, kAScale))),
        b_(_mm256_set1_ps(ScaleOf(run, kBScale))),
        y_(_mm256_set1_ps(ScaleOf(run, kSumScale))) {}

  KL_INLINE __m256i operator()(__m256i a, __m256i b, __m256i low, __m256i high) const {
    __m256 x = _mm256_mul_ps(_mm256_cvtepi32_ps(a), a_);
    __m256 y = _mm256_mul_ps(_mm256_cvtepi32_ps(b), b_);
    KL_KEEP(x);
    KL_KEEP(y);  // rounded before they are added, as in the reference: no fused multiply-add
    return RoundAndClamp(_mm256_div_ps(_mm256_add_ps(x, y), y_), low, high);
  }

 private:
  const __m256 a_, b_, y_;
};

// TFLite's: both terms, 20 bits up, in units of twice the larger scale; then in units of y.
class FixedSum {
 public:
  explicit FixedSum(const kl_run* run) : FixedSum(run, TwiceTheLarger(run)) {}

  KL_INLINE __m256i operator()(__m256i a, __m256i b, __m256i low, __m256i high) const {
    const __m256i sum = _mm256_add_epi32(MultiplyFixed(_mm256_slli_epi32(a, kBits), a_),
                                         MultiplyFixed(_mm256_slli_epi32(b, kBits), b_));
    return ClampWhole(MultiplyFixed(sum, y_), low, high);
  }

 private:
  static constexpr int kBits = 20;
  static double TwiceTheLarger(const kl_run* run) {
    const float a = ScaleOf(run, kAScale), b = ScaleOf(run, kBScale);
    return 2.0 * (double)(a > b ? a : b);
  }
  FixedSum(const kl_run* run, double unit)
      : a_(FixedFactorOf(FixedPointOf((double)ScaleOf(run, kAScale) / unit))),
        b_(FixedFactorOf(FixedPointOf((double)ScaleOf(run, kBScale) / unit))),
        y_(FixedFactorOf(
            FixedPointOf(unit / ((double)(1 << kBits) * (double)ScaleOf(run, kSumScale))))) {}

  const FixedFactor a_, b_, y_;
};

template <class Sum>
KL_INLINE void AddCodes(const kl_run* run, const Sum& sum_of) {
  const AddState& self = *(const AddState*)run->state;
  const int8_t* a = (const int8_t*)run->operands[kA]->data;
  const int8_t* b = (const int8_t*)run->operands[kB]->data;
  int8_t* y = (int8_t*)run->operands[kSum]->data;
  const int32_t y_zero = ZeroOf(run, kSumZero);
  const __m256i a_zero = _mm256_set1_epi32(ZeroOf(run, kAZero));
  const __m256i b_zero = _mm256_set1_epi32(ZeroOf(run, kBZero));
  const __m256i low = _mm256_set1_epi32(self.low - y_zero);
  const __m256i high = _mm256_set1_epi32(self.high - y_zero);
  const int64_t end = Minimum(run->end * kAddedPerUnit, kl_element_count(run->operands[kA]));
  for (int64_t i = run->begin * kAddedPerUnit; i < end; i += 8) {
    const int64_t count = Minimum(end - i, 8);
    int8_t ends[3][8] = {};
    const bool whole = count == 8;
    if (!whole) {
      memcpy(ends[0], a + i, (size_t)count);
      memcpy(ends[1], b + i, (size_t)count);
    }
    const __m256i steps = sum_of(Steps(whole ? a + i : ends[0], a_zero),
                                 Steps(whole ? b + i : ends[1], b_zero), low, high);
    StoreEightCodes(_mm256_add_epi32(steps, _mm256_set1_epi32(y_zero)), whole ? y + i : ends[2]);
    if (!whole) memcpy(y + i, ends[2], (size_t)count);
  }
}

kl_code Run(const kl_run* run) {
  if (((const AddState*)run->state)->fixed_point) {
    AddCodes(run, FixedSum(run));
  } else {
    AddCodes(run, RealSum(run));
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    SimpleKernel("add_quantized", "add_quantized_i8_avx2", kTypes, kAddOperands, sizeof(AddState),
                 /*tolerance=*/0.0f, Prepare, Work, Run, Supports);
const kl_kernel* const kKernels[] = {&kKernel};

}  // namespace

KL_TABLE(sparse_x86, add_quantized_i8_avx2) = {nullptr, kKernels, 1};
