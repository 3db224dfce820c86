// Schedulers by name.
//
// Adding one is a file here and a line in BUILD.bazel: the file <name>.cc ends with
// KL_SCHEDULER(name, Create), and the table is generated from the list of names.
#ifndef KINGLET_SCHEDULERS_REGISTRY_H_
#define KINGLET_SCHEDULERS_REGISTRY_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/exec/scheduler.h"

namespace kinglet {

// A scheduler with thread_count >= 1 threads, the caller's included.
// Errors: an unknown name (the message lists the known ones), a count that is out of range, threads
// that the system refuses.
absl::StatusOr<std::unique_ptr<Scheduler>> CreateScheduler(absl::string_view name,
                                                           int thread_count);

std::vector<std::string> SchedulerNames();  // sorted

// Upper limit of thread_count.
constexpr int kMostThreads = 1024;

// What one file brings.
struct SchedulerEntry {
  const char* name;
  absl::StatusOr<std::unique_ptr<Scheduler>> (*create)(int thread_count);
};

}  // namespace kinglet

// At file scope in <name>.cc, outside any namespace.
#define KL_SCHEDULER(name, create)                            \
  namespace kinglet {                                         \
  extern const SchedulerEntry kl_scheduler_##name;            \
  const SchedulerEntry kl_scheduler_##name = {#name, create}; \
  }

#endif  // KINGLET_SCHEDULERS_REGISTRY_H_
