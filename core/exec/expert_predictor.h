// Guesses which experts later layers will choose, from previews of their routers' logits (router_preview.h).
//
//   drift of e    by how much its logit was larger in the end than as seen from as many layers before, on average of the last
//                 tokens: the layers between add a part to the hidden values that hardly depends on the token
//   margin of e   (its logit + its drift - the boundary between chosen and not chosen) / deviation of the logits
//   chance of e   how often, so far, an expert of this layer with this margin, seen from as many layers before, and used as
//                 often as e, was chosen in the end; what all layers together show stands in while this one has seen little
//
// Experts that are used often are in memory anyway, and a margin says more of them than of the others: that is why use
// counts. It answers with those whose chance is at least its threshold. The threshold follows what prefetching was worth:
// it rises while much of what was read on a guess was read in vain, and falls while nearly all of it was of use.
#ifndef KINGLET_CORE_EXEC_EXPERT_PREDICTOR_H_
#define KINGLET_CORE_EXEC_EXPERT_PREDICTOR_H_

#include <cstdint>
#include <vector>

#include "core/exec/expert_layout.h"

namespace kinglet {

// One thread at a time. Allocates nothing after it was made.
class ExpertPredictor {
 public:
  // Guesses from so many layers before. Reading an expert takes longer than computing one layer, and several may be missing.
  static constexpr size_t kMostDistance = 6;

  explicit ExpertPredictor(const ExpertLayout& layout);

  // `logits` [experts of `layer`], as seen `distance` layers before (1..kMostDistance). The experts to read, the likeliest
  // first, at most `most`, in `ids`; returns how many.
  int64_t Predict(size_t layer, size_t distance, const float* logits, int64_t most, int32_t* ids);
  // What the layer chose in the end, and the logits [experts] it chose by (NULL: not known); after the predictions for it.
  void Observe(size_t layer, const int32_t* ids, int64_t count, const float* logits);

  // Totals of the bank so far: how many prefetched records were used, and how many evicted unused.
  void Judge(uint64_t useful_count, uint64_t useless_count);
  // The same totals, where what led to them was not guessed here.
  void Disregard(uint64_t useful_count, uint64_t useless_count) {
    judged_useful_ = useful_count;
    judged_useless_ = useless_count;
  }

  double threshold() const { return threshold_; }
  static uint64_t RequiredBytes(const ExpertLayout& layout);

 private:
  static constexpr size_t kMargins = 32;
  static constexpr size_t kUses = 3;  // rare, now and then, often

  struct Tally {
    uint16_t seen = 0, chosen = 0;
  };
  struct Tallies {
    Tally of[kUses][kMargins];
  };
  // Of a layer, seen from one distance.
  struct View {
    Tallies own;
    std::vector<uint8_t> margins;  // by expert, of the last prediction
    std::vector<float> previewed;  // by expert, of the last prediction: its logits, without drift
    std::vector<float> drift;      // by expert
    uint16_t drift_token_count = 0;
    bool is_open = false;          // predicted, and not yet observed
  };
  struct Layer {
    int64_t experts = 0;
    int64_t chosen = 0;
    std::vector<uint16_t> uses;  // by expert, of the last token_count tokens
    uint16_t token_count = 0;
    View views[kMostDistance];
  };

  static size_t UseOf(const Layer& layer, int64_t expert);
  double ChanceOf(const Layer& layer, size_t distance, int64_t expert) const;
  bool FindMargins(const Layer& layer, const float* logits, View* view);
  static void LearnDrift(const float* logits, View* view);

  std::vector<Layer> layers_;
  Tallies shared_[kMostDistance];  // of all layers
  std::vector<float> sorted_;  // scratch
  double threshold_ = kFirstThreshold;
  uint64_t judged_useful_ = 0;
  uint64_t judged_useless_ = 0;

  static constexpr double kFirstThreshold = 0.65;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_EXPERT_PREDICTOR_H_
