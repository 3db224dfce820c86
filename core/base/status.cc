#include "core/base/status.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace kinglet {
namespace {

struct CodeRow {
  kl_code code;
  absl::StatusCode status;
};

// One row a code; the first row with a status is what that status maps back to.
constexpr CodeRow kCodes[] = {
    {KL_OK, absl::StatusCode::kOk},
    {KL_INVALID_ARGUMENT, absl::StatusCode::kInvalidArgument},
    {KL_UNSUPPORTED, absl::StatusCode::kUnimplemented},
    {KL_NOT_FOUND, absl::StatusCode::kNotFound},
    {KL_DATA_CORRUPT, absl::StatusCode::kDataLoss},
    {KL_IO_ERROR, absl::StatusCode::kUnavailable},
    {KL_OUT_OF_MEMORY, absl::StatusCode::kResourceExhausted},
    {KL_OUT_OF_BUDGET, absl::StatusCode::kOutOfRange},
    {KL_VERSION_MISMATCH, absl::StatusCode::kAborted},
    {KL_CANCELLED, absl::StatusCode::kCancelled},
    {KL_FAILED_PRECONDITION, absl::StatusCode::kFailedPrecondition},
    {KL_INTERNAL, absl::StatusCode::kInternal},
};

}  // namespace

absl::Status StatusFromCode(kl_code code, absl::string_view message) {
  for (const CodeRow& row : kCodes) {
    if (row.code == code)
      return code == KL_OK ? absl::OkStatus() : absl::Status(row.status, message);
  }
  return absl::InternalError(absl::StrCat("unknown code ", code, ": ", message));
}

absl::Status StatusFromError(kl_code code, const kl_error& error, absl::string_view context) {
  const size_t length = strnlen(error.message, sizeof error.message);
  const absl::string_view message(error.message, length);
  return StatusFromCode(code,
                        absl::StrCat(context, ": ", message.empty() ? "no message" : message));
}

kl_code CodeFromStatus(const absl::Status& status) {
  for (const CodeRow& row : kCodes) {
    if (row.status == status.code()) return row.code;
  }
  return KL_INTERNAL;
}

absl::Status Annotate(const absl::Status& status, absl::string_view context) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(context, ": ", status.message()));
}

kl_code FillError(const absl::Status& status, kl_error* error) {
  const kl_code code = CodeFromStatus(status);
  if (error != nullptr && KL_HAS_FIELD(error, kl_error, message)) {
    error->code = code;
    size_t length = std::min(status.message().size(), sizeof error->message - 1);
    // Cut before a character, not within one.
    while (length > 0 && length < status.message().size() && (status.message()[length] & 0xC0) == 0x80) --length;
    if (length > 0) std::memcpy(error->message, status.message().data(), length);
    error->message[length] = '\0';
  }
  return code;
}

kl_error EmptyError() {
  kl_error error = {};
  error.struct_size = sizeof error;
  return error;
}

}  // namespace kinglet
