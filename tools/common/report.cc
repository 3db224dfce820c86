#include "tools/common/report.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace kinglet::tools {

kl_error NoError() {
  kl_error error;
  std::memset(&error, 0, sizeof error);
  error.struct_size = sizeof error;
  return error;
}

Failure FailureOf(kl_code code, const kl_error& error, const std::string& context) {
  Failure failure;
  failure.exit_status = ExitCodeOf(code);
  const std::string message =
      error.message[0] != '\0' ? error.message : absl::StrCat("error ", code);
  failure.message = context.empty() ? message : absl::StrCat(context, ": ", message);
  return failure;
}

int Report(const char* command, const Failure& failure) {
  return Report(command, failure.exit_status, failure.message);
}

int Report(const char* command, int exit_status, const std::string& message) {
  std::fflush(stdout);
  std::fprintf(stderr, "kinglet %s: %s\n", command, message.c_str());
  return exit_status;
}

int FinishOutput(const char* command, int exit_status) {
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return exit_status;
  if (errno == EPIPE) return exit_status;
  return Report(command, kExitIo,
                absl::StrCat("writing to standard output: ", std::strerror(errno)));
}

}  // namespace kinglet::tools
