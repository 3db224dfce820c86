// Where the time of a test goes, operator by operator.
#ifndef KINGLET_TOOLS_BENCH_PROFILE_H_
#define KINGLET_TOOLS_BENCH_PROFILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/capi/kinglet.h"

namespace kinglet::tools {

// All nodes of an operator that one kernel computes.
struct ProfileRow {
  std::string op;
  std::string kernel;
  int64_t nodes = 0;
  uint64_t runs = 0;  // of all nodes; a batch of tokens is one run
  int64_t ns = 0;
  uint64_t weight_bytes = 0;
  bool bytes_counted = false;  // by the kernel; else its upper bound
};

struct Profile {
  std::string what;              // "pp512", "tg128 @ d512"
  int64_t tokens = 0;            // that were computed
  std::vector<ProfileRow> rows;  // the longest first

  int64_t total_ns() const;
  uint64_t weight_bytes() const;
};

// What a profiling session has gathered over `tokens` tokens.
Profile CollectProfile(const kl_session* session, const std::string& what, int64_t tokens);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_BENCH_PROFILE_H_
