#include "tools/predict/report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"
#include "tools/common/format.h"
#include "tools/predict/kendall.h"

namespace kinglet::tools {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kNsPerMs = 1e6;

std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

void AddNetwork(const NetworkForecast& network, int64_t threads, int64_t top, std::string* text) {
  absl::StrAppendFormat(text, "%s: %.3f ms predicted, %d thread%s", network.path,
                        network.ns() / kNsPerMs, threads, threads == 1 ? "" : "s");
  if (network.measured_ns.has_value()) {
    absl::StrAppendFormat(text, "; %.3f ms measured", *network.measured_ns / kNsPerMs);
  }
  absl::StrAppendFormat(
      text, "\n  %d nodes, %d different, of which %d were timed now; a run goes through %s\n",
      network.nodes.size(), network.distinct_count, network.timed_count,
      FormatBytes(network.touched_bytes));
  if (network.join_count > 0) {
    absl::StrAppendFormat(text, "  %d changes of threads between libraries: %.3f ms\n",
                          network.join_count, network.join_ns / kNsPerMs);
  }
  std::vector<const PredictedNode*> order;
  for (const PredictedNode& node : network.nodes) order.push_back(&node);
  std::stable_sort(order.begin(), order.end(),
                   [](const PredictedNode* a, const PredictedNode* b) { return a->ns > b->ns; });
  order.resize(std::min(order.size(), static_cast<size_t>(top)));
  for (const PredictedNode* node : order) {
    absl::StrAppendFormat(text, "  %5.1f %% %9.3f ms  %s %s, %s (%s)\n",
                          100 * node->ns / network.ns(), node->ns / kNsPerMs, node->op, node->name,
                          node->kernel, node->plugin);
  }
}

void AddTable(const PredictReport& report, std::string* text) {
  absl::StrAppend(text,
                  "\n| network | predicted ms | measured ms | predicted / measured |\n"
                  "| --- | ---: | ---: | ---: |\n");
  for (const NetworkForecast& network : report.networks) {
    absl::StrAppendFormat(text, "| %s | %.3f | %.3f | %.2f |\n", BaseName(network.path),
                          network.ns() / kNsPerMs, *network.measured_ns / kNsPerMs,
                          network.ns() / *network.measured_ns);
  }
  if (const std::optional<double> tau = report.KendallTau()) {
    absl::StrAppendFormat(text,
                          "\nKendall's tau of predicted against measured: %.3f over %d networks\n",
                          *tau, report.networks.size());
  }
}

Json JsonOf(const NetworkForecast& network) {
  Json json = {{"network", network.path}, {"predicted_ms", network.ns() / kNsPerMs}};
  if (network.measured_ns.has_value()) {
    json["measured_ms"] = *network.measured_ns / kNsPerMs;
    json["ratio"] = network.ns() / *network.measured_ns;
  }
  json["touched_bytes"] = network.touched_bytes;
  json["distinct_nodes"] = network.distinct_count;
  json["timed_nodes"] = network.timed_count;
  json["joins"] = {{"count", network.join_count},
                   {"ms", network.join_ns / kNsPerMs},
                   {"timed", network.timed_join_count}};
  json["nodes"] = Json::array();
  for (const PredictedNode& node : network.nodes) {
    json["nodes"].push_back({{"name", node.name},
                             {"op", node.op},
                             {"kernel", node.kernel},
                             {"plugin", node.plugin},
                             {"ms", node.ns / kNsPerMs}});
  }
  return json;
}

}  // namespace

std::optional<double> PredictReport::KendallTau() const {
  std::vector<double> predicted, measured;
  for (const NetworkForecast& network : networks) {
    if (!network.measured_ns.has_value()) continue;
    predicted.push_back(network.ns());
    measured.push_back(*network.measured_ns);
  }
  return tools::KendallTau(predicted, measured);
}

std::string TextOf(const PredictReport& report, int64_t top) {
  std::string text;
  for (const NetworkForecast& network : report.networks)
    AddNetwork(network, report.threads, top, &text);
  if (!report.networks.empty() && report.networks[0].measured_ns.has_value())
    AddTable(report, &text);
  return text;
}

std::string JsonOf(const PredictReport& report) {
  Json json = {{"cpu", report.cpu}, {"threads", report.threads}};
  json["networks"] = Json::array();
  for (const NetworkForecast& network : report.networks)
    json["networks"].push_back(JsonOf(network));
  if (const std::optional<double> tau = report.KendallTau()) json["kendall_tau"] = *tau;
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace kinglet::tools
