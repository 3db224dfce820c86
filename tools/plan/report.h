// How a plan is shown.
#ifndef KINGLET_TOOLS_PLAN_REPORT_H_
#define KINGLET_TOOLS_PLAN_REPORT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tools/plan/prediction.h"

namespace kinglet::tools {

struct PlanReport {
  std::string model;  // "smallthinker 4.04 B Q4_0"
  std::string path;
  int64_t threads = 0;
  int64_t context = 0;
  Task task;
  std::string routing;  // the assumption about it; empty: no experts to stream
  bool has_speeds = false;
  Speeds speeds;
  bool sweep = false;
  std::vector<Prediction> points;  // of a sweep, rising; else one
  size_t knee = 0;
};

// For people: what one budget means, or a row a budget.
std::string TextOf(const PlanReport& report);
std::string JsonOf(const PlanReport& report);
// Tokens per second against the budget, with the peak of resident memory, and the knee marked: a
// complete document.
std::string SvgOf(const PlanReport& report);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_PLAN_REPORT_H_
