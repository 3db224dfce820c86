// What a session reserves in its model's budget.
#ifndef KINGLET_CORE_EXEC_SESSION_NEEDS_H_
#define KINGLET_CORE_EXEC_SESSION_NEEDS_H_

#include <cstdint>

namespace kinglet {

struct SessionNeeds {
  uint64_t cache_bytes = 0;  // 0 where no context was asked for: it then grows as rows are written
  uint64_t activation_bytes = 0;

  uint64_t sum() const { return cache_bytes + activation_bytes; }
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_SESSION_NEEDS_H_
