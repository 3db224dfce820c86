// op "matmul" as the head of a language model: a token reads the rows that may matter.
//
// Where the host says how many of the largest logits are wanted (kl_run::wanted_count) and there is
// one token, the product has four phases:
//
//   0  quantise x; tables of the coarse copy                            unit: the token
//   1  estimates from the coarse copy, with their standard deviations   units of 64 rows
//   2  exact logits of the best estimates, each of another unit; the    one unit
//      wanted_count-th largest of them is the threshold
//   3  rows with bound >= threshold exactly, -inf elsewhere              units of 64 rows
//
// An exact logit has the bits of the full product. bound = estimate + alignment * max(estimate, 0)
// + 6.5 sigma (coarse.h). Sigma holds for residuals independent of the activations: then 4e-11
// of a normal distribution lies beyond 6.5 sigma. Hidden values that point along a row are not
// independent of it: their residuals add up to `alignment` of the estimate. A wanted logit beyond
// its bound is missed; plugins/sparse_x86/README.md has the counts. The threshold depends on the
// numbers alone, so the same rows are computed for every number of threads.
//
// Where estimates leave too many rows (flat logits, many wanted) the next products are full ones.
// Packed weights are the rows of the ordinary product and, behind them, the coarse copy.
#ifndef PLUGINS_COMMON_KERNELS_MATMUL_HEAD_H_
#define PLUGINS_COMMON_KERNELS_MATMUL_HEAD_H_

#include "core/abi/attribute.h"
#include "plugins/common/kernels/coarse_pack.h"
#include "plugins/common/kernels/engine.h"
#include "plugins/common/kernels/matmul_quantised.h"
#include "plugins/common/kernels/readers.h"

namespace {

constexpr int64_t kHeadRowsPerUnit = 64;
constexpr float kHeadSigmas = 6.5f;
constexpr int64_t kMostWanted = 256;
// Best estimates that are computed beside the wanted ones: an estimate errs, the best may be the
// third.
constexpr int64_t kHeadSpareRows = 15;
// More candidates than one row in 5: the exact rows cost what the estimates save.
constexpr int64_t kHeadRowsPerCandidate = 5;
constexpr uint32_t kFullRunsAfterTooMany = 8;
// Candidates lie apart: rows fetched before the one that is computed, and rows whose candidates are
// listed first so that there are some to fetch.
constexpr int64_t kHeadRowsAhead = 12;
constexpr int64_t kHeadRowsPerList = 1024;

struct HeadState {
  MatmulState shape;
  uint32_t full_runs_left;
  uint32_t sparse;  // this run; set by Work()
};

// Scratch: activations, tables, then for each row and unit
struct HeadScratch {
  ActivationGroup* groups;
  CoarseTables* tables;
  float* bounds;      // [rows]
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
  scratch->tables = (CoarseTables*)p;
  p += (uint64_t)groups * sizeof(CoarseTables);
  scratch->bounds = (float*)p;
  scratch->best = scratch->bounds + RoundUp(shape.rows, kHeadRowsPerUnit);
  scratch->best_row = (int32_t*)(scratch->best + units);
  scratch->threshold = (float*)(scratch->best_row + units);
  return (uint64_t)((uint8_t*)(scratch->threshold + 1) - (uint8_t*)memory);
}

// Rows of a head, as they are in the file (FileRows) and as they are multiplied (PackedRows): here
// in the K8 layout.
template <class FileRows, class PackedRows>
struct K8HeadRows {
  using File = FileRows;
  using Packed = PackedRows;
  static KL_INLINE void PackRow(const uint8_t* source, int64_t blocks, uint8_t* destination) {
    using Bytes = typename Packed::Bytes;
    for (int64_t g = 0; g < blocks / 8; ++g) {
      Bytes::PackGroup(source + g * Bytes::kGroupBytes, destination + g * Bytes::kGroupBytes);
    }
  }
};

// Rows of a head that is multiplied as it is in the file.
template <class FileRows>
struct FileHeadRows {
  using File = FileRows;
  using Packed = FileRows;
  static KL_INLINE void PackRow(const uint8_t* source, int64_t blocks, uint8_t* destination) {
    memcpy(destination, source, Packed::RowBytes(blocks));
  }
};

// The packed copy of weights [rows, columns].
template <class HeadRows>
struct HeadWeights {
  using Packed = typename HeadRows::Packed;
  using File = typename HeadRows::File;

