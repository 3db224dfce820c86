// Convolutions from i8 codes to i8 codes: conv2d_quantized and conv2d_quantized_add, 1x1,
// depthwise, any small window.
//
//   rows of x, less the zero point, as i16 in a buffer on the stack, columns apart by phase of the
//   stride pair of taps   (a0 b0 a1 b1 ..) for 16 pixels   x   (wa wb) of one output
//
// Four outputs of 16 pixels at a time: vpmaddwd and an addition, with VNNI one vpdpwssd, with
// AVX-512 of 16 pixels, 32 at a time: of two rows where one has no more than 16. Sums are exact in
// i32, so that the numbers are those of the reference, bit for bit (tolerance 0). No scratch in the
// arena; a depthwise convolution may overwrite its input: rows are in the buffer before anything is
// written over them. Source of the arithmetic: plugins/common/fixed_point.h.
#ifndef PLUGINS_SPARSE_X86_CONV_CODES_H_
#define PLUGINS_SPARSE_X86_CONV_CODES_H_

#include "plugins/common/kernels/conv_shape.h"
#include "plugins/sparse_x86/codes_avx2.h"
#include "plugins/sparse_x86/fixed_point_avx2.h"

namespace {

// Operands; those of conv2d_quantized_add go on behind the bias.
enum {
  kCodesX,
  kCodesXScale,
  kCodesXZero,
  kCodesW,
  kCodesWScale,
  kCodesWZero,
  kCodesCScale,
  kCodesCZero,
  kCodesBias,
  kCodesY,
  kCodesOperands,
  kCodesR = kCodesY,
  kCodesRScale,
  kCodesRZero,
  kCodesYScale,
  kCodesYZero,
  kCodesAddY,
  kCodesAddOperands
};

constexpr int64_t kCodesBuffer = 24576;  // i16: 48 KiB of stack
constexpr int64_t kCodesTaps = 1536;
constexpr int64_t kCodesPixels = 16;
#if defined(__AVX512VNNI__)
constexpr int kCodesVectors = 2;  // of pixels at once
#else
constexpr int kCodesVectors = 1;
#endif
constexpr int64_t kCodesOutputs = 4;
constexpr int64_t kCodesChunk = 64;  // pixels of a 1x1 convolution

struct CodesConv {
  int64_t images, channels, rows, columns, outputs, out_rows, out_columns;
  int64_t kernel[2], strides[2], dilations[2], pads[4];
  bool depthwise, pointwise, fixed_point;
  int32_t low, high;
  int64_t span;          // rows of x from the first to the last tap
  int64_t phase_codes;   // columns of one phase, with room for a whole vector behind the last
  int64_t pitch;         // i16 of one row in the buffer
  int64_t rows_at_once;  // of y, where one alone is a vector or less
  int64_t chunk;         // of a 1x1 convolution
  int64_t pairs;         // of taps
  int32_t offsets[kCodesTaps];  // of taps, in the buffer; depthwise: of the columns only
};

KL_INLINE bool IsOneConstant(const kl_tensor* tensor) {
  return tensor->data != nullptr && kl_element_count(tensor) == 1;
}

KL_INLINE kl_code CheckCodesParameters(const kl_node* node, uint32_t operand_count, int64_t outputs,
                                       kl_error* error) {
  const uint32_t singles[] = {kCodesXScale, kCodesXZero, kCodesCScale, kCodesCZero,
                              kCodesRScale, kCodesRZero, kCodesYScale, kCodesYZero};
  const uint32_t count = operand_count == kCodesAddOperands ? 8 : 4;
  for (uint32_t i = 0; i < count; ++i) {
    const kl_tensor* tensor = node->operands[singles[i]];
    if (tensor->type == KL_TYPE_NONE || !IsOneConstant(tensor))
      return RefuseCodes(node, "a scale or zero point is no constant", error);
  }
  const kl_tensor* w_scale = node->operands[kCodesWScale];
  const kl_tensor* w_zero = node->operands[kCodesWZero];
  const int64_t scales = kl_element_count(w_scale), zeros = kl_element_count(w_zero);
  if (w_scale->data == nullptr || (scales != 1 && scales != outputs) || w_zero->data == nullptr ||
      (zeros != 1 && zeros != outputs)) {
    return RefuseCodes(node, "scales of the weights are not one, or one an output", error);
  }
  for (int64_t i = 0; i < zeros; ++i) {
    if (((const int8_t*)w_zero->data)[i] != 0)
      return RefuseCodes(node, "weights are not around 0", error);
  }
  const kl_tensor* bias = node->operands[kCodesBias];
  if (bias->type != KL_TYPE_NONE &&
      (bias->type != KL_TYPE_I32 || bias->data == nullptr || kl_element_count(bias) != outputs)) {
    return RefuseCodes(node, "the bias is no constant i32 [outputs]", error);
  }
  if (node->operands[kCodesW]->data == nullptr)
    return RefuseCodes(node, "the weights are not known yet", error);
  if (operand_count == kCodesAddOperands && kl_attribute_int(node, "fixed_point", 0) != 0)
    return RefuseCodes(node, "fixed-point scaling of a sum", error);
  return KL_OK;
}

// KL_UNSUPPORTED for what does not fit together as well: the reference kernel says what is wrong.
KL_INLINE kl_code ReadCodes(const kl_node* node, uint32_t operand_count, CodesConv* conv,
                            kl_error* error) {
  KL_TRY(ExpectOperands(node, operand_count, error));
  const kl_tensor* x = node->operands[kCodesX];
  const kl_tensor* w = node->operands[kCodesW];
  const kl_tensor* y = node->operands[operand_count - 1];
  if (x->rank != 4 || w->rank != 4 || y->rank != 4)
    return RefuseCodes(node, "rank is not 4", error);
  for (int d = 0; d < 4; ++d) {
    if (x->shape[d] < 1 || w->shape[d] < 1 || y->shape[d] < 1)
      return RefuseCodes(node, "an operand is empty", error);
  }
  conv->images = x->shape[0];
  conv->channels = x->shape[1];
  conv->rows = x->shape[2];
  conv->columns = x->shape[3];
  conv->outputs = y->shape[1];
  conv->out_rows = y->shape[2];
  conv->out_columns = y->shape[3];
  const int64_t group = kl_attribute_int(node, "group", 1);
  if (!kl_attribute_ints(node, "strides", 2, 1, INT32_MAX, conv->strides) ||
      !kl_attribute_ints(node, "pads", 4, 0, INT32_MAX, conv->pads) ||
      !kl_attribute_ints(node, "dilations", 2, 1, INT32_MAX, conv->dilations)) {
    return RefuseCodes(node, "strides, pads or dilations are out of range", error);
  }
  for (int d = 0; d < 2; ++d) {
    conv->kernel[d] = w->shape[2 + d];
    const int64_t reach = (conv->kernel[d] - 1) * conv->dilations[d] + 1;
    const int64_t padded = x->shape[2 + d] + conv->pads[d] + conv->pads[2 + d];
    if (padded < reach || (padded - reach) / conv->strides[d] + 1 != y->shape[2 + d]) {
      return RefuseCodes(node, "y does not have the window's size", error);
    }
  }
  conv->depthwise = group == conv->channels && conv->outputs == conv->channels && w->shape[1] == 1;
  if (!conv->depthwise && group != 1) return RefuseCodes(node, "groups", error);
  if (y->shape[0] != conv->images || w->shape[0] != conv->outputs ||
      (!conv->depthwise && w->shape[1] != conv->channels)) {
    return RefuseCodes(node, "channels do not fit", error);
  }
  KL_TRY(CheckCodesParameters(node, operand_count, conv->outputs, error));
  if (operand_count == kCodesAddOperands) {
    const kl_tensor* r = node->operands[kCodesR];
    for (int d = 0; d < 4; ++d) {
      if (r->rank != 4 || r->shape[d] != y->shape[d])
        return RefuseCodes(node, "r is not shaped like y", error);
    }
  }
  conv->fixed_point = kl_attribute_int(node, "fixed_point", 0) != 0;
  conv->low = ClampToCodes(kl_attribute_int(node, "minimum", -128));
  conv->high = ClampToCodes(kl_attribute_int(node, "maximum", 127));
  if (conv->low > conv->high) return RefuseCodes(node, "minimum is above maximum", error);

  const int64_t taps = w->shape[1] * conv->kernel[0] * conv->kernel[1];
  conv->pairs = (taps + 1) / 2;
  if (taps + 1 > kCodesTaps) return RefuseCodes(node, "too many taps", error);
  conv->span = (conv->kernel[0] - 1) * conv->dilations[0] + 1;
  conv->pointwise = !conv->depthwise && taps == conv->channels && conv->strides[0] == 1 &&
                    conv->strides[1] == 1 && conv->pads[0] == 0 && conv->pads[1] == 0 &&
                    conv->pads[2] == 0 && conv->pads[3] == 0;
  const int64_t padded = conv->columns + conv->pads[1] + conv->pads[3];
  conv->phase_codes = CeilDivide(padded, conv->strides[1]) + kCodesPixels;
  conv->pitch = conv->phase_codes * conv->strides[1];
  int64_t buffer_rows = conv->depthwise ? conv->span : conv->channels * conv->kernel[0];
  if (conv->pointwise) {
    const int64_t most = kCodesBuffer / conv->channels / kCodesPixels * kCodesPixels;
    const int64_t pixels = conv->rows * conv->columns;
    conv->chunk =
        Minimum(most, pixels <= 4 * kCodesChunk ? kCodesVectors * kCodesPixels : kCodesChunk);
    conv->pitch = conv->chunk;
    buffer_rows = conv->channels;
    if (conv->chunk == 0) return RefuseCodes(node, "too many channels", error);
  }
  if (conv->pitch > kCodesBuffer || buffer_rows > kCodesBuffer / conv->pitch) {
    return RefuseCodes(node, "rows that do not fit the buffer", error);
  }
  const bool together = !conv->depthwise && !conv->pointwise && conv->out_columns <= kCodesPixels &&
                        kCodesVectors * buffer_rows <= kCodesBuffer / conv->pitch;
  conv->rows_at_once = together ? kCodesVectors : 1;
  return KL_OK;
}

// Where taps lie in the buffer; behind the last one that one again, where their number is odd (its
// weight is 0).
KL_INLINE void PlaceTaps(CodesConv* conv) {
  const int64_t channels = conv->depthwise ? 1 : conv->channels;
  int64_t tap = 0;
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t kh = 0; kh < conv->kernel[0]; ++kh) {
      for (int64_t kw = 0; kw < conv->kernel[1]; ++kw) {
        const int64_t column = kw * conv->dilations[1];
        const int64_t place =
            column % conv->strides[1] * conv->phase_codes + column / conv->strides[1];
        const int64_t row = conv->depthwise ? 0 : c * conv->kernel[0] + kh;
        conv->offsets[tap++] = (int32_t)(row * conv->pitch + (conv->pointwise ? 0 : place));
      }
    }
  }
  if (tap % 2 != 0) conv->offsets[tap] = conv->offsets[tap - 1];
}

