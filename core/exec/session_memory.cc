// Session: the path through the model's memory bank.
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/exec/session.h"

namespace kinglet {

absl::StatusOr<const MemoryBank*> Session::CheckedMemory() const {
  if (model_->memory() != nullptr) return model_->memory();
  return absl::FailedPreconditionError(absl::StrCat(
      model_->source().path, ": loaded without a memory bank; load it with one to set a path"));
}

absl::Status Session::SetMemoryPath(const std::optional<MemoryPath>& path) {
  KL_ASSIGN_OR_RETURN(const MemoryBank* bank, CheckedMemory());
  KL_ASSIGN_OR_RETURN(const MemoryFetch fetch, bank->Resolve(path));
  memory_path_ = path;
  return program_->memory()->Set(fetch);
}

absl::Status Session::AwaitMemory() {
  KL_RETURN_IF_ERROR(CheckedMemory().status());
  cancelled_.store(false, std::memory_order_relaxed);
  return program_->memory()->Await(&cancelled_);
}

const MemoryFetchStats* Session::memory_stats() const {
  return program_->memory() == nullptr ? nullptr : &program_->memory()->stats();
}

}  // namespace kinglet
