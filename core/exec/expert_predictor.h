// Guesses which experts the next layer will choose, from which ones followed which so far.
//
//   count[l][a][b]   how often layer l chose b for a token whose layer before chose a   (layer 0 comes after the last)
//   chance of b      mean over the chosen a of count[a][b] / count[a]
//
// It answers with those whose chance is at least its threshold. The threshold follows what prefetching was worth: it
// rises while more than half of what was read on a guess was read in vain, until nothing is guessed any more, and falls
// while most of it was of use.
#ifndef KINGLET_CORE_EXEC_EXPERT_PREDICTOR_H_
#define KINGLET_CORE_EXEC_EXPERT_PREDICTOR_H_

#include <cstdint>
#include <vector>

#include "core/exec/expert_layout.h"

namespace kinglet {

// One thread at a time. Allocates nothing after it was made.
class ExpertPredictor {
 public:
  explicit ExpertPredictor(const ExpertLayout& layout);

  // What layer `layer` chose for a token, in the order of layers.
  void Observe(size_t layer, const int32_t* ids, int64_t count);
  // The experts of the layer after `layer`, the likeliest first, at most `most`; from what was observed last for `layer`.
  int64_t Predict(size_t layer, int64_t most, int32_t* ids) const;

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
  struct Layer {
    int64_t experts = 0;
    std::vector<uint16_t> counts;  // [experts before][experts]
    std::vector<uint16_t> totals;  // [experts before]
    std::vector<int32_t> last;     // chosen for the last token; the first last_count of it
    int64_t last_count = 0;
  };

  std::vector<Layer> layers_;
  double threshold_ = kFirstThreshold;
  uint64_t judged_useful_ = 0;
  uint64_t judged_useless_ = 0;

  static constexpr double kFirstThreshold = 0.5;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_EXPERT_PREDICTOR_H_
