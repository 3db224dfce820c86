#include "tools/common/interrupt.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "tools/common/exit_codes.h"

namespace kinglet::tools {
namespace {

// A signal handler reaches nothing but globals.
std::atomic<int> interrupt_count{0};
std::atomic<int> interrupt_pipe{-1};
static_assert(std::atomic<int>::is_always_lock_free, "used in a signal handler");

void HandleInterrupt(int) {
  const int saved_errno = errno;
  if (interrupt_count.fetch_add(1) >= 1) _exit(kExitInterrupted);
  const char byte = 'i';
  if (write(interrupt_pipe.load(), &byte, 1) < 0) {
    // The count alone has to do.
  }
  errno = saved_errno;
}

}  // namespace

Interrupt::Interrupt() {
  interrupt_count = 0;
  if (pipe2(pipe_, O_CLOEXEC) == 0) {
    interrupt_pipe = pipe_[1];
    waiter_ = std::thread([this] { WaitForSignals(); });
  }
  struct sigaction action;
  std::memset(&action, 0, sizeof action);
  action.sa_handler = HandleInterrupt;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;  // poll() returns all the same
  sigaction(SIGINT, &action, &previous_);
}

Interrupt::~Interrupt() {
  sigaction(SIGINT, &previous_, nullptr);
  interrupt_count = 0;
  interrupt_pipe = -1;
  if (!waiter_.joinable()) return;
  close(pipe_[1]);  // ends the waiter
  waiter_.join();
  close(pipe_[0]);
}

void Interrupt::WaitForSignals() {
  char byte;
  for (;;) {
    const ssize_t count = read(pipe_[0], &byte, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    if (session_ != nullptr) kl_session_cancel(session_);
  }
}

int Interrupt::CurrentCount() { return interrupt_count; }

void Interrupt::Reset() { interrupt_count = 0; }

void Interrupt::Watch(kl_session* session) {
  const std::lock_guard<std::mutex> lock(mutex_);
  session_ = session;
}

}  // namespace kinglet::tools
