// op "matmul" with quantised weights: y[t][n] = dot(w[n], x[t]) + bias[n].
//
// Phase 0 quantises the activations to 8 bits (units: tokens), phase 1 multiplies (units: 16 rows).
// A few tokens read the rows as a stream; from Rows::kTokensForPanel on 16 rows are unpacked into a
// panel in the worker's scratch and multiplied with all tokens. Both give the same bits.
#ifndef PLUGINS_SPARSE_X86_MATMUL_QUANTISED_AVX2_H_
#define PLUGINS_SPARSE_X86_MATMUL_QUANTISED_AVX2_H_

#include "plugins/sparse_x86/matmul_shapes_avx2.h"
#include "plugins/sparse_x86/panel_avx2.h"

namespace {

// Largest error relative to the root mean square of the outputs: 8-bit activations.
constexpr float kQuantisedTolerance = 5e-2f;
// Tokens that share one pass over a unit's rows: their activations stay in the L2 cache.
constexpr int64_t kTokensPerPass = 128;

// File: rows as they are in the file. Packed: rows of the kernel's own layout, of the same size.
template <class File, class Packed>
struct QuantisedMatmul {
  static kl_code Prepare(const kl_host*, const kl_node* node, void* state,
                         kl_requirements* requirements, kl_error* error) {
    MatmulState* self = (MatmulState*)state;
    KL_TRY(CheckMatmul(node, self, error));
    const int64_t tokens = RowsOf(node->operands[kMatmulX]);
    requirements->scratch_bytes =
        (uint64_t)(tokens * GroupCount(self->columns)) * sizeof(ActivationGroup);
    requirements->worker_scratch_bytes = PanelBytes(self->columns / 32);
    return KL_OK;
  }

  static void Work(const kl_run* run, kl_work* work) {
    const MatmulState* self = (const MatmulState*)run->state;
    const int64_t tokens = RowsOf(run->operands[kMatmulX]);
    work->phase_count = tokens > 0 ? 2 : 0;
    work->unit_count[0] = tokens;
    work->unit_count[1] = CeilDivide(self->rows, kPanelRows);
  }

  static kl_code Run(const kl_run* run) {
    const bool packed = run->operands[kMatmulWeights]->layout == KL_LAYOUT_PACKED;
    if (run->phase == 0) {
      Quantise(run, packed ? Packed::kForm : File::kForm);
    } else if (packed) {
      Multiply<Packed>(run);
    } else {
      Multiply<File>(run);
    }
    return KL_OK;
  }

  static void Quantise(const kl_run* run, ActivationForm form) {
    const int64_t columns = ((const MatmulState*)run->state)->columns;
    const float* x = (const float*)run->operands[kMatmulX]->data;
    ActivationGroup* groups = (ActivationGroup*)run->scratch;
    for (int64_t t = run->begin; t < run->end; ++t) {
      QuantiseRow(x + t * columns, columns, form, groups + t * GroupCount(columns));
    }
  }

  template <class Rows>
  static void Multiply(const kl_run* run) {
    const MatmulState* self = (const MatmulState*)run->state;
    const uint8_t* weights = (const uint8_t*)run->operands[kMatmulWeights]->data;
    const float* bias = BiasOf(run);
    float* y = (float*)run->operands[kMatmulY]->data;
    const ActivationGroup* groups = (const ActivationGroup*)run->scratch;
    const int64_t tokens = RowsOf(run->operands[kMatmulX]);
    const int64_t blocks = self->columns / 32;
    const int64_t group_count = GroupCount(self->columns);
    const uint64_t row_bytes = Rows::RowBytes(blocks);
    if (tokens < Rows::kTokensForPanel) {
      const int64_t end = Minimum(run->end * kPanelRows, self->rows);
      for (int64_t n = run->begin * kPanelRows; n < end; ++n) {
        for (int64_t t = 0; t < tokens; ++t) {
          const uint8_t* row = weights + n * row_bytes;
          const float dot = Rows::Dot(row, blocks, groups + t * group_count, row + kPrefetchAhead);
          y[t * self->rows + n] = bias != nullptr ? dot + bias[n] : dot;
        }
      }
      return;
    }
    const Panel panel = PanelAt(run->worker_scratch, blocks);
    for (int64_t first = 0; first < tokens; first += kTokensPerPass) {
      const ActivationGroup* pass[kTokensPerPass];
      const int64_t count = Minimum(kTokensPerPass, tokens - first);
      for (int64_t t = 0; t < count; ++t) pass[t] = groups + (first + t) * group_count;
      for (int64_t unit = run->begin; unit < run->end; ++unit) {
        const int64_t n = unit * kPanelRows;
        const int64_t row_count = Minimum(kPanelRows, self->rows - n);
        Rows::Unpack(weights + n * row_bytes, row_count, blocks, panel);
        MultiplyPanelTokens<Rows::kKind, Rows::kMinima, Rows::kOrder>(
            panel, blocks, pass, count, [&](int64_t t, const float* y16) {
              float* out = y + (first + t) * self->rows + n;
              for (int64_t i = 0; i < row_count; ++i) {
                out[i] = bias != nullptr ? y16[i] + bias[n + i] : y16[i];
              }
            });
      }
    }
  }
};

}  // namespace

// A kernel file of a block type that is used as it is in the file, all but its includes.
#define KL_QUANTISED_MATMUL(stem, kernel_name, type)                                       \
  namespace {                                                                              \
  const kl_dtype kTypes[] = {KL_TYPE_F32, type::kType, KL_TYPE_ANY, KL_TYPE_F32};          \
  const kl_kernel kKernel = MatmulKernel<QuantisedMatmul<FileRows<type>, FileRows<type>>>( \
      kernel_name, kTypes, kQuantisedTolerance);                                           \
  const kl_kernel* const kKernels[] = {&kKernel};                                          \
  }                                                                                        \
  KL_TABLE(sparse_x86, stem) = {nullptr, kKernels, 1}

#endif  // PLUGINS_SPARSE_X86_MATMUL_QUANTISED_AVX2_H_
