// What a person wants to know about weights that are read for every token.
#ifndef KINGLET_TOOLS_COMMON_WEIGHT_REPORT_H_
#define KINGLET_TOOLS_COMMON_WEIGHT_REPORT_H_

#include <string>

#include "core/capi/kinglet.h"

namespace kinglet::tools {

kl_weight_stats DescribeWeights(const kl_model* model);

// One line: how much is read for each token, and what that allows; empty when all weights are in
// memory.
std::string WeightReport(const kl_weight_stats& stats);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_COMMON_WEIGHT_REPORT_H_
