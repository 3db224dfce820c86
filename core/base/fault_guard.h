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

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace kinglet {

// OK when body ran to its end; DataLoss, naming `what`, when a page could not be read. Guards nest.
// Thread safe.
absl::Status RunGuarded(absl::string_view what, absl::FunctionRef<void()> body);

}  // namespace kinglet

#endif  // KINGLET_CORE_BASE_FAULT_GUARD_H_
