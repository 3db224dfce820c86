#include "core/exec/weight_store.h"

#include <algorithm>
#include <atomic>

#include "absl/strings/str_cat.h"
#include "core/abi/dtype.h"
#include "core/base/status.h"

namespace kinglet {
namespace {

// Weights from this size on are read faster through huge pages (fewer TLB misses while streaming).
constexpr uint64_t kHugePageBytes = 2 << 20;

}  // namespace

absl::StatusOr<kl_pack> QueryPack(const kl_kernel& kernel, const kl_node& node, uint32_t operand) {
  kl_pack pack = {};
  pack.struct_size = sizeof pack;
  if (kernel.pack_query == nullptr || kernel.pack == nullptr) return pack;
  kl_error error = EmptyError();
  const kl_code code = kernel.pack_query(&node, operand, &pack, &error);
  if (code != KL_OK) {
    return StatusFromError(code, error, absl::StrCat("kernel ", kernel.name, ", node ", node.name, ", packing"));
  }
  if (pack.bytes != 0 && (pack.layout == nullptr || pack.unit_count <= 0)) {
    return absl::InternalError(absl::StrCat("kernel ", kernel.name, " packs operand ", operand,
                                            " but names no layout or no units; the plugin is defective"));
  }
  return pack;
}

const void* const* WeightStore::Parts(const Tensors& tensors) const {
  const auto it = parts_.find(tensors);
  return it == parts_.end() ? nullptr : it->second.data();
}

absl::Status WeightStore::Want(const PlanValue& weight, const kl_node* node, uint32_t operand,
                               const kl_kernel* kernel) {
  if (weight.tensors.size() > 1 && Parts(weight.tensors) == nullptr) {
    std::vector<const void*>& parts = parts_[weight.tensors];
    for (const SourceTensor* tensor : weight.tensors) parts.push_back(tensor->data);
  }
  KL_ASSIGN_OR_RETURN(const kl_pack pack, QueryPack(*kernel, *node, operand));
  if (pack.bytes == 0) {
    used_as_mapped_.insert(weight.tensors.begin(), weight.tensors.end());
    auto& how = std::string(node->op) == "embed" ? looked_up_ : read_in_full_;
    how.insert(weight.tensors.begin(), weight.tensors.end());
    return absl::OkStatus();
  }
  Packed& packed = packed_[Key(weight.tensors, pack.layout)];
  if (packed.kernel != nullptr && packed.bytes != pack.bytes) {
    return absl::InternalError(absl::StrCat("kernels ", packed.kernel->name, " and ", kernel->name,
                                            " give layout ", pack.layout, " different sizes for ", weight.name));
  }
  packed.kernel = kernel;
  packed.node = node;
  packed.operand = operand;
  packed.bytes = pack.bytes;
  packed.unit_count = pack.unit_count;
  return absl::OkStatus();
}

uint64_t WeightStore::mapped_bytes() const {
  uint64_t bytes = 0;
  for (const SourceTensor* tensor : used_as_mapped_) bytes += tensor->bytes;
  return bytes;
}

uint64_t WeightStore::looked_up_bytes() const {
  uint64_t bytes = 0;
  for (const SourceTensor* tensor : looked_up_) {
    if (tensor->file != nullptr && read_in_full_.count(tensor) == 0) bytes += tensor->bytes;
  }
  return bytes;
}

void WeightStore::ForgetLookedUp() const {
  for (const SourceTensor* tensor : looked_up_) {
    if (tensor->file == nullptr || read_in_full_.count(tensor) != 0) continue;
    tensor->file->Forget(tensor->file_offset, tensor->bytes);
    tensor->file->AdviseRandom(tensor->file_offset, tensor->bytes);
  }
}

uint64_t WeightStore::packed_bytes() const {
  uint64_t bytes = 0;
  for (const auto& entry : packed_) bytes += entry.second.bytes;
  return bytes;
}

void WeightStore::SetSource(const Tensors& tensors, kl_tensor* tensor) const {
  tensor->layout = KL_LAYOUT_ROWS;
  // The ABI has one pointer type for inputs and outputs; kernels do not write to inputs.
  tensor->data = tensors.size() == 1 ? const_cast<uint8_t*>(tensors[0]->data) : nullptr;
  tensor->parts = Parts(tensors);
}

absl::Status WeightStore::PackOne(const Tensors& tensors, bool frugal, const ParallelForFunction& parallel_for,
                                  Packed* packed) {
  const auto huge_pages = packed->bytes >= kHugePageBytes ? AlignedBuffer::HugePages::kAdvise : AlignedBuffer::HugePages::kNo;
  KL_ASSIGN_OR_RETURN(packed->buffer, AlignedBuffer::Allocate(packed->bytes, huge_pages));
  struct Job {
    const Packed* packed;
    kl_tensor source;
    int64_t first = 0;
    std::atomic<kl_code> code{KL_OK};
  } job;
  job.packed = packed;
  job.source = *packed->node->operands[packed->operand];
  SetSource(tensors, &job.source);
  uint64_t source_bytes = 0;
  for (const SourceTensor* tensor : tensors) source_bytes += tensor->bytes;
  const uint64_t pieces = frugal ? source_bytes / kFrugalBytes + 1 : 1;
  const int64_t step = (packed->unit_count - 1) / static_cast<int64_t>(pieces) + 1;
  for (; job.first < packed->unit_count; job.first += step) {
    parallel_for(
        std::min(step, packed->unit_count - job.first),
        [](void* context, int64_t begin, int64_t end) {
          Job& job = *static_cast<Job*>(context);
          const Packed& packed = *job.packed;
          const kl_code code =
              packed.kernel->pack(packed.node, packed.operand, &job.source, const_cast<uint8_t*>(packed.buffer.data()),
                                  job.first + begin, job.first + end);
          if (code != KL_OK) job.code.store(code);
        },
        &job);
    for (const SourceTensor* tensor : tensors) {
      if (tensor->file == nullptr) continue;
      if (frugal) {
        // Read-ahead went beyond the tensor, into what nobody will ask for.
        tensor->file->Forget(0, tensor->file->size());
      } else if (used_as_mapped_.count(tensor) == 0) {
        tensor->file->Discard(tensor->file_offset, tensor->bytes);
      }
    }
  }
  if (job.code.load() != KL_OK) {
    return StatusFromCode(job.code.load(), absl::StrCat("kernel ", packed->kernel->name, " failed to pack ",
                                                        tensors[0]->name));
  }
  return absl::OkStatus();
}

absl::Status WeightStore::Pack(bool frugal, const ParallelForFunction& parallel_for, const ProgressFunction& progress) {
  const uint64_t total = packed_bytes();
  uint64_t done = 0;
  for (auto& entry : packed_) {
    if (progress && !progress("pack", done, total)) return absl::CancelledError("loading was stopped");
    KL_RETURN_IF_ERROR(PackOne(entry.first.first, frugal, parallel_for, &entry.second));
    done += entry.second.bytes;
  }
  if (progress && total > 0) progress("pack", total, total);
  return absl::OkStatus();
}

void WeightStore::Bind(const PlanValue& weight, const kl_node& node, uint32_t operand, const kl_kernel& kernel,
                       kl_tensor* tensor) const {
  const auto pack = QueryPack(kernel, node, operand);
  if (!pack.ok() || pack->bytes == 0) {
    SetSource(weight.tensors, tensor);
    return;
  }
  const auto it = packed_.find(Key(weight.tensors, pack->layout));
  if (it == packed_.end()) return SetSource(weight.tensors, tensor);  // a pack_query that changes its mind
  tensor->layout = KL_LAYOUT_PACKED;
  tensor->data = const_cast<uint8_t*>(it->second.buffer.data());
  tensor->parts = nullptr;
}

}  // namespace kinglet
