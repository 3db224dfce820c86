// op "matmul" as the head of a language model: a token reads the rows that may matter.
//
// Where the host says how many of the largest logits are wanted (kl_run::wanted_count) and there is
// one token, the product has four phases:
//
//   0  quantise x                                                       unit: the token
//   1  estimates from the upper plane, with their standard deviations   units of 64 rows
//   2  exact logits of the best estimates, each of another unit; the    one unit
//      wanted_count-th largest of them is the threshold
//   3  rows with bound >= threshold exactly, -inf elsewhere              units of 64 rows
//
// An exact logit has the bits of the full product. bound = estimate + 0.16 * max(estimate, 0) + 6.5
// sigma. Sigma is the deviation of the error for lower bits that are spread evenly, independent of
// the activations: then 4e-11 of a normal distribution lies beyond 6.5 sigma. Hidden values that
// point along a row depend on its lower bits: they add up to 1.25 / (variance of its upper bits
// + 1.25) of the estimate, 0.16 where weights are as narrow as 2.6 steps. A wanted logit beyond its
// bound is missed; README.md has the counts. The threshold depends on the numbers alone, so
// the same rows are computed for every number of threads.
//
// Where estimates leave too many rows (flat logits, many wanted) the next products are full ones.
#ifndef PLUGINS_SPARSE_X86_MATMUL_HEAD_AVX2_H_
#define PLUGINS_SPARSE_X86_MATMUL_HEAD_AVX2_H_

#include "core/abi/attribute.h"
#include "plugins/sparse_x86/matmul_quantised_avx2.h"
#include "plugins/sparse_x86/planes_avx2.h"

namespace {

constexpr int64_t kHeadRowsPerUnit = 64;
constexpr float kHeadSigmas = 6.5f;
constexpr float kHeadAlignment = 0.16f;
constexpr int64_t kMostWanted = 256;
// Best estimates that are computed beside the wanted ones: an estimate errs, the best may be the
// third.
constexpr int64_t kHeadSpareRows = 15;
// More candidates than one row in 5: the exact rows cost what the estimates save.
constexpr int64_t kHeadRowsPerCandidate = 5;
constexpr uint32_t kFullRunsAfterTooMany = 8;

struct HeadState {
  MatmulState shape;
  uint32_t full_runs_left;
  uint32_t sparse;  // this run; set by Work()
};

// Scratch: activations, estimate groups, then for each row and unit
struct HeadScratch {
  ActivationGroup* groups;
  EstimateGroup* estimates;
  float* bounds;      // [rows]
  float* best_bound;  // [units] the largest of the unit's rows
  float* best;        // [units] the largest estimate
  int32_t* best_row;  // [units] whose it is
  float* threshold;   // [1]
};

KL_INLINE uint64_t HeadScratchAt(const MatmulState& shape, int64_t tokens, void* memory,
                                 HeadScratch* scratch) {
  const int64_t groups = shape.columns / 256;
  const int64_t units = CeilDivide(shape.rows, kHeadRowsPerUnit);
  uint8_t* p = (uint8_t*)memory;
  scratch->groups = (ActivationGroup*)p;
  p += (uint64_t)(tokens * groups) * sizeof(ActivationGroup);
  scratch->estimates = (EstimateGroup*)p;
  p += (uint64_t)groups * sizeof(EstimateGroup);
  scratch->bounds = (float*)p;
  scratch->best_bound = scratch->bounds + RoundUp(shape.rows, 16);
  scratch->best = scratch->best_bound + units;
  scratch->best_row = (int32_t*)(scratch->best + units);
  scratch->threshold = (float*)(scratch->best_row + units);
  return (uint64_t)((uint8_t*)(scratch->threshold + 1) - (uint8_t*)memory);
}

struct HeadMatmul {
  // Only what an architecture marks as its head, and only where a logit's row is whole groups.
  static kl_code Supports(const kl_node* node, kl_error* error) {
    KL_TRY(MatmulSupports(node, error));
    if (kl_attribute_int(node, "vocabulary_head", 0) != 0 &&
        LastOf(node->operands[kMatmulWeights]) % 256 == 0 &&
        node->operands[kMatmulBias]->type == KL_TYPE_NONE) {
      return KL_OK;
    }
    return kl_fail(error, KL_UNSUPPORTED,
                   "%s (matmul): not marked as vocabulary_head, rows that are no whole groups of "
                   "256 columns, or a bias",
                   NameOf(node));
  }

