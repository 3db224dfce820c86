#include "core/exec/node_chain.h"

#include <chrono>
#include <cstring>
#include <utility>

#include "core/abi/dtype.h"
#include "core/base/status.h"

namespace kinglet {
namespace {

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Numbers that activations could be: of both signs, none so small that arithmetic slows down. Whole numbers that may be
// indices are 0.
void Fill(const kl_tensor& tensor) {
  const uint64_t bytes = kl_tensor_bytes(&tensor);
  uint32_t state = 1;
  const auto next = [&state] { return (state = state * 1664525u + 1013904223u) >> 8; };
  if (tensor.type == KL_TYPE_F32) {
    float* const values = static_cast<float*>(tensor.data);
    for (uint64_t i = 0; i < bytes / sizeof(float); ++i) values[i] = static_cast<float>(next()) / 8388608.0f - 1.0f;
  } else if (tensor.type == KL_TYPE_I8 || tensor.type == KL_TYPE_U8) {
    uint8_t* const values = static_cast<uint8_t*>(tensor.data);
    for (uint64_t i = 0; i < bytes; ++i) values[i] = static_cast<uint8_t>(next());
  } else {
    std::memset(tensor.data, 0, bytes);
  }
}

}  // namespace

absl::StatusOr<bool> NodeChain::Stopwatch::Next() {
  if (asked_) {
    end_ns_ = NowNs();
    return false;
  }
  asked_ = true;
  begin_ns_ = NowNs();
  return true;
}

absl::StatusOr<std::unique_ptr<NodeChain>> NodeChain::Create(Runtime* runtime, const Plan& plan,
                                                             const std::vector<size_t>& nodes, bool own_constants) {
  std::unique_ptr<NodeChain> chain(new NodeChain(runtime));
  std::map<kl_value, kl_value> shared;
  for (size_t n : nodes) chain->AddNode(plan, plan.nodes[n], own_constants, &shared);
  chain->FindInputs();
  KL_ASSIGN_OR_RETURN(chain->prepared_,
                      PreparedPlan::Create(chain->plan_, runtime->registry(), Extents(), runtime->thread_count()));
  KL_RETURN_IF_ERROR(chain->prepared_->LoadWeights(
      /*budget=*/nullptr,
      [runtime](int64_t count, kl_parallel_body body, void* context) { runtime->ParallelFor(count, body, context); },
      /*progress=*/nullptr));
  KL_ASSIGN_OR_RETURN(chain->program_, Program::Create(*chain->prepared_, runtime->planner(), Extents(),
                                                       [](kl_value) { return kl_tensor(); }));
  chain->FillInputs();
  chain->watches_.resize(nodes.size());
  for (size_t n = 0; n < nodes.size(); ++n) chain->program_->SetHook(n, &chain->watches_[n]);
  return chain;
}

void NodeChain::AddNode(const Plan& plan, const PlanNode& from, bool own_constants,
                        std::map<kl_value, kl_value>* shared) {
  PlanNode node;
  node.op = from.op;
  node.name = from.name;
  node.attributes = from.attributes;
  std::map<kl_value, kl_value> own;
  for (kl_value value : from.operands) {
    if (value == KL_NO_VALUE) {
      node.operands.push_back(KL_NO_VALUE);
      continue;
    }
    const PlanValue& original = plan.values[value];
    const bool copies = own_constants && original.kind == ValueKind::kWeight;
    const auto [it, is_new] = (copies ? own : *shared).insert({value, KL_NO_VALUE});
    if (is_new && copies) {
      it->second = AddConstant(original);
    } else if (is_new) {
      it->second = static_cast<kl_value>(plan_.values.size());
      plan_.values.push_back(original);
      if (original.kind != ValueKind::kWeight) plan_.values.back().kind = ValueKind::kActivation;
    }
    node.operands.push_back(it->second);
  }
  plan_.nodes.push_back(std::move(node));
}

// With bytes of its own, also where a kernel packs them: it may read the original as well.
kl_value NodeChain::AddConstant(const PlanValue& from) {
  PlanValue value = from;
  value.tensors.clear();
  for (const SourceTensor* tensor : from.tensors) {
    plan_.constants.emplace_back();
    PlanConstant& constant = plan_.constants.back();
    constant.bytes.assign(tensor->data, tensor->data + tensor->bytes);
    constant.tensor = *tensor;
    constant.tensor.data = constant.bytes.data();
    constant.tensor.file = nullptr;
    value.tensors.push_back(&constant.tensor);
  }
  plan_.values.push_back(std::move(value));
  return static_cast<kl_value>(plan_.values.size()) - 1;
}

// What no node writes is an input; what one writes is an output, which nothing else may take the place of.
void NodeChain::FindInputs() {
  std::vector<bool> written(plan_.values.size());
  for (const PlanNode& node : plan_.nodes) {
    const kl_op* op = runtime_->registry().FindOp(node.op);
    if (op == nullptr) continue;  // preparing says so
    for (uint32_t i = 0; i < op->operand_count && i < node.operands.size(); ++i) {
      if (op->operands[i].role == KL_OPERAND_OUTPUT && node.operands[i] != KL_NO_VALUE) written[node.operands[i]] = true;
    }
  }
  for (size_t v = 0; v < plan_.values.size(); ++v) {
    if (plan_.values[v].kind == ValueKind::kWeight) continue;
    if (!written[v]) plan_.values[v].kind = ValueKind::kInput;
    (written[v] ? plan_.outputs : plan_.inputs).push_back(static_cast<kl_value>(v));
  }
}

void NodeChain::FillInputs() {
  for (kl_value input : plan_.inputs) Fill(program_->tensor(input));
  for (kl_value output : plan_.outputs) Fill(program_->tensor(output));  // and their pages are there
}

absl::StatusOr<int64_t> NodeChain::Run(size_t warm_count) {
  for (Stopwatch& watch : watches_) watch.Reset();
  KL_RETURN_IF_ERROR(runtime_->Run(program_.get(), /*tokens=*/1, /*outputs=*/1, /*wanted_count=*/0, /*cancel=*/nullptr));
  return watches_.back().end_ns() - watches_[warm_count].begin_ns();
}

}  // namespace kinglet
