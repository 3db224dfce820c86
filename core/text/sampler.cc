#include "core/text/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace kinglet {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kLowest = -kInfinity;
constexpr int32_t kMostRecent = 1 << 20;
constexpr float kLargestPenalty = 100.0f;

// How many candidates the first step of a search through a sorted order looks at.
constexpr size_t kFirstSorted = 256;

absl::Status CheckRange(const char* name, double value, double lowest, double highest) {
  if (value >= lowest && value <= highest) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "sampler: ", name, " is ", value, "; expected a value from ", lowest, " to ", highest));
}

absl::Status CheckOptions(const SamplerOptions& options) {
  constexpr double kAnyFloat = std::numeric_limits<float>::max();
  KL_RETURN_IF_ERROR(CheckRange("temperature", options.temperature, -kAnyFloat, kAnyFloat));
  KL_RETURN_IF_ERROR(CheckRange("top_p", options.top_p, 0, kAnyFloat));
  KL_RETURN_IF_ERROR(CheckRange("min_p", options.min_p, -kAnyFloat, 1));
  KL_RETURN_IF_ERROR(CheckRange("repeat_penalty", options.repeat_penalty, 0.01, kLargestPenalty));
  KL_RETURN_IF_ERROR(CheckRange("repeat_last_n", options.repeat_last_n, 0, kMostRecent));
  KL_RETURN_IF_ERROR(CheckRange("frequency_penalty", options.frequency_penalty, -kLargestPenalty,
                                kLargestPenalty));
  KL_RETURN_IF_ERROR(
      CheckRange("presence_penalty", options.presence_penalty, -kLargestPenalty, kLargestPenalty));
  if (options.seed < -1) {
    return absl::InvalidArgumentError(absl::StrCat("sampler: seed is ", options.seed,
                                                   "; expected 0 or more, or -1 for a random one"));
  }
  return absl::OkStatus();
}

int64_t RandomSeed() {
  std::random_device device;
  const uint64_t high = device() & 0x7FFFFFFFu;
  return static_cast<int64_t>(high << 32 | device());
}

// Rounded to float, so that a mathematics library that differs in the last bit of a double changes
// nothing.
float Exponential(double x) { return static_cast<float>(std::exp(x)); }

absl::Status NoLogits(int32_t count) {
  return absl::InvalidArgumentError(
      absl::StrCat("sampler: expected at least one logit, found ", count));
}

absl::Status Nonsense(int32_t id, float logit) {
  return absl::InternalError(
      absl::StrCat("sampler: the logit of token ", id, " is ", logit,
                   "; the model computed nonsense: its file may be damaged or a kernel wrong"));
}

absl::Status NothingToPick(int32_t count) {
  return absl::InternalError(
      absl::StrCat("sampler: all ", count, " logits are -inf: there is no token to pick"));
}

// The first of the largest logits, in one pass that copies nothing: a vocabulary of 150,000 tokens
// is no small part of a token's time.
absl::StatusOr<int32_t> Largest(const float* logits, int32_t count) {
  if (count <= 0) return NoLogits(count);
  float largest = kLowest;
  int32_t best = 0;
  for (int32_t id = 0; id < count; id++) {
    if (logits[id] <= largest) continue;
    if (!(logits[id] < kInfinity)) return Nonsense(id, logits[id]);
    largest = logits[id];
    best = id;
  }
  if (largest == kLowest) return NothingToPick(count);
  return best;
}

}  // namespace

Sampler::Sampler(const SamplerOptions& options)
    : options_(options),
      generator_(static_cast<uint64_t>(options.seed)),
      recent_(options.repeat_last_n) {
  sorted_recent_.reserve(recent_.size());
}

absl::StatusOr<Sampler> Sampler::Create(const SamplerOptions& options) {
  KL_RETURN_IF_ERROR(CheckOptions(options));
  SamplerOptions settled = options;
  if (settled.seed < 0) settled.seed = RandomSeed();
  return Sampler(settled);
}

