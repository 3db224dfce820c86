// op "moe_ffn": the kernel as a whole. moe_plan.h says what it computes.
//
// Phase 0 prepares the activations (units: tokens) and groups slots by expert (one unit more),
// phase 1 computes h (moe_hidden.h), phase 2 y (moe_down.h, moe_transposed.h). With
// a neuron-major down matrix and few tokens moe_streamed.h has phases 1 to 3. Between
// the phases h is kept in 8 bits where the down matrix is quantised along its neurons, in f32
// otherwise.
#ifndef PLUGINS_COMMON_KERNELS_MOE_FFN_H_
#define PLUGINS_COMMON_KERNELS_MOE_FFN_H_

#include "plugins/common/kernels/k8_layout.h"
#include "plugins/common/kernels/moe_down.h"
#include "plugins/common/kernels/moe_hidden.h"
#include "plugins/common/kernels/moe_streamed.h"
#include "plugins/common/kernels/moe_transposed.h"
#include "plugins/common/kernels/readers.h"
#include "plugins/common/table.h"

namespace {

// How a kernel reads one weight type is a struct with
//   kType
//   File, Packed            engines of rows as in the file and as Packing leaves them
//   Reader                  rows one by one, for transposed down
//   Packing                 of gate, up and down
//   kNeuronMajor            up and down together are packed in the layout of NeuronMajor instead

// Quantised rows that are used as they are in the file.
template <class FileRows>
struct MoeFile {
  static constexpr kl_dtype kType = FileRows::kType;
  using File = QuantisedEngine<FileRows>;
  using Packed = File;
  using Reader = QuantisedReader<FileRows>;
  using Packing = NoPacking;
  using NeuronMajor = void;
  static constexpr bool kNeuronMajor = false;
};
// Packed in the K8 layout.
template <class FileRows, class K8Rows>
struct MoeK8 {
  static constexpr kl_dtype kType = FileRows::kType;
  using File = QuantisedEngine<FileRows>;
  using Packed = QuantisedEngine<K8Rows>;
  using Reader = QuantisedReader<FileRows>;
  using Packing = K8Packing<typename K8Rows::Bytes>;
  using NeuronMajor = void;
  static constexpr bool kNeuronMajor = false;
};
// The same, and up and down neuron by neuron.
template <class FileRows, class K8Rows, class NeuronMajorRows>
struct MoeNeuronMajor : MoeK8<FileRows, K8Rows> {
  using NeuronMajor = NeuronMajorRows;
  static constexpr bool kNeuronMajor = true;
};
template <class Type>
struct MoeFloat {
  static constexpr kl_dtype kType = Type::kType;
  using File = FloatEngine<Type>;
  using Packed = File;
  using Reader = FloatReader<Type>;
  using Packing = NoPacking;
  using NeuronMajor = void;
  static constexpr bool kNeuronMajor = false;
};

// Up: type of gate and up. Down: type of down.
template <class Up, class Down>
struct MoeFfn {
  static_assert(!Down::kNeuronMajor || Up::kType == Down::kType, "records have one type");

  static kl_code Supports(const kl_node* node, kl_error* error) {
    const int64_t up_block = kl_dtype_info_of(Up::kType).block_elements;
    const int64_t down_block = kl_dtype_info_of(Down::kType).block_elements;
    if (LastOf(node->operands[kMoeGate]) % up_block == 0 &&
        LastOf(node->operands[kMoeDown]) % down_block == 0) {
      return KL_OK;
    }
    return kl_fail(error, KL_UNSUPPORTED,
                   "%s (moe_ffn): rows of %lld or %lld columns are no whole "
                   "blocks",
                   NameOf(node), (long long)LastOf(node->operands[kMoeGate]),
                   (long long)LastOf(node->operands[kMoeDown]));
  }

