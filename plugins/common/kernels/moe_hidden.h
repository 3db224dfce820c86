// Phase 1 of op "moe_ffn": h = act(gate x) * (up x), for the neurons of the active experts.
//
// A unit is 32 neurons of one expert for all its slots. A few slots: the gate rows of all
// units at hand are streamed, then the up rows of the neurons that are not zero. More slots: both
// matrices in panels of kEngineRows rows (skipping neurons does not pay there: few are zero for all
// slots). Either way h has the same bits.
#ifndef PLUGINS_COMMON_KERNELS_MOE_HIDDEN_H_
#define PLUGINS_COMMON_KERNELS_MOE_HIDDEN_H_

#include "plugins/common/kernels/moe_engine.h"
#include "plugins/common/kernels/moe_plan.h"
#include "plugins/common/kernels/neuron_major_layout.h"
#include "plugins/common/kernels/rows_ahead.h"

namespace {

constexpr int64_t kSlotsPerPass = 128;
constexpr int64_t kNeuronsPerStream = 512;
// How many active rows of up are fetched before the one that is being multiplied.
constexpr int64_t kRowsAhead = 4;

// Where h goes: to f32 or to the blocks that the down engine reads. `block` counts 32 neurons.
using StoreHidden = void (*)(const float* h, int64_t block, int64_t count, void* vector);

struct HiddenWork {
  const MoeState* self;
  GroupedRows gate;  // of this expert
  GroupedRows up;
  const uint8_t* x;  // activations of token 0
  uint8_t* h;        // vector of slot 0
  StoreHidden store;
  void* panel;  // worker scratch
  float* gates;
  float* ups;
};

// h of `count` <= 32 neurons from gate and up products; lanes past count become 0.
KL_INLINE void CombineBlock(Activation activation, const float* gate, const float* up,
                            int64_t count, float* h) {
  for (int64_t i = 0; i < kNeuronsPerUnit; i += 8) {
    const F8 a = Activate(activation, LoadFirst(gate + i, count - i));
    F8 v = a * LoadFirst(up + i, count - i);
    // A neuron that is off stays 0 whatever its up product.
    const F8 on = NotZero8(a);
    v = Keep(v, on);
    Store8(h + i, v);
  }
}

// Neurons [first, first + count) of one slot, row by row. Returns how many up rows it read.
template <class Engine>
static inline int64_t StreamHidden(const HiddenWork& work, int64_t slot, int64_t first,
                                   int64_t count) {
  const MoeState& self = *work.self;
  const void* x = work.x + (uint64_t)(slot / self.chosen) * self.x_bytes;
  alignas(32) float gates[kNeuronsPerStream];
  alignas(32) float ups[kNeuronsPerStream];
  int32_t active[kNeuronsPerStream + kRowsAhead];
  int64_t active_count = 0;
  for (int64_t i = 0; i < count; ++i) {
    const uint8_t* row = work.gate.At(first + i);
    gates[i] = Engine::Dot(row, self.length, x, row + kPrefetchAhead);
    ups[i] = 0.0f;
    active[active_count] = (int32_t)i;
    active_count += self.activation != kRelu || gates[i] > 0.0f ? 1 : 0;
  }
  // The last rows fetch themselves.
  const int32_t last = active_count > 0 ? active[active_count - 1] : 0;
  for (int64_t i = 0; i < kRowsAhead; ++i) active[active_count + i] = last;
  for (int64_t a = 0; a < active_count; ++a) {
    ups[active[a]] = Engine::Dot(work.up.At(first + active[a]), self.length, x,
                                 work.up.At(first + active[a + kRowsAhead]));
  }
  for (int64_t i = 0; i < count; i += kNeuronsPerUnit) {
    alignas(32) float h[kNeuronsPerUnit];
    const int64_t some = Minimum(kNeuronsPerUnit, count - i);
    CombineBlock(self.activation, gates + i, ups + i, some, h);
    work.store(h, (first + i) / kNeuronsPerUnit, some, work.h + (uint64_t)slot * self.h_bytes);
  }
  return active_count;
}

// Up rows of an expert in the neuron-major layout.
KL_INLINE GroupedRows RecordRows(const NeuronRecords& layout, const uint8_t* expert) {
  return GroupedRows(expert + layout.RecordAt(0), layout.record_bytes, layout.group_bytes);
}

// One unit for many slots.
template <class Engine>
static inline void PanelHidden(const HiddenWork& work, const int32_t* slots, int64_t slot_count,
                               int64_t first, int64_t count) {
  const MoeState& self = *work.self;
  for (int64_t pass = 0; pass < slot_count; pass += kSlotsPerPass) {
    const int64_t some = Minimum(kSlotsPerPass, slot_count - pass);
    const void* x[kSlotsPerPass];
    for (int64_t s = 0; s < some; ++s) {
      x[s] = work.x + (uint64_t)(slots[pass + s] / self.chosen) * self.x_bytes;
    }
    for (int64_t half = 0; half < count; half += kEngineRows) {
      const int64_t rows = Minimum(kEngineRows, count - half);
      const auto multiply = [&](const GroupedRows& matrix, float* products) {
        MultiplyAndFetch<Engine>(
            matrix, first + half, rows, self.neurons, self.length, x, some, work.panel,
            [&](int64_t s, const float* y) { CopyRows(y, products + s * kNeuronsPerUnit + half); });
      };
      multiply(work.gate, work.gates);
      multiply(work.up, work.ups);
    }
    for (int64_t s = 0; s < some; ++s) {
      alignas(32) float h[kNeuronsPerUnit];
      CombineBlock(self.activation, work.gates + s * kNeuronsPerUnit,
                   work.ups + s * kNeuronsPerUnit, count, h);
      work.store(h, first / kNeuronsPerUnit, count,
                 work.h + (uint64_t)slots[pass + s] * self.h_bytes);
    }
  }
}

KL_INLINE uint64_t HiddenScratchBytes(uint64_t panel_bytes) {
  return (uint64_t)RoundUp((int64_t)panel_bytes, 64) +
         2 * kSlotsPerPass * kNeuronsPerUnit * sizeof(float);
}

// `records`: up lies in the records of the neuron-major layout.
template <class Engine>
static inline __attribute__((noinline)) void ComputeHidden(const kl_run* run, bool records,
                                                           StoreHidden store) {
  const MoeState& self = *(const MoeState*)run->state;
  const kl_tensor* gate = run->operands[kMoeGate];
  const kl_tensor* up = run->operands[kMoeUp];
  const int64_t slots = kl_element_count(run->operands[kMoeIds]);
  uint8_t* scratch = (uint8_t*)run->scratch;
  const MoeGroups groups = GroupsAt(scratch + self.groups_at, MostActive(self, slots), slots);
  const uint64_t row_bytes = Engine::RowBytes(self.length);
  const uint64_t expert_bytes = (uint64_t)self.neurons * row_bytes;
  const NeuronRecords layout(self.length);
  const int64_t units_per_expert = CeilDivide(self.neurons, kNeuronsPerUnit);
  float* gates = (float*)((uint8_t*)run->worker_scratch +
                          RoundUp((int64_t)Engine::PanelBytes(self.length), 64));
  int64_t rows_read = 0;
  int64_t unit = run->begin;
  while (unit < run->end) {
    const int64_t a = unit / units_per_expert;
    if (a >= *groups.active_count) break;
    const int64_t first = unit % units_per_expert * kNeuronsPerUnit;
    const int64_t slot_count = groups.start[a + 1] - groups.start[a];
    const int32_t* expert_slots = groups.slots + groups.start[a];
    const int32_t e = groups.expert[a];
    const HiddenWork work = {
        &self,
        GroupedRows(ExpertAt(gate, e, expert_bytes), row_bytes),
        records ? RecordRows(layout, ExpertAt(up, e, layout.ExpertBytes(self.neurons)))
                : GroupedRows(ExpertAt(up, e, expert_bytes), row_bytes),
        scratch,
        scratch + self.h_at,
        store,
        run->worker_scratch,
        gates,
        gates + kSlotsPerPass * kNeuronsPerUnit};
    // As many units of this expert as a stream takes.
    int64_t units = Minimum(run->end - unit, units_per_expert - unit % units_per_expert);
    if (slot_count < Engine::kVectorsForPanel) {
      units = Minimum(units, kNeuronsPerStream / kNeuronsPerUnit);
      const int64_t count = Minimum(units * kNeuronsPerUnit, self.neurons - first);
      int64_t ups_read = 0;
      for (int64_t s = 0; s < slot_count; ++s) {
        ups_read += StreamHidden<Engine>(work, expert_slots[s], first, count);
      }
      rows_read += count + Minimum(ups_read, count);
    } else {
      units = 1;
      const int64_t count = Minimum(kNeuronsPerUnit, self.neurons - first);
      PanelHidden<Engine>(work, expert_slots, slot_count, first, count);
      rows_read += 2 * count;
    }
    unit += units;
  }
  kl_count_weight_bytes(run, (uint64_t)rows_read * row_bytes);
}

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_MOE_HIDDEN_H_
