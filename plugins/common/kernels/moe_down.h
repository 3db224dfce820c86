// Phase 2 of op "moe_ffn" with down [E, D, F]: y[t] = sum over i of weights[t][i] * down_e(h).
//
// Units of kEngineRows rows of down (elements of y). Every element of y is a chain of fused
// multiply-adds in order of i, each of one expert's product, so it has the same bits for every
// batch size and number of threads.
#ifndef PLUGINS_COMMON_KERNELS_MOE_DOWN_H_
#define PLUGINS_COMMON_KERNELS_MOE_DOWN_H_

#include "plugins/common/kernels/moe_engine.h"
#include "plugins/common/kernels/moe_plan.h"
#include "plugins/common/kernels/neuron_major_layout.h"
#include "plugins/common/kernels/rows_ahead.h"

namespace {

constexpr int64_t kDownSlotsPerPass = 128;

// A down matrix [D, F] of rows.
template <class Engine>
struct RowMajorDown {
  static constexpr int64_t kVectorsForPanel = Engine::kVectorsForPanel;
  static constexpr int64_t kUnitsOfALine = 1;
  static KL_INLINE uint64_t RowBytes(int64_t neurons) { return Engine::RowBytes(neurons); }
  static KL_INLINE uint64_t ExpertBytes(int64_t outputs, int64_t neurons) {
    return (uint64_t)outputs * Engine::RowBytes(neurons);
  }
  static KL_INLINE uint64_t PanelBytes(int64_t neurons) { return Engine::PanelBytes(neurons); }
  static KL_INLINE float Dot(const uint8_t* matrix, int64_t row, int64_t neurons,
                             const void* vector) {
    const uint8_t* at = matrix + (uint64_t)row * Engine::RowBytes(neurons);
    return Engine::Dot(at, neurons, vector, at + kPrefetchAhead);
  }
  // Outputs [first, first + count <= kEngineRows) of `vector_count` vectors.
  template <class Store>
  static KL_INLINE void Multiply(const uint8_t* matrix, int64_t, int64_t neurons, int64_t first,
                                 int64_t count, const void* const* vectors, int64_t vector_count,
                                 void* panel, const Store& store) {
    const uint64_t row_bytes = Engine::RowBytes(neurons);
    Engine::MultiplyRows(matrix + (uint64_t)first * row_bytes, row_bytes, count, neurons, vectors,
                         vector_count, panel, store);
  }
  // Fetches what Multiply() reads of the outputs [first, first + count).
  class Ahead {
   public:
    KL_INLINE Ahead(const uint8_t* matrix, int64_t, int64_t neurons, int64_t first, int64_t count,
                    int64_t calls)
        : rows_(GroupedRows(matrix, RowBytes(neurons)), first, first + count, RowBytes(neurons),
                calls) {}
    KL_INLINE void Fetch() { rows_.Fetch(); }

   private:
    RowsAhead rows_;
  };
};

// In the neuron-major layout; one or two tokens go through moe_streamed.h.
template <class NeuronMajor>
struct NeuronMajorDown {
  static constexpr int64_t kVectorsForPanel = 1;
  static constexpr int64_t kUnitsOfALine = 2 * kChunkOutputs / kEngineRows;
  // An output's share of its expert.
  static KL_INLINE uint64_t RowBytes(int64_t neurons) { return (uint64_t)neurons / 32 * 18; }
  static KL_INLINE uint64_t ExpertBytes(int64_t outputs, int64_t neurons) {
    return NeuronRecords(outputs).ExpertBytes(neurons);
  }
  static KL_INLINE uint64_t PanelBytes(int64_t neurons) {
    return NeuronMajor::PanelBytes(neurons / 32);
  }
  template <class Store>
  static KL_INLINE void Multiply(const uint8_t* matrix, int64_t outputs, int64_t neurons,
                                 int64_t first, int64_t, const void* const* vectors,
                                 int64_t vector_count, void* memory, const Store& store) {
    NeuronMajor::MultiplyPanel(matrix, NeuronRecords(outputs), first, neurons / kGroupNeurons,
                               (const ActivationGroup* const*)vectors, vector_count, memory, store);
  }
  class Ahead {
   public:
    KL_INLINE Ahead(const uint8_t* matrix, int64_t outputs, int64_t neurons, int64_t first,
                    int64_t count, int64_t calls)
        : Ahead(NeuronRecords(outputs), matrix, neurons, first, count, calls) {}
    KL_INLINE void Fetch() {
      scales_.Fetch();
      rows_.Fetch();
    }

