#include "core/base/fault_guard.h"

#include <setjmp.h>
#include <signal.h>

#include <cstring>

#include "absl/strings/str_cat.h"

namespace kinglet {
namespace {

// The innermost guard of this thread, where a fault continues. A signal handler finds its guard in
// no other way, which makes this and the two objects below the only process-wide state of
// core/base.
thread_local sigjmp_buf* innermost_guard = nullptr;

struct sigaction previous_action;

void ForwardToPrevious(int signal_number, siginfo_t* facts, void* context) {
  if ((previous_action.sa_flags & SA_SIGINFO) != 0) {
    previous_action.sa_sigaction(signal_number, facts, context);
  } else if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
    previous_action.sa_handler(signal_number);
  } else {
    // The faulting instruction runs again when the handler returns, now without a handler.
    signal(signal_number, SIG_DFL);
    if (facts->si_code <= 0) raise(signal_number);  // sent by kill(): nothing would run again
  }
}

void OnBusError(int signal_number, siginfo_t* facts, void* context) {
  // si_code > 0: the kernel's own, so raised by an access of this thread.
  if (innermost_guard != nullptr && facts->si_code > 0) siglongjmp(*innermost_guard, 1);
  ForwardToPrevious(signal_number, facts, context);
}

bool InstallHandler() {
  struct sigaction action;
  std::memset(&action, 0, sizeof action);
  action.sa_sigaction = OnBusError;
  // On the alternate stack where there is one, as other handlers expect.
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  return sigaction(SIGBUS, &action, &previous_action) == 0;
}

bool HandlerInstalled() {
  static const bool installed = InstallHandler();
  return installed;
}

}  // namespace

absl::Status RunGuarded(absl::string_view what, absl::FunctionRef<void()> body) {
  if (!HandlerInstalled()) {
    return absl::InternalError(
        absl::StrCat(what, ": the system refused a handler for SIGBUS; the file was not read"));
  }
  sigjmp_buf guard;
  sigjmp_buf* const outer_guard = innermost_guard;
  if (sigsetjmp(guard, /*savemask=*/1) == 0) {
    innermost_guard = &guard;
    body();
    innermost_guard = outer_guard;
    return absl::OkStatus();
  }
  innermost_guard = outer_guard;
  return absl::DataLossError(
      absl::StrCat(what,
                   ": a page of the mapped file could not be read; was the file cut short or "
                   "replaced while it was in use, or is the disk failing? Load it again"));
}

}  // namespace kinglet
