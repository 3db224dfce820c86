// Which weights of a plan are experts, and what the bytes of a single one look like in a bank's slot.
//
//   node moe_ffn: ids, gate [E, ..], up [E, ..], down [E, ..]
//   record first_record + e  =  gate_e | up_e | down_e      each in the layout that the node's kernel wants,
//                                                           each 64-byte aligned
//                               gate_e | up_e and down_e    for a kernel that packs them into one copy
//
// A kernel packs one expert as it packs all of them: core/abi/kernel.h says so of every kernel of moe_ffn.
#ifndef KINGLET_CORE_EXEC_EXPERT_LAYOUT_H_
#define KINGLET_CORE_EXEC_EXPERT_LAYOUT_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/abi/bank.h"
#include "core/abi/kernel.h"
#include "core/exec/plan.h"

namespace kinglet {

struct PreparedNode;

// One of the three matrices of an expert.
struct ExpertPart {
  uint32_t operand = 0;       // of the node
  uint64_t source_bytes = 0;  // in the model's file
  uint64_t bytes = 0;         // in the slot
  uint64_t offset = 0;        // in the slot; parts of one copy have the same
  uint32_t layout = 0;        // KL_LAYOUT_*
  std::string layout_name;    // the kernel's name of a packed layout; empty: as in the file
  int64_t unit_count = 0;     // of pack()
};

// The experts of one node. Immutable; not movable: the kl_node inside points to its own tensors.
class ExpertLayer {
 public:
  static constexpr size_t kPartCount = 3;

  // Requires that node `index` of the plan is a moe_ffn. Errors: the kernel refuses to pack one expert.
  static absl::StatusOr<std::unique_ptr<ExpertLayer>> Create(const Plan& plan, size_t index, const PreparedNode& node);
  ExpertLayer(const ExpertLayer&) = delete;
  ExpertLayer& operator=(const ExpertLayer&) = delete;

  size_t node_index() const { return node_index_; }
  kl_value ids() const { return ids_; }
  int64_t expert_count() const { return expert_count_; }
  int64_t chosen_count() const { return chosen_count_; }  // experts of a token
  const std::array<ExpertPart, kPartCount>& parts() const { return parts_; }
  const PlanValue& weight(size_t part) const { return *weights_[part]; }
  uint64_t slot_bytes() const { return slot_bytes_; }
  const kl_kernel& kernel() const { return *kernel_; }
  const char* name() const { return node_.name; }
  bool packs() const;

  // Where the file has a part of an expert.
  const uint8_t* SourceData(size_t part, int64_t expert) const;
  const SourceTensor& SourceOf(size_t part, int64_t expert) const;
  uint64_t SourceOffset(size_t part, int64_t expert) const;  // in the file of SourceOf()

  // Writes slot_bytes() at `slot` from the three parts as they are in the file. Thread safe.
  kl_code Pack(const void* const* sources, void* slot, kl_error* error) const;

 private:
  ExpertLayer() = default;

  size_t node_index_ = 0;
  kl_value ids_ = KL_NO_VALUE;
  int64_t expert_count_ = 0;
  int64_t chosen_count_ = 0;
  const kl_kernel* kernel_ = nullptr;
  std::array<ExpertPart, kPartCount> parts_;
  std::array<const PlanValue*, kPartCount> weights_ = {};
  uint64_t slot_bytes_ = 0;
  std::vector<kl_tensor> tensors_;  // of the node, as if it had one expert
  std::vector<const kl_tensor*> pointers_;
  kl_node node_ = {};
};

// All experts of a plan. Immutable and thread safe. Borrows the plan and its kernels.
class ExpertLayout {
 public:
  // Without layers when the plan has none.
  static absl::StatusOr<std::unique_ptr<ExpertLayout>> Create(const Plan& plan, const std::vector<PreparedNode>& nodes);

  const std::vector<std::unique_ptr<ExpertLayer>>& layers() const { return layers_; }
  uint64_t first_record(size_t layer) const { return first_records_[layer]; }
  uint64_t record_count() const { return first_records_.back(); }
  // The layer of a record, and its expert there.
  size_t LayerOf(uint64_t record, int64_t* expert) const;

  uint64_t slot_bytes() const { return slot_bytes_; }    // of the largest record
  uint64_t total_bytes() const { return total_bytes_; }  // of all experts in slots
  int64_t most_experts() const { return most_experts_; }  // of a layer
  int64_t most_chosen() const { return most_chosen_; }    // of a token in a layer
  bool packs() const;

  // Why the experts cannot be left in their file; OK when they can.
  const absl::Status& streamable() const { return streamable_; }
  bool IsExpert(kl_value value) const;

 private:
  ExpertLayout() = default;
  void CheckStreamable(const Plan& plan);

  std::vector<std::unique_ptr<ExpertLayer>> layers_;
  std::vector<uint64_t> first_records_;  // by layer, and the end
  std::vector<bool> is_expert_;          // by value
  uint64_t slot_bytes_ = 0;
  uint64_t total_bytes_ = 0;
  int64_t most_experts_ = 0;
  int64_t most_chosen_ = 0;
  absl::Status streamable_;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_EXPERT_LAYOUT_H_
