// How much memory this process holds, as the operating system counts it.
#ifndef KINGLET_CORE_BASE_PROCESS_MEMORY_H_
#define KINGLET_CORE_BASE_PROCESS_MEMORY_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kinglet {

struct ProcessMemory {
  uint64_t resident_bytes = 0;       // in memory now; pages of mapped files count
  uint64_t peak_resident_bytes = 0;  // the most so far
  uint64_t resident_file_bytes = 0;  // the part of resident_bytes that backs mapped files
  uint64_t code_bytes = 0;           // machine code of the program and its libraries, resident or not
};

// From /proc/self/status below `root`, which tests replace. Reads a small file: not for each token.
absl::StatusOr<ProcessMemory> ReadProcessMemory(absl::string_view root = "");

}  // namespace kinglet

#endif  // KINGLET_CORE_BASE_PROCESS_MEMORY_H_
