// Q4_0 down matrices of experts, neuron by neuron: the same bytes as in the file, in another order.
//
// In an ordinary down matrix [D, F] a Q4_0 block holds 32 neurons of one output, so that a neuron's
// weights are spread over all of the matrix and nothing can be skipped. Here the neurons of a block
// lie one after the other, and behind each other's backs stay their common scales. Group g of 18 *
// D bytes holds the neurons 32g .. 32g + 31:
//
//   bytes 0 .. 2D - 1      D f16 scales, in order of the outputs
//   then 32 rows of D / 2  row j: neuron 32g + j; chunk c of 32 bytes has the outputs 64c .. 64c +
//   63:
//                          byte k: low half = output 64c + k, high half = output 64c + 32 + k
//
// One token reads the scales and the rows of active neurons. README.md says what that wins.
#ifndef PLUGINS_COMMON_KERNELS_NEURON_MAJOR_LAYOUT_H_
#define PLUGINS_COMMON_KERNELS_NEURON_MAJOR_LAYOUT_H_

#include "plugins/common/kernels/activation_group.h"
#include "plugins/common/kernels/entry.h"

namespace {

constexpr int64_t kGroupNeurons = 32;
constexpr int64_t kChunkOutputs = 64;
constexpr int64_t kGroupsPerPackUnit = 4;  // their blocks share the cache lines of the source

// An instruction set adds
//   PackGroup(source, source_row_bytes, outputs, group)   `source`: the group's block of output 0
//   AddGroup(group, outputs, h, sums)   sums[o] += d * scale[o] * sum of (w[j][o] - 8) * q[j], with
//                                       q and d of block 0 of the activation group h
//   QuantiseBlock(x, group, j)                of the neurons, as AddGroup and MultiplyPanel want it
//   PanelBytes(blocks) MultiplyPanel(matrix, outputs, first, groups, vectors, count, memory, store)
struct NeuronMajorLayout {
  static KL_INLINE uint64_t GroupBytes(int64_t outputs) { return (uint64_t)outputs * 18; }
  static KL_INLINE uint64_t RowBytes(int64_t outputs) { return (uint64_t)outputs / 2; }
  static KL_INLINE uint64_t ScaleBytes(int64_t outputs) { return (uint64_t)outputs * 2; }
};

// pack_query() and pack() of down [E, D, F].
template <class NeuronMajor>
struct NeuronMajorPacking {
  static constexpr bool kPacks = true;

  static void Query(const kl_tensor* down, kl_pack* pack) {
    const int64_t outputs = down->shape[1];
    if (outputs % kChunkOutputs != 0 || LastOf(down) % kGroupNeurons != 0) return;
    const int64_t groups = LastOf(down) / kGroupNeurons;
    pack->bytes = (uint64_t)(down->shape[0] * groups) * NeuronMajor::GroupBytes(outputs);
    pack->unit_count = down->shape[0] * CeilDivide(groups, kGroupsPerPackUnit);
    pack->layout = "q4_0_neuron_major";
  }

  static void Pack(const kl_tensor* source, void* destination, int64_t begin, int64_t end) {
    const int64_t outputs = source->shape[1];
    const int64_t groups = LastOf(source) / kGroupNeurons;
    const int64_t units_per_expert = CeilDivide(groups, kGroupsPerPackUnit);
    const uint64_t row_bytes = (uint64_t)groups * 18;
    const uint64_t group_bytes = NeuronMajor::GroupBytes(outputs);
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t e = unit / units_per_expert;
      const int64_t first = unit % units_per_expert * kGroupsPerPackUnit;
      const uint8_t* matrix = source->parts != nullptr
                                  ? (const uint8_t*)source->parts[e]
                                  : (const uint8_t*)source->data + e * outputs * row_bytes;
      for (int64_t g = first; g < Minimum(first + kGroupsPerPackUnit, groups); ++g) {
        NeuronMajor::PackGroup(matrix + g * 18, row_bytes, outputs,
                               (uint8_t*)destination + (uint64_t)(e * groups + g) * group_bytes);
      }
    }
  }
};

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_NEURON_MAJOR_LAYOUT_H_
