// The weights of a model in the form that its kernels want: mapped from the file, or packed once in place of the mapping.
//
//   file mapping  --pack()-->  packed copy (anonymous memory)      mapping's pages given back, slice by slice
//   packed cache  --map------>  packed copy (pages of that file)    optional, packed_cache.h
//
// A weight that every user packs is resident once, as the packed copy, also while it is packed but for a few megabytes a
// thread. One that somebody also reads as it is keeps its mapping (an embedding table that is the head too); of that, only
// the pages that are read again become resident again.
#ifndef KINGLET_CORE_EXEC_WEIGHT_STORE_H_
#define KINGLET_CORE_EXEC_WEIGHT_STORE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "core/abi/kernel.h"
#include "core/base/aligned_buffer.h"
#include "core/exec/packed_cache.h"
#include "core/exec/plan.h"
#include "core/plugin/host.h"

namespace kinglet {

// What the kernel wants for this operand; bytes = 0: the weight as it is. Errors: the kernel's own, and answers that break
// core/abi/kernel.h.
absl::StatusOr<kl_pack> QueryPack(const kl_kernel& kernel, const kl_node& node, uint32_t operand);

// Filled at load by one thread: Want() for every weight operand of every node, then Pack() once, then Bind() for every
// operand. Immutable and thread safe afterwards. The source must outlive the store.
class WeightStore {
 public:
  // Registers that `operand` of `node` is `weight`, computed by `kernel`. The node must outlive Pack().
  absl::Status Want(const PlanValue& weight, const kl_node* node, uint32_t operand, const kl_kernel* kernel);

  // Bytes resident once everything was touched; known after the last Want().
  uint64_t mapped_bytes() const;
  uint64_t packed_bytes() const;
  // Of the mapped bytes, those of tables that rows are looked up in: only touched rows are resident, and only until
  // ForgetLookedUp().
  uint64_t looked_up_bytes() const;
  void ForgetLookedUp() const;

  // With `frugal`, what was read of the files leaves the system's cache as well, tensor by tensor; `cache` is NULL then.
  // With `cache` (may be NULL) the packed copy is mapped from that file where it fits, and written there where it does
  // not: what goes wrong with it is logged and costs time only.
  // Errors: cancelled by `progress`, out of memory, the file changed or became shorter while it was read.
  absl::Status Pack(bool frugal, const ParallelForFunction& parallel_for, const ProgressFunction& progress,
                    const PackedCacheOptions* cache = nullptr);
  // Once nothing more is packed: how the mapped weights will be read, and with `frugal` nothing of their files in memory.
  // All advice about the files' pages is given here, by Pack() and by ForgetLookedUp().
  void Settle(bool frugal) const;
  // Most of a file that is in memory beside the packed copies while a thread packs.
  static constexpr uint64_t kSliceBytes = 4 << 20;

  // DataLoss when a page of a mapped cache could not be read.
  absl::Status CheckIntact() const;
  bool is_from_cache() const { return mapped_copy_ != nullptr; }

  // Data and layout of the operand as registered for this very node.
  void Bind(const PlanValue& weight, const kl_node& node, uint32_t operand, kl_tensor* tensor) const;

 private:
  using Tensors = std::vector<const SourceTensor*>;
  using Key = std::pair<Tensors, std::string>;  // what, in which layout

  // A weight that is packed into a copy.
  struct Content {
    Tensors tensors;
    const kl_node* node = nullptr;
    uint32_t operand = 0;
    uint64_t bytes = 0;
    int64_t unit_count = 0;
  };
  struct Packed {
    const kl_kernel* kernel = nullptr;
    std::vector<Content> contents;  // more than one: they share the copy (kl_pack::within)
    uint64_t offset = 0;            // in the packed copy of all
    uint64_t bytes() const;
  };
  using Copy = std::pair<const Key, Packed>;
  using Operand = std::pair<const kl_node*, uint32_t>;
  struct Job;

  // The copy that `pack` of an operand belongs into.
  absl::StatusOr<Copy*> CopyFor(const PlanValue& weight, const Operand& operand, const kl_kernel& kernel,
                                const kl_pack& pack);

  // Places all packed weights one behind the other; returns the bytes of all.
  uint64_t PlacePacked();
  // One line a packed weight: place, layout, kernel, tensors.
  std::string DescribePacked() const;
  absl::Status PackAll(uint64_t copy_bytes, bool frugal, const ParallelForFunction& parallel_for, const ProgressFunction& progress);
  absl::Status PackOne(const Packed& packed, const Content& content, const ParallelForFunction& parallel_for,
                       bool frugal);
  // The pages of what is packed now.
  void GiveBack(const Tensors& tensors, bool frugal) const;
  const uint8_t* copy() const { return mapped_copy_ != nullptr ? mapped_copy_->data() : copy_.data(); }
  // Pointers to each outermost slice of a weight made of several tensors.
  const void* const* Parts(const Tensors& tensors) const;
  void SetSource(const Tensors& tensors, kl_tensor* tensor) const;

  std::map<Key, Packed> packed_;
  std::vector<Copy*> packed_order_;  // of the first Want(): the same in every process
  std::map<Operand, Copy*> copies_;  // of the operands that are packed
  std::map<Tensors, std::vector<const void*>> parts_;
  std::set<const SourceTensor*> used_as_mapped_;
  // One block for all packed weights, so that nearly all of it is huge pages; one of the two.
  AlignedBuffer copy_;
  std::unique_ptr<PackedCache> mapped_copy_;
  std::set<const SourceTensor*> looked_up_;    // by an embed node
  std::set<const SourceTensor*> read_in_full_;  // as mapped, by another node
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_WEIGHT_STORE_H_
