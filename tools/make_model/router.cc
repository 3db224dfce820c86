#include "tools/make_model/router.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tools/common/random.h"

namespace kinglet::tools {
namespace {

constexpr double kBusyUse = 0.42;     // of the tokens, by one busy expert: the paper says 40 - 60 %
constexpr double kBiasSpread = 0.08;  // busy experts differ a little from one another

// Share of uses that the first `busy` experts get with the given bias, over simulated tokens.
double BusyShare(const std::vector<double>& noise, int64_t experts, int64_t used, int64_t busy,
                 double bias) {
  std::vector<std::pair<double, int64_t>> logits(static_cast<size_t>(experts));
  const size_t tokens = noise.size() / static_cast<size_t>(experts);
  int64_t hits = 0;
  for (size_t t = 0; t < tokens; ++t) {
    for (int64_t e = 0; e < experts; ++e) {
      const double z = noise[t * static_cast<size_t>(experts) + static_cast<size_t>(e)];
      logits[static_cast<size_t>(e)] = {-(z + (e < busy ? bias : 0)), e};
    }
    std::partial_sort(logits.begin(), logits.begin() + used, logits.end());
    for (int64_t i = 0; i < used; ++i) hits += logits[static_cast<size_t>(i)].second < busy;
  }
  return static_cast<double>(hits) / static_cast<double>(tokens * static_cast<size_t>(used));
}

}  // namespace

int64_t BusyExpertCount(int64_t experts, int64_t used, double skew) {
  const double count = std::round(skew * static_cast<double>(used) / kBusyUse);
  return std::clamp<int64_t>(static_cast<int64_t>(count), 1, std::max<int64_t>(1, experts / 2));
}

double BusyLogitBias(int64_t experts, int64_t used, double skew) {
  const int64_t busy = BusyExpertCount(experts, used, skew);
  if (used >= experts || skew <= static_cast<double>(busy) / static_cast<double>(experts)) return 0;
  Random random(1, "expert use", 0);
  std::vector<double> noise(static_cast<size_t>(experts) * 2000);
  for (double& z : noise) z = random.Gaussian();
  double low = 0;
  double high = 6;
  for (int i = 0; i < 16; ++i) {
    const double middle = (low + high) / 2;
    (BusyShare(noise, experts, used, busy, middle) < skew ? low : high) = middle;
  }
  return (low + high) / 2;
}

std::vector<float> MakeRouter(int64_t experts, int64_t used, int64_t embedding, double bias,
                              double skew, double input_mean, double input_deviation, uint64_t seed,
                              const std::string& name) {
  Random random(seed, name, 0);
  std::vector<int64_t> order(static_cast<size_t>(experts));
  std::iota(order.begin(), order.end(), 0);
  for (size_t i = order.size(); i > 1; --i) {  // which experts are busy differs from layer to layer
    std::swap(order[i - 1], order[static_cast<size_t>(random.Next() % i)]);
  }
  std::vector<double> bias_of(static_cast<size_t>(experts), 0.0);
  const int64_t busy = bias > 0 ? BusyExpertCount(experts, used, skew) : 0;
  for (int64_t i = 0; i < busy; ++i) {
    bias_of[static_cast<size_t>(order[static_cast<size_t>(i)])] =
        bias + kBiasSpread * random.Gaussian();
  }
  const double width = static_cast<double>(embedding);
  std::vector<float> weights(static_cast<size_t>(experts * embedding));
  std::vector<double> row(static_cast<size_t>(embedding));
  for (int64_t e = 0; e < experts; ++e) {
    double sum = 0;
    double squares = 0;
    for (double& w : row) sum += w = random.Gaussian();
    // A row of mean 0 and exact length ignores the input's mean; the bias then reaches it alone.
    for (double& w : row) {
      w -= sum / width;
      squares += w * w;
    }
    const double scale = 1 / (std::sqrt(squares) * input_deviation);
    const double shift = bias_of[static_cast<size_t>(e)] / (width * input_mean);
    for (int64_t d = 0; d < embedding; ++d) {
      weights[static_cast<size_t>(e * embedding + d)] =
          static_cast<float>(row[static_cast<size_t>(d)] * scale + shift);
    }
  }
  return weights;
}

}  // namespace kinglet::tools
