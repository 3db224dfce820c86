// Forecasts as text for people and as JSON.
#ifndef KINGLET_TOOLS_PREDICT_REPORT_H_
#define KINGLET_TOOLS_PREDICT_REPORT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/predict/predictor.h"

namespace kinglet::tools {

struct PredictReport {
  std::string cpu;
  int64_t threads = 0;
  std::vector<NetworkForecast> networks;

  // Of predicted against measured; nothing unless two networks at least were measured.
  std::optional<double> KendallTau() const;
};

// `top`: nodes shown of each network, the costliest first.
std::string TextOf(const PredictReport& report, int64_t top);
// All nodes, in the order of the plan.
std::string JsonOf(const PredictReport& report);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_PREDICT_REPORT_H_
