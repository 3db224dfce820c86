// A plan: the flat list of nodes that computes a model, and the values between them.
//
// Plain data, made by a PlanBuilder, immutable afterwards, shared by all sessions of a model. Nothing in it depends on
// the machine: kernels and memory are chosen later (prepare.h, program.h).
#ifndef KINGLET_CORE_EXEC_PLAN_H_
#define KINGLET_CORE_EXEC_PLAN_H_

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "core/abi/architecture.h"
#include "core/exec/attribute_set.h"
#include "core/model/model_source.h"

namespace kinglet {

enum class ValueKind {
  kActivation,  // written by a node, in the arena
  kTokenIds,    // i32 [tokens]; the three inputs below are filled by the session
  kPositions,   // i32 [tokens]
  kOutputRows,  // i32 [outputs]
  kInput,       // of a network: filled by its caller
  kWeight,      // from the file
  kCache,       // KV rows of a session
  kMemory       // blocks of a memory bank, one part a level: what a session has fetched (memory_run.h)
};

struct PlanValue {
  ValueKind kind = ValueKind::kActivation;
  std::string name;
  kl_dtype type = KL_TYPE_F32;
  std::vector<int64_t> shape;  // outermost first; may hold KL_DIM_TOKENS, KL_DIM_OUTPUTS in front
  // kWeight: one tensor, or several that make up a new outermost dimension. They belong to the model's
  // source or to the plan's constants.
  std::vector<const SourceTensor*> tensors;
  kl_cache_desc cache = {};  // kCache
  int64_t layer = -1;        // kMemory
};

// What the KV cache is kept in: f32, f16 or q8_0.
struct CacheTypes {
  kl_dtype keys = KL_TYPE_F16;
  kl_dtype values = KL_TYPE_F16;
};

struct PlanNode {
  std::string op;
  std::string name;
  AttributeSet attributes;
  std::vector<kl_value> operands;
};

// A weight that the architecture computed.
struct PlanConstant {
  SourceTensor tensor;  // data points into bytes
  std::vector<uint8_t> bytes;
};

struct Plan {
  std::vector<PlanValue> values;
  std::vector<PlanNode> nodes;
  std::vector<kl_value> inputs;   // kInput values, in the caller's order
  std::vector<kl_value> outputs;  // the logits, or a network's outputs
  std::deque<PlanConstant> constants;  // a deque: values point to them
  kl_model_facts facts = {};
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_PLAN_H_
