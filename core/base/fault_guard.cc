#include "core/base/fault_guard.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <mutex>

#include "absl/strings/str_cat.h"

namespace kinglet {
namespace {

// A signal handler finds what it needs in no other way, which makes this and the objects below the
// only process-wide state of core/base.

// The innermost guard of this thread, where a fault continues.
thread_local sigjmp_buf* innermost_guard = nullptr;

struct sigaction previous_action;

// A watched range; free while begin is 0. The handler may run at any time: bytes is set before
// begin.
struct WatchSlot {
  std::atomic<uintptr_t> begin{0};
  std::atomic<uint64_t> bytes{0};
  std::atomic<uint64_t> lost_pages{0};
};
constexpr size_t kWatchCount = 1024;
WatchSlot watches[kWatchCount];
std::mutex watch_mutex;  // of those who create and destroy, never of the handler

// Puts a page of zeros where the unreadable one was. Only async-signal-safe calls.
bool ReplaceWatchedPage(void* fault) {
  const uintptr_t address = reinterpret_cast<uintptr_t>(fault);
  for (WatchSlot& watch : watches) {
    const uintptr_t begin = watch.begin.load(std::memory_order_acquire);
    const uint64_t bytes = watch.bytes.load(std::memory_order_relaxed);
    if (begin == 0 || address < begin || address - begin >= bytes) continue;
    const uintptr_t page_bytes = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    void* const page = reinterpret_cast<void*>(address / page_bytes * page_bytes);
    watch.lost_pages.fetch_add(1, std::memory_order_relaxed);
    // The system call itself: ThreadSanitizer takes its own mmap for a write that races with the
    // other readers of the page.
    return syscall(SYS_mmap, page, page_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                   -1, 0) != -1;
  }
  return false;
}

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
  if (facts->si_code > 0 && ReplaceWatchedPage(facts->si_addr)) return;
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

absl::StatusOr<std::unique_ptr<FaultWatch>> FaultWatch::Create(const void* data, uint64_t bytes) {
  if (!HandlerInstalled()) return absl::InternalError("the system refused a handler for SIGBUS");
  const std::lock_guard<std::mutex> lock(watch_mutex);
  for (size_t slot = 0; slot < kWatchCount; ++slot) {
    if (watches[slot].begin.load(std::memory_order_relaxed) != 0) continue;
    watches[slot].bytes.store(bytes, std::memory_order_relaxed);
    watches[slot].lost_pages.store(0, std::memory_order_relaxed);
    watches[slot].begin.store(reinterpret_cast<uintptr_t>(data), std::memory_order_release);
    return std::unique_ptr<FaultWatch>(new FaultWatch(slot));
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("more than ", kWatchCount, " model files are in use; free some models first"));
}

FaultWatch::~FaultWatch() {
  const std::lock_guard<std::mutex> lock(watch_mutex);
  watches[slot_].begin.store(0, std::memory_order_release);
}

uint64_t FaultWatch::lost_pages() const {
  return watches[slot_].lost_pages.load(std::memory_order_relaxed);
}

}  // namespace kinglet