  // Up and down go into one copy, neuron by neuron.
  static bool PacksNeurons(const kl_node* node) {
    return kl_attribute_int(node, "down_transposed", 0) == 0 &&
           FitsNeurons(node->operands[kMoeDown]);
  }
  static bool FitsNeurons(const kl_tensor* down) {
    return Down::kNeuronMajor && NeuronMajorPacking<typename Down::NeuronMajor>::Fits(down);
  }

  static kl_code PackQuery(const kl_node* node, uint32_t operand, kl_pack* pack, kl_error*) {
    NothingToPack(pack);
    if (operand != kMoeGate && operand != kMoeUp && operand != kMoeDown) return KL_OK;
    const kl_tensor* matrix = node->operands[operand];
    const bool neurons = PacksNeurons(node);
    // A host that does not know of shared copies keeps everything as it is in the file.
    if (neurons && !KL_HAS_FIELD(pack, kl_pack, within)) return KL_OK;
    if (operand != kMoeGate && neurons) {
      NeuronMajorPacking<typename Down::NeuronMajor>::Query(matrix,
                                                            node->operands[kMoeUp]->shape[1], pack);
      if (operand == kMoeDown) pack->within = 1 + kMoeUp;
    } else if (operand != kMoeDown) {
      Up::Packing::Query(matrix, pack);
    } else if (kl_attribute_int(node, "down_transposed", 0) == 0) {
      Down::Packing::Query(matrix, pack);
    }
    return KL_OK;
  }

  static kl_code Pack(const kl_node* node, uint32_t operand, const kl_tensor* source,
                      void* destination, int64_t begin, int64_t end) {
    if (operand != kMoeGate && PacksNeurons(node)) {
      if constexpr (Down::kNeuronMajor) {
        using Packing = NeuronMajorPacking<typename Down::NeuronMajor>;
        if (operand == kMoeDown) {
          Packing::PackDown(source, destination, begin, end);
        } else if (LastOf(source) % 256 == 0) {  // as gate, which is packed then
          Packing::PackUp(source, destination, begin, end, Up::Packing::PackRow);
        } else {
          Packing::PackUp(source, destination, begin, end, CopyRow);
        }
      }
    } else if (operand == kMoeDown) {
      Down::Packing::Pack(source, destination, begin, end);
    } else {
      Up::Packing::Pack(source, destination, begin, end);
    }
    return KL_OK;
  }

  static void CopyRow(int64_t columns, const uint8_t* from, uint8_t* to) {
    memcpy(to, from, kl_row_bytes(Up::kType, (uint64_t)columns));
  }

  static kl_code Prepare(const kl_host*, const kl_node* node, void* state,
                         kl_requirements* requirements, kl_error* error) {
    MoeState* self = (MoeState*)state;
    KL_TRY(CheckMoe(node, self, error));
    KL_TRY(Supports(node, error));
    const int64_t tokens = RowsOf(node->operands[kMoeX]);
    const int64_t slots = tokens * self->chosen;
    self->x_bytes = (uint64_t)RoundUp((int64_t)Up::File::ActivationBytes(self->length), 64);
    const uint64_t h_bytes = self->transposed ? (uint64_t)self->neurons * sizeof(float)
                                              : Down::File::ActivationBytes(self->neurons);
    self->h_bytes = (uint64_t)RoundUp((int64_t)h_bytes, 64);
    self->h_at = (uint64_t)tokens * self->x_bytes;
    self->groups_at = self->h_at + (uint64_t)slots * self->h_bytes;
    self->streamed_at =
        (uint64_t)RoundUp((int64_t)(self->groups_at + GroupsBytes(*self, slots)), 64);
    requirements->scratch_bytes = self->streamed_at;
    if (Down::kNeuronMajor) requirements->scratch_bytes += StreamedScratchBytes(*self, tokens);
    const uint64_t hidden = HiddenScratchBytes(Up::File::PanelBytes(self->length));
    const uint64_t down = self->transposed ? TransposedScratchBytes(self->chosen)
                                           : DownScratchBytes(Down::File::PanelBytes(self->neurons),
                                                              slots, DownUnitsOfALine());
    uint64_t most = hidden > down ? hidden : down;
    if (Down::kNeuronMajor && StreamedWorkerBytes(*self) > most) most = StreamedWorkerBytes(*self);
    requirements->worker_scratch_bytes = most;
    return KL_OK;
  }

