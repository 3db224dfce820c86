// Threads that can fail to start without an exception, with small stacks.
#ifndef KINGLET_PLUGINS_COMMON_RECORD_BANK_THREADS_H_
#define KINGLET_PLUGINS_COMMON_RECORD_BANK_THREADS_H_

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <vector>

namespace record_bank {

// What a thread may keep resident: its stack, as far as it is used, and what the kernel keeps.
inline constexpr uint64_t kThreadBytes = 64 * 1024;
// unpack() of the host runs on it.
inline constexpr size_t kStackBytes = 1024 * 1024;

// For a thread that works in short bursts for others that wait: the scheduler lets it run as soon as it has something to do,
// where it would wait for a slice of whoever computes on all cores. It gets no larger share of the processor. Linux 6.12;
// where it does not exist or is refused, nothing changes.
inline void AskForShortSlices() {
#ifdef SYS_sched_setattr
  struct {  // struct sched_attr of sched_setattr(2), which glibc does not declare
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
  } attributes = {};
  attributes.size = sizeof attributes;
  attributes.flags = 0x08;  // SCHED_FLAG_KEEP_POLICY
  attributes.nice = getpriority(PRIO_PROCESS, 0);
  attributes.runtime_ns = 100000;  // the shortest slice that can be asked for
  syscall(SYS_sched_setattr, 0, &attributes, 0);
#endif
}

// Joins its threads when destroyed: whoever owns it tells them to end before. Not thread safe.
class Threads {
 public:
  Threads() = default;
  ~Threads() { Join(); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

  // Runs body(argument). Returns 0 or an errno. Signals stay with the program's own threads.
  int Start(void* (*body)(void*), void* argument) {
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error != 0) return error;
    pthread_attr_setstacksize(&attributes, kStackBytes);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    error = pthread_create(&thread, &attributes, body, argument);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    pthread_attr_destroy(&attributes);
    if (error == 0) threads_.push_back(thread);
    return error;
  }
  void Join() {
    for (const pthread_t thread : threads_) pthread_join(thread, nullptr);
    threads_.clear();
  }
  size_t size() const { return threads_.size(); }

 private:
  std::vector<pthread_t> threads_;
};

}  // namespace record_bank

#endif  // KINGLET_PLUGINS_COMMON_RECORD_BANK_THREADS_H_
