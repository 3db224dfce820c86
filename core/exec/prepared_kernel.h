// A kernel made ready for operands of the largest extents: its state, and what it needs for a run.
#ifndef KINGLET_CORE_EXEC_PREPARED_KERNEL_H_
#define KINGLET_CORE_EXEC_PREPARED_KERNEL_H_

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/abi/kernel.h"
#include "core/base/aligned_buffer.h"
#include "core/base/checked_math.h"
#include "core/base/status.h"
#include "core/exec/prepared_plan.h"

namespace kinglet {

struct PreparedKernel {
  absl::Status Prepare(const PreparedNode& node, const kl_node& operands) {
    if (node.kernel->state_bytes > 0) {
      KL_ASSIGN_OR_RETURN(state, AlignedBuffer::Allocate(node.kernel->state_bytes));
    }
    requirements.struct_size = sizeof requirements;
    requirements.in_place_operand = -1;
    if (node.kernel->prepare != nullptr) {
      kl_error error = EmptyError();
      const kl_code code = node.kernel->prepare(node.host, &operands, state.data(), &requirements, &error);
      if (code != KL_OK) {
        return StatusFromError(code, error, absl::StrCat("node ", operands.name, ", kernel ", node.kernel->name));
      }
    }
    is_prepared = true;
    return absl::OkStatus();
  }
  void Release(const PreparedNode& node) {
    if (is_prepared && node.kernel->release != nullptr) node.kernel->release(node.host, state.data());
  }
  // A state has pages of its own.
  uint64_t resident_bytes() const { return AlignUp(state.size(), uint64_t{4096}); }

  AlignedBuffer state;
  bool is_prepared = false;
  kl_requirements requirements = {};
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_PREPARED_KERNEL_H_
