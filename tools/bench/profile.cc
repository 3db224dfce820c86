#include "tools/bench/profile.h"

#include <algorithm>

namespace kinglet::tools {

int64_t Profile::total_ns() const {
  int64_t sum = 0;
  for (const ProfileRow& row : rows) sum += row.ns;
  return sum;
}

uint64_t Profile::weight_bytes() const {
  uint64_t sum = 0;
  for (const ProfileRow& row : rows) sum += row.weight_bytes;
  return sum;
}

Profile CollectProfile(const kl_session* session, const std::string& what, int64_t tokens) {
  Profile profile;
  profile.what = what;
  profile.tokens = tokens;
  for (uint32_t i = 0; i < kl_session_profile_count(session); ++i) {
    kl_node_profile node = {};
    node.struct_size = sizeof node;
    if (kl_session_profile(session, i, &node) != KL_OK || node.run_count == 0) continue;
    auto row = std::find_if(profile.rows.begin(), profile.rows.end(), [&](const ProfileRow& r) {
      return r.op == node.op && r.kernel == node.kernel;
    });
    if (row == profile.rows.end()) {
      row = profile.rows.insert(row, ProfileRow());
      row->op = node.op;
      row->kernel = node.kernel;
      row->bytes_counted = node.weight_bytes_counted;
    }
    ++row->nodes;
    row->runs += node.run_count;
    row->ns += node.ns;
    row->weight_bytes += node.weight_bytes;
  }
  std::stable_sort(profile.rows.begin(), profile.rows.end(),
                   [](const ProfileRow& a, const ProfileRow& b) { return a.ns > b.ns; });
  return profile;
}

}  // namespace kinglet::tools