  static kl_code PackQuery(const kl_node* node, uint32_t operand, kl_pack* pack, kl_error*) {
    NothingToPack(pack);
    if (operand == kMatmulWeights) PlanesPacking::Query(node->operands[operand], pack);
    return KL_OK;
  }

  static kl_code Pack(const kl_node*, uint32_t, const kl_tensor* source, void* destination,
                      int64_t begin, int64_t end) {
    PlanesPacking::Pack(source, destination, begin, end);
    return KL_OK;
  }

  static kl_code Prepare(const kl_host*, const kl_node* node, void* state,
                         kl_requirements* requirements, kl_error* error) {
    HeadState* self = (HeadState*)state;
    KL_TRY(CheckMatmul(node, &self->shape, error));
    KL_TRY(Supports(node, error));
    HeadScratch scratch;
    requirements->scratch_bytes =
        HeadScratchAt(self->shape, RowsOf(node->operands[kMatmulX]), nullptr, &scratch);
    requirements->worker_scratch_bytes = PanelBytes(self->shape.columns / 32);
    return KL_OK;
  }

  static void Work(const kl_run* run, kl_work* work) {
    HeadState* self = (HeadState*)run->state;
    const int64_t tokens = RowsOf(run->operands[kMatmulX]);
    const uint32_t wanted = KL_HAS_FIELD(run, kl_run, wanted_count) ? run->wanted_count : 0;
    const bool may_be_sparse = tokens == 1 && wanted > 0 && wanted <= kMostWanted &&
                               (int64_t)wanted * kHeadRowsPerUnit <= self->shape.rows &&
                               run->operands[kMatmulWeights]->layout == KL_LAYOUT_PACKED;
    self->sparse = may_be_sparse && self->full_runs_left == 0 ? 1 : 0;
    if (may_be_sparse && self->full_runs_left > 0) --self->full_runs_left;
    const int64_t rows_per_unit = self->sparse ? kHeadRowsPerUnit : kPanelRows;
    const int64_t units = CeilDivide(self->shape.rows, rows_per_unit);
    work->phase_count = tokens == 0 ? 0 : self->sparse ? 4 : 2;
    work->unit_count[0] = tokens;
    work->unit_count[1] = units;
    work->unit_count[2] = 1;
    work->unit_count[3] = units;
  }

  static kl_code Run(const kl_run* run) {
    HeadState* self = (HeadState*)run->state;
    const bool packed = run->operands[kMatmulWeights]->layout == KL_LAYOUT_PACKED;
    const int64_t tokens = RowsOf(run->operands[kMatmulX]);
    HeadScratch scratch;
    HeadScratchAt(self->shape, tokens, run->scratch, &scratch);
    if (run->phase == 0) {
      Quantise(run, *self, packed, scratch);
    } else if (!packed) {
      FileMatmul<TypeQ4_0>::Multiply<QuantisedEngine<FileRows<TypeQ4_0>>>(run);
    } else if (!self->sparse) {
      Multiply(run, self->shape, tokens, scratch);
    } else if (run->phase == 1) {
      Estimate(run, self->shape, scratch);
    } else if (run->phase == 2) {
      FindThreshold(run, self, scratch);
    } else {
      ComputeCandidates(run, self->shape, scratch);
    }
    return KL_OK;
  }

