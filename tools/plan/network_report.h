// What a limit of its arena means for a network: the plan's figures as text, JSON and a picture.
#ifndef KINGLET_TOOLS_PLAN_NETWORK_REPORT_H_
#define KINGLET_TOOLS_PLAN_NETWORK_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/capi/kinglet.h"
#include "tools/common/engine.h"
#include "tools/common/report.h"

namespace kinglet::tools {

struct NetworkTile {
  std::string name;
  int64_t rows = 0;
  int64_t columns = 0;
};

struct NetworkBlock {
  std::string name;
  uint64_t offset = 0;
  uint64_t bytes = 0;
  uint32_t first_node = 0;
  uint32_t last_node = 0;
};

struct NetworkReport {
  std::string path;
  uint64_t limit_bytes = 0;  // 0: none
  kl_network_memory memory = {};
  std::string stage_end;
  std::vector<NetworkTile> tiles;
  std::vector<NetworkBlock> blocks;
};

// Plans the network as loading it under engine.memory_bytes would.
Failure PlanNetwork(const char* command, const EngineFlags& engine, const std::string& path,
                    NetworkReport* report);

std::string TextOf(const NetworkReport& report);
std::string JsonOf(const NetworkReport& report);
// The arena over time: a rectangle for each block, from left to right the nodes, upwards the bytes.
std::string SvgOf(const NetworkReport& report);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_PLAN_NETWORK_REPORT_H_
