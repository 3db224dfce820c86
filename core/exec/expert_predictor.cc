#include "core/exec/expert_predictor.h"

#include <algorithm>

namespace kinglet {
namespace {

// A history larger than this is not kept: models with very many experts go without guesses.
constexpr uint64_t kMostBytes = 16 << 20;
// A chance is not believed before its expert was seen so often.
constexpr uint16_t kLeastSeen = 4;
// The threshold is judged anew each time that so many prefetched records were used or evicted.
constexpr uint64_t kJudgedRecords = 32;
constexpr double kLowestThreshold = 0.15;
constexpr double kHighestThreshold = 1.01;  // nothing reaches it

}  // namespace

uint64_t ExpertPredictor::RequiredBytes(const ExpertLayout& layout) {
  uint64_t bytes = 0;
  const auto& layers = layout.layers();
  for (size_t l = 0; l < layers.size(); ++l) {
    const uint64_t before = static_cast<uint64_t>(layers[(l + layers.size() - 1) % layers.size()]->expert_count());
    bytes += before * (static_cast<uint64_t>(layers[l]->expert_count()) + 1) * sizeof(uint16_t);
  }
  return bytes <= kMostBytes ? bytes : 0;
}

ExpertPredictor::ExpertPredictor(const ExpertLayout& layout) {
  if (RequiredBytes(layout) == 0) return;
  const auto& layers = layout.layers();
  layers_.resize(layers.size());
  for (size_t l = 0; l < layers.size(); ++l) {
    const size_t before = static_cast<size_t>(layers[(l + layers.size() - 1) % layers.size()]->expert_count());
    layers_[l].experts = layers[l]->expert_count();
    layers_[l].counts.resize(before * static_cast<size_t>(layers_[l].experts));
    layers_[l].totals.resize(before);
    layers_[l].last.resize(static_cast<size_t>(layers[l]->chosen_count()));
  }
}

void ExpertPredictor::Observe(size_t layer, const int32_t* ids, int64_t count) {
  if (layers_.empty()) return;
  Layer& self = layers_[layer];
  const Layer& before = layers_[(layer + layers_.size() - 1) % layers_.size()];
  for (int64_t a = 0; a < before.last_count; ++a) {
    const size_t from = static_cast<size_t>(before.last[a]);
    uint16_t* row = self.counts.data() + from * static_cast<size_t>(self.experts);
    if (self.totals[from] == UINT16_MAX) {
      // Half of everything is forgotten: the recent counts more.
      self.totals[from] /= 2;
      for (int64_t e = 0; e < self.experts; ++e) row[e] /= 2;
    }
    ++self.totals[from];
    for (int64_t i = 0; i < count; ++i) ++row[ids[i]];
  }
  self.last_count = std::min<int64_t>(count, static_cast<int64_t>(self.last.size()));
  std::copy(ids, ids + self.last_count, self.last.begin());
}

int64_t ExpertPredictor::Predict(size_t layer, int64_t most, int32_t* ids) const {
  if (layers_.empty() || threshold_ > 1.0 || most <= 0) return 0;
  const Layer& self = layers_[(layer + 1) % layers_.size()];
  const Layer& before = layers_[layer];
  if (before.last_count == 0) return 0;
  constexpr int64_t kMost = 64;
  double chances[kMost];
  most = std::min(most, kMost);
  int64_t count = 0;
  for (int64_t e = 0; e < self.experts; ++e) {
    double chance = 0;
    for (int64_t a = 0; a < before.last_count; ++a) {
      const size_t from = static_cast<size_t>(before.last[a]);
      if (self.totals[from] < kLeastSeen) continue;
      chance += static_cast<double>(self.counts[from * static_cast<size_t>(self.experts) + static_cast<size_t>(e)]) /
                self.totals[from];
    }
    chance /= static_cast<double>(before.last_count);
    if (chance < threshold_ || (count == most && chance <= chances[count - 1])) continue;
    // Insertion into a short list, the likeliest first.
    int64_t at = count < most ? count++ : count - 1;
    for (; at > 0 && chances[at - 1] < chance; --at) {
      chances[at] = chances[at - 1];
      ids[at] = ids[at - 1];
    }
    chances[at] = chance;
    ids[at] = static_cast<int32_t>(e);
  }
  return count;
}

void ExpertPredictor::Judge(uint64_t useful_count, uint64_t useless_count) {
  const uint64_t useful = useful_count - judged_useful_;
  const uint64_t useless = useless_count - judged_useless_;
  if (useful + useless < kJudgedRecords) return;
  judged_useful_ = useful_count;
  judged_useless_ = useless_count;
  const double share = static_cast<double>(useful) / static_cast<double>(useful + useless);
  if (share < 0.5) threshold_ = std::min(kHighestThreshold, threshold_ * 1.25);
  if (share > 0.75) threshold_ = std::max(kLowestThreshold, threshold_ * 0.9);
}

}  // namespace kinglet
