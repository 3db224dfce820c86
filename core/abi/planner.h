// Memory planners: pure functions from lifetimes to offsets in one arena.
#ifndef KINGLET_CORE_ABI_PLANNER_H_
#define KINGLET_CORE_ABI_PLANNER_H_

#include "core/abi/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kl_memory_request {
  uint64_t bytes;
  int32_t first_node;  // the node that writes it
  int32_t last_node;   // the last node that reads it; >= first_node
  int32_t may_alias;   // index of a request whose memory it may take over (that one ends where this begins), or -1
} kl_memory_request;

typedef struct kl_planner {
  uint32_t struct_size;
  const char* name;  // "greedy"
  // Writes offsets[count] (multiples of `alignment`, a power of two) and *peak_bytes. Two requests whose [first, last]
  // ranges meet never overlap, unless one took over the other. Deterministic. Thread safe.
  kl_code (*plan)(const kl_memory_request* requests, uint32_t count, uint64_t alignment, uint64_t* offsets,
                  uint64_t* peak_bytes, kl_error* error);
} kl_planner;

#ifdef __cplusplus
}
#endif

#endif  // KINGLET_CORE_ABI_PLANNER_H_
