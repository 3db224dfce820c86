#include "core/exec/weight_store.h"

#include <algorithm>
#include <atomic>

#include "absl/strings/str_cat.h"
#include "core/abi/dtype.h"
#include "core/base/checked_math.h"
#include "core/base/status.h"

namespace kinglet {
namespace {

// Packed weights from this size on are read faster through huge pages (fewer TLB misses while
// streaming).
constexpr uint64_t kHugePageBytes = 2 << 20;

uint64_t BytesOf(const std::vector<const SourceTensor*>& tensors) {
  uint64_t bytes = 0;
  for (const SourceTensor* tensor : tensors) bytes += tensor->bytes;
  return bytes;
}

// Gives back the pages of [first, last) of the tensors as if they lay one behind the other. Always
// right: pages that are needed again come back.
void Discard(const std::vector<const SourceTensor*>& tensors, uint64_t first, uint64_t last) {
  for (const SourceTensor* tensor : tensors) {
    if (first < tensor->bytes && first < last && tensor->file != nullptr) {
      tensor->file->Discard(tensor->file_offset + first, std::min(last, tensor->bytes) - first);
    }
    first -= std::min(first, tensor->bytes);
    last -= std::min(last, tensor->bytes);
  }
}

}  // namespace

absl::StatusOr<kl_pack> QueryPack(const kl_kernel& kernel, const kl_node& node, uint32_t operand) {
  kl_pack pack = {};
  pack.struct_size = sizeof pack;
  if (kernel.pack_query == nullptr || kernel.pack == nullptr) return pack;
  kl_error error = EmptyError();
  const kl_code code = kernel.pack_query(&node, operand, &pack, &error);
  if (code != KL_OK) {
    return StatusFromError(code, error,
                           absl::StrCat("kernel ", kernel.name, ", node ", node.name, ", packing"));
  }
  if (pack.bytes != 0 && (pack.layout == nullptr || pack.unit_count <= 0)) {
    return absl::InternalError(
        absl::StrCat("kernel ", kernel.name, " packs operand ", operand,
                     " but names no layout or no units; the plugin is defective"));
  }
  if (pack.within > operand || (pack.within != 0 && pack.bytes == 0)) {
    return absl::InternalError(absl::StrCat("kernel ", kernel.name, " packs operand ", operand,
                                            ", ", pack.bytes, " bytes, into the copy of operand ",
                                            static_cast<int64_t>(pack.within) - 1,
                                            ", which is none before it; the plugin is defective"));
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
  const Operand of(node, operand);
  KL_ASSIGN_OR_RETURN(Copy * copy, CopyFor(weight, of, *kernel, pack));
  copies_[of] = copy;
  Packed& packed = copy->second;
  const Content content = {weight.tensors, node, operand, pack.bytes, pack.unit_count};
  const auto known =
      std::find_if(packed.contents.begin(), packed.contents.end(), [&](const Content& other) {
        return other.tensors == weight.tensors || (pack.within != 0 && other.operand == operand);
      });
  if (known == packed.contents.end()) {
    packed.contents.push_back(content);
  } else if (known->tensors != weight.tensors) {
    return absl::UnimplementedError(absl::StrCat("kernel ", kernel->name, " packs ",
                                                 known->tensors[0]->name, " and ", weight.name,
                                                 " beside the same ", copy->first.first[0]->name));
  } else if (known->bytes != pack.bytes) {
    return absl::InternalError(absl::StrCat("kernels ", packed.kernel->name, " and ", kernel->name,
                                            " give layout ", pack.layout, " different sizes for ",
                                            weight.name));
  } else {
    *known = content;
  }
  packed.kernel = kernel;  // whoever packs a layout, the bytes are the same
  return absl::OkStatus();
}

absl::StatusOr<WeightStore::Copy*> WeightStore::CopyFor(const PlanValue& weight,
                                                        const Operand& operand,
                                                        const kl_kernel& kernel,
                                                        const kl_pack& pack) {
  if (pack.within == 0) {
    const auto added = packed_.try_emplace(Key(weight.tensors, pack.layout));
    if (added.second) packed_order_.push_back(&*added.first);
    return &*added.first;
  }
  const auto host = copies_.find(Operand(operand.first, pack.within - 1));
  if (host != copies_.end() && host->second->first.second == pack.layout) return host->second;
  return absl::InternalError(absl::StrCat("kernel ", kernel.name, " packs operand ", operand.second,
                                          " in layout ", pack.layout, " into the copy of operand ",
                                          pack.within - 1,
                                          ", which has no such copy; the plugin is defective"));
}

uint64_t WeightStore::Packed::bytes() const {
  uint64_t bytes = 0;
  for (const Content& content : contents) bytes += content.bytes;
  return bytes;
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
  }
}

uint64_t WeightStore::packed_bytes() const {
  uint64_t bytes = 0;
  for (const auto& entry : packed_) bytes += entry.second.bytes();
  return bytes;
}

void WeightStore::SetSource(const Tensors& tensors, kl_tensor* tensor) const {
  tensor->layout = KL_LAYOUT_ROWS;
  // The ABI has one pointer type for inputs and outputs; kernels do not write to inputs.
  tensor->data = tensors.size() == 1 ? const_cast<uint8_t*>(tensors[0]->data) : nullptr;
  tensor->parts = Parts(tensors);
}

uint64_t WeightStore::PlacePacked() {
  uint64_t bytes = 0;
  for (const auto entry : packed_order_) {
    entry->second.offset = bytes;
    bytes = AlignUp(bytes + entry->second.bytes(), AlignedBuffer::kAlignmentBytes);
  }
  return bytes;
}

std::string WeightStore::DescribePacked() const {
  std::string text;
  for (const auto entry : packed_order_) {
    absl::StrAppend(&text, "weight ", entry->second.offset, " ", entry->second.bytes(), " ",
                    entry->first.second, " ", entry->second.kernel->name);
    for (const Content& content : entry->second.contents) {
      for (const SourceTensor* tensor : content.tensors) absl::StrAppend(&text, " ", tensor->name);
    }
    absl::StrAppend(&text, "\n");
  }
  return text;
}

struct WeightStore::Job {
  const kl_kernel& kernel;
  const Content& content;
  uint8_t* destination;
  uint64_t unit_bytes;  // of the sources: units read them in order, as far as the host can know
  int64_t slice_units;
  kl_tensor source;
  std::atomic<kl_code> code{KL_OK};