// ---- weights: pairs of taps as i16, those of four outputs side by side (depthwise: of one) ----

KL_INLINE int64_t CodesTogether(const kl_node* node) {
  const kl_tensor* w = node->operands[kCodesW];
  return w->shape[1] == 1 && kl_attribute_int(node, "group", 1) == w->shape[0] ? 1 : kCodesOutputs;
}

kl_code PackCodesQuery(const kl_node* node, uint32_t operand, kl_pack* pack, kl_error*) {
  NothingToPack(pack);
  if (operand != kCodesW) return KL_OK;
  const kl_tensor* w = node->operands[kCodesW];
  const int64_t together = CodesTogether(node);
  const int64_t pairs = (w->shape[1] * w->shape[2] * w->shape[3] + 1) / 2;
  pack->unit_count = CeilDivide(w->shape[0], together);
  pack->bytes = (uint64_t)(pack->unit_count * together * pairs) * sizeof(int32_t);
  pack->layout = together == 1 ? "codes_pairs_1" : "codes_pairs_4";
  return KL_OK;
}

kl_code PackCodes(const kl_node* node, uint32_t, const kl_tensor* source, void* destination,
                  int64_t begin, int64_t end) {
  const int64_t together = CodesTogether(node);
  const int64_t taps = source->shape[1] * source->shape[2] * source->shape[3],
                pairs = (taps + 1) / 2;
  const int8_t* from = (const int8_t*)source->data;
  int16_t* to = (int16_t*)destination;
  for (int64_t unit = begin; unit < end; ++unit) {
    for (int64_t p = 0; p < pairs; ++p) {
      for (int64_t j = 0; j < together; ++j) {
        const int64_t output = unit * together + j;
        for (int64_t side = 0; side < 2; ++side) {
          const int64_t tap = 2 * p + side;
          const bool there = output < source->shape[0] && tap < taps;
          to[((unit * pairs + p) * together + j) * 2 + side] =
              there ? from[output * taps + tap] : 0;
        }
      }
    }
  }
  return KL_OK;
}

