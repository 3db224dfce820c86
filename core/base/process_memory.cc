#include "core/base/process_memory.h"

#include <fstream>
#include <sstream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace kinglet {

absl::StatusOr<ProcessMemory> ReadProcessMemory(absl::string_view root) {
  const std::string path = absl::StrCat(root, "/proc/self/status");
  std::ifstream status(path);
  if (!status)
    return absl::UnavailableError(absl::StrCat(path, ": cannot open; is /proc mounted?"));
  ProcessMemory memory;
  bool resident_found = false;
  std::string line;
  while (std::getline(status, line)) {
    std::istringstream fields(line);
    std::string key;
    uint64_t kibibytes = 0;
    if (!(fields >> key >> kibibytes)) continue;
    const uint64_t bytes = kibibytes * 1024;
    if (key == "VmRSS:") {
      memory.resident_bytes = bytes;
      resident_found = true;
    } else if (key == "VmHWM:") {
      memory.peak_resident_bytes = bytes;
    } else if (key == "RssFile:") {
      memory.resident_file_bytes = bytes;
    } else if (key == "VmExe:" || key == "VmLib:") {
      memory.code_bytes += bytes;
    }
  }
  if (!resident_found) {
    return absl::DataLossError(absl::StrCat(path, ": expected a line VmRSS, found none"));
  }
  return memory;
}

}  // namespace kinglet
