// Which experts tokens ask for, and how a cache of a given size would serve them.
#ifndef KINGLET_TOOLS_PLAN_DEMAND_H_
#define KINGLET_TOOLS_PLAN_DEMAND_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/capi/kinglet.h"
#include "tools/common/report.h"
#include "tools/common/routing_file.h"

namespace kinglet::tools {

struct DemandSettings {
  std::string file;  // a recording; empty: made routing
  double skew = 0.92;
  double locality = 0.3;
  int64_t seed = 1;
};

// One thread.
class ExpertDemand {
 public:
  // For a model with `layers` layers of `experts`, of which a token uses `used`. Errors: a
  // recording of another shape, or too short.
  Failure Init(const DemandSettings& settings, uint32_t layers, uint32_t experts, uint32_t used);

  // What is assumed, for people.
  const std::string& description() const { return description_; }
  uint32_t layers() const { return routing_.header.layers; }
  uint32_t experts() const { return routing_.header.experts; }
  uint32_t used() const { return routing_.header.top_k; }

  // Share of askings that find their expert in memory once the cache is warm; policy NULL: the
  // bank's default.
  Failure HitRate(const kl_runtime* runtime, const char* policy, uint64_t slots,
                  double* rate) const;
  // Different experts that `tokens` tokens one after the other ask for: in a layer on average, and
  // of all layers.
  double DistinctOfLayer(int64_t tokens) const;
  uint64_t Distinct(int64_t tokens) const;

 private:
  Routing routing_;
  std::vector<uint64_t> ids_;
  uint64_t token_count_ = 0;
  std::string description_;
};

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_PLAN_DEMAND_H_
