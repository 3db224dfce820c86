// Exit statuses of the program; the table for people is in tools/README.md.
#ifndef KINGLET_TOOLS_COMMON_EXIT_CODES_H_
#define KINGLET_TOOLS_COMMON_EXIT_CODES_H_

#include "core/abi/types.h"

namespace kinglet::tools {

// Numbers from 64 on are those of sysexits.h; 130 is what a shell reports after Ctrl-C.
enum ExitCode : int {
  kExitOk = 0,
  kExitFailure = 1,
  kExitUsage = 64,
  kExitBadData = 65,
  kExitNoInput = 66,
  kExitInternal = 70,
  kExitResources = 71,
  kExitPlugin = 72,
  kExitIo = 74,
  kExitInterrupted = 130,
};

inline int ExitCodeOf(kl_code code) {
  switch (code) {
    case KL_OK:
      return kExitOk;
    case KL_INVALID_ARGUMENT:
      return kExitUsage;
    case KL_NOT_FOUND:
      return kExitNoInput;
    case KL_UNSUPPORTED:
    case KL_DATA_CORRUPT:
    case KL_VERSION_MISMATCH:
      return kExitBadData;
    case KL_IO_ERROR:
      return kExitIo;
    case KL_OUT_OF_MEMORY:
    case KL_OUT_OF_BUDGET:
      return kExitResources;
    case KL_CANCELLED:
      return kExitInterrupted;
    case KL_INTERNAL:
      return kExitInternal;
    default:
      return kExitFailure;
  }
}

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_COMMON_EXIT_CODES_H_
