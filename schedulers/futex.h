// Sleeping on a 32-bit word until somebody changes it (Linux futex, private to the process).
#ifndef KINGLET_SCHEDULERS_FUTEX_H_
#define KINGLET_SCHEDULERS_FUTEX_H_

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace kinglet {

// Returns at once when *word is not `expected`, else when woken; or for no reason.
inline void FutexWait(const uint32_t* word, uint32_t expected) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}

// Wakes at most `count` sleepers.
inline void FutexWake(const uint32_t* word, int count) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
}

}  // namespace kinglet

#endif  // KINGLET_SCHEDULERS_FUTEX_H_
