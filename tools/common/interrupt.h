// Ctrl-C as a number that callbacks look at, and as a cancel of the running call.
//
//   Interrupt interrupt;             // from here on Ctrl-C no longer ends the program
//   interrupt.Watch(session);        // it cancels this session's call instead
//   ... if (interrupt.count() > 0) ...
//
// A second Ctrl-C, before Reset(), leaves at once with exit status 130, so that nothing can hang.
// At most one Interrupt exists at a time. The previous behaviour comes back when it goes.
#ifndef KINGLET_TOOLS_COMMON_INTERRUPT_H_
#define KINGLET_TOOLS_COMMON_INTERRUPT_H_

#include <csignal>
#include <mutex>
#include <thread>

#include "core/capi/kinglet.h"

namespace kinglet::tools {

class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // Ctrl-Cs since the last Reset().
  int count() const { return CurrentCount(); }
  // The same for code that does not hold the object; 0 when none exists.
  static int CurrentCount();
  void Reset();
  // The session to cancel; NULL for none. It must be taken back before it is freed.
  void Watch(kl_session* session);

 private:
  void WaitForSignals();

  std::mutex mutex_;  // guards session_
  kl_session* session_ = nullptr;
  int pipe_[2] = {-1, -1};
  std::thread waiter_;
  struct sigaction previous_;
};

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_COMMON_INTERRUPT_H_