bool Sampler::penalises() const {
  return recent_count_ > 0 &&
         (options_.repeat_penalty != 1.0f || options_.frequency_penalty != 0.0f ||
          options_.presence_penalty != 0.0f);
}

uint32_t Sampler::WantedCount(size_t more_count) const {
  if (options_.temperature > 0 && options_.top_k <= 0) return 0;
  const size_t largest = options_.temperature <= 0 ? 1 : static_cast<size_t>(options_.top_k);
  const bool penalties = options_.repeat_penalty != 1.0f || options_.frequency_penalty != 0.0f ||
                         options_.presence_penalty != 0.0f;
  if (!penalties || recent_.empty()) return static_cast<uint32_t>(largest);
  // A penalty that lifts a logit may lift any; one that lowers makes room for a token further down.
  if (options_.repeat_penalty < 1.0f || options_.frequency_penalty < 0.0f ||
      options_.presence_penalty < 0.0f) {
    return 0;
  }
  return static_cast<uint32_t>(largest + std::min(recent_count_ + more_count, recent_.size()));
}

absl::StatusOr<int32_t> Sampler::Sample(const float* logits, int32_t count) {
  if (options_.temperature <= 0 && !penalises()) return Largest(logits, count);
  KL_RETURN_IF_ERROR(Load(logits, count));
  if (penalises()) Penalise();
  if (options_.temperature <= 0) {
    return std::min_element(candidates_.begin(), candidates_.end(), Better)->id;
  }
  // Not before the penalties, which find candidates by id.
  candidates_.erase(std::remove_if(candidates_.begin(), candidates_.end(),
                                   [](const Candidate& c) { return c.logit == kLowest; }),
                    candidates_.end());
  KeepTopK(static_cast<size_t>(count));
  KeepTopP();
  KeepMinP();
  return Draw();
}

absl::Status Sampler::Load(const float* logits, int32_t count) {
  if (count <= 0) return NoLogits(count);
  candidates_.resize(count);
  weights_.reserve(count);
  float largest = kLowest;
  for (int32_t id = 0; id < count; id++) {
    const float logit = logits[id];
    if (!(logit < kInfinity)) return Nonsense(id, logit);
    candidates_[id] = {logit, id};
    largest = std::max(largest, logit);
  }
  return largest == kLowest ? NothingToPick(count) : absl::OkStatus();
}

void Sampler::Penalise() {
  sorted_recent_.assign(recent_.begin(), recent_.begin() + recent_count_);
  std::sort(sorted_recent_.begin(), sorted_recent_.end());
  for (size_t at = 0; at < sorted_recent_.size();) {
    const int32_t id = sorted_recent_[at];
    size_t end = at;
    while (end < sorted_recent_.size() && sorted_recent_[end] == id) end++;
    const float times = static_cast<float>(end - at);
    at = end;
    if (id < 0 || id >= static_cast<int32_t>(candidates_.size())) continue;
    float& logit = candidates_[id].logit;
    if (logit == kLowest) continue;
    logit = logit > 0 ? logit / options_.repeat_penalty : logit * options_.repeat_penalty;
    logit -= times * options_.frequency_penalty + options_.presence_penalty;
    // A huge logit stays a number, so that a penalty alone never rules the last token out.
    constexpr float kHuge = std::numeric_limits<float>::max();
    logit = std::min(std::max(logit, -kHuge), kHuge);
  }
}

void Sampler::KeepTopK(size_t logit_count) {
  if (options_.top_k <= 0 || static_cast<size_t>(options_.top_k) >= logit_count) return;
  // Sorted also where the head left no more than k: what follows adds probabilities in this order.
  const size_t k = std::min(static_cast<size_t>(options_.top_k), candidates_.size());
  std::partial_sort(candidates_.begin(), candidates_.begin() + k, candidates_.end(), Better);
  candidates_.resize(k);
}

