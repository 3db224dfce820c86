// op "matmul" with float weights, activations in f32; see floats_avx2.h for the order of sums.
//
// One or two tokens read rows as a stream. More tokens: 16 rows are widened into the worker's
// scratch and multiplied in tiles of 2 rows and 3 tokens. Both give the same bits.
#ifndef PLUGINS_COMMON_KERNELS_MATMUL_FLOAT_H_
#define PLUGINS_COMMON_KERNELS_MATMUL_FLOAT_H_

#include "plugins/common/kernels/floats.h"
#include "plugins/common/kernels/matmul_shapes.h"
#include "plugins/common/table.h"

namespace {

template <class Type>
struct FloatMatmul {
  static constexpr int64_t kStreamTokens = 2;
  static constexpr int64_t kTokensPerPass = 48;

  static kl_code Prepare(const kl_host*, const kl_node* node, void* state,
                         kl_requirements* requirements, kl_error* error) {
    MatmulState* self = (MatmulState*)state;
    KL_TRY(CheckMatmul(node, self, error));
    requirements->worker_scratch_bytes =
        (uint64_t)(kRowsPerUnit * RoundUp(self->columns, 16)) * sizeof(float);
    return KL_OK;
  }

  static void Work(const kl_run* run, kl_work* work) {
    const MatmulState* self = (const MatmulState*)run->state;
    const bool any = RowsOf(run->operands[kMatmulX]) > 0;
    OnePhase(work, any ? CeilDivide(self->rows, kRowsPerUnit) : 0);
  }

  static kl_code Run(const kl_run* run) {
    const MatmulState* self = (const MatmulState*)run->state;
    const int64_t tokens = RowsOf(run->operands[kMatmulX]);
    if (tokens <= kStreamTokens) {
      Stream(run, *self, tokens);
    } else {
      for (int64_t unit = run->begin; unit < run->end; ++unit) Unit(run, *self, tokens, unit);
    }
    return KL_OK;
  }

  static void Stream(const kl_run* run, const MatmulState& self, int64_t tokens) {
    const uint8_t* weights = (const uint8_t*)run->operands[kMatmulWeights]->data;
    const float* x = (const float*)run->operands[kMatmulX]->data;
    const float* bias = BiasOf(run);
    float* y = (float*)run->operands[kMatmulY]->data;
    const int64_t end = Minimum(run->end * kRowsPerUnit, self.rows);
    for (int64_t n = run->begin * kRowsPerUnit; n < end; ++n) {
      for (int64_t t = 0; t < tokens; ++t) {
        const uint8_t* row = weights + n * self.columns * Type::kBytes;
        const float dot =
            DotFloat<Type>(row, x + t * self.columns, self.columns, row + kPrefetchAhead);
        y[t * self.rows + n] = bias != nullptr ? dot + bias[n] : dot;
      }
    }
  }

  static void Unit(const kl_run* run, const MatmulState& self, int64_t tokens, int64_t unit) {
    const uint8_t* weights = (const uint8_t*)run->operands[kMatmulWeights]->data;
    const float* x = (const float*)run->operands[kMatmulX]->data;
    const float* bias = BiasOf(run);
    float* y = (float*)run->operands[kMatmulY]->data;
    float* wide = (float*)run->worker_scratch;
    const int64_t stride = RoundUp(self.columns, 16);
    const int64_t first_row = unit * kRowsPerUnit;
    const int64_t row_count = Minimum(kRowsPerUnit, self.rows - first_row);
    for (int64_t i = 0; i < row_count; ++i) {
      WidenRow<Type>(weights + (first_row + i) * self.columns * Type::kBytes, self.columns,
                     wide + i * stride);
    }
    for (int64_t first = 0; first < tokens; first += kTokensPerPass) {
      const int64_t count = Minimum(kTokensPerPass, tokens - first);
      const float* pass[kTokensPerPass];
      for (int64_t t = 0; t < count; ++t) pass[t] = x + (first + t) * self.columns;
      for (int64_t i = 0; i < row_count; i += kTileRows) {
        const bool pair = i + 1 < row_count;
        const float* rows[kTileRows] = {wide + i * stride, wide + (pair ? i + 1 : i) * stride};
        const int64_t n = first_row + i;
        MultiplyTileTokens(rows, pass, count, self.columns, [&](int64_t t, float y0, float y1) {
          float* out = y + (first + t) * self.rows + n;
          out[0] = bias != nullptr ? y0 + bias[n] : y0;
          if (pair) out[1] = bias != nullptr ? y1 + bias[n + 1] : y1;
        });
      }
    }
  }
};

}  // namespace

// A kernel file of a float type, all but its includes; the stem may be KL_AT_LEVEL(..).
#define KL_FLOAT_MATMUL(plugin, stem, type, kernel_tolerance) \
  KL_FLOAT_MATMUL_(plugin, stem, type, kernel_tolerance)
#define KL_FLOAT_MATMUL_(plugin, stem, type, kernel_tolerance)                                \
  namespace {                                                                                 \
  const kl_dtype kTypes[] = {KL_TYPE_F32, type::kType, KL_TYPE_ANY, KL_TYPE_F32};             \
  const kl_kernel kKernel = MatmulKernel<FloatMatmul<type>>(#stem, kTypes, kernel_tolerance); \
  const kl_kernel* const kKernels[] = {&kKernel};                                             \
  }                                                                                           \
  KL_TABLE(plugin, stem) = {nullptr, kKernels, 1}

#endif  // PLUGINS_COMMON_KERNELS_MATMUL_FLOAT_H_
