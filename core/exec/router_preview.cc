#include "core/exec/router_preview.h"

#include <algorithm>

#include "core/abi/dtype.h"
#include "core/exec/prepared_kernel.h"
#include "core/exec/streamed_weights.h"

namespace kinglet {
namespace {

constexpr Extents kOneToken = {1, 1, 1};
constexpr uint64_t kAlignment = 64;

// The node before `end` that writes `value`; its index, or `end`.
size_t WriterOf(const Plan& plan, kl_value value, const char* op, size_t end) {
  for (size_t n = 0; n < end; ++n) {
    const std::vector<kl_value>& operands = plan.nodes[n].operands;
    if (plan.nodes[n].op == op && std::find(operands.begin(), operands.end(), value) != operands.end()) return n;
  }
  return end;
}

// Whether anything from node `begin` on reads it: else its memory is another value's by then.
bool IsReadFrom(const Plan& plan, kl_value value, size_t begin) {
  for (size_t n = begin; n < plan.nodes.size(); ++n) {
    const std::vector<kl_value>& operands = plan.nodes[n].operands;
    if (std::find(operands.begin(), operands.end(), value) != operands.end()) return true;
  }
  return false;
}

}  // namespace

struct RouterPreview::Router {
  ~Router() { kernel.Release(node); }
  explicit Router(const PreparedPlan& prepared, size_t index)
      : node(prepared.nodes()[index]),
        input(prepared.plan().nodes[index].operands[kMatmulX]),
        output(prepared.plan().nodes[index].operands[kMatmulY]),
        operands(prepared.plan(), prepared.plan().nodes[index], kOneToken, /*thread_count=*/1) {}

  const PreparedNode& node;
  const kl_value input;
  const kl_value output;
  NodeOperands operands;
  PreparedKernel kernel;
  kl_tensor* pointers[kMatmulOperandCount] = {};
};

RouterPreview::RouterPreview(const PreparedPlan& prepared) {
  const Plan& plan = prepared.plan();
  uint64_t scratch_bytes = 0, worker_bytes = 0, logits_bytes = 0;
  for (const auto& layer : prepared.experts().layers()) {
    routers_.push_back(nullptr);
    const size_t route = WriterOf(plan, layer->ids(), "moe_route", layer->node_index());
    if (route == layer->node_index()) continue;
    const size_t index = WriterOf(plan, plan.nodes[route].operands[0], "matmul", route);
    if (index == route || plan.nodes[index].operands.size() != kMatmulOperandCount) continue;
    const std::vector<kl_value>& operands = plan.nodes[index].operands;
    const bool is_router = operands[kMatmulY] == plan.nodes[route].operands[0] && operands[kMatmulBias] == KL_NO_VALUE &&
                           plan.values[operands[kMatmulWeight]].kind == ValueKind::kWeight &&
                           plan.values[operands[kMatmulY]].type == KL_TYPE_F32 &&
                           IsReadFrom(plan, operands[kMatmulX], route + 1);
    const StreamedWeights* streamed = prepared.streamed_weights();
    if (!is_router || (streamed != nullptr && streamed->NodeOf(index) != nullptr)) continue;
    auto router = std::make_unique<Router>(prepared, index);
    const PreparedNode& node = router->node;
    if ((node.kernel->flags & KL_KERNEL_OWN_THREADS) != 0) continue;
    *router->operands.operand(kMatmulWeight) = *node.operands->operand(kMatmulWeight);
    if (!router->kernel.Prepare(node, router->operands.node()).ok()) continue;
    const kl_requirements& needs = router->kernel.requirements;
    scratch_bytes = std::max(scratch_bytes, AlignUp(needs.scratch_bytes, kAlignment));
    worker_bytes = std::max(worker_bytes, AlignUp(needs.worker_scratch_bytes, kAlignment));
    logits_bytes = std::max(logits_bytes, kl_tensor_bytes(router->operands.operand(kMatmulY)));
    for (uint32_t i = 0; i < kMatmulOperandCount; ++i) router->pointers[i] = router->operands.operand(i);
    routers_.back() = std::move(router);
  }
  auto workspace = AlignedBuffer::Allocate(scratch_bytes + worker_bytes + logits_bytes);
  if (!workspace.ok()) {
    // Guesses are worth no error.
    for (auto& router : routers_) router.reset();
    return;
  }
  workspace_ = *std::move(workspace);
  scratch_ = workspace_.data();
  worker_scratch_ = scratch_ + scratch_bytes;
  logits_ = worker_scratch_ + worker_bytes;
}

RouterPreview::~RouterPreview() = default;

const float* RouterPreview::Logits(size_t from, size_t layer, int64_t row) {
  if (routers_[from] == nullptr || routers_[layer] == nullptr) return nullptr;
  Router& router = *routers_[layer];
  router.operands.operand(kMatmulY)->data = logits_;
  const kl_tensor& seen = (*tensors_)[routers_[from]->input];
  kl_tensor& x = *router.operands.operand(kMatmulX);
  if (seen.type != x.type || seen.rank != 2 || x.rank != 2 || seen.shape[1] != x.shape[1]) return nullptr;
  const uint64_t row_bytes = kl_row_bytes(seen.type, static_cast<uint64_t>(seen.shape[1]));
  x.data = static_cast<uint8_t*>(seen.data) + static_cast<uint64_t>(row) * row_bytes;
  kl_run run = {};
  run.struct_size = sizeof run;
  run.operands = router.pointers;
  run.operand_count = kMatmulOperandCount;
  run.worker_count = 1;
  run.state = router.kernel.state.data();
  run.scratch = scratch_;
  run.worker_scratch = worker_scratch_;
  kl_work work = {};
  work.struct_size = sizeof work;
  router.node.kernel->work(&run, &work);
  for (uint32_t phase = 0; phase < std::min<uint32_t>(work.phase_count, KL_MAX_PHASES); ++phase) {
    run.phase = phase;
    run.end = work.unit_count[phase];
    if (run.end > 0 && router.node.kernel->run(&run) != KL_OK) return nullptr;
  }
  return reinterpret_cast<const float*>(logits_);
}

const float* RouterPreview::Computed(size_t layer, int64_t row) const {
  if (routers_[layer] == nullptr) return nullptr;
  const kl_tensor& logits = (*tensors_)[routers_[layer]->output];
  if (logits.data == nullptr || logits.rank != 2) return nullptr;
  return static_cast<const float*>(logits.data) + row * logits.shape[1];
}

uint64_t RouterPreview::bytes() const {
  uint64_t bytes = AlignUp(workspace_.size(), uint64_t{4096});
  for (const auto& router : routers_) bytes += router == nullptr ? 0 : router->kernel.resident_bytes();
  return bytes;
}

}  // namespace kinglet