  static constexpr int64_t DownUnitsOfALine() {
    if constexpr (Down::kNeuronMajor) {
      return NeuronMajorDown<typename Down::NeuronMajor>::kUnitsOfALine;
    }
    return 1;
  }
  static bool IsNeuronMajor(const kl_run* run, const MoeState& self) {
    const kl_tensor* down = run->operands[kMoeDown];
    return !self.transposed && down->layout == KL_LAYOUT_PACKED && FitsNeurons(down);
  }
  static bool IsStreamed(const kl_run* run, const MoeState& self) {
    return IsNeuronMajor(run, self) && RowsOf(run->operands[kMoeX]) <= kStreamedTokens;
  }

  static void Work(const kl_run* run, kl_work* work) {
    const MoeState& self = *(const MoeState*)run->state;
    const int64_t tokens = RowsOf(run->operands[kMoeX]);
    work->phase_count = tokens > 0 ? 3 : 0;
    work->unit_count[0] = tokens + 1;
    if (IsStreamed(run, self)) {
      work->phase_count = tokens > 0 ? 4 : 0;
      work->unit_count[1] = GateUnits(self, tokens);
      work->unit_count[2] = QuarterUnits(self, tokens);
      work->unit_count[3] = CeilDivide(self.length, kMoeColumnsPerUnit);
      return;
    }
    work->unit_count[1] =
        MostActive(self, tokens * self.chosen) * CeilDivide(self.neurons, kNeuronsPerUnit);
    work->unit_count[2] =
        CeilDivide(self.length, self.transposed ? kMoeColumnsPerUnit : kEngineRows);
  }

  static kl_code Run(const kl_run* run) {
    const MoeState& self = *(const MoeState*)run->state;
    const bool gate_packed = run->operands[kMoeGate]->layout == KL_LAYOUT_PACKED;
    const bool up_packed = run->operands[kMoeUp]->layout == KL_LAYOUT_PACKED;
    const bool down_packed = run->operands[kMoeDown]->layout == KL_LAYOUT_PACKED;
    const bool neuron_major = IsNeuronMajor(run, self);
    if (up_packed != (neuron_major || gate_packed)) return KL_FAILED_PRECONDITION;
    if (neuron_major && gate_packed != (self.length % 256 == 0)) return KL_FAILED_PRECONDITION;
    if (run->phase == 0) {
      return gate_packed ? Begin<typename Up::Packed>(run, self)
                         : Begin<typename Up::File>(run, self);
    }
    if constexpr (Down::kNeuronMajor) {
      using NeuronMajor = typename Down::NeuronMajor;
      if (IsStreamed(run, self)) {
        if (gate_packed) {
          RunStreamed<typename Up::Packed, NeuronMajor>(run);
        } else {
          RunStreamed<typename Up::File, NeuronMajor>(run);
        }
        return KL_OK;
      }
      if (run->phase == 2 && neuron_major) {
        ComputeNeuronMajorDown<NeuronMajor>(run);
        return KL_OK;
      }
    }
    if (run->phase == 1) {
      const StoreHidden store = self.transposed ? StoreFloats
                                : neuron_major  ? StoreNeuronMajorBlock
                                : down_packed   ? StoreBlock<typename Down::Packed>
                                                : StoreBlock<typename Down::File>;
      if (gate_packed) {
        ComputeHidden<typename Up::Packed>(run, neuron_major, store);
      } else {
        ComputeHidden<typename Up::File>(run, neuron_major, store);
      }
    } else if (self.transposed) {
      ComputeTransposed<typename Down::Reader>(run);
    } else if (down_packed) {
      ComputeDown<typename Down::Packed>(run);
    } else {
      ComputeDown<typename Down::File>(run);
    }
    return KL_OK;
  }

