// Errors of the core: absl::Status with two macros, and the way to and from the ABI's kl_code.
#ifndef KINGLET_CORE_BASE_STATUS_H_
#define KINGLET_CORE_BASE_STATUS_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/abi/types.h"

namespace kinglet {

// The status for an ABI code and a message; OK for KL_OK.
absl::Status StatusFromCode(kl_code code, absl::string_view message);

// The status for what a plugin put into `error`, with `context` ("plugin xnnpack, kernel ...")
// before it.
absl::Status StatusFromError(kl_code code, const kl_error& error, absl::string_view context);

kl_code CodeFromStatus(const absl::Status& status);

// The same status with "context: " before its message.
absl::Status Annotate(const absl::Status& status, absl::string_view context);

// Copies code and message into a caller's kl_error (may be NULL) and returns the code.
kl_code FillError(const absl::Status& status, kl_error* error);

// An empty kl_error, ready to be handed to a plugin.
kl_error EmptyError();

}  // namespace kinglet

#define KL_RETURN_IF_ERROR(expression)       \
  do {                                       \
    absl::Status kl_status_ = (expression);  \
    if (!kl_status_.ok()) return kl_status_; \
  } while (false)

#define KL_CONCATENATE_INNER(a, b) a##b
#define KL_CONCATENATE(a, b) KL_CONCATENATE_INNER(a, b)

#define KL_ASSIGN_OR_RETURN_INNER(result, target, expression) \
  auto result = (expression);                                 \
  if (!result.ok()) return std::move(result).status();        \
  target = *std::move(result)

#define KL_ASSIGN_OR_RETURN(target, expression) \
  KL_ASSIGN_OR_RETURN_INNER(KL_CONCATENATE(kl_result_, __LINE__), target, expression)

#endif  // KINGLET_CORE_BASE_STATUS_H_
