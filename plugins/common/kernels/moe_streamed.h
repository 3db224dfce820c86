// Op "moe_ffn" for one or two tokens with experts in the neuron-major layout: what is not active is
// not read.
//
// A quarter of an expert is its blocks of 32 neurons b with b mod 4 = quarter. A unit is one, two
// or all four quarters of one expert for one token. It streams the gate rows, then takes the
// records of active neurons, block by block: up rows, then down rows, while the records of the next
// block are fetched. The sums of each quarter go to the scratch; a phase later they are added up.
//
// Numbers: an output of an expert has eight partial sums, one for the blocks j, j + 8, ..., as in
// every quantised product. A quarter holds two of them, which are the first
// that SumAcross adds: the result has the bits of the other paths, whatever a unit is.
#ifndef PLUGINS_COMMON_KERNELS_MOE_STREAMED_H_
#define PLUGINS_COMMON_KERNELS_MOE_STREAMED_H_

#include "plugins/common/kernels/moe_hidden.h"
#include "plugins/common/kernels/neuron_major_layout.h"

namespace {

constexpr int64_t kQuarters = 4;
constexpr int64_t kMostBlocks = 32;  // of a unit, between their gate and their down products

KL_INLINE uint64_t StreamedPartialBytes(const MoeState& self, int64_t tokens) {
  const int64_t slots = Minimum(tokens, kStreamedTokens) * self.chosen;
  return (uint64_t)(slots * kQuarters * self.length) * sizeof(float);
}

// Worker scratch: two of the eight sums for each quarter.
KL_INLINE uint64_t StreamedScratchBytes(const MoeState& self) {
  return 2 * kQuarters * (uint64_t)self.length * sizeof(float);
}

// Quarters that a unit takes. The gates of a whole expert are one stream, those of a quarter jump
// after every block, which costs a fifth of the speed: whole experts, if all workers get as many.
KL_INLINE int64_t QuartersPerUnit(const MoeState& self, int64_t tokens) {
  const int64_t all = tokens * self.chosen * kQuarters;
  int64_t quarters = kQuarters;
  while (quarters > 1 && all / quarters % self.workers != 0) quarters /= 2;
  return quarters;
}

// Rows whose lines are fetched side by side.
constexpr int64_t kRowsTogether = 8;

// Fetches rows a few lines at a time, while others are computed, eight rows together: line 0 of
// each of them, line kLineStep of each, ..., then those between. Row after row the hardware would
// take each for a stream and read on past its end: with a third of the rows wanted that is as much
// again as what is needed. README.md (sparse_x86) has figures.
class RowFetch {
 public:
  KL_INLINE RowFetch(const uint8_t* const* rows, int64_t count, uint64_t row_bytes)
      : rows_(rows), count_(count), together_(Minimum(count, kRowsTogether)) {
    for (int64_t i = 0; i < count; ++i) {
      const int64_t lines = CeilDivide((int64_t)((uintptr_t)rows[i] % 64 + row_bytes), 64);
      lines_ = lines > lines_ ? lines : lines_;
    }
  }

  KL_INLINE int64_t lines() const { return lines_ * count_; }

  KL_INLINE void Fetch(int64_t lines) {
    for (; lines > 0 && first_ < count_; --lines) {
      PrefetchGathered((const uint8_t*)((uintptr_t)rows_[first_ + row_] / 64 * 64) + 64 * line_);
      if (++row_ < together_) continue;
      row_ = 0;
      line_ += kLineStep;
      if (line_ >= lines_ && line_ % kLineStep != kLineStep - 1) line_ = line_ % kLineStep + 1;
      if (line_ < lines_) continue;
      line_ = 0;
      first_ += together_;
      together_ = Minimum(count_ - first_, kRowsTogether);
    }
  }

