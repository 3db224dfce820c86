// Times of nodes that were measured before, in a file.
//
// One file holds the tables of several machines: a table is for a processor, a number of threads
// and a scheduler. A row whose plugin has changed since (version or checksum) is dropped.
//
//   {"kinglet_node_times": 1,
//    "machines": [{"cpu": "AMD EPYC", "threads": 2, "scheduler": "pool",
//                  "plugins": {"sparse_x86": "0.1.0 5be1c0de"},
//                  "passed_bytes": [262144, ...],
//                  "nodes": [{"kernel": "...", "plugin": "sparse_x86", "node": "conv2d ...", "ns":
//                  [...]}], "joins": [{"between": ["", "xnnpack"], "ns": 5200}]}]}
#ifndef KINGLET_TOOLS_PREDICT_TIME_TABLE_H_
#define KINGLET_TOOLS_PREDICT_TIME_TABLE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nlohmann/json.hpp"
#include "tools/common/report.h"

namespace kinglet::tools {

struct Machine {
  std::string cpu;
  int64_t threads = 0;
  std::string scheduler;
  std::map<std::string, std::string> plugins;  // name -> version and checksum
};

// A node's nanoseconds at each of `passed_bytes` (tools/predict/cache_levels.h).
using NodeTimes = std::vector<double>;

class TimeTable {
 public:
  // `passed_bytes`: what each node's times are for.
  TimeTable(Machine machine, std::vector<uint64_t> passed_bytes);

  // Adds what the file has for this machine. A file that is not there is an empty one.
  // Errors: kExitBadData, naming the place, for a file that is no table.
  Failure Read(const std::string& path);
  // Writes this machine's table, and those of others that were read.
  Failure Write(const std::string& path) const;

  // NULL: not measured yet. Valid until the next AddNode().
  const NodeTimes* FindNode(const std::string& kernel, const std::string& node) const;
  void AddNode(const std::string& kernel, const std::string& plugin, const std::string& node,
               NodeTimes times);
  // Of going over between the threads of two plugins; the runtime's own are "". The order of the
  // two does not matter.
  std::optional<double> FindJoin(const std::string& a, const std::string& b) const;
  void AddJoin(const std::string& a, const std::string& b, double ns);

  // Whether anything was added that no file has.
  bool changed() const { return changed_; }

 private:
  using Pair = std::pair<std::string, std::string>;
  struct Row {
    std::string plugin;
    NodeTimes times;
  };

  bool IsThisMachine(const nlohmann::ordered_json& json) const;
  // Returns what is wrong with it, or an empty string.
  std::string Take(const nlohmann::ordered_json& json);
  nlohmann::ordered_json ToJson() const;

  const Machine machine_;
  const std::vector<uint64_t> passed_bytes_;
  std::map<Pair, Row> nodes_;  // by kernel and node
  std::map<Pair, double> joins_;
  std::vector<nlohmann::ordered_json> others_;
  bool changed_ = false;
};

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_PREDICT_TIME_TABLE_H_
