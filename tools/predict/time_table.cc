#include "tools/predict/time_table.h"

#include "absl/strings/str_cat.h"
#include "tools/common/files.h"

namespace kinglet::tools {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kMark[] = "kinglet_node_times";
constexpr int kVersion = 1;

bool IsText(const Json& json, const char* key) {
  return json.contains(key) && json[key].is_string();
}

bool IsTime(const Json& json) { return json.is_number() && json.get<double>() >= 0; }

bool IsNode(const Json& row, size_t level_count) {
  if (!row.is_object() || !IsText(row, "kernel") || !IsText(row, "plugin") ||
      !IsText(row, "node") || !row.contains("ns") || !row["ns"].is_array() ||
      row["ns"].size() != level_count) {
    return false;
  }
  for (const Json& ns : row["ns"]) {
    if (!IsTime(ns)) return false;
  }
  return true;
}

bool IsJoin(const Json& row) {
  return row.is_object() && row.contains("ns") && IsTime(row["ns"]) && row.contains("between") &&
         row["between"].is_array() && row["between"].size() == 2 && row["between"][0].is_string() &&
         row["between"][1].is_string();
}

}  // namespace

TimeTable::TimeTable(Machine machine, std::vector<uint64_t> passed_bytes)
    : machine_(std::move(machine)), passed_bytes_(std::move(passed_bytes)) {}

Failure TimeTable::Read(const std::string& path) {
  if (!FileExists(path)) return Success();
  std::string text;
  Failure failure = ReadWholeFile(path, &text);
  if (!failure.ok()) return failure;
  const auto refuse = [&path](const std::string& what) {
    return Failure{kExitBadData,
                   absl::StrCat(path, ": ", what,
                                "; expected a file that kinglet predict --table wrote: name "
                                "another one or delete it")};
  };
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains(kMark)) return refuse("no table of node times");
  if (json[kMark] != kVersion) return refuse(absl::StrCat("its version is not ", kVersion));
  if (!json.contains("machines") || !json["machines"].is_array())
    return refuse("no machines in it");
  for (const Json& machine : json["machines"]) {
    if (!machine.is_object()) return refuse("a machine in it is no object");
    if (!IsThisMachine(machine)) {
      others_.push_back(machine);
      continue;
    }
    const std::string problem = Take(machine);
    if (!problem.empty()) return refuse(problem);
  }
  changed_ = false;
  return Success();
}

bool TimeTable::IsThisMachine(const Json& json) const {
  return json.contains("cpu") && json["cpu"] == machine_.cpu && json.contains("threads") &&
         json["threads"] == machine_.threads && json.contains("scheduler") &&
         json["scheduler"] == machine_.scheduler;
}

std::string TimeTable::Take(const Json& json) {
  if (!json.contains("passed_bytes") || json["passed_bytes"] != Json(passed_bytes_))
    return "";  // of another build
  for (const char* part : {"nodes", "joins"}) {
    if (!json.contains(part) || !json[part].is_array())
      return absl::StrCat("no list \"", part, "\" in it");
  }
  if (!json.contains("plugins") || !json["plugins"].is_object())
    return "no object \"plugins\" in it";
  const auto unchanged = [&](const std::string& plugin) {
    if (plugin.empty()) return true;  // the runtime's own
    const auto now = machine_.plugins.find(plugin);
    return now != machine_.plugins.end() && json["plugins"].contains(plugin) &&
           json["plugins"][plugin] == now->second;
  };
  for (size_t i = 0; i < json["nodes"].size(); ++i) {
    const Json& row = json["nodes"][i];
    if (!IsNode(row, passed_bytes_.size()))
      return absl::StrCat("nodes[", i, "] is no node with its times");
    if (!unchanged(row["plugin"])) continue;
    AddNode(row["kernel"], row["plugin"], row["node"], row["ns"].get<NodeTimes>());
  }
  for (size_t i = 0; i < json["joins"].size(); ++i) {
    const Json& row = json["joins"][i];
    if (!IsJoin(row)) return absl::StrCat("joins[", i, "] is no join with its time");
    if (unchanged(row["between"][0]) && unchanged(row["between"][1])) {
      AddJoin(row["between"][0], row["between"][1], row["ns"]);
    }
  }
  return "";
}

Json TimeTable::ToJson() const {
  Json nodes = Json::array(), joins = Json::array();
  std::map<std::string, std::string> plugins;
  const auto name = [&](const std::string& plugin) {
    const auto it = machine_.plugins.find(plugin);
    if (it != machine_.plugins.end()) plugins.insert(*it);
  };
  for (const auto& [key, row] : nodes_) {
    name(row.plugin);
    nodes.push_back(
        {{"kernel", key.first}, {"plugin", row.plugin}, {"node", key.second}, {"ns", row.times}});
  }
  for (const auto& [pair, ns] : joins_) {
    name(pair.first);
    name(pair.second);
    joins.push_back({{"between", {pair.first, pair.second}}, {"ns", ns}});
  }
  return {{"cpu", machine_.cpu},
          {"threads", machine_.threads},
          {"scheduler", machine_.scheduler},
          {"plugins", plugins},
          {"passed_bytes", passed_bytes_},
          {"nodes", std::move(nodes)},
          {"joins", std::move(joins)}};
}

Failure TimeTable::Write(const std::string& path) const {
  Json json = {{kMark, kVersion}};
  json["machines"] = others_;
  json["machines"].push_back(ToJson());
  return WriteWholeFile(path, json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
}

const NodeTimes* TimeTable::FindNode(const std::string& kernel, const std::string& node) const {
  const auto it = nodes_.find({kernel, node});
  return it == nodes_.end() ? nullptr : &it->second.times;
}

void TimeTable::AddNode(const std::string& kernel, const std::string& plugin,
                        const std::string& node, NodeTimes times) {
  nodes_[{kernel, node}] = {plugin, std::move(times)};
  changed_ = true;
}

std::optional<double> TimeTable::FindJoin(const std::string& a, const std::string& b) const {
  const auto it = joins_.find(std::minmax(a, b));
  if (it == joins_.end()) return std::nullopt;
  return it->second;
}

void TimeTable::AddJoin(const std::string& a, const std::string& b, double ns) {
  joins_[std::minmax(a, b)] = ns;
  changed_ = true;
}

}  // namespace kinglet::tools
