// Picks the next token from a model's logits.
//
// The steps, always in this order; each works on what the one before left over:
//
//   1. penalties     for each token among the last repeat_last_n accepted ones, seen `count` times
//   there:
//                      l = l > 0 ? l / repeat_penalty : l * repeat_penalty
//                      l = l - count * frequency_penalty - presence_penalty
//   2. top-k         the k largest logits stay (of equal ones the lowest ids)
//   3. top-p         the fewest of the most likely tokens whose probabilities add up to at least p
//   stay
//   4. min-p         tokens at least min_p times as likely as the most likely one stay
//   5. temperature   l = l / temperature
//   6. draw          one of those left, by probability; with temperature <= 0 the largest logit of
//   step 1, lowest id first
//
// At least one token always stays. Equal logits, options, seed and history give the same token on
// every processor.
//
//   auto sampler = Sampler::Create(options);
//   auto id = sampler->Sample(logits, vocabulary_size);      // then
//   sampler->Accept(*id);                                    // for the prompt's tokens, too, if
//   penalties are to see them
//
// Sample allocates at its first call and when the vocabulary grows, not otherwise. Not thread safe:
// one for each sequence.
#ifndef KINGLET_CORE_TEXT_SAMPLER_H_
#define KINGLET_CORE_TEXT_SAMPLER_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/text/random_generator.h"

namespace kinglet {

struct SamplerOptions {
  float temperature = 0.8f;     // <= 0: greedy
  int32_t top_k = 40;           // <= 0: off
  float top_p = 0.95f;          // >= 1: off
  float min_p = 0.05f;          // <= 0: off
  float repeat_penalty = 1.0f;  // > 0; 1: off
  int32_t repeat_last_n = 64;   // 0: off
  float frequency_penalty = 0.0f;
  float presence_penalty = 0.0f;
  int64_t seed = -1;  // -1: from the system's random device; Sampler::seed tells which
};

// All that a session file needs to go on with the same tokens, given the same options.
struct SamplerState {
  RandomGenerator::State generator = {};
  std::vector<int32_t> recent;  // oldest first, at most repeat_last_n
};

class Sampler {
 public:
  // The error names the option, its value and the range.
  static absl::StatusOr<Sampler> Create(const SamplerOptions& options);

  // The next token, in [0, count). Logits of -inf are never picked. A NaN, +inf or nothing but -inf
  // is an error: the model or its file is damaged. Requires count > 0. Does not Accept.
  absl::StatusOr<int32_t> Sample(const float* logits, int32_t count);

  // How many of the largest logits Sample() looks at once `more_count` more tokens are accepted: the
  // others may as well be -inf. 0: all of them.
  uint32_t WantedCount(size_t more_count) const;

  // The token becomes part of the history that penalties look at.
  void Accept(int32_t id);

  // Back to the seed and an empty history.
  void Reset();

  SamplerState Save() const;
  // The error says what is wrong with the state; the sampler then is as before.
  absl::Status Restore(const SamplerState& state);

  const SamplerOptions& options() const { return options_; }
  uint64_t seed() const { return static_cast<uint64_t>(options_.seed); }

 private:
  struct Candidate {
    float logit;
    int32_t id;
  };

  explicit Sampler(const SamplerOptions& options);

  static bool Better(const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
  }

  absl::Status Load(const float* logits, int32_t count);
  void Penalise();
  void KeepTopK(size_t logit_count);
  void KeepTopP();
  void KeepMinP();
  int32_t Draw();
  bool penalises() const;

  SamplerOptions options_;
  RandomGenerator generator_;
  std::vector<int32_t> recent_;  // a ring of repeat_last_n
  size_t recent_count_ = 0;      // of those in use
  size_t recent_next_ = 0;       // where the next one goes
  std::vector<int32_t> sorted_recent_;
  std::vector<Candidate> candidates_;
  std::vector<float> weights_;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_TEXT_SAMPLER_H_