  template <class Engine>
  static kl_code Begin(const kl_run* run, const MoeState& self) {
    const int64_t tokens = RowsOf(run->operands[kMoeX]);
    const int64_t slots = tokens * self.chosen;
    uint8_t* scratch = (uint8_t*)run->scratch;
    for (int64_t unit = run->begin; unit < run->end; ++unit) {
      if (unit < tokens) {
        Engine::Prepare((const float*)run->operands[kMoeX]->data + unit * self.length, self.length,
                        scratch + (uint64_t)unit * self.x_bytes);
        continue;
      }
      const int32_t* ids = (const int32_t*)run->operands[kMoeIds]->data;
      const MoeGroups groups = GroupsAt(scratch + self.groups_at, MostActive(self, slots), slots);
      if (!GroupSlots(self, ids, slots, groups)) return KL_INVALID_ARGUMENT;
      ClearEnds(self, slots, scratch + self.h_at);
    }
    return KL_OK;
  }

  // The last group of a quantised h may have blocks past the end: they count as zero.
  static void ClearEnds(const MoeState& self, int64_t slots, uint8_t* h) {
    if (self.transposed || !Down::File::kWholeBlocks || self.neurons % 256 == 0) return;
    const uint64_t last = (uint64_t)(self.neurons / 256) * sizeof(ActivationGroup);
    for (int64_t s = 0; s < slots; ++s) {
      memset(h + (uint64_t)s * self.h_bytes + last, 0, sizeof(ActivationGroup));
    }
  }

  static void StoreFloats(const float* h, int64_t block, int64_t count, void* vector) {
    memcpy((float*)vector + 32 * block, h, (size_t)count * sizeof(float));
  }
  static void StoreNeuronMajorBlock(const float* h, int64_t block, int64_t, void* vector) {
    if constexpr (Down::kNeuronMajor) {
      Down::NeuronMajor::QuantiseBlock(h, (ActivationGroup*)vector + block / 8, block % 8);
    }
  }
  template <class Engine>
  static void StoreBlock(const float* h, int64_t block, int64_t count, void* vector) {
    Engine::PrepareBlock(h, block, count, vector);
  }
};

template <class Up, class Down>
KL_INLINE constexpr kl_kernel MoeKernel(const char* name, const kl_dtype* types, float tolerance) {
  using Implementation = MoeFfn<Up, Down>;
  kl_kernel kernel =
      SimpleKernel("moe_ffn", name, types, 7, sizeof(MoeState), tolerance, Implementation::Prepare,
                   Implementation::Work, Implementation::Run, Implementation::Supports);
  kernel.flags = KL_KERNEL_COUNTS_WEIGHT_BYTES;
  if (Up::Packing::kPacks || Down::Packing::kPacks) {
    kernel.pack_query = Implementation::PackQuery;
    kernel.pack = Implementation::Pack;
  }
  return kernel;
}

}  // namespace

// A kernel file, all but its includes.
#define KL_MOE_FFN(plugin, stem, up, down, kernel_tolerance) \
  KL_MOE_FFN_TABLE(plugin, stem, up, down, kernel_tolerance)
#define KL_MOE_FFN_TABLE(plugin, stem, up, down, kernel_tolerance)                \
  namespace {                                                                     \
  const kl_dtype kTypes[] = {KL_TYPE_F32, KL_TYPE_I32, KL_TYPE_F32, up::kType,    \
                             up::kType,   down::kType, KL_TYPE_F32};              \
  const kl_kernel kKernel = MoeKernel<up, down>(#stem, kTypes, kernel_tolerance); \
  const kl_kernel* const kKernels[] = {&kKernel};                                 \
  }                                                                               \
  KL_TABLE(plugin, stem) = {nullptr, kKernels, 1}

#endif  // PLUGINS_COMMON_KERNELS_MOE_FFN_H_
