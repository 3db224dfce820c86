// op "moe_ffn": operands, checks, and which expert works for which tokens.
//
//   y[t] = sum over i of weights[t][i] * down_e(act(gate_e x) * (up_e x)),  e = ids[t][i], in order
//   of i
//
//   x f32 [T, D]   ids i32 [T, k]   weights f32 [T, k]   y f32 [T, D]
//   gate, up any [E, F, D]   down any [E, D, F], or [E, F, D] with attribute down_transposed
//
// A slot is a token with one of its experts: slot t * k + i. The slots of an expert lie together,
// so that its rows are read once for all of them.
#ifndef PLUGINS_COMMON_KERNELS_MOE_PLAN_H_
#define PLUGINS_COMMON_KERNELS_MOE_PLAN_H_

#include "plugins/common/kernels/activation_functions.h"
#include "plugins/common/kernels/entry.h"

namespace {

enum MoeOperand { kMoeX, kMoeIds, kMoeWeights, kMoeGate, kMoeUp, kMoeDown, kMoeY };

constexpr int64_t kNeuronsPerUnit = 32;      // one block of the hidden vector
constexpr int64_t kMoeColumnsPerUnit = 256;  // of y, for transposed down

// With so few tokens experts are hardly shared: each token reads its own.
constexpr int64_t kStreamedTokens = 2;

struct MoeState {
  int64_t length;   // D
  int64_t neurons;  // F
  int64_t experts;
  int64_t chosen;  // k
  Activation activation;
  bool transposed;
  // Bytes of one vector, and where things lie in the scratch.
  uint64_t x_bytes;
  uint64_t h_bytes;
  uint64_t h_at;
  uint64_t groups_at;
  uint64_t streamed_at;
};

// Whole numbers in the scratch, written by the last unit of phase 0.
struct MoeGroups {
  int32_t* active_count;  // experts with a slot
  int32_t* expert;        // [active] in order of number
  int32_t* start;         // [active + 1] into slots
  int32_t* slots;         // [T * k], ascending within an expert
  int32_t* cursor;        // [experts]
};

KL_INLINE int64_t MostActive(const MoeState& self, int64_t slots) {
  return Minimum(self.experts, slots);
}

KL_INLINE MoeGroups GroupsAt(void* memory, int64_t most_active, int64_t slots) {
  MoeGroups groups;
  groups.active_count = (int32_t*)memory;
  groups.expert = groups.active_count + 1;
  groups.start = groups.expert + most_active;
  groups.slots = groups.start + most_active + 1;
  groups.cursor = groups.slots + slots;
  return groups;
}
KL_INLINE uint64_t GroupsBytes(const MoeState& self, int64_t slots) {
  return (uint64_t)(2 + 2 * MostActive(self, slots) + slots + self.experts) * sizeof(int32_t);
}

// False when an id names no expert.
inline bool GroupSlots(const MoeState& self, const int32_t* ids, int64_t slots,
                       const MoeGroups& groups) {
  for (int64_t e = 0; e < self.experts; ++e) groups.cursor[e] = 0;
  for (int64_t s = 0; s < slots; ++s) {
    if (ids[s] < 0 || ids[s] >= self.experts) {
      *groups.active_count = 0;
      return false;
    }
    ++groups.cursor[ids[s]];
  }
  int32_t active = 0;
  int32_t total = 0;
  for (int32_t e = 0; e < (int32_t)self.experts; ++e) {
    if (groups.cursor[e] == 0) continue;
    groups.expert[active] = e;
    groups.start[active] = total;
    total += groups.cursor[e];
    groups.cursor[e] = groups.start[active];
    ++active;
  }
  groups.start[active] = total;
  *groups.active_count = active;
  for (int64_t s = 0; s < slots; ++s) groups.slots[groups.cursor[ids[s]]++] = (int32_t)s;
  return true;
}

// First byte of expert `e` of a tensor that may come in parts.
KL_INLINE const uint8_t* ExpertAt(const kl_tensor* tensor, int64_t e, uint64_t expert_bytes) {
  if (tensor->parts != nullptr) return (const uint8_t*)tensor->parts[e];
  return (const uint8_t*)tensor->data + (uint64_t)e * expert_bytes;
}

KL_INLINE kl_code CheckMoe(const kl_node* node, MoeState* self, kl_error* error) {
  KL_TRY(ExpectOperands(node, 7, error));
  const kl_tensor* x = node->operands[kMoeX];
  const kl_tensor* ids = node->operands[kMoeIds];
  const kl_tensor* gate = node->operands[kMoeGate];
  const kl_tensor* down = node->operands[kMoeDown];
  const int64_t tokens = RowsOf(x);
  KL_TRY(ExpectSame(node, "rank of gate", 3, gate->rank, error));
  KL_TRY(ExpectSame(node, "rank of up", 3, node->operands[kMoeUp]->rank, error));
  KL_TRY(ExpectSame(node, "rank of down", 3, down->rank, error));
  self->experts = gate->shape[0];
  self->neurons = gate->shape[1];
  self->length = gate->shape[2];
  self->chosen = LastOf(ids);
  self->transposed = kl_attribute_int(node, "down_transposed", 0) != 0;
  const int64_t rows = self->transposed ? self->neurons : self->length;
  const int64_t columns = self->transposed ? self->length : self->neurons;
  for (int d = 0; d < 3; ++d) {
    KL_TRY(ExpectSame(node, "dimension of up", gate->shape[d], node->operands[kMoeUp]->shape[d],
                      error));
  }
  KL_TRY(ExpectSame(node, "experts of down", self->experts, down->shape[0], error));
  KL_TRY(ExpectSame(node, "rows of down", rows, down->shape[1], error));
  KL_TRY(ExpectSame(node, "columns of down", columns, down->shape[2], error));
  KL_TRY(ExpectSame(node, "innermost dimension of x", self->length, LastOf(x), error));
  KL_TRY(ExpectSame(node, "rows of ids", tokens, RowsOf(ids), error));
  KL_TRY(ExpectSame(node, "elements of weights", kl_element_count(ids),
                    kl_element_count(node->operands[kMoeWeights]), error));
  KL_TRY(ExpectSame(node, "elements of y", kl_element_count(x),
                    kl_element_count(node->operands[kMoeY]), error));
  const char* name = kl_attribute_string(node, "activation", "");
  self->activation = ParseActivation(name);
  if (self->activation == kUnknownActivation) {
    return kl_fail(error, KL_INVALID_ARGUMENT,
                   "%s (moe_ffn): activation should be relu, silu or gelu, found '%s'",
                   NameOf(node), name);
  }
  return KL_OK;
}

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_MOE_PLAN_H_
