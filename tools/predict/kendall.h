// Kendall's rank correlation.
#ifndef KINGLET_TOOLS_PREDICT_KENDALL_H_
#define KINGLET_TOOLS_PREDICT_KENDALL_H_

#include <optional>
#include <vector>

namespace kinglet::tools {

// tau-b of two lists of the same length: 1 when they put all pairs into the same order, -1 when
// into the opposite one. Pairs that are tied in one list count for neither order:
//
//   (concordant - discordant) / sqrt((pairs - ties in a) (pairs - ties in b))
//
// Nothing when one of the lists has no two different numbers.
std::optional<double> KendallTau(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_PREDICT_KENDALL_H_