// ---- rows into the buffer ----

// `count` codes less the zero point.
KL_INLINE void WidenCodes(const int8_t* from, int64_t count, int32_t zero, int16_t* to) {
  const __m256i zeros = _mm256_set1_epi16((int16_t)zero);
  int64_t i = 0;
  for (; i + kCodesPixels <= count; i += kCodesPixels) {
    const __m128i codes = _mm_loadu_si128((const __m128i*)(from + i));
    _mm256_storeu_si256((__m256i*)(to + i), _mm256_sub_epi16(_mm256_cvtepi8_epi16(codes), zeros));
  }
  for (; i < count; ++i) to[i] = (int16_t)(from[i] - zero);
}

// `count` codes less the zero point: the first, third .. to one place, the others to another.
KL_INLINE void SplitCodes(const int8_t* from, int64_t count, int32_t zero, int16_t* even,
                          int16_t* odd) {
  const __m256i zeros = _mm256_set1_epi16((int16_t)zero);
  int64_t i = 0;
  for (; i + 2 * kCodesPixels <= count; i += 2 * kCodesPixels) {
    const __m256i pairs = _mm256_loadu_si256((const __m256i*)(from + i));
    const __m256i first = _mm256_srai_epi16(_mm256_slli_epi16(pairs, 8), 8);
    _mm256_storeu_si256((__m256i*)(even + i / 2), _mm256_sub_epi16(first, zeros));
    _mm256_storeu_si256((__m256i*)(odd + i / 2),
                        _mm256_sub_epi16(_mm256_srai_epi16(pairs, 8), zeros));
  }
  for (; i < count; ++i) (i % 2 == 0 ? even : odd)[i / 2] = (int16_t)(from[i] - zero);
}

