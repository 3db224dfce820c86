// Op "moe_ffn" for one or two tokens with experts in the neuron-major layout: what is not active is
// not read.
//
// Phase 1 streams the gate rows of all slots, a unit being a block of 32. Phase 2 takes the records
// of active neurons, block by block: up rows, then down rows, while the records of the next block
// are fetched. A unit is a quarter of a slot's expert: its blocks b with b mod 4 = quarter. Phase 3
// adds the quarters' sums up. Two phases, since gates are one stream wherever it is cut, and an
// expert's records are work that nobody knows before its gates: workers share either evenly.
//
// Numbers: an output of an expert has eight partial sums, one for the blocks j, j + 8, ..., as in
// every quantised product. A quarter holds two of them, which are the first that SumAcross adds:
// the result has the bits of the other paths.
#ifndef PLUGINS_COMMON_KERNELS_MOE_STREAMED_H_
#define PLUGINS_COMMON_KERNELS_MOE_STREAMED_H_

#include "plugins/common/kernels/moe_hidden.h"
#include "plugins/common/kernels/neuron_major_layout.h"

namespace {

constexpr int64_t kQuarters = 4;

// Scratch: gate products [slots][F], then the sums of quarters [slots][kQuarters][D].
KL_INLINE int64_t StreamedSlots(const MoeState& self, int64_t tokens) {
  return Minimum(tokens, kStreamedTokens) * self.chosen;
}
KL_INLINE uint64_t StreamedScratchBytes(const MoeState& self, int64_t tokens) {
  return (uint64_t)(StreamedSlots(self, tokens) * (self.neurons + kQuarters * self.length)) *
         sizeof(float);
}
KL_INLINE float* StreamedGates(const MoeState& self, const kl_run* run) {
  return (float*)((uint8_t*)run->scratch + self.streamed_at);
}
KL_INLINE float* StreamedSums(const MoeState& self, const kl_run* run) {
  const int64_t slots = StreamedSlots(self, RowsOf(run->operands[kMoeX]));
  return StreamedGates(self, run) + slots * self.neurons;
}

// Worker scratch: two of the eight sums.
KL_INLINE uint64_t StreamedWorkerBytes(const MoeState& self) {
  return 2 * (uint64_t)self.length * sizeof(float);
}

KL_INLINE int64_t GateUnits(const MoeState& self, int64_t tokens) {
  return tokens * self.chosen * (self.neurons / kGroupNeurons);
}
KL_INLINE int64_t QuarterUnits(const MoeState& self, int64_t tokens) {
  return tokens * self.chosen * kQuarters;
}

// Phase 1: units [begin, end) of GateUnits().
template <class Engine>
static inline __attribute__((noinline)) void StreamGates(const kl_run* run) {
  const MoeState& self = *(const MoeState*)run->state;
  const int32_t* ids = (const int32_t*)run->operands[kMoeIds]->data;
  const int64_t blocks = self.neurons / kGroupNeurons;
  const uint64_t row_bytes = Engine::RowBytes(self.length);
  const uint64_t block_bytes = kGroupNeurons * row_bytes;
  const auto rows_of = [&](int64_t unit) {
    return ExpertAt(run->operands[kMoeGate], ids[unit / blocks], (uint64_t)blocks * block_bytes) +
           (uint64_t)(unit % blocks) * block_bytes;
  };
  const int64_t last = GateUnits(self, RowsOf(run->operands[kMoeX])) - 1;
  for (int64_t unit = run->begin; unit < run->end; ++unit) {
    const uint8_t* rows = rows_of(unit);
    const uint8_t* next = rows_of(Minimum(unit + 1, last));
    const int64_t token = unit / blocks / self.chosen;
    const void* x = (const uint8_t*)run->scratch + (uint64_t)token * self.x_bytes;
    float* gates = StreamedGates(self, run) + unit * kGroupNeurons;
    for (int64_t i = 0; i < kGroupNeurons; ++i) {
      const uint64_t at = (uint64_t)i * row_bytes;
      const uint64_t later = at + (uint64_t)kPrefetchAhead;
      const uint8_t* fetch = later < block_bytes ? rows + later : next + (later - block_bytes);
      gates[i] = Engine::Dot(rows + at, self.length, x, fetch);
    }
  }
  kl_count_weight_bytes(run, (uint64_t)(run->end - run->begin) * block_bytes);
}

// A block of 32 neurons of a slot's expert, of which the gate products are known.
struct StreamedBlock {
  const uint8_t* group;  // records of up and down
  const float* gates;
  int32_t active[kGroupNeurons];
  int32_t active_count;
};

// Lines of pieces of memory here and there, to be fetched one by one while something else is
// computed; each piece from its end, since ascending lines are a stream to the hardware, which
// reads on past the end. Whoever fetches many keeps a copy of it in registers.
class LineWalk {
 public:
  struct Piece {
    const uint8_t* begin;
    const uint8_t* end;
  };