  void Run(int64_t begin, int64_t end) {
    for (int64_t first = begin, last; first < end && code.load() == KL_OK; first = last) {
      last = std::min(end, first + slice_units);
      const kl_code result =
          kernel.pack(content.node, content.operand, &source, destination, first, last);
      if (result != KL_OK) code.store(result);
      Discard(content.tensors, static_cast<uint64_t>(first) * unit_bytes,
              static_cast<uint64_t>(last) * unit_bytes);
    }
  }
};

absl::Status WeightStore::PackOne(const Packed& packed, const Content& content,
                                  const ParallelForFunction& parallel_for, bool frugal) {
  const Tensors& tensors = content.tensors;
  Job job = {*packed.kernel,
             content,
             copy_.data() + packed.offset,
             BytesOf(tensors) / static_cast<uint64_t>(content.unit_count),
             1,
             *content.node->operands[content.operand]};
  if (job.unit_bytes > 0)
    job.slice_units = std::max<int64_t>(1, static_cast<int64_t>(kSliceBytes / job.unit_bytes));
  SetSource(tensors, &job.source);
  parallel_for(
      content.unit_count,
      [](void* context, int64_t begin, int64_t end) {
        static_cast<Job*>(context)->Run(begin, end);
      },
      &job);
  if (job.code.load() != KL_OK) {
    return StatusFromCode(job.code.load(), absl::StrCat("kernel ", packed.kernel->name,
                                                        " failed to pack ", tensors[0]->name));
  }
  GiveBack(tensors, frugal);  // the slices' edges too
  return absl::OkStatus();
}

void WeightStore::GiveBack(const Tensors& tensors, bool frugal) const {
  Discard(tensors, 0, UINT64_MAX);
  for (const SourceTensor* tensor : tensors) {
    // Read-ahead went beyond the tensor, into what nobody will ask for.
    if (frugal && tensor->file != nullptr) tensor->file->Forget(0, tensor->file->size());
  }
}

void WeightStore::Settle(bool frugal) const {
  std::set<const MappedFile*> files;
  for (const SourceTensor* tensor : used_as_mapped_) files.insert(tensor->file);
  for (const auto entry : packed_order_) {
    for (const Content& content : entry->second.contents) {
      for (const SourceTensor* tensor : content.tensors) {
        files.insert(tensor->file);
        // Packed, and somebody looks rows up in it: the others should not come back with them.
        if (!frugal && tensor->file != nullptr && used_as_mapped_.count(tensor) > 0) {
          tensor->file->AdviseRandom(tensor->file_offset, tensor->bytes);
        }
      }
    }
  }
  files.erase(nullptr);
  if (!frugal) return;
  // Small weights that are used as they lie in the file (norms, routers) are faulted in while the
  // model runs. Without this each fault reads megabytes around it, which are page cache that nobody
  // asked for, and in a full cgroup never ending reads. Then goes what was still being read ahead
  // when it was forgotten the first time.
  for (const MappedFile* file : files) {
    file->AdviseRandom(0, file->size());
    file->Forget(0, file->size());
  }
}

absl::Status WeightStore::PackAll(uint64_t copy_bytes, bool frugal,
                                  const ParallelForFunction& parallel_for,
                                  const ProgressFunction& progress) {
  const auto huge_pages = copy_bytes >= kHugePageBytes ? AlignedBuffer::HugePages::kAdvise
                                                       : AlignedBuffer::HugePages::kNo;
  KL_ASSIGN_OR_RETURN(copy_, AlignedBuffer::Allocate(copy_bytes, huge_pages));
  const uint64_t total = packed_bytes();
  uint64_t done = 0;
  for (const auto entry : packed_order_) {
    if (progress && !progress("pack", done, total))
      return absl::CancelledError("loading was stopped");
    for (const Content& content : entry->second.contents) {
      KL_RETURN_IF_ERROR(PackOne(entry->second, content, parallel_for, frugal));
    }
    done += entry->second.bytes();
  }
  if (progress && total > 0) progress("pack", total, total);
  return absl::OkStatus();
}

absl::Status WeightStore::Pack(bool frugal, const ParallelForFunction& parallel_for,
                               const ProgressFunction& progress, const PackedCacheOptions* cache) {
  const uint64_t copy_bytes = PlacePacked();
  if (cache == nullptr || copy_bytes == 0)
    return PackAll(copy_bytes, frugal, parallel_for, progress);
  const std::string contents = absl::StrCat(cache->identity, DescribePacked());
  auto opened = PackedCache::Open(cache->path, contents, copy_bytes, parallel_for);
  if (opened.ok()) {
    mapped_copy_ = *std::move(opened);
    for (const auto entry : packed_order_) {
      for (const Content& content : entry->second.contents)
        GiveBack(content.tensors, /*frugal=*/false);
    }
    return absl::OkStatus();
  }
  if (opened.status().code() != absl::StatusCode::kNotFound && cache->log != nullptr) {
    cache->log->Warning("packed cache is not used and will be written anew: ",
                        opened.status().message());
  }
  KL_RETURN_IF_ERROR(PackAll(copy_bytes, frugal, parallel_for, progress));
  const absl::Status written =
      PackedCache::Write(cache->path, contents, copy_.data(), copy_bytes, parallel_for, progress);
  if (written.code() == absl::StatusCode::kCancelled) return written;
  if (!written.ok() && cache->log != nullptr)
    cache->log->Warning("no packed cache: ", written.message());
  return absl::OkStatus();
}

absl::Status WeightStore::CheckIntact() const {
  return mapped_copy_ == nullptr ? absl::OkStatus() : mapped_copy_->CheckIntact();
}

void WeightStore::Bind(const PlanValue& weight, const kl_node& node, uint32_t operand,
                       kl_tensor* tensor) const {
  const auto it = copies_.find(Operand(&node, operand));
  if (it == copies_.end()) return SetSource(weight.tensors, tensor);
  tensor->layout = KL_LAYOUT_PACKED;
  tensor->data = const_cast<uint8_t*>(copy() + it->second->second.offset);
  tensor->parts = nullptr;
}

}  // namespace kinglet