// Row `row` of a plane, which may lie outside, with its padding: column c of the padded row lies in
// phase c % stride at c / stride.
KL_INLINE void LoadCodesRow(const CodesConv& conv, const int8_t* plane, int64_t row, int32_t zero,
                            int16_t* to) {
  memset(to, 0, (size_t)conv.pitch * sizeof(int16_t));
  if (row < 0 || row >= conv.rows) return;
  const int8_t* from = plane + row * conv.columns;
  const int64_t left = conv.pads[1], stride = conv.strides[1];
  if (stride == 1) return WidenCodes(from, conv.columns, zero, to + left);
  if (stride == 2) {
    return SplitCodes(from, conv.columns, zero, to + left % 2 * conv.phase_codes + left / 2,
                      to + (left + 1) % 2 * conv.phase_codes + (left + 1) / 2);
  }
  for (int64_t first = 0; first < Minimum(stride, conv.columns); ++first) {
    int16_t* phase = to + (first + left) % stride * conv.phase_codes + (first + left) / stride;
    for (int64_t i = first; i < conv.columns; i += stride) *phase++ = (int16_t)(from[i] - zero);
  }
}

// ---- sums ----

// Sums of kVectors x 16 pixels, `step` apart in the buffer, for kCount outputs, pixels in order.
#if defined(__AVX512VNNI__)

template <int kCount, int kVectors>
KL_INLINE void SumCodes(const int16_t* rows, int64_t step, const int32_t* offsets, int64_t pairs,
                        const int32_t* weights, __m256i sums[kVectors][kCount][2]) {
  // Words of two registers in turns.
  const __m512i turns = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40,
                                         8, 39, 7, 38, 6, 37, 5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
  __m512i wide[kVectors][kCount];
#pragma GCC unroll 2
  for (int v = 0; v < kVectors; ++v) {
#pragma GCC unroll 4
    for (int j = 0; j < kCount; ++j) wide[v][j] = _mm512_setzero_si512();
  }
  for (int64_t p = 0; p < pairs; ++p) {
    __m512i taps[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      const int16_t* from = rows + v * step;
      const __m256i a = _mm256_loadu_si256((const __m256i*)(from + offsets[2 * p]));
      const __m256i b = _mm256_loadu_si256((const __m256i*)(from + offsets[2 * p + 1]));
      taps[v] =
          _mm512_permutex2var_epi16(_mm512_castsi256_si512(a), turns, _mm512_castsi256_si512(b));
    }
#pragma GCC unroll 4
    for (int j = 0; j < kCount; ++j) {
      const __m512i weight = _mm512_set1_epi32(weights[p * kCount + j]);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v)
        wide[v][j] = _mm512_dpwssd_epi32(wide[v][j], taps[v], weight);
    }
  }
#pragma GCC unroll 2
  for (int v = 0; v < kVectors; ++v) {
#pragma GCC unroll 4
    for (int j = 0; j < kCount; ++j) {
      sums[v][j][0] = _mm512_castsi512_si256(wide[v][j]);
      sums[v][j][1] = _mm512_extracti64x4_epi64(wide[v][j], 1);
    }
  }
}

#else

KL_INLINE __m256i AddPairs(__m256i sum, __m256i taps, __m256i weight) {
#if defined(__AVXVNNI__)
  return _mm256_dpwssd_avx_epi32(sum, taps, weight);
#else
  return _mm256_add_epi32(sum, _mm256_madd_epi16(taps, weight));
#endif
}

template <int kCount, int kVectors>
KL_INLINE void SumCodes(const int16_t* rows, int64_t, const int32_t* offsets, int64_t pairs,
                        const int32_t* weights, __m256i all[kVectors][kCount][2]) {
  static_assert(kVectors == 1, "sixteen registers");
  __m256i(*sums)[2] = all[0];
#pragma GCC unroll 4
  for (int j = 0; j < kCount; ++j) sums[j][0] = sums[j][1] = _mm256_setzero_si256();
  for (int64_t p = 0; p < pairs; ++p) {
    const __m256i a = _mm256_loadu_si256((const __m256i*)(rows + offsets[2 * p]));
    const __m256i b = _mm256_loadu_si256((const __m256i*)(rows + offsets[2 * p + 1]));
    const __m256i low = _mm256_unpacklo_epi16(a, b), high = _mm256_unpackhi_epi16(a, b);
#pragma GCC unroll 4
    for (int j = 0; j < kCount; ++j) {
      const __m256i weight = _mm256_set1_epi32(weights[p * kCount + j]);
      sums[j][0] = AddPairs(sums[j][0], low, weight);
      sums[j][1] = AddPairs(sums[j][1], high, weight);
    }
  }
#pragma GCC unroll 4
  for (int j = 0; j < kCount; ++j) {
    const __m256i first = _mm256_permute2x128_si256(sums[j][0], sums[j][1], 0x20);
    sums[j][1] = _mm256_permute2x128_si256(sums[j][0], sums[j][1], 0x31);
    sums[j][0] = first;
  }
}