  // `pieces` stay the caller's. `done`: what is fetched after all lines, in the caches.
  KL_INLINE LineWalk(const Piece* pieces, int64_t count, const uint8_t* done)
      : next_(pieces), last_(pieces + count), done_(done) {
    Begin();
  }

  KL_INLINE void Fetch() {
    PrefetchGathered(at_);
    at_ -= 64;
    if (at_ < end_) Begin();
  }
  KL_INLINE void FetchRest() {
    while (at_ != done_) Fetch();
  }

 private:
  KL_INLINE void Begin() {
    if (next_ == last_) {
      at_ = done_;
      end_ = done_;
      return;
    }
    at_ = next_->end - 1;
    end_ = (const uint8_t*)((uintptr_t)next_->begin / 64 * 64);
    ++next_;
  }

  const Piece* next_;
  const Piece* last_;
  const uint8_t* done_;
  const uint8_t* at_;
  const uint8_t* end_;
};

// Fetches what AddBlock() reads of a block, during the products of the block before: an up row
// with each of its up rows, all else with its down products, row after row. Lines of several rows
// by turns arrive at two thirds of that speed (README.md of sparse_x86).
class BlockFetch {
 public:
  // `before`: active neurons of the block before.
  KL_INLINE BlockFetch(const NeuronRecords& records, const StreamedBlock& block, int32_t before)
      : with_ups_(before < block.active_count ? before : block.active_count),
        scales_(block.group),
        lines_(PointAtRecords(records, block, with_ups_), block.active_count,
               (const uint8_t*)block.gates) {}
  BlockFetch(const BlockFetch&) = delete;  // lines_ points to pieces_

  // What to fetch with up row `a` of the block before, which is at `row`.
  KL_INLINE const uint8_t* WithUp(int32_t a, const uint8_t* row) const {
    return a < with_ups_ ? ups_[a] : row;
  }
  // With the down products of a chunk of outputs: their scales.
  KL_INLINE void FetchScales(int64_t chunk) const {
    for (int64_t o = chunk; o < chunk + kChunkOutputs; o += 32) PrefetchGathered(scales_ + 2 * o);
  }
  // With them, a line for each line of down rows that is multiplied.
  LineWalk* lines() { return &lines_; }

  KL_INLINE void FetchAll(const NeuronRecords& records) {
    for (int64_t c = 0; c < records.outputs; c += kChunkOutputs) FetchScales(c);
    lines_.FetchRest();
  }

 private:
  KL_INLINE const LineWalk::Piece* PointAtRecords(const NeuronRecords& records,
                                                  const StreamedBlock& block, int32_t with_ups) {
    for (int32_t a = 0; a < block.active_count; ++a) {
      ups_[a] = block.group + records.RecordAt(block.active[a]);
      pieces_[a] = {ups_[a] + (a < with_ups ? records.up_bytes : 0),
                    ups_[a] + records.record_bytes};
    }
    return pieces_;
  }

  int32_t with_ups_;
  const uint8_t* scales_;
  const uint8_t* ups_[kGroupNeurons];
  LineWalk::Piece pieces_[kGroupNeurons];  // of records, what does not come with up rows
  LineWalk lines_;
};

// The blocks that a worker takes, quarter by quarter, as far as the last unit of all: what comes
// after its own units it will probably take next, and fetches the first block of.
class StreamedBlocks {
 public:
  KL_INLINE StreamedBlocks(const kl_run* run, const NeuronRecords& records)
      : self_((const MoeState*)run->state),
        ids_((const int32_t*)run->operands[kMoeIds]->data),
        up_(run->operands[kMoeUp]),
        expert_bytes_(records.ExpertBytes(self_->neurons)),
        group_bytes_(records.group_bytes),
        gates_(StreamedGates(*self_, run)),
        unit_count_(QuarterUnits(*self_, RowsOf(run->operands[kMoeX]))),
        blocks_(self_->neurons / kGroupNeurons),
        unit_(run->begin),
        block_(run->begin % kQuarters) {
    SkipEmptyQuarters();
  }

  KL_INLINE int64_t unit() const { return unit_; }  // of the block that Next() gives

