// op "matmul" with quantised weights: y[t][n] = dot(w[n], x[t]) + bias[n].
//
// Phase 0 quantises the activations to 8 bits (units: tokens), phase 1 multiplies (units:
// kEngineRows rows). A few tokens read the rows as a stream; from Engine::kVectorsForPanel on the
// rows of a unit are unpacked into a panel in the worker's scratch and multiplied with all tokens. Both give the same bits.
//
// An engine knows one way that rows lie in memory, for one instruction set (see engine.h).
#ifndef PLUGINS_COMMON_KERNELS_MATMUL_QUANTISED_H_
#define PLUGINS_COMMON_KERNELS_MATMUL_QUANTISED_H_

#include "plugins/common/kernels/engine.h"
#include "plugins/common/kernels/k8_layout.h"
#include "plugins/common/kernels/matmul_shapes.h"
#include "plugins/common/kernels/rows_ahead.h"

namespace {

// Largest error relative to the root mean square of the outputs: 8-bit activations.
constexpr float kQuantisedTolerance = 5e-2f;
// Tokens that share one pass over a unit's rows: their activations stay in the L2 cache.
constexpr int64_t kTokensPerPass = 128;

// File: rows as they are in the file. Packed: rows as Packing leaves them, of the same size.
template <class File, class Packed, class Packing>
struct QuantisedMatmul {
  static kl_code PackQuery(const kl_node* node, uint32_t operand, kl_pack* pack, kl_error*) {
    NothingToPack(pack);
    if (operand == kMatmulWeights) Packing::Query(node->operands[operand], pack);
    return KL_OK;
  }

  static kl_code Pack(const kl_node*, uint32_t, const kl_tensor* source, void* destination,
                      int64_t begin, int64_t end) {
    Packing::Pack(source, destination, begin, end);
    return KL_OK;
  }

  static kl_code Prepare(const kl_host*, const kl_node* node, void* state,
                         kl_requirements* requirements, kl_error* error) {
    MatmulState* self = (MatmulState*)state;
    KL_TRY(CheckMatmul(node, self, error));
    const int64_t tokens = RowsOf(node->operands[kMatmulX]);
    requirements->scratch_bytes = (uint64_t)tokens * File::ActivationBytes(self->columns);
    requirements->worker_scratch_bytes = File::PanelBytes(self->columns);
    return KL_OK;
  }

  static void Work(const kl_run* run, kl_work* work) {
    const MatmulState* self = (const MatmulState*)run->state;
    const int64_t tokens = RowsOf(run->operands[kMatmulX]);
    work->phase_count = tokens > 0 ? 2 : 0;
    work->unit_count[0] = tokens;
    work->unit_count[1] = CeilDivide(self->rows, kRowsPerUnit);
  }

  static kl_code Run(const kl_run* run) {
    const bool packed = run->operands[kMatmulWeights]->layout == KL_LAYOUT_PACKED;
    if (run->phase == 0) {
      packed ? Quantise<Packed>(run) : Quantise<File>(run);
    } else {
      packed ? Multiply<Packed>(run) : Multiply<File>(run);
    }
    return KL_OK;
  }

  template <class Engine>
  static void Quantise(const kl_run* run) {
    const int64_t columns = ((const MatmulState*)run->state)->columns;
    const float* x = (const float*)run->operands[kMatmulX]->data;
    uint8_t* activations = (uint8_t*)run->scratch;
    for (int64_t t = run->begin; t < run->end; ++t) {
      Engine::Prepare(x + t * columns, columns,
                      activations + (uint64_t)t * Engine::ActivationBytes(columns));
    }
  }

  template <class Engine>
  static void Multiply(const kl_run* run) {
    const MatmulState* self = (const MatmulState*)run->state;
    const uint8_t* weights = (const uint8_t*)run->operands[kMatmulWeights]->data;
    const float* bias = BiasOf(run);
    float* y = (float*)run->operands[kMatmulY]->data;
    const uint8_t* activations = (const uint8_t*)run->scratch;
    const int64_t tokens = RowsOf(run->operands[kMatmulX]);
    const int64_t columns = self->columns;
    const uint64_t token_bytes = Engine::ActivationBytes(columns);
    const uint64_t row_bytes = Engine::RowBytes(columns);
    if (tokens < Engine::kVectorsForPanel) {
      const int64_t end = Minimum(run->end * kRowsPerUnit, self->rows);
      for (int64_t n = run->begin * kRowsPerUnit; n < end; ++n) {
        for (int64_t t = 0; t < tokens; ++t) {
          const uint8_t* row = weights + (uint64_t)n * row_bytes;
          const float dot = Engine::Dot(row, columns, activations + (uint64_t)t * token_bytes,
                                        row + kPrefetchAhead);
          y[t * self->rows + n] = bias != nullptr ? dot + bias[n] : dot;
        }
      }
      return;
    }
    for (int64_t first = 0; first < tokens; first += kTokensPerPass) {
      const void* pass[kTokensPerPass];
      const int64_t count = Minimum(kTokensPerPass, tokens - first);
      for (int64_t t = 0; t < count; ++t) {
        pass[t] = activations + (uint64_t)(first + t) * token_bytes;
      }
      for (int64_t unit = run->begin; unit < run->end; ++unit) {
        const int64_t n = unit * kRowsPerUnit;
        const int64_t row_count = Minimum(kRowsPerUnit, self->rows - n);
        MultiplyAndFetch<Engine>(
            GroupedRows(weights, row_bytes), n, row_count, self->rows, columns, pass, count,
            run->worker_scratch, [&](int64_t t, const float* products) {
              float* out = y + (first + t) * self->rows + n;
              if (bias == nullptr && row_count == kRowsPerUnit) {
                CopyRows(products, out);
                return;
              }
              for (int64_t i = 0; i < row_count; ++i) {
                out[i] = bias != nullptr ? products[i] + bias[n + i] : products[i];
              }
            });
      }
    }
  }

  static constexpr kl_kernel Kernel(const char* name, const kl_dtype* types) {
    kl_kernel kernel = MatmulKernel<QuantisedMatmul>(name, types, kQuantisedTolerance);
    if (Packing::kPacks) {
      kernel.pack_query = PackQuery;
      kernel.pack = Pack;
    }
    return kernel;
  }
};

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_MATMUL_QUANTISED_H_