 private:
  const uint8_t* const* rows_;
  int64_t count_;
  int64_t together_;
  int64_t lines_ = 0;
  int64_t first_ = 0;
  int64_t row_ = 0;
  int64_t line_ = 0;
};

// One unit's view of its expert.
struct StreamedUnit {
  const MoeState* self;
  const uint8_t* gate;
  const uint8_t* neurons;  // groups of records of up and down
  const NeuronRecords* records;
  const uint8_t* then;  // what the worker reads after this unit
  const void* x;        // activation of the token
  int64_t first_quarter;
  int64_t quarters;
  int64_t blocks;  // of all four
  float* sums;     // [quarters][2][D]

  // The unit's blocks in order.
  KL_INLINE int64_t BlockAt(int64_t i) const {
    return i / quarters * kQuarters + first_quarter + i % quarters;
  }
  KL_INLINE const uint8_t* Group(int64_t block) const {
    return neurons + (uint64_t)block * records->group_bytes;
  }
};

// A block of 32 neurons between its gate and its up products.
struct StreamedBlock {
  alignas(32) float gates[kGroupNeurons];
  int64_t number;
  int32_t active[kGroupNeurons];
  int32_t active_count;
};

// Gate products of block `b`. `next` is read after it.
template <class Engine>
KL_INLINE void StreamGates(const StreamedUnit& unit, int64_t b, const uint8_t* next,
                           StreamedBlock* block) {
  const MoeState& self = *unit.self;
  const uint64_t row_bytes = Engine::RowBytes(self.length);
  const uint64_t block_bytes = kGroupNeurons * row_bytes;
  const uint8_t* rows = unit.gate + (uint64_t)b * block_bytes;
  block->number = b;
  block->active_count = 0;
  for (int32_t i = 0; i < kGroupNeurons; ++i) {
    const uint64_t at = (uint64_t)i * row_bytes;
    const uint64_t later = at + (uint64_t)kPrefetchAhead;
    const uint8_t* fetch = later < block_bytes ? rows + later : next + (later - block_bytes);
    block->gates[i] = Engine::Dot(rows + at, self.length, unit.x, fetch);
    block->active[block->active_count] = i;
    block->active_count += self.activation != kRelu || !(block->gates[i] <= 0.0f) ? 1 : 0;
  }
}

// Fetches what StreamNeurons() reads of a block, during the products of the block before: an up row
// with each of its up rows, all else with the chunks of its down products.
class BlockFetch {
 public:
  // `before`: active neurons of the block before.
  KL_INLINE BlockFetch(const StreamedUnit& unit, const StreamedBlock& block, int32_t before)
      : scales_(unit.Group(block.number)),
        with_ups_(before < block.active_count ? before : block.active_count),
        ups_(PointAtRecords(unit, block) + with_ups_, block.active_count - with_ups_,
             unit.records->up_bytes),
        downs_(rows_ + kGroupNeurons, block.active_count, unit.records->down_bytes) {
    const int64_t chunks = unit.records->outputs / kChunkOutputs;
    up_share_ = CeilDivide(ups_.lines(), chunks);
    down_share_ = CeilDivide(downs_.lines(), chunks);
  }
  BlockFetch(const BlockFetch&) = delete;  // ups_ and downs_ point to rows_
  // In place of a block after the last: the beginning of what follows, with the chunks.
  explicit KL_INLINE BlockFetch(const uint8_t* then)
      : scales_(then), with_ups_(0), ups_(rows_, 0, 0), downs_(rows_, 0, 0) {}

  // What to fetch with up row `a` of the block before, which is at `row`.
  KL_INLINE const uint8_t* WithUp(int32_t a, const uint8_t* row) const {
    return a < with_ups_ ? rows_[a] : row;
  }

  // With chunk c of the outputs.
  KL_INLINE void operator()(int64_t c) {
    for (int64_t o = c; o < c + kChunkOutputs; o += 32) PrefetchGathered(scales_ + 2 * o);
    ups_.Fetch(up_share_);
    downs_.Fetch(down_share_);
  }

  KL_INLINE void FetchRest() {
    ups_.Fetch(ups_.lines());
    downs_.Fetch(downs_.lines());
  }