  // After the last: a block without active neurons, in the caches.
  KL_INLINE void Next(StreamedBlock* block) {
    block->group = (const uint8_t*)gates_;
    block->gates = gates_;
    block->active_count = 0;
    if (unit_ >= unit_count_) return;
    const int64_t slot = unit_ / kQuarters;
    block->group = ExpertAt(up_, ids_[slot], expert_bytes_) + (uint64_t)block_ * group_bytes_;
    block->gates = gates_ + slot * self_->neurons + block_ * kGroupNeurons;
    for (int32_t i = 0; i < kGroupNeurons; ++i) {
      block->active[block->active_count] = i;
      const bool off = self_->activation == kRelu && block->gates[i] <= 0.0f;
      block->active_count += off ? 0 : 1;
    }
    block_ += kQuarters;
    SkipEmptyQuarters();
  }

 private:
  KL_INLINE void SkipEmptyQuarters() {
    while (block_ >= blocks_ && unit_ < unit_count_) block_ = ++unit_ % kQuarters;
  }

  const MoeState* self_;
  const int32_t* ids_;
  const kl_tensor* up_;
  uint64_t expert_bytes_;
  uint64_t group_bytes_;
  const float* gates_;
  int64_t unit_count_;
  int64_t blocks_;
  int64_t unit_;
  int64_t block_;
};

// Up and down products of the active neurons of a block.
template <class Engine, class NeuronMajor>
KL_INLINE void AddBlock(const MoeState& self, const NeuronRecords& records,
                        const StreamedBlock& block, const void* x, float* sums, BlockFetch* next) {
  if (block.active_count > 0) {
    alignas(32) float ups[kGroupNeurons] = {};
    for (int32_t a = 0; a < block.active_count; ++a) {
      const uint8_t* up = block.group + records.RecordAt(block.active[a]);
      ups[block.active[a]] = Engine::Dot(up, self.length, x, next->WithUp(a, up));
    }
    alignas(32) float h[kGroupNeurons];
    CombineBlock(self.activation, block.gates, ups, kGroupNeurons, h);
    ActivationGroup quantised;
    NeuronMajor::QuantiseBlock(h, &quantised, 0);
    NeuronMajor::AddGroup(block.group, records, quantised, sums, next);
  }
  next->lines()->FetchRest();
}

// Phase 2: units [begin, end) of QuarterUnits().
template <class Engine, class NeuronMajor>
static inline __attribute__((noinline)) void AddQuarters(const kl_run* run) {
  const MoeState& self = *(const MoeState*)run->state;
  const NeuronRecords records(self.length);
  float* sums = (float*)run->worker_scratch;
  uint64_t bytes = 0;
  StreamedBlocks rest(run, records);
  StreamedBlock blocks[2];
  StreamedBlock* block = &blocks[0];
  StreamedBlock* next = &blocks[1];
  int64_t unit_of_block = rest.unit();
  rest.Next(block);
  BlockFetch(records, *block, 0).FetchAll(records);
  for (int64_t unit = run->begin; unit < run->end; ++unit) {
    const int64_t token = unit / kQuarters / self.chosen;
    const void* x = (const uint8_t*)run->scratch + (uint64_t)token * self.x_bytes;
    memset(sums, 0, 2 * (size_t)self.length * sizeof(float));
    for (int64_t odd = 0; unit_of_block == unit; odd ^= 1) {
      unit_of_block = rest.unit();
      rest.Next(next);
      BlockFetch fetch(records, *next, block->active_count);
      AddBlock<Engine, NeuronMajor>(self, records, *block, x, sums + odd * self.length, &fetch);
      const uint64_t active = (uint64_t)block->active_count;
      bytes += active * records.record_bytes + (active > 0 ? records.scale_bytes : 0);
      StreamedBlock* done = block;
      block = next;
      next = done;
    }
    float* partial = StreamedSums(self, run) + unit * self.length;
    for (int64_t o = 0; o < self.length; o += 8) {
      Store8(partial + o, Load8(sums + o) + Load8(sums + self.length + o));
    }
  }
  kl_count_weight_bytes(run, bytes);
}

// Phase 3: y[t] = sum over i, in order, of weights[t][i] * the expert's product.
// Units of kMoeColumnsPerUnit columns.
static inline __attribute__((noinline)) void AddTokens(const kl_run* run) {
  const MoeState& self = *(const MoeState*)run->state;
  const float* weights = (const float*)run->operands[kMoeWeights]->data;
  const float* partials = StreamedSums(self, run);
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

template <class Engine, class NeuronMajor>
KL_INLINE void RunStreamed(const kl_run* run) {
  if (run->phase == 1) {
    StreamGates<Engine>(run);
  } else if (run->phase == 2) {
    AddQuarters<Engine, NeuronMajor>(run);
  } else {
    AddTokens(run);
  }
}

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_MOE_STREAMED_H_
