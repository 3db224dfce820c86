#include "tools/predict/kendall.h"

#include <cmath>
#include <cstddef>

namespace kinglet::tools {

std::optional<double> KendallTau(const std::vector<double>& a, const std::vector<double>& b) {
  const auto sign = [](double x) { return (x > 0) - (x < 0); };
  double score = 0, ordered_in_a = 0, ordered_in_b = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const int in_a = sign(a[i] - a[j]), in_b = sign(b[i] - b[j]);
      score += in_a * in_b;
      ordered_in_a += in_a != 0 ? 1 : 0;
      ordered_in_b += in_b != 0 ? 1 : 0;
    }
  }
  if (ordered_in_a == 0 || ordered_in_b == 0) return std::nullopt;
  return score / std::sqrt(ordered_in_a * ordered_in_b);
}

}  // namespace kinglet::tools
