#include "tools/perplexity/estimate.h"

#include <algorithm>
#include <cmath>

namespace kinglet::tools {

double NegativeLogLikelihood(const float* logits, size_t count, int32_t token) {
  const float largest = *std::max_element(logits, logits + count);
  double sum = 0;
  for (size_t i = 0; i < count; ++i) sum += std::exp(static_cast<double>(logits[i] - largest));
  return std::log(sum) - static_cast<double>(logits[token] - largest);
}

void PerplexityEstimate::Add(double negative_log_likelihood) {
  ++count_;
  sum_ += negative_log_likelihood;
  square_sum_ += negative_log_likelihood * negative_log_likelihood;
}

double PerplexityEstimate::perplexity() const {
  return std::exp(sum_ / static_cast<double>(count_));
}

double PerplexityEstimate::standard_error() const {
  if (count_ < 2) return 0;
  const double n = static_cast<double>(count_);
  const double mean = sum_ / n;
  const double variance = std::max(0.0, square_sum_ / n - mean * mean);
  return std::sqrt(variance / (n - 1)) * perplexity();
}

}  // namespace kinglet::tools
