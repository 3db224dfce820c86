// Perplexity from the logarithmic probabilities of tokens.
#ifndef KINGLET_TOOLS_PERPLEXITY_ESTIMATE_H_
#define KINGLET_TOOLS_PERPLEXITY_ESTIMATE_H_

#include <cstddef>
#include <cstdint>

namespace kinglet::tools {

// Minus the natural logarithm of softmax(logits)[token], in double.
double NegativeLogLikelihood(const float* logits, size_t count, int32_t token);

class PerplexityEstimate {
 public:
  void Add(double negative_log_likelihood);
  int64_t count() const { return count_; }
  // exp(mean); its standard error, exp(mean) times that of the mean.
  double perplexity() const;
  double standard_error() const;

 private:
  int64_t count_ = 0;
  double sum_ = 0;
  double square_sum_ = 0;
};

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_PERPLEXITY_ESTIMATE_H_
