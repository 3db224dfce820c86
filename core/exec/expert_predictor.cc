#include "core/exec/expert_predictor.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace kinglet {
namespace {

// A chance is not believed before it was seen so often, in any layer.
constexpr uint16_t kLeastSeen = 8;
// What all layers together have seen counts as much as so many of a layer's own.
constexpr double kSharedWeight = 8;
// Of seen experts; then half of everything is forgotten: the recent counts more.
constexpr uint16_t kMostSeen = 4096;
constexpr uint16_t kMostTokens = 256;
// An expert's share of tokens from which on its use is of the next kind.
constexpr double kNowAndThen = 1.0 / 16, kOften = 1.0 / 4;
constexpr double kMarginsPerDeviation = 16;
// Drift is an average whose memory is so many tokens long.
constexpr uint16_t kDriftTokens = 32;
// The threshold is judged anew each time that so many prefetched records were used or evicted.
constexpr uint64_t kJudgedRecords = 32;
constexpr double kLowestThreshold = 0.4;
// Of what was read on a guess. Reading what nobody wants delays what somebody waits for, and takes a slot.
constexpr double kFewUseful = 0.6, kManyUseful = 0.9;
constexpr double kHighestThreshold = 0.9;  // sure guesses go on: only they can show that guessing is worth it again

}  // namespace

uint64_t ExpertPredictor::RequiredBytes(const ExpertLayout& layout) {
  uint64_t bytes = 0;
  for (const auto& layer : layout.layers()) {
    constexpr uint64_t kViewBytes = sizeof(uint8_t) + 2 * sizeof(float);
    bytes += sizeof(Layer) + static_cast<uint64_t>(layer->expert_count()) * (kMostDistance * kViewBytes + sizeof(uint16_t));
  }
  return bytes + static_cast<uint64_t>(layout.most_experts()) * sizeof(float);
}

ExpertPredictor::ExpertPredictor(const ExpertLayout& layout) {
  layers_.resize(layout.layers().size());
  for (size_t l = 0; l < layers_.size(); ++l) {
    layers_[l].experts = layout.layers()[l]->expert_count();
    layers_[l].chosen = layout.layers()[l]->chosen_count();
    const size_t experts = static_cast<size_t>(layers_[l].experts);
    layers_[l].uses.resize(experts);
    for (View& view : layers_[l].views) {
      view.margins.resize(experts);
      view.previewed.resize(experts);
      view.drift.resize(experts);
    }
  }
  sorted_.resize(static_cast<size_t>(layout.most_experts()));
}

size_t ExpertPredictor::UseOf(const Layer& layer, int64_t expert) {
  if (layer.token_count == 0) return 0;
  const double share = static_cast<double>(layer.uses[static_cast<size_t>(expert)]) / layer.token_count;
  return share < kNowAndThen ? 0 : share < kOften ? 1 : 2;
}

// False: the logits say nothing about an order.
bool ExpertPredictor::FindMargins(const Layer& layer, const float* logits, View* view) {
  const auto begin = sorted_.begin();
  const auto end = begin + layer.experts;
  double sum = 0, squares = 0;
  for (size_t e = 0; e < view->previewed.size(); ++e) {
    const float logit = logits[e] + view->drift[e];
    if (!std::isfinite(logit)) return false;
    view->previewed[e] = logits[e];
    sorted_[e] = logit;
    sum += logit;
    squares += static_cast<double>(logit) * logit;
  }
  const double mean = sum / static_cast<double>(layer.experts);
  const double deviation = std::sqrt(std::max(0.0, squares / static_cast<double>(layer.experts) - mean * mean));
  if (!(deviation > 0) || layer.chosen >= layer.experts) return false;
  std::partial_sort(begin, begin + layer.chosen + 1, end, std::greater<float>());
  const double boundary = (static_cast<double>(begin[layer.chosen - 1]) + begin[layer.chosen]) / 2;
  for (size_t e = 0; e < view->margins.size(); ++e) {
    const float logit = logits[e] + view->drift[e];
    const double margin = std::floor((logit - boundary) / deviation * kMarginsPerDeviation);
    constexpr double kMiddle = kMargins / 2;
    view->margins[e] = static_cast<uint8_t>(std::clamp(margin + kMiddle, 0.0, kMargins - 1.0));
  }
  return true;
}

