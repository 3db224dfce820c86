// Q4_0 up and down matrices of experts, neuron by neuron: the same bytes as in the file, in another
// order.
//
// In an ordinary down matrix [D, F] a Q4_0 block holds 32 neurons of one output, so that a neuron's
// weights are spread over all of the matrix and nothing can be skipped. Here a neuron's up row and
// its weights of down are a record. The scales of down, which 32 neurons share, lie in front. Group
// g holds the neurons 32g .. 32g + 31:
//
//   bytes 0 .. 2D - 1   D f16 scales of down, in order of the outputs
//   then 32 records     record j, neuron 32g + j:
//     up row              18 * D / 32 bytes, as the kernel reads rows of gate
//     down row            D / 2 bytes; chunk c of 32 bytes has the outputs 64c .. 64c + 63:
//                         byte k: low half = output 64c + k, high half = output 64c + 32 + k
//
// One token reads the scales and the records of active neurons: half as many places as with two
// matrices, each twice as long. README.md (sparse_x86) says what that wins.
#ifndef PLUGINS_COMMON_KERNELS_NEURON_MAJOR_LAYOUT_H_
#define PLUGINS_COMMON_KERNELS_NEURON_MAJOR_LAYOUT_H_

#include "plugins/common/kernels/activation_group.h"
#include "plugins/common/kernels/entry.h"

namespace {

constexpr int64_t kGroupNeurons = 32;
constexpr int64_t kChunkOutputs = 64;
constexpr int64_t kGroupsPerPackUnit = 4;  // their blocks share the cache lines of the source

// Where things lie for D outputs (which are up's columns).
struct NeuronRecords {
  int64_t outputs;
  uint64_t up_bytes;  // of a row
  uint64_t down_bytes;
  uint64_t record_bytes;
  uint64_t scale_bytes;
  uint64_t group_bytes;

  explicit KL_INLINE NeuronRecords(int64_t d)
      : outputs(d),
        up_bytes((uint64_t)d / 32 * 18),
        down_bytes((uint64_t)d / 2),
        record_bytes(up_bytes + down_bytes),
        scale_bytes((uint64_t)d * 2),
        group_bytes(scale_bytes + kGroupNeurons * record_bytes) {}

  KL_INLINE uint64_t ExpertBytes(int64_t neurons) const {
    return (uint64_t)(neurons / kGroupNeurons) * group_bytes;
  }
  // Offsets in a group.
  KL_INLINE uint64_t RecordAt(int64_t j) const { return scale_bytes + (uint64_t)j * record_bytes; }
  KL_INLINE uint64_t DownAt(int64_t j) const { return RecordAt(j) + up_bytes; }
};

// An instruction set adds a struct NeuronMajor with
//   PackDown(source, source_row_bytes, records, group)
//       scales and down rows of a group; `source`: its block of output 0
//   AddGroup(group, records, h, sums, ahead)
//       sums[o] += d * scale[o] * sum of (w[j][o] - 8) * q[j], with q and d of block 0 of the
//       activation group h; meanwhile ahead->FetchScales() and ahead->lines() (moe_streamed.h)
//   QuantiseBlock(x, group, j)
//       of the neurons, as AddGroup and MultiplyPanel want it
//   PanelBytes(blocks)
//   MultiplyPanel(matrix, records, first, groups, vectors, count, memory, store)

// pack_query() and pack() of up [E, F, D] and down [E, D, F]. PackRow(columns, from, to) leaves a
// row of up as the kernel reads it.
template <class NeuronMajor>
struct NeuronMajorPacking {
  static KL_INLINE bool Fits(const kl_tensor* down) {
    return down->shape[1] % kChunkOutputs == 0 && LastOf(down) % kGroupNeurons == 0;
  }

  static KL_INLINE int64_t UnitsPerExpert(int64_t groups) {
    return CeilDivide(groups, kGroupsPerPackUnit);
  }

  // What a matrix of `row_count` rows in all adds to the packed copy: as much as it has in the
  // file.
  static KL_INLINE void Query(const kl_tensor* matrix, int64_t neurons, kl_pack* pack) {
    pack->bytes = kl_tensor_bytes(matrix);
    pack->unit_count = matrix->shape[0] * UnitsPerExpert(neurons / kGroupNeurons);
    pack->layout = "q4_0_neuron_records";
  }

  template <class PackRow>
  static KL_INLINE void PackUp(const kl_tensor* source, void* destination, int64_t begin,
                               int64_t end, const PackRow& pack_row) {
    const int64_t columns = LastOf(source);
    const NeuronRecords records(columns);
    const auto pack_group = [&](const uint8_t* matrix, int64_t g, uint8_t* group) {
      for (int64_t j = 0; j < kGroupNeurons; ++j) {
        pack_row(columns, matrix + (uint64_t)(g * kGroupNeurons + j) * records.up_bytes,
                 group + records.RecordAt(j));
      }
    };
    PackGroups(source, source->shape[1] / kGroupNeurons, records, destination, begin, end,
               pack_group);
  }

  static void PackDown(const kl_tensor* source, void* destination, int64_t begin, int64_t end) {
    const NeuronRecords records(source->shape[1]);
    const int64_t groups = LastOf(source) / kGroupNeurons;
    const auto pack_group = [&](const uint8_t* matrix, int64_t g, uint8_t* group) {
      NeuronMajor::PackDown(matrix + g * 18, (uint64_t)groups * 18, records, group);
    };
    PackGroups(source, groups, records, destination, begin, end, pack_group);
  }

 private:
  template <class PackGroup>
  static KL_INLINE void PackGroups(const kl_tensor* source, int64_t groups,
                                   const NeuronRecords& records, void* destination, int64_t begin,
                                   int64_t end, const PackGroup& pack_group) {
    const uint64_t expert_bytes = kl_tensor_bytes(source) / (uint64_t)source->shape[0];
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t e = unit / UnitsPerExpert(groups);
      const int64_t first = unit % UnitsPerExpert(groups) * kGroupsPerPackUnit;
      const uint8_t* matrix = source->parts != nullptr
                                  ? (const uint8_t*)source->parts[e]
                                  : (const uint8_t*)source->data + (uint64_t)e * expert_bytes;
      for (int64_t g = first; g < Minimum(first + kGroupsPerPackUnit, groups); ++g) {
        pack_group(matrix, g,
                   (uint8_t*)destination + (uint64_t)(e * groups + g) * records.group_bytes);
      }
    }
  }
};

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_NEURON_MAJOR_LAYOUT_H_