#endif

// ---- sums into codes ----

// What sums of one output become: y = clamp(round(sum * factor) + zero), then maybe the addition of
// a residual. The factor is an f32 (ONNX) or a fixed one (TFLite).
struct CodesScaling {
  bool fixed_point;
  FixedFactor fixed;
  __m256 factor;
  __m256i low, high;  // less the zero point
  __m256i bias, zero;
};

KL_INLINE CodesScaling ScalingOf(const kl_run* run, const CodesConv& conv, int64_t output) {
  const kl_tensor* w_scale = run->operands[kCodesWScale];
  const kl_tensor* bias = run->operands[kCodesBias];
  const double scale = ((const float*)w_scale->data)[kl_element_count(w_scale) == 1 ? 0 : output];
  const double factor =
      (double)ScaleOf(run, kCodesXScale) * scale / (double)ScaleOf(run, kCodesCScale);
  const int32_t zero = ZeroOf(run, kCodesCZero);
  CodesScaling scaling;
  scaling.fixed_point = conv.fixed_point;
  scaling.fixed = FixedFactorOf(conv.fixed_point ? FixedPointOf(factor) : FixedPoint{0, 0});
  scaling.factor = _mm256_set1_ps((float)factor);
  scaling.low = _mm256_set1_epi32(conv.low - zero);
  scaling.high = _mm256_set1_epi32(conv.high - zero);
  scaling.bias =
      _mm256_set1_epi32(bias->type == KL_TYPE_NONE ? 0 : ((const int32_t*)bias->data)[output]);
  scaling.zero = _mm256_set1_epi32(zero);
  return scaling;
}

// Codes less their zero point.
KL_INLINE __m256i ScaleSums(const CodesScaling& scaling, __m256i sums) {
  const __m256i total = _mm256_add_epi32(sums, scaling.bias);
  if (scaling.fixed_point)
    return ClampWhole(MultiplyFixed(total, scaling.fixed), scaling.low, scaling.high);
  return RoundAndClamp(_mm256_mul_ps(_mm256_cvtepi32_ps(total), scaling.factor), scaling.low,
                       scaling.high);
}

struct CodesResidual {
  __m256 c_scale, r_scale, y_scale;
  __m256i low, high, r_zero, y_zero;
};

KL_INLINE CodesResidual ResidualOf(const kl_run* run) {
  CodesResidual residual;
  const int32_t y_zero = ZeroOf(run, kCodesYZero);
  residual.c_scale = _mm256_set1_ps(ScaleOf(run, kCodesCScale));
  residual.r_scale = _mm256_set1_ps(ScaleOf(run, kCodesRScale));
  residual.y_scale = _mm256_set1_ps(ScaleOf(run, kCodesYScale));
  residual.low = _mm256_set1_epi32(-128 - y_zero);
  residual.high = _mm256_set1_epi32(127 - y_zero);
  residual.r_zero = _mm256_set1_epi32(ZeroOf(run, kCodesRZero));
  residual.y_zero = _mm256_set1_epi32(y_zero);
  return residual;
}

// 16 codes of y; `r` (NULL: none) and `y` have room for `count` of them.
KL_INLINE void StoreCodes(const CodesScaling& scaling, const CodesResidual& residual,
                          const __m256i sums[2], const int8_t* r, int64_t count, int8_t* y) {
  __m256i codes[2];
  int8_t rest[kCodesPixels];
  if (r != nullptr && count < kCodesPixels) {
    memcpy(rest, r, (size_t)count);
    memset(rest + count, 0, (size_t)(kCodesPixels - count));
    r = rest;
  }
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    const __m256i code = ScaleSums(scaling, sums[i]);
    if (r == nullptr) {
      codes[i] = _mm256_add_epi32(code, scaling.zero);
    } else {
      const __m256i other = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i*)(r + 8 * i)));
      __m256 b = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_sub_epi32(other, residual.r_zero)),
                               residual.r_scale);
      __m256 a = _mm256_mul_ps(_mm256_cvtepi32_ps(code), residual.c_scale);
      KL_KEEP(b);
      KL_KEEP(a);  // products and sum are rounded each, as in the reference: no fused multiply-add
      const __m256 sum = _mm256_div_ps(_mm256_add_ps(a, b), residual.y_scale);
      codes[i] = _mm256_add_epi32(RoundAndClamp(sum, residual.low, residual.high), residual.y_zero);
    }
  }
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(codes[0], codes[1]), 0xd8);
  const __m128i bytes =
      _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  if (count >= kCodesPixels) {
    _mm_storeu_si128((__m128i*)y, bytes);
  } else {
    int8_t all[kCodesPixels];
    _mm_storeu_si128((__m128i*)all, bytes);
    memcpy(y, all, (size_t)count);
  }
}

