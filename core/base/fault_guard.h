// Reading a mapping whose file may have been cut short: an error instead of SIGBUS.
//
//   KL_RETURN_IF_ERROR(RunGuarded("model.gguf", [&] { sum = Checksum(mapping.data(),
//   mapping.size()); }));
//
// While `body` runs, a SIGBUS raised by this thread leaves it at once, by siglongjmp: no destructor
// of an object that was created within body runs. So body computes and copies; it takes no lock and
// allocates nothing. Threads that body starts are not covered; each guards itself.
//
// The signal handler is installed at the first call and stays. Faults that no guard covers go to
// the handler that was there before, or end the process as they would have.
#ifndef KINGLET_CORE_BASE_FAULT_GUARD_H_
#define KINGLET_CORE_BASE_FAULT_GUARD_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kinglet {

// OK when body ran to its end; DataLoss, naming `what`, when a page could not be read. Guards nest.
// Thread safe.
absl::Status RunGuarded(absl::string_view what, absl::FunctionRef<void()> body);

// The same for a mapping that many threads read for a long time, where no guard can stand around
// each read: while a watch lives, a page of its range that cannot be read is replaced by zeros, and
// the watch remembers it. Whoever computes with the mapping looks at lost_pages() before the result
// is used.
class FaultWatch {
 public:
  // [data, data + bytes) is a mapping, whole pages of it. ResourceExhausted when too many ranges
  // are watched already.
  static absl::StatusOr<std::unique_ptr<FaultWatch>> Create(const void* data, uint64_t bytes);
  ~FaultWatch();
  FaultWatch(const FaultWatch&) = delete;
  FaultWatch& operator=(const FaultWatch&) = delete;

  // How many pages were replaced so far. Thread safe.
  uint64_t lost_pages() const;

 private:
  explicit FaultWatch(size_t slot) : slot_(slot) {}
  const size_t slot_;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_BASE_FAULT_GUARD_H_