   private:
    KL_INLINE Ahead(const NeuronRecords& records, const uint8_t* matrix, int64_t neurons,
                    int64_t first, int64_t count, int64_t calls)
        : scales_(GroupedRows(matrix + 2 * first, records.group_bytes), 0, neurons / kGroupNeurons,
                  2 * (uint64_t)count, calls),
          rows_(GroupedRows(matrix + records.DownAt(0) + first / kChunkOutputs * 32,
                            records.record_bytes, records.group_bytes),
                0, neurons, (uint64_t)CeilDivide(count, kChunkOutputs) * 32, calls) {}

    RowsAhead scales_;
    RowsAhead rows_;
  };
};

// Products that one worker keeps at a time: they should stay in the L2 cache.
constexpr int64_t kDownProductFloats = 128 << 10;

// Units that share an expert's cache lines, `most` of them at best.
KL_INLINE int64_t DownUnitsTogether(int64_t most, int64_t slots) {
  int64_t units = most;
  while (units > 1 && units * slots * kEngineRows > kDownProductFloats) units /= 2;
  return units;
}

KL_INLINE uint64_t DownScratchBytes(uint64_t panel_bytes, int64_t slots, int64_t units_of_a_line) {
  return (uint64_t)RoundUp((int64_t)panel_bytes, 64) +
         (uint64_t)(DownUnitsTogether(units_of_a_line, slots) * slots * kEngineRows) *
             sizeof(float);
}

// Rows [first, first + rows) for one token.
template <class Engine>
static inline void StreamDownRows(const kl_run* run, const MoeState& self, int64_t token,
                                  int64_t first, int64_t rows) {
  const kl_tensor* down = run->operands[kMoeDown];
  const int32_t* ids = (const int32_t*)run->operands[kMoeIds]->data + token * self.chosen;
  const float* weights = (const float*)run->operands[kMoeWeights]->data + token * self.chosen;
  float* y = (float*)run->operands[kMoeY]->data + token * self.length + first;
  const uint64_t row_bytes = Engine::RowBytes(self.neurons);
  for (int64_t i = 0; i < self.chosen; ++i) {
    const uint8_t* matrix = ExpertAt(down, ids[i], (uint64_t)self.length * row_bytes);
    const void* h = (const uint8_t*)run->scratch + self.h_at +
                    (uint64_t)(token * self.chosen + i) * self.h_bytes;
    const uint8_t* row = matrix + (uint64_t)first * row_bytes;
    for (int64_t r = 0; r < rows; ++r, row += row_bytes) {
      const float dot = Engine::Dot(row, self.neurons, h, row + kPrefetchAhead);
      y[r] = __builtin_fmaf(weights[i], dot, i == 0 ? 0.0f : y[r]);
    }
  }
}

// Units [first_unit, first_unit + units) for many tokens, expert by expert: one that is laid out
// neuron by neuron has the outputs of several units in the same cache lines.
template <class Down>
static inline void PanelDown(const kl_run* run, const MoeState& self, const MoeGroups& groups,
                             int64_t tokens, int64_t first_unit, int64_t units) {
  const kl_tensor* down = run->operands[kMoeDown];
  const float* weights = (const float*)run->operands[kMoeWeights]->data;
  const uint8_t* h = (const uint8_t*)run->scratch + self.h_at;
  const int64_t slots_of_all = tokens * self.chosen;
  float* all_products = (float*)((uint8_t*)run->worker_scratch +
                                 RoundUp((int64_t)Down::PanelBytes(self.neurons), 64));
  const auto matrix_of = [&](int32_t a) {
    return ExpertAt(down, groups.expert[a], Down::ExpertBytes(self.length, self.neurons));
  };
  for (int32_t a = 0; a < *groups.active_count; ++a) {
    const uint8_t* matrix = matrix_of(a);
    const int32_t* slots = groups.slots + groups.start[a];
    const int64_t slot_count = groups.start[a + 1] - groups.start[a];
    const int64_t first_output = first_unit * kEngineRows;
    // What comes next is the next expert's; the last fetches itself.
    typename Down::Ahead ahead(
        matrix_of((int32_t)Minimum(a + 1, *groups.active_count - 1)), self.length, self.neurons,
        first_output, Minimum(units * kEngineRows, self.length - first_output), units * slot_count);
    for (int64_t u = 0; u < units; ++u) {
      const int64_t first = (first_unit + u) * kEngineRows;
      const int64_t rows = Minimum(kEngineRows, self.length - first);
      float* products = all_products + u * slots_of_all * kEngineRows;
      if constexpr (Down::kVectorsForPanel > 1) {
        if (slot_count < Down::kVectorsForPanel) {
          for (int64_t s = 0; s < slot_count; ++s) {
            for (int64_t r = 0; r < rows; ++r) {
              products[slots[s] * kEngineRows + r] =
                  Down::Dot(matrix, first + r, self.neurons, h + (uint64_t)slots[s] * self.h_bytes);
            }
          }
          continue;
        }
      }
      for (int64_t pass = 0; pass < slot_count; pass += kDownSlotsPerPass) {
        const void* vectors[kDownSlotsPerPass];
        const int64_t some = Minimum(kDownSlotsPerPass, slot_count - pass);
        for (int64_t s = 0; s < some; ++s) {
          vectors[s] = h + (uint64_t)slots[pass + s] * self.h_bytes;
        }
        Down::Multiply(matrix, self.length, self.neurons, first, rows, vectors, some,
                       run->worker_scratch, [&](int64_t s, const float* y) {
                         ahead.Fetch();
                         CopyRows(y, products + slots[pass + s] * kEngineRows);
                       });
      }
    }
  }
  for (int64_t u = 0; u < units; ++u) {
    const int64_t first = (first_unit + u) * kEngineRows;
    const int64_t rows = Minimum(kEngineRows, self.length - first);
    const float* products = all_products + u * slots_of_all * kEngineRows;
    for (int64_t t = 0; t < tokens; ++t) {
      float* y = (float*)run->operands[kMoeY]->data + t * self.length + first;
      for (int64_t r = 0; r < rows; r += 8) {
        F8 sum = Zero8();
        for (int64_t i = 0; i < self.chosen; ++i) {
          const int64_t slot = t * self.chosen + i;
          sum = MultiplyAdd(Splat8(weights[slot]), Load8(products + slot * kEngineRows + r), sum);
        }
        StoreFirst(y + r, rows - r, sum);
      }
    }
  }
}

template <class Down>
static inline void ComputePanelsDown(const kl_run* run) {
  const MoeState& self = *(const MoeState*)run->state;
  const int64_t tokens = RowsOf(run->operands[kMoeX]);
  const int64_t slots = tokens * self.chosen;
  const MoeGroups groups =
      GroupsAt((uint8_t*)run->scratch + self.groups_at, MostActive(self, slots), slots);
  // Up to the end of a cache line's outputs.
  const int64_t together = DownUnitsTogether(Down::kUnitsOfALine, slots);
  for (int64_t unit = run->begin; unit < run->end;) {
    const int64_t units = Minimum(together - unit % together, run->end - unit);
    PanelDown<Down>(run, self, groups, tokens, unit, units);
    unit += units;
  }
  // All rows of all experts at hand; neuron by neuron or not, an expert's rows share its bytes
  // alike.
  const int64_t outputs = Minimum(run->end * kEngineRows, self.length) - run->begin * kEngineRows;
  kl_count_weight_bytes(run, (uint64_t)*groups.active_count * Down::RowBytes(self.neurons) *
                                 (uint64_t)Maximum(0, outputs));
}

template <class Engine>
static inline __attribute__((noinline)) void ComputeDown(const kl_run* run) {
  const MoeState& self = *(const MoeState*)run->state;
  const int64_t tokens = RowsOf(run->operands[kMoeX]);
  if (tokens > kStreamedTokens) {
    ComputePanelsDown<RowMajorDown<Engine>>(run);
    return;
  }
  const int64_t first = run->begin * kEngineRows;
  const int64_t end = Minimum(run->end * kEngineRows, self.length);
  for (int64_t t = 0; t < tokens; ++t) StreamDownRows<Engine>(run, self, t, first, end - first);
  kl_count_weight_bytes(
      run, (uint64_t)(tokens * self.chosen * (end - first)) * Engine::RowBytes(self.neurons));
}

template <class NeuronMajor>
static inline __attribute__((noinline)) void ComputeNeuronMajorDown(const kl_run* run) {
  ComputePanelsDown<NeuronMajorDown<NeuronMajor>>(run);
}

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_MOE_DOWN_H_
