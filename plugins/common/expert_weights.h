// The expert matrices of one layer, in either way that files store them.
#ifndef KINGLET_PLUGINS_COMMON_EXPERT_WEIGHTS_H_
#define KINGLET_PLUGINS_COMMON_EXPERT_WEIGHTS_H_

#include <string>
#include <vector>

#include "plugins/common/plan_writer.h"

namespace kinglet {

// <layer><matrix>_exps.weight [experts, rows, columns], or one tensor an expert:
// <layer><matrix>.<expert>.weight.
inline kl_value ExpertWeight(PlanWriter* w, const std::string& layer, const char* matrix,
                             int64_t expert_count, int64_t rows, int64_t columns) {
  const std::string merged = layer + matrix + "_exps.weight";
  const std::string first = layer + matrix + ".0.weight";
  if (w->HasTensor(merged) || !w->HasTensor(first))
    return w->Weight(merged, {expert_count, rows, columns});
  std::vector<std::string> names;
  for (int64_t e = 0; e < expert_count; ++e) {
    names.push_back(layer + matrix + "." + std::to_string(e) + ".weight");
    // Stops here instead of naming as many experts as a damaged file claims to have.
    if (!w->HasTensor(names.back())) return w->Weight(names.back(), {rows, columns});
  }
  return w->StackedWeight(names, {rows, columns});
}

}  // namespace kinglet

#endif  // KINGLET_PLUGINS_COMMON_EXPERT_WEIGHTS_H_
