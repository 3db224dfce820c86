#include "plugins/common/record_bank/threads.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace record_bank {
namespace {

struct Seen {
  int policy = -1;
  int nice = 0;
  std::string slice;  // the line of /proc/thread-self/sched, where the kernel has one
};

Seen Look() {
  Seen seen;
  seen.policy = sched_getscheduler(0);
  seen.nice = getpriority(PRIO_PROCESS, 0);
  std::ifstream file("/proc/thread-self/sched");
  for (std::string line; std::getline(file, line);) {
    if (line.find("se.slice") != std::string::npos) seen.slice = line;
  }
  return seen;
}

bool HasSlicesOfThreads() {
  utsname system = {};
  int major = 0, minor = 0;
  if (uname(&system) != 0 || sscanf(system.release, "%d.%d", &major, &minor) != 2) return false;
  return major > 6 || (major == 6 && minor >= 12);
}

void* Body(void* seen) {
  Seen* const both = static_cast<Seen*>(seen);
  both[0] = Look();
  AskForShortSlices();
  both[1] = Look();
  return nullptr;
}

TEST(ThreadsTest, ShortSlicesLeavePolicyNiceAndOtherThreadsAlone) {
  const Seen before = Look();
  Seen seen[2];
  Threads threads;
  ASSERT_EQ(threads.Start(&Body, seen), 0);
  threads.Join();
  EXPECT_EQ(seen[1].policy, seen[0].policy);
  EXPECT_EQ(seen[1].nice, seen[0].nice);
  EXPECT_EQ(Look().slice, before.slice);
  if (!HasSlicesOfThreads() || seen[0].slice.empty()) {
    GTEST_SKIP() << "this kernel has no slices of a thread's own (Linux 6.12), or does not show them";
  }
  EXPECT_EQ(seen[1].slice.substr(seen[1].slice.rfind(' ') + 1), "100000");
}

}  // namespace
}  // namespace record_bank
