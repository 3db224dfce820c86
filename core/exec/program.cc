#include "core/exec/program.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/abi/dtype.h"
#include "core/base/checked_math.h"
#include "core/base/status.h"
#include "core/exec/lifetimes.h"
#include "core/exec/prepared_kernel.h"
#include "core/exec/weight_bytes.h"
#include "core/memory/planner.h"

namespace kinglet {
namespace {

constexpr uint64_t kAlignment = 64;

bool LivesInArena(ValueKind kind) {
  return kind != ValueKind::kWeight && kind != ValueKind::kCache && kind != ValueKind::kMemory;
}

// Sizes come from a file and from the caller's batch: their product may not wrap.
absl::StatusOr<uint64_t> CheckedBytes(const kl_tensor& tensor, const std::string& name) {
  uint64_t elements = 1, bytes = 0;
  const kl_dtype_info type = kl_dtype_info_of(tensor.type);
  bool fits = type.name != nullptr;
  for (int32_t d = 0; d < tensor.rank && fits; ++d) {
    fits = tensor.shape[d] >= 0 && CheckedMultiply(elements, static_cast<uint64_t>(tensor.shape[d]), &elements);
  }
  if (!fits || !CheckedMultiply<uint64_t>(elements / type.block_elements, type.block_bytes, &bytes)) {
    return absl::OutOfRangeError(absl::StrCat(
        "activation ", name, " [", absl::StrJoin(tensor.shape, tensor.shape + tensor.rank, ", "),
        "] of type ", type.name == nullptr ? "unknown" : type.name, " has no size that fits 64 bits; use a smaller batch"));
  }
  return bytes;
}

}  // namespace

// What one node keeps for the life of the program.
struct Program::Node {
  Node(const PreparedPlan& prepared, size_t index, const Extents& extents)
      : plan_node(prepared.plan().nodes[index]),
        prepared(prepared.nodes()[index]),
        operands(prepared.plan(), plan_node, extents, prepared.thread_count()) {}

