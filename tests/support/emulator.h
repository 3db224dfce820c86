// Whether qemu plays the processor that a test runs on (third_party/toolchains/run_aarch64.sh).
#ifndef TESTS_SUPPORT_EMULATOR_H_
#define TESTS_SUPPORT_EMULATOR_H_

#include <cstdlib>

namespace kinglet {

inline bool IsEmulated() { return getenv("KL_RUN_UNDER") != nullptr; }

}  // namespace kinglet

// Opens a test of what only a real system has; `why` says what.
#define KL_SKIP_UNDER_EMULATOR(why) \
  if (kinglet::IsEmulated()) GTEST_SKIP() << "under an emulator " << why

#endif  // TESTS_SUPPORT_EMULATOR_H_