 private:
  static void Quantise(const kl_run* run, const HeadState& self, bool packed,
                       const HeadScratch& scratch) {
    const int64_t columns = self.shape.columns;
    const int64_t count = columns / 256;
    const ActivationForm form = packed ? Planes::kForm : FileRows<TypeQ4_0>::kForm;
    for (int64_t t = run->begin; t < run->end; ++t) {
      const float* x = (const float*)run->operands[kMatmulX]->data + t * columns;
      QuantiseRow(x, columns, form, scratch.groups + t * count);
    }
    if (!self.sparse) return;
    for (int64_t g = 0; g < count; ++g) {
      Planes::PrepareEstimate(scratch.groups[g], scratch.estimates + g);
    }
  }

  // Full products.
  static inline __attribute__((noinline)) void Multiply(const kl_run* run, const MatmulState& shape,
                                                        int64_t tokens,
                                                        const HeadScratch& scratch) {
    const int64_t groups = shape.columns / 256;
    const Planes planes = Planes::At(run->operands[kMatmulWeights]->data, shape.rows, groups);
    float* y = (float*)run->operands[kMatmulY]->data;
    const int64_t first = run->begin * kPanelRows;
    const int64_t end = Minimum(run->end * kPanelRows, shape.rows);
    kl_count_weight_bytes(run, (uint64_t)((end - first) * groups) * Planes::kBytes);
    if (tokens < 4) {
      for (int64_t n = first; n < end; ++n) {
        for (int64_t t = 0; t < tokens; ++t) {
          y[t * shape.rows + n] = Planes::Dot(planes.Upper(n, groups), planes.Lower(n, groups),
                                              groups, scratch.groups + t * groups);
        }
      }
      return;
    }
    const Panel panel = PanelAt(run->worker_scratch, shape.columns / 32);
    for (int64_t pass = 0; pass < tokens; pass += kTokensPerPass) {
      const ActivationGroup* vectors[kTokensPerPass];
      const int64_t count = Minimum(kTokensPerPass, tokens - pass);
      for (int64_t t = 0; t < count; ++t) vectors[t] = scratch.groups + (pass + t) * groups;
      for (int64_t n = first; n < end; n += kPanelRows) {
        const int64_t rows = Minimum(kPanelRows, end - n);
        planes.Unpack(n, rows, groups, panel);
        MultiplyPanelTokens<kUnsigned, false, kInterleaved>(
            panel, shape.columns / 32, vectors, count, [&](int64_t t, const float* y16) {
              memcpy(y + (pass + t) * shape.rows + n, y16, (size_t)rows * sizeof(float));
            });
      }
    }
  }

  static inline __attribute__((noinline)) void Estimate(const kl_run* run, const MatmulState& shape,
                                                        const HeadScratch& scratch) {
    const int64_t groups = shape.columns / 256;
    const Planes planes = Planes::At(run->operands[kMatmulWeights]->data, shape.rows, groups);
    for (int64_t unit = run->begin; unit < run->end; ++unit) {
      const int64_t first = unit * kHeadRowsPerUnit;
      const int64_t end = Minimum(first + kHeadRowsPerUnit, shape.rows);
      float best_bound = -__builtin_inff();
      float best = -__builtin_inff();
      int64_t best_row = first;
      for (int64_t n = first; n < end; ++n) {
        float variance;
        const float estimate = Planes::Estimate(planes.Upper(n, groups), groups, scratch.groups,
                                                scratch.estimates, &variance);
        const float aligned = estimate > 0.0f ? kHeadAlignment * estimate : 0.0f;
        const float bound = estimate + aligned + kHeadSigmas * __builtin_sqrtf(variance);
        scratch.bounds[n] = bound;
        // A NaN becomes the best: its row is computed, and the sampler reports it.
        best_bound = !(bound <= best_bound) ? bound : best_bound;
        if (estimate > best) {
          best = estimate;
          best_row = n;
        }
      }
      kl_count_weight_bytes(run, (uint64_t)((end - first) * groups) * Planes::kUpperBytes);
      scratch.best_bound[unit] = best_bound;
      scratch.best[unit] = best;
      scratch.best_row[unit] = (int32_t)best_row;
    }
  }