  const uint8_t* rows;
  const uint8_t* tiles;
  int64_t blocks;
  uint64_t row_bytes;
  uint64_t tile_bytes;

  static KL_INLINE uint64_t TilesAt(int64_t rows, int64_t columns) {
    return ((uint64_t)rows * Packed::RowBytes(columns / 32) + 63) / 64 * 64;
  }
  static KL_INLINE uint64_t Bytes(int64_t rows, int64_t columns) {
    return TilesAt(rows, columns) +
           (uint64_t)CeilDivide(rows, kCoarseTileRows) * CoarseTileBytes(columns / 256);
  }
  static KL_INLINE HeadWeights At(const void* data, int64_t rows, int64_t columns) {
    const uint8_t* p = (const uint8_t*)data;
    return {p, p + TilesAt(rows, columns), columns / 32, Packed::RowBytes(columns / 32),
            CoarseTileBytes(columns / 256)};
  }
  KL_INLINE const uint8_t* Row(int64_t n) const { return rows + (uint64_t)n * row_bytes; }

  KL_INLINE void PrefetchRow(int64_t n) const {
    for (uint64_t at = 0; at < row_bytes + 63; at += 64) PrefetchGathered(Row(n) + at);
  }
  // Of a row that stands alone: what follows it is not fetched.
  KL_INLINE float Dot(int64_t n, const ActivationGroup* x) const {
    return Packed::Dot(Row(n), blocks, x, Row(n));
  }

  // Units of kHeadRowsPerUnit rows.
  static inline void Pack(const kl_tensor* source, void* destination, int64_t begin, int64_t end) {
    const int64_t rows = RowsOf(source);
    const int64_t columns = LastOf(source);
    const HeadWeights at = At(destination, rows, columns);
    const uint64_t file_row_bytes = File::RowBytes(at.blocks);
    alignas(32) float row[kMostCoarseColumns];
    uint8_t codes[kCoarseTileRows * kMostCoarseColumns / 4];
    const int64_t last = Minimum(end * kHeadRowsPerUnit, rows);
    for (int64_t first = begin * kHeadRowsPerUnit; first < last; first += kCoarseTileRows) {
      PackCoarseTile(
          columns, row, codes,
          [&](int64_t i, float* w) {
            const int64_t n = Minimum(first + i, rows - 1);
            const uint8_t* from = (const uint8_t*)source->data + (uint64_t)n * file_row_bytes;
            if (first + i < rows) HeadRows::PackRow(from, at.blocks, (uint8_t*)at.Row(n));
            QuantisedReader<File>::Read(from, columns, 1.0f, w);
          },
          (uint8_t*)at.tiles + (uint64_t)(first / kCoarseTileRows) * at.tile_bytes);
    }
  }
};

// Sums: see coarse.h.
template <class Sums, class HeadRows>
struct HeadMatmul {
  static constexpr kl_dtype kType = HeadRows::File::kType;
  using Weights = HeadWeights<HeadRows>;
  using Packed = typename Weights::Packed;
  using Full =
      QuantisedMatmul<QuantisedEngine<typename Weights::File>, QuantisedEngine<Packed>, NoPacking>;

  // Only what an architecture marks as its head, and only where a logit's row is whole groups.
  static kl_code Supports(const kl_node* node, kl_error* error) {
    KL_TRY(MatmulSupports(node, error));
    const int64_t columns = LastOf(node->operands[kMatmulWeights]);
    if (kl_attribute_int(node, "vocabulary_head", 0) != 0 && columns % 256 == 0 &&
        columns <= kMostCoarseColumns && node->operands[kMatmulBias]->type == KL_TYPE_NONE) {
      return KL_OK;
    }
    return kl_fail(error, KL_UNSUPPORTED,
                   "%s (matmul): not marked as vocabulary_head, rows that are no whole groups of "
                   "256 columns or longer than %d, or a bias",
                   NameOf(node), (int)kMostCoarseColumns);
  }