// ---- the three kinds ----

// Where a row of pixels is read, and where its codes of output 0 go.
struct CodesPixels {
  const int16_t* rows;
  const int8_t* r;  // NULL: nothing is added
  int8_t* y;
  int64_t columns;
  // 0, or how far behind the next row of y is, of as many columns: at most 16, a vector for each
  // row.
  int64_t next_rows, next_y;

  KL_INLINE CodesPixels From(int64_t column) const {
    return {rows + column, r != nullptr ? r + column : nullptr,
            y + column,    columns - column,
            next_rows,     next_y};
  }
  KL_INLINE CodesPixels Plane(int64_t offset) const {
    return {rows, r != nullptr ? r + offset : nullptr, y + offset, columns, next_rows, next_y};
  }
};

// kVectors x 16 pixels of up to four outputs.
template <int kCount, int kVectors>
KL_INLINE void ComputeCodesTile(const CodesConv& conv, const CodesPixels& pixels,
                                const int32_t* offsets, const int32_t* weights,
                                const CodesScaling* scalings, int64_t count,
                                const CodesResidual& residual, int64_t plane) {
  const bool two_rows = pixels.next_rows != 0;
  __m256i sums[kVectors][kCount][2];
  SumCodes<kCount, kVectors>(pixels.rows, two_rows ? pixels.next_rows : kCodesPixels, offsets,
                             conv.pairs, weights, sums);
  for (int64_t j = 0; j < count; ++j) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      const int64_t at = j * plane + v * (two_rows ? pixels.next_y : kCodesPixels);
      const int64_t left = pixels.columns - (two_rows ? 0 : v * kCodesPixels);
      StoreCodes(scalings[j], residual, sums[v][j], pixels.r != nullptr ? pixels.r + at : nullptr,
                 Minimum(kCodesPixels, left), pixels.y + at);
    }
  }
}

template <int kCount>
KL_INLINE void ComputeCodesRow(const CodesConv& conv, const CodesPixels& pixels,
                               const int32_t* offsets, const int32_t* weights,
                               const CodesScaling* scalings, int64_t count,
                               const CodesResidual& residual, int64_t plane) {
  int64_t column = 0;
  if (kCodesVectors > 1) {
    const int64_t narrowest = pixels.next_rows != 0 ? 0 : kCodesPixels;
    for (; pixels.columns - column > narrowest; column += kCodesVectors * kCodesPixels) {
      ComputeCodesTile<kCount, kCodesVectors>(conv, pixels.From(column), offsets, weights, scalings,
                                              count, residual, plane);
    }
  }
  for (; column < pixels.columns; column += kCodesPixels) {
    ComputeCodesTile<kCount, 1>(conv, pixels.From(column), offsets, weights, scalings, count,
                                residual, plane);
  }
}

// All outputs of pixels whose rows are in the buffer; planes of y and r are `plane` apart.
KL_INLINE void ComputeCodes(const kl_run* run, const CodesConv& conv, const CodesPixels& pixels,
                            int64_t plane) {
  CodesResidual residual = {};
  if (pixels.r != nullptr) residual = ResidualOf(run);
  const int32_t* weights = (const int32_t*)run->operands[kCodesW]->data;
  for (int64_t first = 0; first < conv.outputs; first += kCodesOutputs) {
    CodesScaling scalings[kCodesOutputs];
    const int64_t count = Minimum(kCodesOutputs, conv.outputs - first);
    for (int64_t j = 0; j < count; ++j) scalings[j] = ScalingOf(run, conv, first + j);
    ComputeCodesRow<kCodesOutputs>(conv, pixels.Plane(first * plane), conv.offsets,
                                   weights + first * conv.pairs, scalings, count, residual, plane);
  }
}