void ExpertPredictor::LearnDrift(const float* logits, View* view) {
  if (view->drift_token_count < kDriftTokens) ++view->drift_token_count;
  for (size_t e = 0; e < view->drift.size(); ++e) {
    view->drift[e] += (logits[e] - view->previewed[e] - view->drift[e]) / view->drift_token_count;
  }
}

double ExpertPredictor::ChanceOf(const Layer& layer, size_t distance, int64_t expert) const {
  const size_t use = UseOf(layer, expert), margin = layer.views[distance - 1].margins[static_cast<size_t>(expert)];
  const Tally& shared = shared_[distance - 1].of[use][margin];
  if (shared.seen < kLeastSeen) return 0;
  const Tally& own = layer.views[distance - 1].own.of[use][margin];
  return (own.chosen + kSharedWeight * shared.chosen / shared.seen) / (own.seen + kSharedWeight);
}

int64_t ExpertPredictor::Predict(size_t layer_index, size_t distance, const float* logits, int64_t most, int32_t* ids) {
  Layer& layer = layers_[layer_index];
  View& view = layer.views[distance - 1];
  view.is_open = FindMargins(layer, logits, &view);
  if (!view.is_open || most <= 0) return 0;
  constexpr int64_t kMost = 64;
  double chances[kMost];
  most = std::min(most, kMost);
  int64_t count = 0;
  for (int64_t e = 0; e < layer.experts; ++e) {
    const double chance = ChanceOf(layer, distance, e);
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

void ExpertPredictor::Observe(size_t layer_index, const int32_t* ids, int64_t count, const float* logits) {
  Layer& layer = layers_[layer_index];
  const bool shows_drift =
      logits != nullptr && std::all_of(logits, logits + layer.experts, [](float logit) { return std::isfinite(logit); });
  for (size_t d = 0; d < kMostDistance; ++d) {
    View& view = layer.views[d];
    if (!view.is_open) continue;
    view.is_open = false;
    if (shows_drift) LearnDrift(logits, &view);
    for (Tallies* tallies : {&view.own, &shared_[d]}) {
      for (int64_t e = 0; e < layer.experts; ++e) {
        Tally& tally = tallies->of[UseOf(layer, e)][view.margins[static_cast<size_t>(e)]];
        if (tally.seen == kMostSeen) {
          tally.seen /= 2;
          tally.chosen /= 2;
        }
        ++tally.seen;
      }
      for (int64_t i = 0; i < count; ++i) {
        ++tallies->of[UseOf(layer, ids[i])][view.margins[static_cast<size_t>(ids[i])]].chosen;
      }
    }
  }
  if (layer.token_count == kMostTokens) {
    layer.token_count /= 2;
    for (uint16_t& uses : layer.uses) uses /= 2;
  }
  ++layer.token_count;
  for (int64_t i = 0; i < count; ++i) ++layer.uses[static_cast<size_t>(ids[i])];
}

void ExpertPredictor::Judge(uint64_t useful_count, uint64_t useless_count) {
  const uint64_t useful = useful_count - judged_useful_;
  const uint64_t useless = useless_count - judged_useless_;
  if (useful + useless < kJudgedRecords) return;
  judged_useful_ = useful_count;
  judged_useless_ = useless_count;
  const double share = static_cast<double>(useful) / static_cast<double>(useful + useless);
  if (share < kFewUseful) threshold_ = std::min(kHighestThreshold, threshold_ * 1.25);
  if (share > kManyUseful) threshold_ = std::max(kLowestThreshold, threshold_ * 0.9);
}

}  // namespace kinglet
