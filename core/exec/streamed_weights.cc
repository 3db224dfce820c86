#include "core/exec/streamed_weights.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "core/abi/dtype.h"
#include "core/abi/error.h"
#include "core/base/mapped_file.h"
#include "core/base/status.h"
#include "core/exec/prepared_plan.h"

namespace kinglet {
namespace {

// Smaller weights (norms, biases, small routers) are kept: a read costs as much as 100 KB of bytes.
constexpr uint64_t kLeastBytes = 64 << 10;
// A record's: storage is at its full speed, and a handful of them are few megabytes.
constexpr uint64_t kBlockBytes = 3 << 19;
// Whole units of every kernel, and outputs that stay aligned.
constexpr int64_t kBlockRowMultiple = 64;

bool IsStreamable(const Plan& plan, const PlanNode& node) {
  if (node.op != "matmul" || node.operands.size() != kMatmulOperandCount) return false;
  for (const uint32_t operand : {kMatmulX, kMatmulWeight, kMatmulY}) {
    if (node.operands[operand] == KL_NO_VALUE || plan.values[node.operands[operand]].shape.size() != 2) return false;
  }
  const PlanValue& weight = plan.values[node.operands[kMatmulWeight]];
  return weight.kind == ValueKind::kWeight && weight.tensors.size() == 1 && weight.tensors[0]->file != nullptr &&
         weight.tensors[0]->bytes >= kLeastBytes &&
         plan.values[node.operands[kMatmulY]].type == KL_TYPE_F32;
}

}  // namespace

void TakeRows(NodeOperands* operands, int64_t rows) {
  kl_tensor* weight = operands->operand(kMatmulWeight);
  kl_tensor* bias = operands->operand(kMatmulBias);
  weight->shape[0] = rows;
  operands->operand(kMatmulY)->shape[1] = rows;
  if (bias->type != KL_TYPE_NONE) bias->shape[bias->rank - 1] = rows;
}

StreamedNode::StreamedNode() = default;
StreamedNode::~StreamedNode() = default;

std::unique_ptr<StreamedNode> StreamedNode::Create(const Plan& plan, size_t index, const PreparedNode& node,
                                                   int thread_count) {
  const PlanNode& plan_node = plan.nodes[index];
  if (!IsStreamable(plan, plan_node)) return nullptr;
  std::unique_ptr<StreamedNode> self(new StreamedNode());
  self->node_index_ = index;
  self->kernel_ = node.kernel;
  const PlanValue& weight = plan.values[plan_node.operands[kMatmulWeight]];
  self->tensor_ = weight.tensors[0];
  self->rows_ = weight.shape[0];
  self->row_bytes_ = kl_row_bytes(weight.type, static_cast<uint64_t>(weight.shape[1]));
  // A bias would have to be cut as well; those that have one are small.
  const bool whole = self->total_source_bytes() <= kBlockBytes || plan_node.operands[kMatmulBias] != KL_NO_VALUE;
  const int64_t fitting = static_cast<int64_t>(kBlockBytes / self->row_bytes_) / kBlockRowMultiple * kBlockRowMultiple;
  self->block_rows_ = whole ? self->rows_ : std::min(self->rows_, std::max(kBlockRowMultiple, fitting));
  self->block_count_ = (self->rows_ + self->block_rows_ - 1) / self->block_rows_;
  const int64_t last_rows = self->rows_ - (self->block_count_ - 1) * self->block_rows_;
  if (!self->AddShape(plan, node, self->block_rows_, thread_count)) return nullptr;
  if (last_rows != self->block_rows_ && !self->AddShape(plan, node, last_rows, thread_count)) return nullptr;
  return self;
}

bool StreamedNode::AddShape(const Plan& plan, const PreparedNode& node, int64_t rows, int thread_count) {
  Shape shape;
  shape.rows = rows;
  // The extents do not matter to packing, nor to what a kernel supports.
  shape.operands = std::make_unique<NodeOperands>(plan, plan.nodes[node_index_], Extents(), thread_count);
  for (uint32_t i = 0; i < kMatmulOperandCount; ++i) *shape.operands->operand(i) = *node.operands->operand(i);
  TakeRows(shape.operands.get(), rows);
  const kl_node& part = shape.operands->node();
  kl_error error = EmptyError();
  if (kernel_->supports != nullptr && kernel_->supports(&part, &error) != KL_OK) return false;
  const auto pack = QueryPack(*kernel_, part, kMatmulWeight);
  if (!pack.ok()) return false;
  shape.pack = *pack;
  shapes_.push_back(std::move(shape));
  return true;
}

const char* StreamedNode::name() const { return shapes_[0].operands->node().name; }

uint64_t StreamedNode::bytes(int64_t block) const {
  const kl_pack& pack = shapes_[shape_of(block)].pack;
  return pack.bytes == 0 ? source_bytes(block) : pack.bytes;
}

uint64_t StreamedNode::source_offset(int64_t block) const {
  return tensor_->file_offset + static_cast<uint64_t>(first_row(block)) * row_bytes_;
}

kl_code StreamedNode::Pack(int64_t block, const void* rows, void* slot, kl_error* error) const {
  const Shape& shape = shapes_[shape_of(block)];
  if (shape.pack.bytes == 0) {
    memcpy(slot, rows, source_bytes(block));
    return KL_OK;
  }
  const kl_node& node = shape.operands->node();
  kl_tensor source = *node.operands[kMatmulWeight];
  source.layout = KL_LAYOUT_ROWS;
  source.data = const_cast<void*>(rows);
  const kl_code code = kernel_->pack(&node, kMatmulWeight, &source, slot, 0, shape.pack.unit_count);
  if (code == KL_OK) return KL_OK;
  return kl_fail(error, code, "node %s, kernel %s: packing %lld rows from row %lld failed", node.name, kernel_->name,
                 static_cast<long long>(shape.rows), static_cast<long long>(first_row(block)));  // NOLINT: %lld
}

std::unique_ptr<StreamedWeights> StreamedWeights::Create(const Plan& plan, const std::vector<PreparedNode>& nodes,
                                                         int thread_count) {
  std::unique_ptr<StreamedWeights> self(new StreamedWeights());
  self->first_records_.push_back(0);
  self->node_of_.resize(plan.nodes.size());
  std::map<const MappedFile*, uint32_t> files;
  bool packs = false;
  for (size_t n = 0; n < plan.nodes.size(); ++n) {
    std::unique_ptr<StreamedNode> node = StreamedNode::Create(plan, n, nodes[n], thread_count);
    if (node == nullptr) continue;
    const MappedFile* file = node->tensor().file;
    const auto added = files.emplace(file, static_cast<uint32_t>(files.size()));
    if (added.second) self->paths_.push_back(file->path());
    for (int64_t b = 0; b < node->block_count(); ++b) {
      self->pieces_.push_back({added.first->second, 0, node->source_offset(b), node->source_bytes(b)});
      self->abi_.slot_bytes = std::max(self->abi_.slot_bytes, node->bytes(b));
    }
    packs = packs || node->layout(0) == KL_LAYOUT_PACKED;
    self->total_bytes_ += node->total_source_bytes();
    self->first_records_.push_back(self->pieces_.size());
    self->node_of_[n] = node.get();
    self->nodes_.push_back(std::move(node));
  }
  for (const kl_bank_piece& piece : self->pieces_) self->records_.push_back({&piece, 1, 0, 0});
  for (const std::string& path : self->paths_) self->path_pointers_.push_back(path.c_str());
  self->abi_.struct_size = sizeof self->abi_;
  self->abi_.paths = self->path_pointers_.data();
  self->abi_.path_count = static_cast<uint32_t>(self->path_pointers_.size());
  self->abi_.records = self->records_.data();
  self->abi_.record_count = self->records_.size();
  self->abi_.in_place = packs ? 0 : 1;
  if (packs) {
    self->abi_.unpack = Unpack;
    self->abi_.context = self.get();
  }
  return self;
}

const StreamedNode* StreamedWeights::NodeOf(size_t node_index) const { return node_of_[node_index]; }

kl_code StreamedWeights::Unpack(void* context, uint64_t id, const void* const* pieces, void* slot, kl_error* error) {
  const StreamedWeights& self = *static_cast<const StreamedWeights*>(context);
  const auto end = std::upper_bound(self.first_records_.begin(), self.first_records_.end(), id);
  const size_t node = static_cast<size_t>(end - self.first_records_.begin()) - 1;
  return self.nodes_[node]->Pack(static_cast<int64_t>(id - self.first_records_[node]), pieces[0], slot, error);
}

}  // namespace kinglet
