#include "tools/bench/result.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "nlohmann/json.hpp"
#include "tools/common/format.h"

namespace kinglet::tools {
namespace {

using Json = nlohmann::ordered_json;

Json ToJson(const BenchResult& r) {
  const std::vector<double> speeds = r.SamplesTokensPerSecond();
  const std::vector<double> times(r.samples_ns.begin(), r.samples_ns.end());
  Json out;
  out["cpu_info"] = r.cpu_info;
  out["backends"] = r.backends;
  out["model_filename"] = r.model_filename;
  out["model_type"] = r.model_type;
  out["model_size"] = r.model_size;
  out["model_n_params"] = r.model_n_params;
  out["n_batch"] = r.n_batch;
  out["n_threads"] = r.n_threads;
  out["scheduler"] = r.scheduler;
  out["n_prompt"] = r.n_prompt;
  out["n_gen"] = r.n_gen;
  out["n_depth"] = r.n_depth;
  out["test_time"] = r.test_time;
  out["avg_ns"] = static_cast<int64_t>(Mean(times));
  out["stddev_ns"] = static_cast<int64_t>(StandardDeviation(times));
  out["avg_ts"] = Mean(speeds);
  out["stddev_ts"] = StandardDeviation(speeds);
  out["samples_ns"] = r.samples_ns;
  out["samples_ts"] = speeds;
  out["peak_rss_bytes"] = r.peak_rss_bytes;
  out["bytes_per_token"] = r.bytes_per_token;
  out["load_ns"] = r.load_ns;
  out["time_to_first_token_ns"] = r.time_to_first_token_ns;
  return out;
}

std::string Dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

// Characters, not bytes: the table has a plus-minus sign.
size_t Width(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

std::vector<double> BenchResult::SamplesTokensPerSecond() const {
  std::vector<double> speeds;
  for (const int64_t ns : samples_ns) {
    speeds.push_back(1e9 * static_cast<double>(n_prompt + n_gen) /
                     static_cast<double>(std::max<int64_t>(1, ns)));
  }
  return speeds;
}

double Mean(const std::vector<double>& samples) {
  if (samples.empty()) return 0;
  double sum = 0;
  for (const double sample : samples) sum += sample;
  return sum / static_cast<double>(samples.size());
}

double StandardDeviation(const std::vector<double>& samples) {
  if (samples.size() < 2) return 0;
  const double mean = Mean(samples);
  double squares = 0;
  for (const double sample : samples) squares += (sample - mean) * (sample - mean);
  return std::sqrt(squares / static_cast<double>(samples.size() - 1));
}

std::string TestName(const BenchResult& r) {
  std::string name = r.n_prompt > 0 ? absl::StrCat("pp", r.n_prompt) : "";
  if (r.n_gen > 0) absl::StrAppend(&name, name.empty() ? "tg" : "+tg", r.n_gen);
  if (r.n_depth > 0) absl::StrAppend(&name, " @ d", r.n_depth);
  return name;
}

std::string MarkdownTable(const std::vector<BenchResult>& results) {
  std::vector<std::vector<std::string>> rows = {
      {"model", "size", "params", "backend", "threads", "test", "t/s"}};
  for (const BenchResult& r : results) {
    const std::vector<double> speeds = r.SamplesTokensPerSecond();
    rows.push_back({r.model_type, FormatBytes(r.model_size), FormatCount(r.model_n_params),
                    r.backends, absl::StrCat(r.n_threads), TestName(r),
                    absl::StrFormat("%.2f ± %.2f", Mean(speeds), StandardDeviation(speeds))});
  }
  constexpr bool kRight[] = {false, true, true, false, true, true, true};
  std::vector<size_t> widths(rows[0].size(), 0);
  for (const auto& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], Width(row[c]));
  }
  std::string table;
  for (size_t r = 0; r < rows.size(); ++r) {
    for (size_t c = 0; c < widths.size(); ++c) {
      const std::string padding(widths[c] - Width(rows[r][c]), ' ');
      absl::StrAppend(&table, "| ", kRight[c] ? padding : "", rows[r][c],
                      kRight[c] ? " " : padding + " ");
    }
    table += "|\n";
    if (r > 0) continue;
    for (size_t c = 0; c < widths.size(); ++c) {
      absl::StrAppend(&table, "| ", std::string(widths[c] - (kRight[c] ? 1 : 0), '-'),
                      kRight[c] ? ": " : " ");
    }
    table += "|\n";
  }
  return table;
}

std::string CsvTable(const std::vector<BenchResult>& results) {
  std::string table;
  for (const BenchResult& r : results) {
    const Json json = ToJson(r);
    std::vector<std::string> names;
    std::vector<std::string> values;
    for (const auto& item : json.items()) {
      if (item.value().is_array()) continue;
      names.push_back(item.key());
      std::string text =
          item.value().is_string() ? item.value().get<std::string>() : Dump(item.value(), -1);
      values.push_back(absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\""));
    }
    if (table.empty()) table = absl::StrJoin(names, ",") + "\n";
    absl::StrAppend(&table, absl::StrJoin(values, ","), "\n");
  }
  return table;
}

std::string JsonTable(const std::vector<BenchResult>& results) {
  Json list = Json::array();
  for (const BenchResult& r : results) list.push_back(ToJson(r));
  return Dump(list, 2) + "\n";
}

std::string JsonLines(const std::vector<BenchResult>& results) {
  std::string lines;
  for (const BenchResult& r : results) absl::StrAppend(&lines, Dump(ToJson(r), -1), "\n");
  return lines;
}

}  // namespace kinglet::tools
