#include "schedulers/registry.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "schedulers/scheduler_table.h"

namespace kinglet {

std::vector<std::string> SchedulerNames() {
  std::vector<std::string> names;
  for (const SchedulerEntry* entry : kSchedulerTable) names.push_back(entry->name);
  return names;
}

absl::StatusOr<std::unique_ptr<Scheduler>> CreateScheduler(absl::string_view name,
                                                           int thread_count) {
  if (thread_count < 1 || thread_count > kMostThreads) {
    return absl::InvalidArgumentError(absl::StrCat("scheduler ", name, ": expected 1 to ",
                                                   kMostThreads, " threads, found ", thread_count));
  }
  for (const SchedulerEntry* entry : kSchedulerTable) {
    if (name == entry->name) return entry->create(thread_count);
  }
  return absl::NotFoundError(absl::StrCat("scheduler ", name, ": not known; there are ",
                                          absl::StrJoin(SchedulerNames(), ", ")));
}

}  // namespace kinglet