  // Keeps the `capacity` largest values, descending; `rows` goes along.
  static KL_INLINE void Insert(float value, int32_t row, int64_t capacity, float* values,
                               int32_t* rows) {
    int64_t place = capacity - 1;
    if (!(value > values[place])) return;
    for (; place > 0 && values[place - 1] < value; --place) {
      values[place] = values[place - 1];
      rows[place] = rows[place - 1];
    }
    values[place] = value;
    rows[place] = row;
  }

  static void FindThreshold(const kl_run* run, HeadState* self, const HeadScratch& scratch) {
    const MatmulState& shape = self->shape;
    const int64_t groups = shape.columns / 256;
    const int64_t units = CeilDivide(shape.rows, kHeadRowsPerUnit);
    const Planes planes = Planes::At(run->operands[kMatmulWeights]->data, shape.rows, groups);
    const int64_t wanted = run->wanted_count;
    const int64_t tried = Minimum(wanted + kHeadSpareRows, units);
    float values[kMostWanted + kHeadSpareRows];
    int32_t rows[kMostWanted + kHeadSpareRows];
    for (int64_t i = 0; i < tried; ++i) {
      values[i] = -__builtin_inff();
      rows[i] = 0;
    }
    for (int64_t unit = 0; unit < units; ++unit) {
      Insert(scratch.best[unit], scratch.best_row[unit], tried, values, rows);
    }
    float exact[kMostWanted];
    int32_t unused[kMostWanted];
    for (int64_t i = 0; i < wanted; ++i) exact[i] = -__builtin_inff();
    for (int64_t i = 0; i < tried && values[i] > -__builtin_inff(); ++i) {
      const float dot = Planes::Dot(planes.Upper(rows[i], groups), planes.Lower(rows[i], groups),
                                    groups, scratch.groups);
      Insert(dot, rows[i], wanted, exact, unused);
      // Known to be as large as it is, whatever its bound says.
      if (scratch.bounds[rows[i]] < dot) scratch.bounds[rows[i]] = dot;
      const int64_t unit = rows[i] / kHeadRowsPerUnit;
      if (scratch.best_bound[unit] < dot) scratch.best_bound[unit] = dot;
    }
    const float threshold = exact[wanted - 1];
    *scratch.threshold = threshold;
    int64_t candidates = 0;
    for (int64_t unit = 0; unit < units; ++unit) {
      if (scratch.best_bound[unit] < threshold) continue;
      const int64_t first = unit * kHeadRowsPerUnit;
      for (int64_t n = first; n < Minimum(first + kHeadRowsPerUnit, shape.rows); ++n) {
        candidates += scratch.bounds[n] < threshold ? 0 : 1;
      }
    }
    if (candidates * kHeadRowsPerCandidate > shape.rows) {
      self->full_runs_left = kFullRunsAfterTooMany;
    }
  }

  static inline __attribute__((noinline)) void ComputeCandidates(const kl_run* run,
                                                                 const MatmulState& shape,
                                                                 const HeadScratch& scratch) {
    const int64_t groups = shape.columns / 256;
    const Planes planes = Planes::At(run->operands[kMatmulWeights]->data, shape.rows, groups);
    float* y = (float*)run->operands[kMatmulY]->data;
    const float threshold = *scratch.threshold;
    for (int64_t unit = run->begin; unit < run->end; ++unit) {
      const int64_t first = unit * kHeadRowsPerUnit;
      const int64_t end = Minimum(first + kHeadRowsPerUnit, shape.rows);
      const bool none = scratch.best_bound[unit] < threshold;
      int64_t computed = 0;
      for (int64_t n = first; n < end; ++n) {
        if (none || scratch.bounds[n] < threshold) {
          y[n] = -__builtin_inff();
          continue;
        }
        y[n] =
            Planes::Dot(planes.Upper(n, groups), planes.Lower(n, groups), groups, scratch.groups);
        ++computed;
      }
      kl_count_weight_bytes(run, (uint64_t)(computed * groups) * Planes::kBytes);
    }
  }
};

}  // namespace

#endif  // PLUGINS_SPARSE_X86_MATMUL_HEAD_AVX2_H_
