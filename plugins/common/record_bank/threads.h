// Threads that can fail to start without an exception, with small stacks.
#ifndef KINGLET_PLUGINS_COMMON_RECORD_BANK_THREADS_H_
#define KINGLET_PLUGINS_COMMON_RECORD_BANK_THREADS_H_

#include <pthread.h>
#include <signal.h>

#include <cstdint>
#include <vector>

namespace record_bank {

// What a thread may keep resident: its stack, as far as it is used, and what the kernel keeps.
inline constexpr uint64_t kThreadBytes = 64 * 1024;
// unpack() of the host runs on it.
inline constexpr size_t kStackBytes = 1024 * 1024;

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