  static kl_code PackQuery(const kl_node* node, uint32_t operand, kl_pack* pack, kl_error*) {
    NothingToPack(pack);
    if (operand != kMatmulWeights) return KL_OK;
    const kl_tensor* weights = node->operands[operand];
    pack->bytes = Weights::Bytes(RowsOf(weights), LastOf(weights));
    pack->unit_count = CeilDivide(RowsOf(weights), kHeadRowsPerUnit);
    pack->layout = "head";
    return KL_OK;
  }

  static kl_code Pack(const kl_node*, uint32_t, const kl_tensor* source, void* destination,
                      int64_t begin, int64_t end) {
    Weights::Pack(source, destination, begin, end);
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
    requirements->worker_scratch_bytes = Packed::PanelBytes(self->shape.columns / 32);
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
    const int64_t rows_per_unit = self->sparse ? kHeadRowsPerUnit : kRowsPerUnit;
    const int64_t units = CeilDivide(self->shape.rows, rows_per_unit);
    work->phase_count = tokens == 0 ? 0 : self->sparse ? 4 : 2;
    work->unit_count[0] = tokens;
    work->unit_count[1] = units;
    work->unit_count[2] = 1;
    work->unit_count[3] = units;
  }

  static kl_code Run(const kl_run* run) {
    HeadState* self = (HeadState*)run->state;
    if (!self->sparse) {
      const int64_t rows = Minimum((run->end - run->begin) * kRowsPerUnit,
                                   self->shape.rows - run->begin * kRowsPerUnit);
      if (run->phase == 1) {
        kl_count_weight_bytes(run, (uint64_t)rows * Packed::RowBytes(self->shape.columns / 32));
      }
      return Full::Run(run);
    }
    HeadScratch scratch;
    HeadScratchAt(self->shape, 1, run->scratch, &scratch);
    const Weights weights =
        Weights::At(run->operands[kMatmulWeights]->data, self->shape.rows, self->shape.columns);
    if (run->phase == 0) {
      Full::template Quantise<QuantisedEngine<Packed>>(run);
      const float* x = (const float*)run->operands[kMatmulX]->data;
      for (int64_t g = 0; g < self->shape.columns / 256; ++g) {
        MakeCoarseTables(x + 256 * g, scratch.tables + g);
      }
    } else if (run->phase == 1) {
      Estimate(run, self->shape, weights, scratch);
    } else if (run->phase == 2) {
      FindThreshold(run, self, weights, scratch);
    } else {
      ComputeCandidates(run, self->shape, weights, scratch);
    }
    return KL_OK;
  }

