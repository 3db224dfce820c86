#include "loaders/common/readable.h"

#include <algorithm>

#include "core/base/fault_guard.h"

namespace kinglet {

absl::Status CheckReadable(const MappedFile& file, uint64_t offset, uint64_t bytes) {
  if (offset >= file.size() || bytes == 0) return absl::OkStatus();
  const uint64_t end = offset + std::min(bytes, file.size() - offset);
  // The smallest page of any system; a larger one is touched more than once.
  constexpr uint64_t kPageBytes = 4096;
  return RunGuarded(file.path(), [&] {
    const volatile uint8_t* data = file.data();
    for (uint64_t at = offset; at < end; at += kPageBytes) (void)data[at];
    (void)data[end - 1];
  });
}

}  // namespace kinglet
