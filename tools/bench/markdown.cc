#include "tools/bench/markdown.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/common/format.h"

namespace kinglet::tools {
namespace {

// Characters, not bytes: the table has a plus-minus sign.
size_t Width(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

template <typename Value>
bool Any(const std::vector<BenchResult>& results, const Value& value) {
  return std::any_of(results.begin(), results.end(),
                     [&](const BenchResult& r) { return value(r) > 0; });
}

// A number, or nothing where there is none.
std::string Number(double value, const char* suffix = "") {
  return value > 0 ? absl::StrFormat("%.2f%s", value, suffix) : "";
}

std::string Sources(const std::vector<BenchResult>& results) {
  std::vector<std::string> sources;
  for (const BenchResult& r : results) {
    if (r.prompt_source.empty()) continue;
    if (std::find(sources.begin(), sources.end(), r.prompt_source) != sources.end()) continue;
    sources.push_back(r.prompt_source);
  }
  std::string text;
  for (const std::string& source : sources) {
    absl::StrAppend(&text, text.empty() ? "\nprompt: " : ", ", source);
  }
  return text.empty() ? text : text + "\n";
}

}  // namespace

std::string AlignTable(const std::vector<std::vector<std::string>>& rows,
                       const std::vector<bool>& right) {
  std::vector<size_t> widths(rows[0].size(), 0);
  for (const auto& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], Width(row[c]));
  }
  std::string table;
  for (size_t r = 0; r < rows.size(); ++r) {
    for (size_t c = 0; c < widths.size(); ++c) {
      const std::string padding(widths[c] - Width(rows[r][c]), ' ');
      absl::StrAppend(&table, "| ", right[c] ? padding : "", rows[r][c],
                      right[c] ? " " : padding + " ");
    }
    table += "|\n";
    if (r > 0) continue;
    for (size_t c = 0; c < widths.size(); ++c) {
      absl::StrAppend(&table, "| ", std::string(widths[c] - (right[c] ? 1 : 0), '-'),
                      right[c] ? ": " : " ");
    }
    table += "|\n";
  }
  return table;
}

std::string MarkdownTable(const std::vector<BenchResult>& results) {
  const bool roof = Any(results, [](const BenchResult& r) { return r.roof_bytes_per_second; });
  const bool earlier =
      Any(results, [](const BenchResult& r) { return r.earlier_tokens_per_second; });
  std::vector<std::vector<std::string>> rows = {
      {"model", "size", "params", "backend", "threads", "test", "t/s"}};
  std::vector<bool> right = {false, true, true, false, true, true, true};
  const auto add = [&](const char* name) {
    rows[0].push_back(name);
    right.push_back(true);
  };
  if (roof) {
    add("MB/token");
    add("GB/s");
    add("roof GB/s");
    add("of roof");
  }
  if (earlier) {
    add("before");
    add("ratio");
  }
  for (const BenchResult& r : results) {
    const std::vector<double> speeds = r.SamplesTokensPerSecond();
    rows.push_back({r.model_type, FormatBytes(r.model_size), FormatCount(r.model_n_params),
                    r.backends, absl::StrCat(r.n_threads), TestName(r),
                    absl::StrFormat("%.2f ± %.2f", Mean(speeds), StandardDeviation(speeds))});
    std::vector<std::string>& row = rows.back();
    if (roof) {
      const bool has_bytes = r.BytesPerSecond() > 0;
      row.push_back(has_bytes ? Number(1e-6 * static_cast<double>(r.bytes_per_token_read)) : "");
      row.push_back(Number(1e-9 * r.BytesPerSecond()));
      row.push_back(Number(1e-9 * r.roof_bytes_per_second));
      row.push_back(Number(100 * r.ShareOfRoof(), " %"));
    }
    if (earlier) {
      row.push_back(Number(r.earlier_tokens_per_second));
      row.push_back(r.earlier_tokens_per_second > 0
                        ? Number(r.TokensPerSecond() / r.earlier_tokens_per_second)
                        : "");
    }
  }
  return AlignTable(rows, right) + Sources(results);
}

std::string ProfileTables(const std::vector<BenchResult>& results) {
  std::string text;
  for (const BenchResult& result : results) {
    for (const Profile& profile : result.profiles) {
      const double tokens = static_cast<double>(std::max<int64_t>(1, profile.tokens));
      const double total = static_cast<double>(std::max<int64_t>(1, profile.total_ns()));
      std::vector<std::vector<std::string>> rows = {
          {"operator", "kernel", "nodes", "runs", "ms/token", "share", "MB/token", "GB/s"}};
      const auto add = [&](const ProfileRow& row) {
        const double ns = static_cast<double>(std::max<int64_t>(1, row.ns));
        const double bytes = static_cast<double>(row.weight_bytes);
        rows.push_back({row.op, row.kernel, absl::StrCat(row.nodes), absl::StrCat(row.runs),
                        absl::StrFormat("%.3f", 1e-6 * static_cast<double>(row.ns) / tokens),
                        absl::StrFormat("%.1f %%", 100 * static_cast<double>(row.ns) / total),
                        Number(1e-6 * bytes / tokens), Number(bytes / ns)});
      };
      ProfileRow sum;
      sum.op = "all";
      for (const ProfileRow& row : profile.rows) {
        add(row);
        sum.nodes += row.nodes;
        sum.runs += row.runs;
        sum.ns += row.ns;
        sum.weight_bytes += row.weight_bytes;
      }
      add(sum);
      absl::StrAppend(&text, "\n", result.model_type, ", ", result.n_threads, " threads, ",
                      profile.what, ", profile of ", profile.tokens, " tokens:\n\n",
                      AlignTable(rows, {false, false, true, true, true, true, true, true}));
    }
  }
  return text;
}

}  // namespace kinglet::tools
