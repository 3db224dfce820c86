#include "tools/replay/hit_rates.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"
#include "tools/common/svg.h"

namespace kinglet::tools {
namespace {

constexpr double kWidth = 720, kHeight = 440;
constexpr double kLeft = 60, kRight = 130, kTop = 40, kBottom = 50;
constexpr const char* kColours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00"};

double X(double share) { return kLeft + share * (kWidth - kLeft - kRight); }
double Y(double rate) { return kHeight - kBottom - rate * (kHeight - kTop - kBottom); }

double Share(const HitRates& rates, size_t size) {
  return static_cast<double>(rates.slots[size]) / static_cast<double>(rates.record_count());
}

}  // namespace

std::string MarkdownOf(const HitRates& rates) {
  std::string table = "| cache | experts |";
  std::string rule = "| ---: | ---: |";
  for (const std::string& policy : rates.policies) {
    absl::StrAppend(&table, " ", policy, " |");
    absl::StrAppend(&rule, " ---: |");
  }
  absl::StrAppend(&table, "\n", rule, "\n");
  for (size_t size = 0; size < rates.slots.size(); ++size) {
    absl::StrAppendFormat(&table, "| %.1f %% | %d |", 100 * Share(rates, size), rates.slots[size]);
    for (size_t p = 0; p < rates.policies.size(); ++p) {
      absl::StrAppendFormat(&table, " %.2f %% (%.1f) |", 100 * rates.rate[size][p],
                            rates.misses_per_token[size][p]);
    }
    table += "\n";
  }
  return table;
}

std::string JsonOf(const HitRates& rates) {
  nlohmann::ordered_json json;
  json["model"] = rates.header.model;
  json["fingerprint"] = rates.header.fingerprint;
  json["layers"] = rates.header.layers;
  json["experts"] = rates.header.experts;
  json["top_k"] = rates.header.top_k;
  json["tokens"] = rates.token_count;
  json["results"] = nlohmann::ordered_json::array();
  for (size_t size = 0; size < rates.slots.size(); ++size) {
    for (size_t p = 0; p < rates.policies.size(); ++p) {
      json["results"].push_back({{"policy", rates.policies[p]},
                                 {"slots", rates.slots[size]},
                                 {"hit_rate", rates.rate[size][p]},
                                 {"misses_per_token", rates.misses_per_token[size][p]}});
    }
  }
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string SvgOf(const HitRates& rates) {
  std::string svg = SvgBegin(kWidth, kHeight);
  SvgText(
      &svg, kLeft, 24, "start",
      absl::StrFormat("Hit rate of the expert cache: %s, %d of %d experts, %d layers, %d tokens",
                      rates.header.model, rates.header.top_k, rates.header.experts,
                      rates.header.layers, rates.token_count));
  for (int percent = 0; percent <= 100; percent += 20) {
    const double part = percent / 100.0;
    SvgLine(&svg, X(0), Y(part), X(1), Y(part), "#ddd");
    SvgText(&svg, X(0) - 8, Y(part) + 4, "end", absl::StrCat(percent, " %"));
    SvgText(&svg, X(part), Y(0) + 20, "middle", absl::StrCat(percent, " %"));
  }
  SvgLine(&svg, X(0), Y(0), X(0), Y(1), "#333");
  SvgLine(&svg, X(0), Y(0), X(1), Y(0), "#333");
  SvgText(&svg, X(0.5), kHeight - 10, "middle", "part of all experts that is in memory");
  for (size_t p = 0; p < rates.policies.size(); ++p) {
    const bool optimum = p + 1 == rates.policies.size();
    const char* colour = optimum ? "#888" : kColours[p % 5];
    std::string points;
    for (size_t size = 0; size < rates.slots.size(); ++size) {
      absl::StrAppendFormat(&points, "%.1f,%.1f ", X(Share(rates, size)), Y(rates.rate[size][p]));
    }
    absl::StrAppendFormat(
        &svg, "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"%s/>\n",
        points, colour, optimum ? " stroke-dasharray=\"6 4\"" : "");
    const double y = kTop + 20 + 20 * static_cast<double>(p);
    SvgLine(&svg, kWidth - kRight + 12, y, kWidth - kRight + 36, y, colour);
    SvgText(&svg, kWidth - kRight + 42, y + 4, "start", rates.policies[p]);
  }
  return svg + "</svg>\n";
}

}  // namespace kinglet::tools
