#include "tools/common/weight_report.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "tools/common/format.h"

namespace kinglet::tools {

kl_weight_stats DescribeWeights(const kl_model* model) {
  kl_weight_stats stats = {};
  stats.struct_size = sizeof stats;
  kl_model_weight_stats(model, &stats);
  return stats;
}

std::string WeightReport(const kl_weight_stats& stats) {
  if (!stats.streamed) return "";
  const double tokens_per_second = static_cast<double>(stats.bytes_per_second) /
                                   static_cast<double>(std::max<uint64_t>(1, stats.bytes_per_pass));
  std::string text = absl::StrFormat(
      "weights  %s of %s are read for each token, because the budget does not hold them: at "
      "%s a second about %.1f tokens/s at most",
      FormatBytes(stats.bytes_per_pass), FormatBytes(stats.total_bytes),
      FormatBytes(stats.bytes_per_second), tokens_per_second);
  if (stats.stall_ns > 0) {
    absl::StrAppendFormat(&text, "; read %s, waited %s", FormatBytes(stats.read_bytes),
                          FormatSeconds(static_cast<int64_t>(stats.stall_ns)));
  }
  return text;
}

}  // namespace kinglet::tools
