#include "tools/predict/predictor.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/common/interrupt.h"
#include "tools/predict/cache_levels.h"

namespace kinglet::tools {
namespace {

struct ProbeDeleter {
  void operator()(kl_network_probe* probe) const { kl_network_probe_free(probe); }
};

kl_probed_node NodeOf(const kl_network_probe* probe, uint32_t index) {
  kl_probed_node node = {};
  node.struct_size = sizeof node;
  kl_network_probe_node(probe, index, &node);
  return node;
}

// Whose threads a node runs on: a plugin's, or the runtime's own ("").
std::string ThreadsOf(const kl_probed_node& node) { return node.own_threads ? node.plugin : ""; }

}  // namespace

double NetworkForecast::ns() const {
  double sum = join_ns;
  for (const PredictedNode& node : nodes) sum += node.ns;
  return sum;
}

Failure Predictor::Predict(const std::string& path, NetworkForecast* forecast) {
  forecast->path = path;
  kl_error error = NoError();
  kl_network_probe* opened = nullptr;
  const kl_code code = kl_network_probe_open(runtime_, path.c_str(), &opened, &error);
  if (code != KL_OK) return FailureOf(code, error);
  const std::unique_ptr<kl_network_probe, ProbeDeleter> probe(opened);
  forecast->touched_bytes = kl_network_probe_touched_bytes(opened);
  Failure failure = TimeNodes(opened, forecast);
  if (failure.ok()) failure = TimeJoins(opened, forecast);
  progress_.Clear();
  return failure;
}

Failure Predictor::TimeNodes(kl_network_probe* probe, NetworkForecast* forecast) {
  const std::vector<uint64_t>& levels = CacheLevels();
  const uint32_t count = kl_network_probe_node_count(probe);
  std::set<std::pair<std::string, std::string>> distinct;
  for (uint32_t i = 0; i < count; ++i) {
    const kl_probed_node node = NodeOf(probe, i);
    const NodeTimes* times = table_->FindNode(node.kernel, node.key);
    if (times == nullptr) {
      if (Interrupt::CurrentCount() > 0) return {kExitInterrupted, "interrupted"};
      progress_.Show(absl::StrCat("timing the nodes of ", forecast->path), i, count);
      NodeTimes measured(levels.size());
      kl_error error = NoError();
      const kl_code code = kl_network_probe_time(
          probe, i, levels.data(), static_cast<uint32_t>(levels.size()), measured.data(), &error);
      if (code != KL_OK) return FailureOf(code, error, forecast->path);
      table_->AddNode(node.kernel, node.plugin, node.key, std::move(measured));
      times = table_->FindNode(node.kernel, node.key);
      ++forecast->timed_count;
    }
    distinct.insert({node.kernel, node.key});
    forecast->nodes.push_back({node.name, node.op, node.kernel, node.plugin,
                               TimeAt(levels, *times, forecast->touched_bytes)});
  }
  forecast->distinct_count = distinct.size();
  return Success();
}

Failure Predictor::TimeJoins(kl_network_probe* probe, NetworkForecast* forecast) {
  struct Joins {
    size_t count = 0;
    uint32_t first = 0;  // of the two nodes that together are the fastest: there a join shows best
    double fastest_ns = 0;
  };
  std::map<std::pair<std::string, std::string>, Joins> all;
  for (uint32_t i = 1; i < kl_network_probe_node_count(probe); ++i) {
    const std::string before = ThreadsOf(NodeOf(probe, i - 1)), after = ThreadsOf(NodeOf(probe, i));
    if (before == after) continue;
    Joins& joins = all[std::minmax(before, after)];
    const double ns = forecast->nodes[i - 1].ns + forecast->nodes[i].ns;
    if (joins.count++ == 0 || ns < joins.fastest_ns) {
      joins.first = i - 1;
      joins.fastest_ns = ns;
    }
  }
  for (const auto& [pair, joins] : all) {
    std::optional<double> ns = table_->FindJoin(pair.first, pair.second);
    if (!ns.has_value()) {
      double measured = 0;
      Failure failure = TimeJoin(probe, joins.first, &measured);
      if (!failure.ok()) return failure;
      table_->AddJoin(pair.first, pair.second, measured);
      ns = measured;
      ++forecast->timed_join_count;
    }
    forecast->join_count += joins.count;
    forecast->join_ns += static_cast<double>(joins.count) * *ns;
  }
  return Success();
}

Failure Predictor::TimeJoin(kl_network_probe* probe, uint32_t first, double* ns) {
  double both = 0;
  kl_error error = NoError();
  const kl_code code = kl_network_probe_time_turns(probe, first, first + 1, &both, &error);
  if (code != KL_OK) return FailureOf(code, error);
  for (uint32_t i : {first, first + 1}) {
    const kl_probed_node node = NodeOf(probe, i);
    both -= table_->FindNode(node.kernel, node.key)->front();
  }
  *ns = std::max(0.0, both / 2);  // there and back
  return Success();
}

}  // namespace kinglet::tools
