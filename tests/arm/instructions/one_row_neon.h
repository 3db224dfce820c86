// What the instructions of plugins/sparse_arm are compared with: products of one row with one
// token, block by block, rows as they are in the file.
//
// For each block of 32 weights: unpack, multiply, convert four sums to float, read both scales,
// multiply-add; one sum across lanes at the end of the row. Every row of every expert is read,
// whether its neuron is active or not; the head is a product like any other; a batch is one token
// after the other. This is how engines multiply that have a dot product for each block type
// (ggml's vec_dot is the best known), written from that description.
#ifndef TESTS_ARM_INSTRUCTIONS_ONE_ROW_NEON_H_
#define TESTS_ARM_INSTRUCTIONS_ONE_ROW_NEON_H_

#include "plugins/common/kernels/engine.h"
#include "plugins/common/kernels/matmul_quantised.h"
#include "plugins/common/kernels/moe_plan.h"
#include "plugins/common/table.h"
#include "plugins/sparse_arm/blocks_neon.h"

namespace {

// Before every kernel of plugins/sparse_arm; among themselves in the order of their levels.
constexpr int32_t kOneRowPriority = 1000;

template <class Type>
struct OneRow : FileRows<Type> {
  // Never: a batch is read row by row, token by token.
  static constexpr int64_t kTokensForPanel = INT64_MAX;

  static KL_INLINE float Dot(const uint8_t* row, int64_t blocks, const ActivationGroup* groups,
                             const uint8_t*) {
    constexpr bool kNarrow = (Type::kTraits & kNarrowWeights) != 0;
    float32x4_t even = vdupq_n_f32(0.0f);
    float32x4_t odd = even;
    int64_t b = 0;
    for (; b + 2 <= blocks; b += 2, row += 2 * kBlockBytes) {
      even = AddBlock<kNarrow>(row, groups[b / 8], b % 8, even);
      odd = AddBlock<kNarrow>(row + kBlockBytes, groups[b / 8], b % 8 + 1, odd);
    }
    if (b < blocks) even = AddBlock<kNarrow>(row, groups[b / 8], b % 8, even);
    return vaddvq_f32(vaddq_f32(even, odd));
  }

 private:
  static constexpr int kBlockBytes = Type::kGroupBytes / 8;
  template <bool kNarrow>
  static KL_INLINE float32x4_t AddBlock(const uint8_t* block, const ActivationGroup& group,
                                        int64_t j, float32x4_t sum) {
    const int32x4_t products = Products32<kNarrow>(Type::Load(block, 0), group.natural + 32 * j);
    const float scale = HalfToFloat(LoadU16(block)) * group.d[j];
    return vfmaq_n_f32(sum, vcvtq_f32_s32(products), scale);
  }
};

template <class Type>
KL_INLINE constexpr kl_kernel OneRowMatmul(const char* name, const kl_dtype* types) {
  using Engine = QuantisedEngine<OneRow<Type>>;
  kl_kernel kernel = QuantisedMatmul<Engine, Engine, NoPacking>::Kernel(name, types);
  kernel.priority += kOneRowPriority;
  return kernel;
}

// op "moe_ffn", its down matrices as in the file; one unit of work.
template <class Type>
struct OneRowMoe {
  using Rows = OneRow<Type>;

  struct Scratch {
    ActivationGroup* x;
    ActivationGroup* h_groups;
    float* h;
  };
  static uint64_t ScratchAt(const MoeState& state, void* memory, Scratch* scratch) {
    scratch->x = (ActivationGroup*)memory;
    scratch->h_groups = scratch->x + GroupCount(state.length);
    scratch->h = (float*)(scratch->h_groups + GroupCount(state.neurons));
    return (uint64_t)((uint8_t*)(scratch->h + state.neurons) - (uint8_t*)memory);
  }

  static kl_code Supports(const kl_node* node, kl_error* error) {
    MoeState state;
    KL_TRY(CheckMoe(node, &state, error));
    if (!state.transposed && state.length % 32 == 0 && state.neurons % 32 == 0) return KL_OK;
    return kl_fail(error, KL_UNSUPPORTED,
                   "%s (moe_ffn): down is transposed, or rows end within a block", NameOf(node));
  }

  static kl_code Prepare(const kl_host*, const kl_node* node, void* memory,
                         kl_requirements* requirements, kl_error* error) {
    KL_TRY(Supports(node, error));
    KL_TRY(CheckMoe(node, (MoeState*)memory, error));
    Scratch scratch;
    requirements->scratch_bytes = ScratchAt(*(MoeState*)memory, nullptr, &scratch);
    return KL_OK;
  }

