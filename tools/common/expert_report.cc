#include "tools/common/expert_report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/common/format.h"

namespace kinglet::tools {

kl_expert_stats DescribeExperts(const kl_model* model) {
  kl_expert_stats stats = {};
  stats.struct_size = sizeof stats;
  kl_model_expert_stats(model, &stats);
  return stats;
}

void AddExperts(const kl_expert_stats& before, const kl_expert_stats& now, kl_expert_stats* sum) {
  const kl_expert_stats so_far = *sum;
  *sum = now;
  for (uint64_t kl_expert_stats::*count :
       {&kl_expert_stats::hit_count, &kl_expert_stats::miss_count, &kl_expert_stats::read_bytes,
        &kl_expert_stats::stall_ns, &kl_expert_stats::prefetch_count,
        &kl_expert_stats::useful_prefetch_count, &kl_expert_stats::useless_prefetch_count,
        &kl_expert_stats::dropped_prefetch_count, &kl_expert_stats::pressure_shrink_count,
        &kl_expert_stats::pressure_grow_count}) {
    sum->*count = so_far.*count + now.*count - before.*count;
  }
}

std::string ExpertReport(const kl_expert_stats& before, const kl_expert_stats& now,
                         uint64_t tokens) {
  if (!now.streamed) return "";
  const uint64_t hits = now.hit_count - before.hit_count;
  const uint64_t misses = now.miss_count - before.miss_count;
  const uint64_t read_bytes = now.read_bytes - before.read_bytes;
  const int64_t stall_ns = static_cast<int64_t>(now.stall_ns - before.stall_ns);
  std::string text =
      absl::StrFormat("experts  %d of %d fit in memory (%s of the budget); %s%s\n", now.slot_count,
                      now.record_count, FormatBytes(now.budget_bytes), now.description,
                      now.prepared ? ", prepared" : "");
  absl::StrAppendFormat(
      &text, "hits     %.1f %% of %d; read %s, waited %s",
      100.0 * static_cast<double>(hits) / static_cast<double>(std::max<uint64_t>(1, hits + misses)),
      hits + misses, FormatBytes(read_bytes), FormatSeconds(stall_ns));
  if (tokens > 0) {
    absl::StrAppendFormat(&text, " (per token: %s, %.2f ms)", FormatBytes(read_bytes / tokens),
                          static_cast<double>(stall_ns) / 1e6 / static_cast<double>(tokens));
  }
  absl::StrAppendFormat(&text, "\nguesses  %d read ahead, %d of them used, %d in vain; %d not read",
                        now.prefetch_count - before.prefetch_count,
                        now.useful_prefetch_count - before.useful_prefetch_count,
                        now.useless_prefetch_count - before.useless_prefetch_count,
                        now.dropped_prefetch_count - before.dropped_prefetch_count);
  if (now.pinned_count > 0) {
    absl::StrAppendFormat(&text, "\npinned   %d experts of the profile", now.pinned_count);
  }
  absl::StrAppendFormat(&text, "\npressure %s%s", now.pressure,
                        now.pressed ? "; the cache is smaller than the budget allows" : "");
  if (now.pressure_shrink_count > 0) {
    absl::StrAppendFormat(&text, "; shrunk %d times, grown %d times", now.pressure_shrink_count,
                          now.pressure_grow_count);
  }
  return text;
}

}  // namespace kinglet::tools