  const PlanNode& plan_node;
  const PreparedNode& prepared;
  NodeOperands operands;            // at the largest extents, for prepare()
  std::vector<kl_tensor> weights;   // bound weights and absent operands, by operand
  std::vector<kl_tensor*> pointers; // what run() gets
  // One, or for a streamed weight one for each shape of its blocks.
  std::vector<PreparedKernel> kernels;
  uint64_t scratch_bytes = 0;
  uint64_t outputs_offset = 0;  // in the scratch: of the outputs of a block
  uint64_t worker_scratch_stride = 0;
  uint64_t scratch_offset = 0;
  uint64_t worker_scratch_offset = 0;
};

Program::Program(const PreparedPlan& prepared, const StreamedWeights* streamed, const Extents& largest)
    : prepared_(prepared), streamed_(streamed), largest_(largest) {}

Program::~Program() {
  for (const auto& node : nodes_) {
    for (PreparedKernel& kernel : node->kernels) kernel.Release(node->prepared);
  }
}

absl::StatusOr<std::unique_ptr<Program>> Program::Create(const PreparedPlan& prepared, const kl_planner& planner,
                                                         const Extents& largest,
                                                         const CacheTensorFunction& cache_tensor, Budget* budget,
                                                         ExpertBank* experts, WeightStream* weights,
                                                         const MemoryBank* memory) {
  std::unique_ptr<Program> program(new Program(prepared, prepared.streamed_weights(), largest));
  KL_RETURN_IF_ERROR(program->MakeNodes());
  KL_ASSIGN_OR_RETURN(const uint64_t arena_bytes, program->PlaceValues(planner));
  if (budget != nullptr) {
    KL_ASSIGN_OR_RETURN(program->reservation_, budget->Reserve("activations", program->BytesWith(arena_bytes)));
  }
  KL_ASSIGN_OR_RETURN(program->arena_, AlignedBuffer::Allocate(arena_bytes));
  KL_ASSIGN_OR_RETURN(program->inputs_, AlignedBuffer::Allocate(program->input_bytes_));
  program->BindTensors(cache_tensor);
  if (!prepared.experts().layers().empty()) {
    program->preview_->Attach(&program->tensors_);
    program->experts_ =
        std::make_unique<ExpertRun>(prepared.experts(), experts, program->preview_.get(), largest.tokens);
    program->experts_->Attach(prepared.plan(), &program->runs_, &program->tensors_);
  }
  if (weights != nullptr) program->AttachWeights(weights);
  if (memory != nullptr) {
    program->memory_ = std::make_unique<MemoryRun>(memory, prepared.plan());
    program->memory_->Attach(prepared.plan(), &program->runs_, &program->tensors_);
  }
  program->FindOpenDimensions();
  return program;
}

absl::Status Program::MakeNodes() {
  for (const PlanValue& value : prepared_.plan().values) tensors_.push_back(ShapedTensor(value, largest_));
  for (size_t n = 0; n < prepared_.nodes().size(); ++n) {
    nodes_.push_back(std::make_unique<Node>(prepared_, n, largest_));
  }
  if (!prepared_.experts().layers().empty()) preview_ = std::make_unique<RouterPreview>(prepared_);
  return PrepareKernels();
}

absl::Status Program::PrepareKernels() {
  const Plan& plan = prepared_.plan();
  for (size_t n = 0; n < nodes_.size(); ++n) {
    Node* node = nodes_[n].get();
    for (size_t i = 0; i < node->plan_node.operands.size(); ++i) {
      const kl_value value = node->plan_node.operands[i];
      kl_tensor* tensor = node->operands.operand(i);
      if (value != KL_NO_VALUE && plan.values[value].kind == ValueKind::kWeight) {
        *tensor = *node->prepared.operands->operand(i);
      }
      node->weights.push_back(*tensor);
    }
    const StreamedNode* streamed = streamed_ == nullptr ? nullptr : streamed_->NodeOf(n);
    if (streamed != nullptr) {
      KL_RETURN_IF_ERROR(PrepareBlocks(node, n, *streamed));
    } else {
      node->kernels.emplace_back();
      KL_RETURN_IF_ERROR(node->kernels[0].Prepare(node->prepared, node->operands.node()));
    }
    uint64_t worker_scratch_bytes = 0;
    for (const PreparedKernel& kernel : node->kernels) {
      node->scratch_bytes = std::max(node->scratch_bytes, kernel.requirements.scratch_bytes);
      worker_scratch_bytes = std::max(worker_scratch_bytes, kernel.requirements.worker_scratch_bytes);
    }
    node->worker_scratch_stride = AlignUp(worker_scratch_bytes, kAlignment);
    if (streamed == nullptr) continue;
    node->outputs_offset = AlignUp(node->scratch_bytes, kAlignment);
    const int64_t tokens = node->operands.operand(kMatmulY)->shape[0];
    node->scratch_bytes = node->outputs_offset + WeightRun::OutputBytes(*streamed, tokens);
  }
  return absl::OkStatus();
}

absl::Status Program::PrepareBlocks(Node* node, size_t index, const StreamedNode& streamed) {
  node->kernels.resize(streamed.shape_count());
  for (size_t shape = 0; shape < streamed.shape_count(); ++shape) {
    NodeOperands operands(prepared_.plan(), prepared_.plan().nodes[index], largest_, prepared_.thread_count());
    for (uint32_t i = 0; i < kMatmulOperandCount; ++i) *operands.operand(i) = *node->operands.operand(i);
    TakeRows(&operands, streamed.shape_rows(shape));
    operands.operand(kMatmulWeight)->layout = streamed.layout(shape);
    KL_RETURN_IF_ERROR(node->kernels[shape].Prepare(node->prepared, operands.node()));
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> Program::PlaceValues(const kl_planner& planner) {
  const Plan& plan = prepared_.plan();
  const int32_t last_node = static_cast<int32_t>(plan.nodes.size());
  std::vector<uint64_t> bytes(plan.values.size(), 0);
  for (size_t v = 0; v < plan.values.size(); ++v) {
    if (!LivesInArena(plan.values[v].kind)) continue;
    KL_ASSIGN_OR_RETURN(bytes[v], CheckedBytes(tensors_[v], plan.values[v].name));
  }
  Lifetimes lifetimes = LifetimesOf(plan, bytes);
  for (int32_t n = 0; n < last_node; ++n) {
    const kl_op& op = *nodes_[n]->prepared.op;
    int32_t first_output = -1;
    for (uint32_t i = 0; i < op.operand_count; ++i) {
      if (op.operands[i].role != KL_OPERAND_OUTPUT) continue;
      if (first_output < 0) first_output = static_cast<int32_t>(i);
      if (op.operands[i].may_alias >= 0) lifetimes.Share(plan, n, op.operands[i].may_alias, i, TakeOver::kSameSize);
    }
    // A streamed weight's kernels see a part of the output each.
    const std::vector<PreparedKernel>& kernels = nodes_[n]->kernels;
    const int32_t in_place = kernels.size() == 1 ? kernels[0].requirements.in_place_operand : -1;
    if (in_place >= 0 && in_place < static_cast<int32_t>(op.operand_count) && first_output >= 0) {
      lifetimes.Share(plan, n, in_place, first_output, TakeOver::kSmaller);
    }
  }

  std::vector<kl_memory_request>& requests = lifetimes.requests;
  const size_t scratch_begin = requests.size();
  for (int32_t n = 0; n < last_node; ++n) {
    requests.push_back({nodes_[n]->scratch_bytes, n, n, -1});
    requests.push_back({nodes_[n]->worker_scratch_stride * prepared_.thread_count(), n, n, -1});
  }

  KL_ASSIGN_OR_RETURN(const MemoryPlan placed, PlanMemory(planner, requests, kAlignment));
  offsets_.assign(plan.values.size(), 0);
  blocks_.clear();
  for (size_t v = 0; v < plan.values.size(); ++v) {
    const int32_t request = lifetimes.request_of[v];
    if (request < 0) continue;
    offsets_[v] = placed.offsets[request];
    if (requests[request].bytes == 0) continue;
    blocks_.push_back({plan.values[v].name, offsets_[v], requests[request].bytes, requests[request].first_node,
                       requests[request].last_node});
  }
  for (int32_t n = 0; n < last_node; ++n) {
    const size_t request = scratch_begin + 2 * static_cast<size_t>(n);
    nodes_[n]->scratch_offset = placed.offsets[request];
    nodes_[n]->worker_scratch_offset = placed.offsets[request + 1];
    for (const size_t r : {request, request + 1}) {
      if (requests[r].bytes > 0) {
        blocks_.push_back({absl::StrCat("scratch of ", plan.nodes[n].name), placed.offsets[r], requests[r].bytes, n, n});
      }
    }
  }
  PlaceInputs(bytes);
  return std::max<uint64_t>(placed.peak_bytes, kAlignment);
}

// What the caller fills stays as the caller filled it, so no other value could have its place: it lies outside of the arena.
void Program::PlaceInputs(const std::vector<uint64_t>& bytes) {
  input_bytes_ = 0;
  const std::vector<PlanValue>& values = prepared_.plan().values;
  for (size_t v = 0; v < values.size(); ++v) {
    if (values[v].kind != ValueKind::kInput) continue;
    offsets_[v] = input_bytes_;
    input_bytes_ += AlignUp(bytes[v], kAlignment);
  }
}

uint64_t Program::BytesWith(uint64_t arena_bytes) const {
  uint64_t bytes = arena_bytes + input_bytes_ + ExpertPredictor::RequiredBytes(prepared_.experts());
  if (preview_ != nullptr) bytes += preview_->bytes();
  for (const auto& node : nodes_) {
    for (const PreparedKernel& kernel : node->kernels) bytes += kernel.resident_bytes();
  }
  return bytes;
}

absl::StatusOr<uint64_t> Program::RequiredBytes(const PreparedPlan& prepared, const StreamedWeights* streamed,
                                                const kl_planner& planner, const Extents& largest) {
  Program program(prepared, streamed, largest);
  KL_RETURN_IF_ERROR(program.MakeNodes());
  KL_ASSIGN_OR_RETURN(const uint64_t arena_bytes, program.PlaceValues(planner));
  return program.BytesWith(arena_bytes);
}

void Program::BindTensors(const CacheTensorFunction& cache_tensor) {
  const Plan& plan = prepared_.plan();
  for (size_t v = 0; v < plan.values.size(); ++v) {
    uint8_t* const block = plan.values[v].kind == ValueKind::kInput ? inputs_.data() : arena_.data();
    if (LivesInArena(plan.values[v].kind)) tensors_[v].data = block + offsets_[v];
    if (plan.values[v].kind == ValueKind::kCache) tensors_[v] = cache_tensor(static_cast<kl_value>(v));
  }
  for (const auto& node : nodes_) {
    for (size_t i = 0; i < node->plan_node.operands.size(); ++i) {
      const kl_value value = node->plan_node.operands[i];
      const bool own = value == KL_NO_VALUE || plan.values[value].kind == ValueKind::kWeight;
      node->pointers.push_back(own ? &node->weights[i] : &tensors_[value]);
    }
    NodeRun run = {};
    run.kernel = node->prepared.kernel;
    run.name = node->plan_node.name.c_str();
    run.run.struct_size = sizeof run.run;
    run.run.operands = node->pointers.data();
    run.run.operand_count = static_cast<uint32_t>(node->pointers.size());
    run.run.state = node->kernels[0].state.data();
    if (node->scratch_bytes > 0) run.run.scratch = arena_.data() + node->scratch_offset;
    if (node->worker_scratch_stride > 0) run.worker_scratch_base = arena_.data() + node->worker_scratch_offset;
    run.worker_scratch_stride = node->worker_scratch_stride;
    runs_.push_back(run);
  }
}

void Program::AttachWeights(WeightStream* weights) {
  weights_ = std::make_unique<WeightRun>(weights);
  const auto& streamed = weights->weights().nodes();
  for (size_t i = 0; i < streamed.size(); ++i) {
    const size_t index = streamed[i]->node_index();
    Node& node = *nodes_[index];
    std::vector<void*> states;
    for (PreparedKernel& kernel : node.kernels) states.push_back(kernel.state.data());
    weights_->Attach(i, &runs_[index], std::move(states), arena_.data() + node.scratch_offset + node.outputs_offset);
  }
}

void Program::FindOpenDimensions() {
  const Plan& plan = prepared_.plan();
  for (size_t v = 0; v < plan.values.size(); ++v) {
    for (size_t d = 0; d < plan.values[v].shape.size(); ++d) {
      const int64_t dimension = plan.values[v].shape[d];
      if (dimension == KL_DIM_TOKENS) open_dimensions_.push_back({&tensors_[v].shape[d], false});
      if (dimension == KL_DIM_OUTPUTS) open_dimensions_.push_back({&tensors_[v].shape[d], true});
    }
  }
  const auto makes_logits = [&](const PlanNode& node) {
    return std::any_of(node.operands.begin(), node.operands.end(), [&](kl_value value) {
      if (value == KL_NO_VALUE) return false;
      const std::vector<int64_t>& shape = plan.values[value].shape;
      return std::find(shape.begin(), shape.end(), KL_DIM_OUTPUTS) != shape.end();
    });
  };
  if (!plan.nodes.empty() && plan.outputs.size() == 1) {
    const std::vector<kl_value>& last = plan.nodes.back().operands;
    head_is_last_ = std::find(last.begin(), last.end(), plan.outputs[0]) != last.end();
  }
  hidden_run_count_ = plan.nodes.size();
  while (hidden_run_count_ > 0 && makes_logits(plan.nodes[hidden_run_count_ - 1])) --hidden_run_count_;
}

int32_t* Program::InputOf(ValueKind kind) {
  const Plan& plan = prepared_.plan();
  for (size_t v = 0; v < plan.values.size(); ++v) {
    if (plan.values[v].kind == kind) return static_cast<int32_t*>(tensors_[v].data);
  }
  return nullptr;
}

absl::Status Program::Run(Scheduler* scheduler, int64_t tokens, int64_t outputs, uint32_t wanted_count,
                          const std::atomic<bool>* cancel) {
  if (head_is_last_) runs_.back().run.wanted_count = wanted_count;
  for (const OpenDimension& open : open_dimensions_) *open.target = open.outputs ? outputs : tokens;
  const size_t count = outputs == 0 ? hidden_run_count_ : runs_.size();
  prepared_.BoundLookedUp(tokens);
  absl::Status status = BeginRun(count, cancel);
  if (status.ok()) {
    status = profile_.empty() ? scheduler->Run(runs_.data(), count, cancel) : RunProfiled(scheduler, count, tokens, cancel);
  }
  EndRun();
  return status;
}

absl::Status Program::BeginRun(size_t count, const std::atomic<bool>* cancel) {
  if (experts_ != nullptr) experts_->Begin(cancel);
  if (weights_ != nullptr) weights_->Begin(cancel, count);
  return memory_ == nullptr ? absl::OkStatus() : memory_->Begin(cancel);
}

void Program::EndRun() {
  if (experts_ != nullptr) experts_->End();
  if (weights_ != nullptr) weights_->End();
  if (memory_ != nullptr) memory_->End();
}

void Program::SetProfiling(bool on) {
  profile_.assign(on ? runs_.size() : 0, NodeProfile());
  counted_bytes_.assign(on ? static_cast<size_t>(prepared_.thread_count()) * NodeRun::kWeightBytesStride : 0, 0);
  for (NodeRun& run : runs_) run.weight_bytes = on ? counted_bytes_.data() : nullptr;
}

// Workers stay awake between nodes that follow each other at once, so node by node takes as long as all together.
absl::Status Program::RunProfiled(Scheduler* scheduler, size_t count, int64_t tokens,
                                  const std::atomic<bool>* cancel) {
  using Clock = std::chrono::steady_clock;
  const Plan& plan = prepared_.plan();
  for (size_t n = 0; n < count; ++n) {
    std::fill(counted_bytes_.begin(), counted_bytes_.end(), 0);
    const Clock::time_point begin = Clock::now();
    KL_RETURN_IF_ERROR(scheduler->Run(&runs_[n], 1, cancel));
    NodeProfile& profile = profile_[n];
    profile.ns += std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begin).count();
    ++profile.run_count;
    const bool counts = (runs_[n].kernel->flags & KL_KERNEL_COUNTS_WEIGHT_BYTES) != 0;
    profile.weight_bytes += counts ? std::accumulate(counted_bytes_.begin(), counted_bytes_.end(), uint64_t{0})
                                   : MostWeightBytes(plan, plan.nodes[n], tokens);
  }
  return absl::OkStatus();
}

absl::Status Program::CompleteLogits(Scheduler* scheduler) {
  if (!head_is_last_) return absl::OkStatus();
  // The last node's inputs live until it has run, and nothing ran after it.
  runs_.back().run.wanted_count = 0;
  if (weights_ != nullptr) weights_->Begin(nullptr, runs_.size());
  const absl::Status status = scheduler->Run(&runs_.back(), 1, nullptr);
  if (weights_ != nullptr) weights_->End();
  return status;
}

}  // namespace kinglet