  static void Work(const kl_run* run, kl_work* work) {
    OnePhase(work, RowsOf(run->operands[kMoeX]) > 0 ? 1 : 0);
  }

  static kl_code Run(const kl_run* run) {
    const MoeState& state = *(const MoeState*)run->state;
    Scratch scratch;
    ScratchAt(state, run->scratch, &scratch);
    const int64_t tokens = RowsOf(run->operands[kMoeX]);
    for (int64_t t = 0; t < tokens; ++t) {
      const float* x = (const float*)run->operands[kMoeX]->data + t * state.length;
      float* y = (float*)run->operands[kMoeY]->data + t * state.length;
      Rows::QuantiseRow(x, state.length, scratch.x);
      for (int64_t k = 0; k < state.length; ++k) y[k] = 0.0f;
      for (int64_t i = 0; i < state.chosen; ++i) {
        const int64_t slot = t * state.chosen + i;
        const int64_t expert = ((const int32_t*)run->operands[kMoeIds]->data)[slot];
        if (expert < 0 || expert >= state.experts) return KL_INVALID_ARGUMENT;
        AddExpert(run, state, scratch, expert,
                  ((const float*)run->operands[kMoeWeights]->data)[slot], y);
      }
    }
    return KL_OK;
  }

  static void AddExpert(const kl_run* run, const MoeState& state, const Scratch& scratch,
                        int64_t expert, float weight, float* y) {
    const uint64_t row_bytes = Rows::RowBytes(state.length / 32);
    const uint64_t down_row_bytes = Rows::RowBytes(state.neurons / 32);
    const uint64_t expert_bytes = (uint64_t)state.neurons * row_bytes;
    const uint8_t* gate = ExpertAt(run->operands[kMoeGate], expert, expert_bytes);
    const uint8_t* up = ExpertAt(run->operands[kMoeUp], expert, expert_bytes);
    const uint8_t* down = ExpertAt(run->operands[kMoeDown], expert, expert_bytes);
    for (int64_t n = 0; n < state.neurons; n += 8) {
      float g[8];
      float u[8];
      for (int64_t i = 0; i < 8; ++i, gate += row_bytes, up += row_bytes) {
        g[i] = Rows::Dot(gate, state.length / 32, scratch.x, nullptr);
        u[i] = Rows::Dot(up, state.length / 32, scratch.x, nullptr);
      }
      Store8(scratch.h + n, Activate(state.activation, Load8(g)) * Load8(u));
    }
    Rows::QuantiseRow(scratch.h, state.neurons, scratch.h_groups);
    for (int64_t k = 0; k < state.length; ++k, down += down_row_bytes) {
      y[k] += weight * Rows::Dot(down, state.neurons / 32, scratch.h_groups, nullptr);
    }
  }

  static constexpr kl_kernel Kernel(const char* name, const kl_dtype* types) {
    kl_kernel kernel = SimpleKernel("moe_ffn", name, types, 7, sizeof(MoeState), 0.1f, Prepare,
                                    Work, Run, Supports);
    kernel.priority += kOneRowPriority;
    return kernel;
  }
};

}  // namespace

// A kernel file, all but its includes.
#define KL_ONE_ROW_MATMUL(stem, type)                                             \
  namespace {                                                                     \
  const kl_dtype kTypes[] = {KL_TYPE_F32, type::kType, KL_TYPE_ANY, KL_TYPE_F32}; \
  const kl_kernel kKernel = OneRowMatmul<type>(#stem, kTypes);                    \
  const kl_kernel* const kKernels[] = {&kKernel};                                 \
  }                                                                               \
  KL_TABLE(one_row, stem) = {nullptr, kKernels, 1}

#define KL_ONE_ROW_MOE(stem, type)                                               \
  namespace {                                                                    \
  const kl_dtype kTypes[] = {KL_TYPE_F32, KL_TYPE_I32, KL_TYPE_F32, type::kType, \
                             type::kType, type::kType, KL_TYPE_F32};             \
  const kl_kernel kKernel = OneRowMoe<type>::Kernel(#stem, kTypes);              \
  const kl_kernel* const kKernels[] = {&kKernel};                                \
  }                                                                              \
  KL_TABLE(one_row, stem) = {nullptr, kKernels, 1}

#endif  // TESTS_ARM_INSTRUCTIONS_ONE_ROW_NEON_H_
