// op "moe_ffn": the kernel as a whole. moe_plan.h says what it computes.
//
// Phase 0 prepares the activations (units: tokens) and groups slots by expert (one unit more),
// phase 1 computes h (moe_hidden.h), phase 2 y (moe_down.h, moe_transposed.h). With
// a neuron-major down matrix and few tokens phase 1 goes all the way (moe_streamed.h). Between
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
//   Packing, DownPacking    of gate and up, and of down
//   kNeuronMajorDown        DownPacking leaves the layout of NeuronMajor, else that of Packed

// Quantised rows that are used as they are in the file.
template <class FileRows>
struct MoeFile {
  static constexpr kl_dtype kType = FileRows::kType;
  using File = QuantisedEngine<FileRows>;
  using Packed = File;
  using Reader = QuantisedReader<FileRows>;
  using Packing = NoPacking;
  using DownPacking = NoPacking;
  using NeuronMajor = void;
  static constexpr bool kNeuronMajorDown = false;
};
// Packed in the K8 layout.
template <class FileRows, class K8Rows>
struct MoeK8 {
  static constexpr kl_dtype kType = FileRows::kType;
  using File = QuantisedEngine<FileRows>;
  using Packed = QuantisedEngine<K8Rows>;
  using Reader = QuantisedReader<FileRows>;
  using Packing = K8Packing<typename K8Rows::Bytes>;
  using DownPacking = Packing;
  using NeuronMajor = void;
  static constexpr bool kNeuronMajorDown = false;
};
// The same, and down neuron by neuron.
template <class FileRows, class K8Rows, class NeuronMajorRows>
struct MoeNeuronMajor : MoeK8<FileRows, K8Rows> {
  using NeuronMajor = NeuronMajorRows;
  using DownPacking = NeuronMajorPacking<NeuronMajor>;
  static constexpr bool kNeuronMajorDown = true;
};
template <class Type>
struct MoeFloat {
  static constexpr kl_dtype kType = Type::kType;
  using File = FloatEngine<Type>;
  using Packed = File;
  using Reader = FloatReader<Type>;
  using Packing = NoPacking;
  using DownPacking = NoPacking;
  using NeuronMajor = void;
  static constexpr bool kNeuronMajorDown = false;
};

// Up: type of gate and up. Down: type of down.
template <class Up, class Down>
struct MoeFfn {
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

  static kl_code PackQuery(const kl_node* node, uint32_t operand, kl_pack* pack, kl_error*) {
    NothingToPack(pack);
    if (operand == kMoeGate || operand == kMoeUp) {
      Up::Packing::Query(node->operands[operand], pack);
    } else if (operand == kMoeDown && kl_attribute_int(node, "down_transposed", 0) == 0) {
      Down::DownPacking::Query(node->operands[operand], pack);
    }
    return KL_OK;
  }

  static kl_code Pack(const kl_node*, uint32_t operand, const kl_tensor* source, void* destination,
                      int64_t begin, int64_t end) {
    if (operand == kMoeDown) {
      Down::DownPacking::Pack(source, destination, begin, end);
    } else {
      Up::Packing::Pack(source, destination, begin, end);
    }
    return KL_OK;
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
    self->partials_at =
        (uint64_t)RoundUp((int64_t)(self->groups_at + GroupsBytes(*self, slots)), 64);
    requirements->scratch_bytes = self->partials_at;
    if (Down::kNeuronMajorDown) requirements->scratch_bytes += StreamedPartialBytes(*self, tokens);
    const uint64_t hidden = HiddenScratchBytes(Up::File::PanelBytes(self->length));
    const uint64_t down = self->transposed
                              ? TransposedScratchBytes(self->chosen)
                              : DownScratchBytes(Down::File::PanelBytes(self->neurons), slots,
                                                 DownUnitsOfALine());
    uint64_t most = hidden > down ? hidden : down;
    if (Down::kNeuronMajorDown && StreamedScratchBytes(*self) > most) {
      most = StreamedScratchBytes(*self);
    }
    requirements->worker_scratch_bytes = most;
    return KL_OK;
  }

  static constexpr int64_t DownUnitsOfALine() {
    if constexpr (Down::kNeuronMajorDown) {
      return NeuronMajorDown<typename Down::NeuronMajor>::kUnitsOfALine;
    }
    return 1;
  }
  static bool NeuronMajorDownOf(const kl_run* run, const MoeState& self) {
    return Down::kNeuronMajorDown && !self.transposed &&
           run->operands[kMoeDown]->layout == KL_LAYOUT_PACKED;
  }
  static bool IsStreamed(const kl_run* run, const MoeState& self) {
    return NeuronMajorDownOf(run, self) && RowsOf(run->operands[kMoeX]) <= kStreamedTokens;
  }

  static void Work(const kl_run* run, kl_work* work) {
    const MoeState& self = *(const MoeState*)run->state;
    const int64_t tokens = RowsOf(run->operands[kMoeX]);
    work->phase_count = tokens > 0 ? 3 : 0;
    work->unit_count[0] = tokens + 1;
    if (IsStreamed(run, self)) {
      work->unit_count[1] = tokens * self.chosen * kQuarters / QuartersPerUnit(self, tokens);
      work->unit_count[2] = CeilDivide(self.length, kMoeColumnsPerUnit);
      return;
    }
    work->unit_count[1] =
        MostActive(self, tokens * self.chosen) * CeilDivide(self.neurons, kNeuronsPerUnit);
    work->unit_count[2] =
        CeilDivide(self.length, self.transposed ? kMoeColumnsPerUnit : kEngineRows);
  }

  static kl_code Run(const kl_run* run) {
    const MoeState& self = *(const MoeState*)run->state;
    const bool up_packed = run->operands[kMoeGate]->layout == KL_LAYOUT_PACKED;
    const bool down_packed = run->operands[kMoeDown]->layout == KL_LAYOUT_PACKED;
    if (up_packed != (run->operands[kMoeUp]->layout == KL_LAYOUT_PACKED)) {
      return KL_FAILED_PRECONDITION;
    }
    if (run->phase == 0) {
      return up_packed ? Begin<typename Up::Packed>(run, self)
                       : Begin<typename Up::File>(run, self);
    }
    if constexpr (Down::kNeuronMajorDown) {
      using NeuronMajor = typename Down::NeuronMajor;
      if (IsStreamed(run, self)) {
        if (run->phase == 2) {
          AddStreamed(run);
        } else if (up_packed) {
          ComputeStreamed<typename Up::Packed, NeuronMajor>(run);
        } else {
          ComputeStreamed<typename Up::File, NeuronMajor>(run);
        }
        return KL_OK;
      }
      if (run->phase == 2 && NeuronMajorDownOf(run, self)) {
        ComputeNeuronMajorDown<NeuronMajor>(run);
        return KL_OK;
      }
    }
    if (run->phase == 1) {
      const StoreHidden store = self.transposed                ? StoreFloats
                                : NeuronMajorDownOf(run, self) ? StoreNeuronMajorBlock
                                : down_packed                  ? StoreBlock<typename Down::Packed>
                                                               : StoreBlock<typename Down::File>;
      if (up_packed) {
        ComputeHidden<typename Up::Packed>(run, store);
      } else {
        ComputeHidden<typename Up::File>(run, store);
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
    if constexpr (Down::kNeuronMajorDown) {
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
  if (Up::Packing::kPacks || Down::DownPacking::kPacks) {
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