KL_INLINE void RunPointwiseCodes(const kl_run* run, const CodesConv& conv, int64_t unit,
                                 const int8_t* x, const int8_t* r, int8_t* y, int16_t* buffer,
                                 bool adds) {
  const int64_t pixels = conv.rows * conv.columns, chunks = CeilDivide(pixels, conv.chunk);
  const int64_t image = unit / chunks, begin = unit % chunks * conv.chunk,
                count = Minimum(conv.chunk, pixels - begin);
  const int32_t zero = ZeroOf(run, kCodesXZero);
  const int8_t* from = x + image * conv.channels * pixels + begin;
  for (int64_t c = 0; c < conv.channels; ++c) {
    int16_t* row = buffer + c * conv.pitch;
    WidenCodes(from + c * pixels, count, zero, row);
    for (int64_t i = count; i < conv.chunk; ++i) row[i] = 0;
  }
  const int64_t at = image * conv.outputs * pixels + begin;
  ComputeCodes(run, conv, {buffer, adds ? r + at : nullptr, y + at, count, 0, 0}, pixels);
}

KL_INLINE void RunRowCodes(const kl_run* run, const CodesConv& conv, int64_t unit, const int8_t* x,
                           const int8_t* r, int8_t* y, int16_t* buffer, bool adds) {
  const int64_t units = CeilDivide(conv.out_rows, conv.rows_at_once);
  const int64_t image = unit / units, first = unit % units * conv.rows_at_once;
  const int64_t row_count = Minimum(conv.rows_at_once, conv.out_rows - first);
  const int64_t plane = conv.rows * conv.columns;
  const int64_t buffered = conv.channels * conv.kernel[0] * conv.pitch;
  const int32_t zero = ZeroOf(run, kCodesXZero);
  for (int64_t row = 0; row < row_count; ++row) {
    const int64_t top = (first + row) * conv.strides[0] - conv.pads[0];
    for (int64_t c = 0; c < conv.channels; ++c) {
      for (int64_t kh = 0; kh < conv.kernel[0]; ++kh) {
        LoadCodesRow(conv, x + (image * conv.channels + c) * plane, top + kh * conv.dilations[0],
                     zero, buffer + row * buffered + (c * conv.kernel[0] + kh) * conv.pitch);
      }
    }
  }
  const int64_t at = (image * conv.outputs * conv.out_rows + first) * conv.out_columns;
  const bool two_rows = row_count > 1;
  ComputeCodes(run, conv,
               {buffer, adds ? r + at : nullptr, y + at, conv.out_columns, two_rows ? buffered : 0,
                two_rows ? conv.out_columns : 0},
               conv.out_rows * conv.out_columns);
}

// A plane, from top to bottom. In place y begins where x begins, and no row of y is written before
// the rows of x up to its own number are in the buffer.
KL_INLINE void RunPlaneCodes(const kl_run* run, const CodesConv& conv, int64_t channel,
                             const int8_t* x, const int8_t* r, int8_t* y, int16_t* buffer,
                             bool adds) {
  const int32_t zero = ZeroOf(run, kCodesXZero);
  const CodesScaling scaling = ScalingOf(run, conv, channel);
  CodesResidual residual = {};
  if (adds) residual = ResidualOf(run);
  const int32_t* weights = (const int32_t*)run->operands[kCodesW]->data + channel * conv.pairs;
  int32_t offsets[kCodesTaps];
  int64_t next = -conv.pads[0];  // row of x that is not in the buffer yet
  const auto slot = [&](int64_t row) { return (row + conv.pads[0]) % conv.span * conv.pitch; };
  for (int64_t oh = 0; oh < conv.out_rows; ++oh) {
    const int64_t top = oh * conv.strides[0] - conv.pads[0];
    if (next < top) next = top;
    for (; next < top + conv.span; ++next) LoadCodesRow(conv, x, next, zero, buffer + slot(next));
    int64_t tap = 0;
    for (int64_t kh = 0; kh < conv.kernel[0]; ++kh) {
      const int64_t row = slot(top + kh * conv.dilations[0]);
      for (int64_t kw = 0; kw < conv.kernel[1]; ++kw, ++tap)
        offsets[tap] = (int32_t)row + conv.offsets[tap];
    }
    if (tap % 2 != 0) offsets[tap] = offsets[tap - 1];
    const int64_t at = oh * conv.out_columns;
    ComputeCodesRow<1>(conv, {buffer, adds ? r + at : nullptr, y + at, conv.out_columns, 0, 0},
                       offsets, weights, &scaling, 1, residual, 0);
  }
}

// ---- the kernel ----

// Whether a depthwise convolution may overwrite its input.
KL_INLINE bool CodesShrink(const CodesConv& conv) {
  return conv.depthwise && conv.out_rows <= conv.rows && conv.out_columns <= conv.columns &&
         conv.pads[0] < conv.span;
}

// Both operators, by their number of operands.
template <uint32_t kOperands>
kl_code SupportsCodesConv(const kl_node* node, kl_error* error) {
  CodesConv conv = {};
  return ReadCodes(node, kOperands, &conv, error);
}

