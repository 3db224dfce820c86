// The weights of a model in the form that its kernels want: mapped from the file, or packed once in place of the mapping.
//
//   file mapping  --pack()-->  packed copy (anonymous memory)      mapping's pages given back
//
// A weight that every user packs is resident once, as the packed copy; one that somebody also reads as it is stays mapped
// beside it (an embedding table that is the head too: only the rows looked up are touched).
#ifndef KINGLET_CORE_EXEC_WEIGHT_STORE_H_
#define KINGLET_CORE_EXEC_WEIGHT_STORE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "core/abi/kernel.h"
#include "core/base/aligned_buffer.h"
#include "core/exec/plan.h"
#include "core/plugin/host.h"

namespace kinglet {

// Returns false to stop.
using ProgressFunction = std::function<bool(const char* stage, uint64_t done, uint64_t total)>;

// What the kernel wants for this operand; bytes = 0: the weight as it is.
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

  // With `frugal`, what was read of the files leaves the system's cache at once, and no more than kFrugalBytes of a file
  // (and a packing unit for each thread) are in memory beside the packed copies.
  // Errors: cancelled by `progress`, out of memory, the file changed or became shorter while it was read.
  absl::Status Pack(bool frugal, const ParallelForFunction& parallel_for, const ProgressFunction& progress);
  static constexpr uint64_t kFrugalBytes = 16 << 20;

  // Data and layout of the operand as registered.
  void Bind(const PlanValue& weight, const kl_node& node, uint32_t operand, const kl_kernel& kernel,
            kl_tensor* tensor) const;

 private:
  using Tensors = std::vector<const SourceTensor*>;
  using Key = std::pair<Tensors, std::string>;  // what, in which layout

  struct Packed {
    const kl_kernel* kernel = nullptr;
    const kl_node* node = nullptr;
    uint32_t operand = 0;
    uint64_t bytes = 0;
    int64_t unit_count = 0;
    AlignedBuffer buffer;
  };

  absl::Status PackOne(const Tensors& tensors, bool frugal, const ParallelForFunction& parallel_for, Packed* packed);
  // Pointers to each outermost slice of a weight made of several tensors.
  const void* const* Parts(const Tensors& tensors) const;
  void SetSource(const Tensors& tensors, kl_tensor* tensor) const;

  std::map<Key, Packed> packed_;
  std::map<Tensors, std::vector<const void*>> parts_;
  std::set<const SourceTensor*> used_as_mapped_;
  std::set<const SourceTensor*> looked_up_;    // by an embed node
  std::set<const SourceTensor*> read_in_full_;  // as mapped, by another node
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_WEIGHT_STORE_H_
