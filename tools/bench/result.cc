#include "tools/bench/result.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "core/capi/kinglet.h"
#include "nlohmann/json.hpp"

namespace kinglet::tools {
namespace {

using Json = nlohmann::ordered_json;

Json ToJson(const Profile& profile) {
  Json out;
  out["test"] = profile.what;
  out["tokens"] = profile.tokens;
  out["total_ns"] = profile.total_ns();
  out["operators"] = Json::array();
  const double tokens = static_cast<double>(std::max<int64_t>(1, profile.tokens));
  const double total = static_cast<double>(std::max<int64_t>(1, profile.total_ns()));
  for (const ProfileRow& row : profile.rows) {
    out["operators"].push_back(
        {{"op", row.op},
         {"kernel", row.kernel},
         {"nodes", row.nodes},
         {"runs", row.runs},
         {"ns_per_token", static_cast<double>(row.ns) / tokens},
         {"share", static_cast<double>(row.ns) / total},
         {"weight_bytes_per_token", static_cast<double>(row.weight_bytes) / tokens},
         {"weight_bytes_counted", row.bytes_counted}});
  }
  return out;
}

// Counts of all repetitions together.
Json ToJson(const kl_expert_stats& experts) {
  return {{"slots", experts.slot_count},
          {"records", experts.record_count},
          {"budget_bytes", experts.budget_bytes},
          {"hits", experts.hit_count},
          {"misses", experts.miss_count},
          {"read_bytes", experts.read_bytes},
          {"stall_ns", experts.stall_ns},
          {"prefetched", experts.prefetch_count},
          {"prefetched_used", experts.useful_prefetch_count},
          {"prefetched_in_vain", experts.useless_prefetch_count},
          {"shrunk", experts.pressure_shrink_count}};
}

Json ToJson(const BenchResult& r) {
  const std::vector<double> speeds = r.SamplesTokensPerSecond();
  const std::vector<double> times(r.samples_ns.begin(), r.samples_ns.end());
  Json out;
  out["kinglet_version"] = kl_version();
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
  out["bytes_per_token_read"] = r.bytes_per_token_read;
  out["bytes_per_second"] = r.BytesPerSecond();
  out["roof_bytes_per_second"] = r.roof_bytes_per_second;
  out["share_of_roof"] = r.ShareOfRoof();
  out["prompt_source"] = r.prompt_source;
  out["load_ns"] = r.load_ns;
  out["time_to_first_token_ns"] = r.time_to_first_token_ns;
  if (r.earlier_tokens_per_second > 0) {
    out["earlier_ts"] = r.earlier_tokens_per_second;
    out["ratio"] = r.TokensPerSecond() / r.earlier_tokens_per_second;
  }
  if (r.experts.streamed) out["experts"] = ToJson(r.experts);
  for (const Profile& profile : r.profiles) out["profiles"].push_back(ToJson(profile));
  return out;
}

std::string Dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

// What CSV and SQL can hold: numbers and texts.
struct Column {
  std::string name;
  std::string value;
  bool is_text;
  bool is_whole;
};

std::vector<Column> Columns(const BenchResult& result) {
  std::vector<Column> columns;
  const Json json = ToJson(result);
  for (const auto& item : json.items()) {
    if (item.value().is_structured()) continue;
    const bool is_text = item.value().is_string();
    columns.push_back({item.key(),
                       is_text ? item.value().get<std::string>() : Dump(item.value(), -1), is_text,
                       item.value().is_number_integer()});
  }
  return columns;
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

double BenchResult::TokensPerSecond() const { return Mean(SamplesTokensPerSecond()); }

double BenchResult::BytesPerSecond() const {
  if (n_prompt > 0 || n_gen == 0) return 0;  // a prompt's weights are read once for many tokens
  return TokensPerSecond() * static_cast<double>(bytes_per_token_read);
}

double BenchResult::ShareOfRoof() const {
  return roof_bytes_per_second > 0 ? BytesPerSecond() / roof_bytes_per_second : 0;
}

std::string CsvTable(const std::vector<BenchResult>& results) {
  std::string table;
  for (const BenchResult& r : results) {
    const std::vector<Column> columns = Columns(r);
    if (table.empty()) {
      table = absl::StrJoin(columns, ",", [](std::string* out, const Column& column) {
        absl::StrAppend(out, column.name);
      });
      table += "\n";
    }
    absl::StrAppend(
        &table,
        absl::StrJoin(
            columns, ",",
            [](std::string* out, const Column& column) {
              absl::StrAppend(out, "\"", absl::StrReplaceAll(column.value, {{"\"", "\"\""}}), "\"");
            }),
        "\n");
  }
  return table;
}

std::string SqlStatements(const std::vector<BenchResult>& results) {
  std::string text;
  for (const BenchResult& r : results) {
    const std::vector<Column> columns = Columns(r);
    const std::string names = absl::StrJoin(
        columns, ", ",
        [](std::string* out, const Column& column) { absl::StrAppend(out, column.name); });
    if (text.empty()) {
      absl::StrAppend(&text, "CREATE TABLE IF NOT EXISTS kinglet_bench (\n",
                      absl::StrJoin(columns, ",\n",
                                    [](std::string* out, const Column& column) {
                                      absl::StrAppend(out, "  ", column.name,
                                                      column.is_text    ? " TEXT"
                                                      : column.is_whole ? " INTEGER"
                                                                        : " REAL");
                                    }),
                      "\n);\n\n");
    }
    absl::StrAppend(
        &text, "INSERT INTO kinglet_bench (", names, ") VALUES (",
        absl::StrJoin(
            columns, ", ",
            [](std::string* out, const Column& column) {
              absl::StrAppend(out, "'", absl::StrReplaceAll(column.value, {{"'", "''"}}), "'");
            }),
        ");\n");
  }
  return text;
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
