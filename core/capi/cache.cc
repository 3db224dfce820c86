// What the caches of banks would do: for tools that choose a policy or a budget.
#include "absl/strings/str_cat.h"
#include "core/abi/bank.h"
#include "core/base/status.h"
#include "core/capi/handles.h"
#include "core/plugin/registry.h"

namespace kinglet {
namespace {

const kl_bank* FindBank(const kl_runtime& runtime, const char* name) {
  return runtime.runtime->registry().FindBank(name == nullptr ? "expert_bank" : name);
}

absl::Status ReplayCache(const kl_runtime& runtime, const char* name, const char* policy,
                         uint64_t record_count, uint64_t slot_count, const uint64_t* ids,
                         uint64_t count, uint32_t lease_count, kl_bank_replay_result* result) {
  const kl_bank* bank = FindBank(runtime, name);
  if (bank == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("no plugin brings a bank \"", name == nullptr ? "expert_bank" : name, "\""));
  }
  if (!KL_HAS_FIELD(bank, kl_bank, replay) || bank->replay == nullptr) {
    return absl::UnimplementedError(absl::StrCat("bank ", bank->name, " cannot replay"));
  }
  kl_error error = EmptyError();
  const kl_code code =
      bank->replay(policy, record_count, slot_count, ids, count, lease_count, result, &error);
  return code == KL_OK ? absl::OkStatus()
                       : StatusFromError(code, error, absl::StrCat("bank ", bank->name));
}

}  // namespace
}  // namespace kinglet

const char* kl_runtime_cache_policy(const kl_runtime* runtime, const char* bank, uint32_t index) {
  if (runtime == nullptr) return nullptr;
  const kl_bank* found = kinglet::FindBank(*runtime, bank);
  if (found == nullptr || !KL_HAS_FIELD(found, kl_bank, policies) || found->policies == nullptr)
    return nullptr;
  for (const char* const* name = found->policies; *name != nullptr; ++name) {
    if (index-- == 0) return *name;
  }
  return nullptr;
}

kl_code kl_runtime_replay_cache(const kl_runtime* runtime, const char* bank, const char* policy,
                                uint64_t record_count, uint64_t slot_count, const uint64_t* ids,
                                uint64_t count, uint32_t lease_count, uint64_t* hit_count,
                                uint64_t* miss_count, kl_error* error) {
  if (runtime == nullptr || (ids == nullptr && count > 0) || hit_count == nullptr ||
      miss_count == nullptr) {
    return kinglet::NullArgument("kl_runtime_replay_cache", error);
  }
  kl_bank_replay_result result = {sizeof result, 0, 0};
  const absl::Status status = kinglet::ReplayCache(*runtime, bank, policy, record_count, slot_count,
                                                   ids, count, lease_count, &result);
  if (!status.ok()) return kinglet::FillError(status, error);
  *hit_count = result.hit_count;
  *miss_count = result.miss_count;
  return KL_OK;
}
