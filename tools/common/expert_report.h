// What a person wants to know about experts that are streamed.
#ifndef KINGLET_TOOLS_COMMON_EXPERT_REPORT_H_
#define KINGLET_TOOLS_COMMON_EXPERT_REPORT_H_

#include <cstdint>
#include <string>

#include "core/capi/kinglet.h"

namespace kinglet::tools {

kl_expert_stats DescribeExperts(const kl_model* model);

// Adds what was counted between two looks; the rest becomes that of the second.
void AddExperts(const kl_expert_stats& before, const kl_expert_stats& now, kl_expert_stats* sum);

// Lines about what happened between two looks, `tokens` tokens apart (0: no figures per token);
// empty when all experts are in memory.
std::string ExpertReport(const kl_expert_stats& before, const kl_expert_stats& now,
                         uint64_t tokens);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_COMMON_EXPERT_REPORT_H_
