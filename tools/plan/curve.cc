#include "tools/plan/curve.h"

#include <algorithm>

namespace kinglet::tools {

std::vector<uint64_t> SweepBudgets(uint64_t smallest_bytes, uint64_t whole_bytes, size_t count) {
  constexpr uint64_t kStep = 1 << 20;
  std::vector<uint64_t> budgets = {smallest_bytes};
  if (whole_bytes <= smallest_bytes) return budgets;
  const uint64_t range = whole_bytes - smallest_bytes;
  for (size_t i = 1; i + 1 < count; ++i) {
    // Round numbers are easier to read and to type.
    const uint64_t budget = (smallest_bytes + range / (count - 1) * i) / kStep * kStep;
    if (budget > budgets.back() && budget < whole_bytes) budgets.push_back(budget);
  }
  budgets.push_back(whole_bytes);
  return budgets;
}

size_t KneeOf(const std::vector<Prediction>& points) {
  if (points.size() < 3) return 0;
  const auto x = [&](size_t i) { return static_cast<double>(points[i].budget_bytes); };
  const auto y = [&](size_t i) { return points[i].tokens_per_second(); };
  const size_t last = points.size() - 1;
  const double width = std::max(1.0, x(last) - x(0));
  const double height = y(last) - y(0);
  if (height <= 0) return 0;
  size_t knee = 0;
  double most = 0;
  for (size_t i = 1; i < last; ++i) {
    const double above = (y(i) - y(0)) / height - (x(i) - x(0)) / width;
    if (above <= most) continue;
    most = above;
    knee = i;
  }
  return knee;
}

}  // namespace kinglet::tools