 private:
  KL_INLINE const uint8_t* const* PointAtRecords(const StreamedUnit& unit,
                                                 const StreamedBlock& block) {
    for (int32_t a = 0; a < block.active_count; ++a) {
      rows_[a] = scales_ + unit.records->RecordAt(block.active[a]);
      rows_[kGroupNeurons + a] = rows_[a] + unit.records->up_bytes;
    }
    return rows_;
  }

  const uint8_t* rows_[2 * kGroupNeurons];  // of up, of down
  const uint8_t* scales_;
  int32_t with_ups_;
  RowFetch ups_;  // behind those
  RowFetch downs_;
  int64_t up_share_ = 0;
  int64_t down_share_ = 0;
};

// Up and down products of the active neurons of a block.
template <class Engine, class NeuronMajor>
KL_INLINE void StreamNeurons(const StreamedUnit& unit, const StreamedBlock& block,
                             BlockFetch* next) {
  if (block.active_count == 0) return;
  const int64_t length = unit.self->length;
  const uint8_t* group = unit.Group(block.number);
  alignas(32) float ups[kGroupNeurons] = {};
  for (int32_t a = 0; a < block.active_count; ++a) {
    const uint8_t* record = group + unit.records->RecordAt(block.active[a]);
    ups[block.active[a]] = Engine::Dot(record, length, unit.x, next->WithUp(a, record));
  }
  alignas(32) float h[kGroupNeurons];
  CombineBlock(unit.self->activation, block.gates, ups, kGroupNeurons, h);
  ActivationGroup quantised;
  NeuronMajor::QuantiseBlock(h, &quantised, 0);
  const int64_t quarter = block.number % kQuarters - unit.first_quarter;
  float* sums = unit.sums + (2 * quarter + block.number / kQuarters % 2) * length;
  NeuronMajor::AddGroup(group, *unit.records, quantised, sums, next);
}

// All blocks, quarter by quarter: the sums of one fit the L1 cache.
template <class Engine, class NeuronMajor>
KL_INLINE void StreamBlocks(const StreamedUnit& unit, const StreamedBlock* blocks, int64_t count) {
  const StreamedBlock* order[kMostBlocks];
  int64_t at = 0;
  for (int64_t quarter = 0; quarter < unit.quarters; ++quarter) {
    for (int64_t i = quarter; i < count; i += unit.quarters) order[at++] = &blocks[i];
  }
  BlockFetch first(unit, *order[0], 0);
  for (int64_t c = 0; c < unit.records->outputs; c += kChunkOutputs) first(c);
  first.FetchRest();
  for (int64_t i = 0; i < count; ++i) {
    BlockFetch next = i + 1 < count ? BlockFetch(unit, *order[i + 1], order[i]->active_count)
                                    : BlockFetch(unit.then);
    StreamNeurons<Engine, NeuronMajor>(unit, *order[i], &next);
    next.FetchRest();
  }
}

// `partials`: [quarters][D]. Returns the weight bytes read.
template <class Engine, class NeuronMajor>
static inline uint64_t StreamExpert(const StreamedUnit& unit, float* partials) {
  const int64_t length = unit.self->length;
  memset(unit.sums, 0, 2 * (size_t)(unit.quarters * length) * sizeof(float));
  const uint64_t row_bytes = Engine::RowBytes(length);
  uint64_t bytes = 0;
  StreamedBlock blocks[kMostBlocks];
  for (int64_t first = 0; unit.BlockAt(first) < unit.blocks; first += kMostBlocks) {
    int64_t count = 0;
    for (int64_t b = unit.BlockAt(first); count < kMostBlocks && b < unit.blocks;) {
      const int64_t next = unit.BlockAt(first + count + 1);
      StreamGates<Engine>(unit, b,
                          next < unit.blocks
                              ? unit.gate + (uint64_t)next * kGroupNeurons * row_bytes
                              : unit.Group(unit.BlockAt(first)),
                          &blocks[count++]);
      b = next;
    }
    StreamBlocks<Engine, NeuronMajor>(unit, blocks, count);
    for (int64_t i = 0; i < count; ++i) {
      const uint64_t active = (uint64_t)blocks[i].active_count;
      bytes += kGroupNeurons * row_bytes + active * unit.records->record_bytes;
      if (active > 0) bytes += unit.records->scale_bytes;
    }
  }
  for (int64_t quarter = 0; quarter < unit.quarters; ++quarter) {
    const float* sums = unit.sums + 2 * quarter * length;
    for (int64_t o = 0; o < length; o += 8) {
      Store8(partials + quarter * length + o, Load8(sums + o) + Load8(sums + length + o));
    }
  }
  return bytes;
}

// Phase 1: units [begin, end) of tokens * chosen * kQuarters / QuartersPerUnit().
template <class Engine, class NeuronMajor>
static inline __attribute__((noinline)) void ComputeStreamed(const kl_run* run) {
  const MoeState& self = *(const MoeState*)run->state;
  uint8_t* scratch = (uint8_t*)run->scratch;
  const uint64_t expert_bytes = (uint64_t)self.neurons * Engine::RowBytes(self.length);
  StreamedUnit unit;
  unit.self = &self;
  const NeuronRecords records(self.length);
  unit.records = &records;
  unit.blocks = self.neurons / kGroupNeurons;
  unit.sums = (float*)run->worker_scratch;
  unit.quarters = QuartersPerUnit(self, RowsOf(run->operands[kMoeX]));
  const int32_t* ids = (const int32_t*)run->operands[kMoeIds]->data;
  for (int64_t u = run->begin; u < run->end; ++u) {
    const int64_t quarter = u * unit.quarters;  // of all experts'
    const int64_t slot = quarter / kQuarters;
    unit.gate = ExpertAt(run->operands[kMoeGate], ids[slot], expert_bytes);
    unit.neurons = ExpertAt(run->operands[kMoeUp], ids[slot], records.ExpertBytes(self.neurons));
    const int64_t next_slot = (u + 1) * unit.quarters / kQuarters;
    unit.then = u + 1 < run->end && next_slot != slot
                    ? ExpertAt(run->operands[kMoeGate], ids[next_slot], expert_bytes)
                    : (const uint8_t*)unit.sums;  // which is in the caches: nothing
    unit.x = scratch + (uint64_t)(slot / self.chosen) * self.x_bytes;
    unit.first_quarter = quarter % kQuarters;
    float* partials = (float*)(scratch + self.partials_at) + quarter * self.length;
    kl_count_weight_bytes(run, StreamExpert<Engine, NeuronMajor>(unit, partials));
  }
}

// Phase 2: y[t] = sum over i, in order, of weights[t][i] * the expert's product.
// Units of kMoeColumnsPerUnit columns.
static inline __attribute__((noinline)) void AddStreamed(const kl_run* run) {
  const MoeState& self = *(const MoeState*)run->state;
  const float* weights = (const float*)run->operands[kMoeWeights]->data;
  const float* partials = (const float*)((const uint8_t*)run->scratch + self.partials_at);
  const int64_t end = Minimum(run->end * kMoeColumnsPerUnit, self.length);
  const int64_t tokens = RowsOf(run->operands[kMoeX]);
  for (int64_t t = 0; t < tokens; ++t) {
    float* y = (float*)run->operands[kMoeY]->data + t * self.length;
    for (int64_t o = run->begin * kMoeColumnsPerUnit; o < end; o += 8) {
      F8 sum = Zero8();
      for (int64_t i = 0; i < self.chosen; ++i) {
        const int64_t slot = t * self.chosen + i;
        const float* p = partials + slot * kQuarters * self.length + o;
        const F8 even = Load8(p) + Load8(p + 2 * self.length);
        const F8 odd = Load8(p + self.length) + Load8(p + 3 * self.length);
        sum = MultiplyAdd(Splat8(weights[slot]), even + odd, sum);
      }
      Store8(y + o, sum);
    }
  }
}

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_MOE_STREAMED_H_
