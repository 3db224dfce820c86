// What commands say when they fail: "kinglet chat: MESSAGE" on stderr, and the status to leave
// with.
#ifndef KINGLET_TOOLS_COMMON_REPORT_H_
#define KINGLET_TOOLS_COMMON_REPORT_H_

#include <string>

#include "core/abi/types.h"
#include "tools/common/exit_codes.h"

namespace kinglet::tools {

// Outcome of a step of a command: ok, or an exit status with a message.
struct Failure {
  int exit_status = kExitOk;
  std::string message;

  bool ok() const { return exit_status == kExitOk; }
};

inline Failure Success() { return Failure(); }

// The failure that a call of the C API left in `error`, with `context` ("loading x.gguf") before
// it.
Failure FailureOf(kl_code code, const kl_error& error, const std::string& context = "");

// An empty kl_error, ready for a call.
kl_error NoError();

// Prints "kinglet COMMAND: message" on stderr; returns the exit status.
int Report(const char* command, const Failure& failure);
int Report(const char* command, int exit_status, const std::string& message);

// Flushes stdout; a failed write (a full disk) becomes kExitIo with a message, a reader that has
// gone away does not.
int FinishOutput(const char* command, int exit_status = kExitOk);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_COMMON_REPORT_H_