void Sampler::KeepTopP() {
  if (options_.top_p >= 1.0f || candidates_.size() <= 1) return;
  const float largest = std::min_element(candidates_.begin(), candidates_.end(), Better)->logit;
  double total = 0;
  for (const Candidate& candidate : candidates_) {
    total += Exponential(static_cast<double>(candidate.logit) - largest);
  }
  const double wanted = static_cast<double>(options_.top_p) * total;
  // Sorts no more than it has to: mostly a few candidates hold nearly all of the probability.
  double sum = 0;
  size_t sorted = 0;
  size_t kept = 0;
  while (kept < candidates_.size()) {
    if (kept == sorted) {
      sorted = std::min(candidates_.size(), std::max(kFirstSorted, 4 * sorted));
      const auto first = candidates_.begin() + kept;
      const auto end = candidates_.begin() + sorted;
      if (sorted < candidates_.size()) {
        std::nth_element(first, end, candidates_.end(), Better);
      }
      std::sort(first, end, Better);
    }
    sum += Exponential(static_cast<double>(candidates_[kept].logit) - largest);
    kept++;
    if (sum >= wanted) break;
  }
  candidates_.resize(kept);
}

void Sampler::KeepMinP() {
  if (options_.min_p <= 0) return;
  const float largest = std::min_element(candidates_.begin(), candidates_.end(), Better)->logit;
  const auto too_small = [&](const Candidate& candidate) {
    return Exponential(static_cast<double>(candidate.logit) - largest) < options_.min_p;
  };
  candidates_.erase(std::remove_if(candidates_.begin(), candidates_.end(), too_small),
                    candidates_.end());
}

int32_t Sampler::Draw() {
  const float largest = std::min_element(candidates_.begin(), candidates_.end(), Better)->logit;
  weights_.resize(candidates_.size());
  double total = 0;
  for (size_t i = 0; i < candidates_.size(); i++) {
    const double below = static_cast<double>(candidates_[i].logit) - largest;
    weights_[i] = Exponential(below / options_.temperature);
    total += weights_[i];
  }
  const double target = generator_.NextUnit() * total;
  double sum = 0;
  size_t last_possible = 0;
  for (size_t i = 0; i < candidates_.size(); i++) {
    if (weights_[i] == 0) continue;
    last_possible = i;
    sum += weights_[i];
    if (sum > target) break;
  }
  return candidates_[last_possible].id;
}

void Sampler::Accept(int32_t id) {
  if (recent_.empty()) return;
  recent_[recent_next_] = id;
  recent_next_ = (recent_next_ + 1) % recent_.size();
  recent_count_ = std::min(recent_count_ + 1, recent_.size());
}

void Sampler::Reset() {
  generator_ = RandomGenerator(seed());
  recent_count_ = 0;
  recent_next_ = 0;
}

SamplerState Sampler::Save() const {
  SamplerState state;
  state.generator = generator_.state();
  const size_t oldest = recent_count_ < recent_.size() ? 0 : recent_next_;
  for (size_t i = 0; i < recent_count_; i++) {
    state.recent.push_back(recent_[(oldest + i) % recent_.size()]);
  }
  return state;
}

absl::Status Sampler::Restore(const SamplerState& state) {
  if (state.recent.size() > recent_.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "sampler: the saved state holds ", state.recent.size(), " tokens, but repeat_last_n is ",
        recent_.size(), "; restore it with the options it was saved with"));
  }
  if (std::all_of(state.generator.begin(), state.generator.end(),
                  [](uint64_t word) { return word == 0; })) {
    return absl::InvalidArgumentError(
        "sampler: the saved state of the random generator is all zero; the session file is "
        "damaged");
  }
  generator_.set_state(state.generator);
  recent_count_ = 0;
  recent_next_ = 0;
  for (int32_t id : state.recent) Accept(id);
  return absl::OkStatus();
}

}  // namespace kinglet