 private:
  static inline __attribute__((noinline)) void Estimate(const kl_run* run, const MatmulState& shape,
                                                        const Weights& weights,
                                                        const HeadScratch& scratch) {
    alignas(32) float estimates[kHeadRowsPerUnit];
    alignas(32) float variances[kCoarseTileRows];
    for (int64_t unit = run->begin; unit < run->end; ++unit) {
      const int64_t first = unit * kHeadRowsPerUnit;
      const int64_t end = Minimum(first + kHeadRowsPerUnit, shape.rows);
      for (int64_t n = first; n < end; n += kCoarseTileRows) {
        const float* alignments = EstimateTile<Sums>(
            weights.tiles + (uint64_t)(n / kCoarseTileRows) * weights.tile_bytes,
            shape.columns / 256, scratch.tables, estimates + (n - first), variances);
        for (int64_t i = 0; i < kCoarseTileRows; i += 8) {
          const F8 estimate = Load8(estimates + (n - first) + i);
          const F8 aligned = Load8(alignments + i) * Maximum(estimate, Zero8());
          const F8 deviation = SquareRoot(Load8(variances + i));
          Store8(scratch.bounds + n + i,
                 MultiplyAdd(Splat8(kHeadSigmas), deviation, estimate + aligned));
        }
        kl_count_weight_bytes(run, weights.tile_bytes);
      }
      float best = -__builtin_inff();
      int64_t best_row = first;
      for (int64_t n = first; n < end; ++n) {
        const bool better = estimates[n - first] > best;
        best = better ? estimates[n - first] : best;
        best_row = better ? n : best_row;
      }
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

  static void FindThreshold(const kl_run* run, HeadState* self, const Weights& weights,
                            const HeadScratch& scratch) {
    const MatmulState& shape = self->shape;
    const int64_t units = CeilDivide(shape.rows, kHeadRowsPerUnit);
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
    for (int64_t i = 0; i < tried; ++i) weights.PrefetchRow(rows[i]);
    for (int64_t i = 0; i < tried && values[i] > -__builtin_inff(); ++i) {
      const float dot = weights.Dot(rows[i], scratch.groups);
      Insert(dot, rows[i], wanted, exact, unused);
      // Known to be as large as it is, whatever its bound says.
      if (scratch.bounds[rows[i]] < dot) scratch.bounds[rows[i]] = dot;
    }
    const float threshold = exact[wanted - 1];
    *scratch.threshold = threshold;
    int64_t left_out = 0;
    int64_t n = 0;
    for (; n + 8 <= shape.rows; n += 8) {
      const F8 below = Below8(Load8(scratch.bounds + n), Splat8(threshold));
      left_out += __builtin_popcount((unsigned)MaskBits(below));
    }
    for (; n < shape.rows; ++n) left_out += scratch.bounds[n] < threshold ? 1 : 0;
    const int64_t candidates = shape.rows - left_out;
    if (candidates * kHeadRowsPerCandidate > shape.rows) {
      self->full_runs_left = kFullRunsAfterTooMany;
    }
  }

  static inline __attribute__((noinline)) void ComputeCandidates(const kl_run* run,
                                                                 const MatmulState& shape,
                                                                 const Weights& weights,
                                                                 const HeadScratch& scratch) {
    float* y = (float*)run->operands[kMatmulY]->data;
    const float threshold = *scratch.threshold;
    const int64_t end = Minimum(run->end * kHeadRowsPerUnit, shape.rows);
    int32_t candidates[kHeadRowsPerList];
    for (int64_t first = run->begin * kHeadRowsPerUnit; first < end; first += kHeadRowsPerList) {
      int64_t count = 0;
      for (int64_t n = first; n < Minimum(first + kHeadRowsPerList, end); ++n) {
        y[n] = -__builtin_inff();
        candidates[count] = (int32_t)n;
        // A bound that is NaN is kept: its row is computed, and the sampler reports it.
        count += scratch.bounds[n] < threshold ? 0 : 1;
      }
      for (int64_t i = -kHeadRowsAhead; i < count; ++i) {
        if (i + kHeadRowsAhead < count) weights.PrefetchRow(candidates[i + kHeadRowsAhead]);
        if (i >= 0) y[candidates[i]] = weights.Dot(candidates[i], scratch.groups);
      }
      kl_count_weight_bytes(run, (uint64_t)count * weights.row_bytes);
    }
  }
};

}  // namespace

// A kernel file, all but its includes; the stem may be KL_AT_LEVEL(..).
#define KL_HEAD_MATMUL(plugin, stem, ...) KL_HEAD_MATMUL_(plugin, stem, __VA_ARGS__)
#define KL_HEAD_MATMUL_(plugin, stem, ...)                                        \
  namespace {                                                                     \
  using Head = __VA_ARGS__;                                                       \
  constexpr kl_kernel MakeKernel(const kl_dtype* types) {                         \
    kl_kernel kernel = MatmulKernel<Head>(#stem, types, kQuantisedTolerance);     \
    kernel.priority = kIsaPriority + 5; /* before the kernel for any product */   \
    kernel.flags = KL_KERNEL_COUNTS_WEIGHT_BYTES;                                 \
    kernel.state_bytes = sizeof(HeadState);                                       \
    kernel.supports = Head::Supports;                                             \
    kernel.pack_query = Head::PackQuery;                                          \
    kernel.pack = Head::Pack;                                                     \
    return kernel;                                                                \
  }                                                                               \
  const kl_dtype kTypes[] = {KL_TYPE_F32, Head::kType, KL_TYPE_ANY, KL_TYPE_F32}; \
  const kl_kernel kKernel = MakeKernel(kTypes);                                   \
  const kl_kernel* const kKernels[] = {&kKernel};                                 \
  }                                                                               \
  KL_TABLE(plugin, stem) = {nullptr, kKernels, 1}

#endif  // PLUGINS_COMMON_KERNELS_MATMUL_HEAD_H_