template <uint32_t kOperands>
kl_code PrepareCodesConv(const kl_host*, const kl_node* node, void* state,
                         kl_requirements* requirements, kl_error* error) {
  CodesConv* conv = (CodesConv*)state;
  KL_TRY(ReadCodes(node, kOperands, conv, error));
  if (node->operands[kCodesW]->layout != KL_LAYOUT_PACKED) {
    return kl_fail(error, KL_INVALID_ARGUMENT,
                   "%s (%s): the weights should be packed; check the host", NameOf(node), node->op);
  }
  PlaceTaps(conv);
  if (kOperands == kCodesOperands && CodesShrink(*conv) &&
      KL_HAS_FIELD(requirements, kl_requirements, in_place_operand)) {
    requirements->in_place_operand = kCodesX;
  }
  return KL_OK;
}

KL_INLINE bool CodesInPlace(const kl_run* run) {
  return run->operand_count == kCodesOperands &&
         run->operands[kCodesX]->data == run->operands[kCodesY]->data;
}

void WorkCodes(const kl_run* run, kl_work* work) {
  const CodesConv& conv = *(const CodesConv*)run->state;
  if (conv.pointwise)
    return OnePhase(work, conv.images * CeilDivide(conv.rows * conv.columns, conv.chunk));
  if (!conv.depthwise)
    return OnePhase(work, conv.images * CeilDivide(conv.out_rows, conv.rows_at_once));
  OnePhase(work, conv.images * conv.channels);
  if (!CodesInPlace(run) || conv.out_rows * conv.out_columns == conv.rows * conv.columns) return;
  work->phase_count = 2;  // planes of y, which lie where those of x began, move together
  work->unit_count[1] = 1;
}

KL_INLINE void MovePlanes(const CodesConv& conv, int8_t* y) {
  const int64_t from = conv.rows * conv.columns, to = conv.out_rows * conv.out_columns;
  for (int64_t p = 1; p < conv.images * conv.channels; ++p)
    memmove(y + p * to, y + p * from, (size_t)to);
}

template <uint32_t kOperands>
kl_code RunCodesConv(const kl_run* run) {
  constexpr bool adds = kOperands == kCodesAddOperands;
  const CodesConv& conv = *(const CodesConv*)run->state;
  const int8_t* x = (const int8_t*)run->operands[kCodesX]->data;
  const int8_t* r = adds ? (const int8_t*)run->operands[kCodesR]->data : nullptr;
  int8_t* y = (int8_t*)run->operands[run->operand_count - 1]->data;
  if (run->phase == 1) {
    MovePlanes(conv, y);
    return KL_OK;
  }
  alignas(64) int16_t buffer[kCodesBuffer];
  const int64_t y_plane =
      CodesInPlace(run) ? conv.rows * conv.columns : conv.out_rows * conv.out_columns;
  for (int64_t unit = run->begin; unit < run->end; ++unit) {
    if (conv.pointwise) {
      RunPointwiseCodes(run, conv, unit, x, r, y, buffer, adds);
    } else if (conv.depthwise) {
      RunPlaneCodes(run, conv, unit % conv.channels, x + unit * conv.rows * conv.columns,
                    adds ? r + unit * y_plane : nullptr, y + unit * y_plane, buffer, adds);
    } else {
      RunRowCodes(run, conv, unit, x, r, y, buffer, adds);
    }
  }
  return KL_OK;
}

// conv2d_quantized has the first of these operands.
constexpr kl_dtype kCodesTypes[kCodesAddOperands] = {
    KL_TYPE_I8,  KL_TYPE_F32, KL_TYPE_I8,  KL_TYPE_I8,  KL_TYPE_F32,
    KL_TYPE_I8,  KL_TYPE_F32, KL_TYPE_I8,  KL_TYPE_ANY, KL_TYPE_I8,
    KL_TYPE_F32, KL_TYPE_I8,  KL_TYPE_F32, KL_TYPE_I8,  KL_TYPE_I8};

template <uint32_t kOperands>
constexpr kl_kernel CodesConvKernel(const char* op, const char* name) {
  kl_kernel kernel = SimpleKernel(op, name, kCodesTypes, kOperands, sizeof(CodesConv),
                                  /*tolerance=*/0.0f, PrepareCodesConv<kOperands>, WorkCodes,
                                  RunCodesConv<kOperands>, SupportsCodesConv<kOperands>);
  kernel.pack_query = PackCodesQuery;
  kernel.pack = PackCodes;
  return kernel;
}

}  // namespace

// A kernel file, all but its includes.
#define KL_CODES_CONV(...) KL_CODES_CONV_(__VA_ARGS__)
#define KL_CODES_CONV_(op, stem, operands)                             \
  namespace {                                                          \
  constexpr kl_kernel kKernel = CodesConvKernel<operands>(#op, #stem); \
  const kl_kernel* const kKernels[] = {&kKernel};                      \
  }                                                                    \
  KL_TABLE(sparse_x86, stem) = {nullptr, kKernels, 1}

#endif  // PLUGINS_SPARSE_X86_CONV_CODES_H_
