#include "tools/plan/read_ahead.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <random>
#include <vector>

namespace kinglet::tools {
namespace {

constexpr int kTokens = 64;
constexpr size_t kGuessesTogether = 2;  // as the bank reads them (plugins/common/record_bank)
// Share of the missing experts that are guessed at least so many layers ahead, from 1 on, where many are missing:
// plugins/expert_bank/README.md.
constexpr double kGuessed[] = {0.95, 0.86, 0.86, 0.62, 0.62, 0.62};
// At this miss rate half of that: what a large cache still misses are the experts that nobody expects. Of those missing
// 94, 89, 80, 75, 40 % were guessed at 63, 29, 14, 10, 2 %.
constexpr double kHalfGuessedMissRate = 0.025;
constexpr int64_t kNobody = INT64_MAX;  // the layer of a guess in vain: read when nothing better is left
constexpr double kDone = 1e-9;   // of a record
constexpr double kMostReadingShare = 0.75;  // computing goes on, whatever the probe saw

class Clock {
 public:
  explicit Clock(const Speeds& speeds) : speeds_(speeds) {}

  void Demand(int64_t layer) { under_way_.push_back({layer, false, 1}); }
  void Guess(int64_t layer) { queue_.push_back(layer); }

  // Computes for what would be `ns` without reads; returns how much longer that takes with them.
  double Pass(double ns) {
    double slowed_ns = 0;
    while (ns > 0) {
      StartGuesses();
      if (under_way_.empty()) break;
      const double left_share = 1 - ReadingShare();
      const double taken_ns = Step(ns / left_share);
      ns -= taken_ns * left_share;
      slowed_ns += taken_ns * (1 - left_share);
    }
    return slowed_ns;
  }
  // Until nothing of the layer is to be read any more; returns how long that took.
  double WaitFor(int64_t layer) {
    const auto of_layer = [layer](const Read& read) { return read.layer == layer; };
    // Whoever is asked for is no guess any more.
    for (auto queued = queue_.begin(); queued != queue_.end();) {
      if (*queued != layer) {
        ++queued;
        continue;
      }
      Demand(layer);
      queued = queue_.erase(queued);
    }
    double ns = 0;
    while (std::any_of(under_way_.begin(), under_way_.end(), of_layer)) {
      StartGuesses();
      ns += Step(HUGE_VAL);
    }
    return ns;
  }

 private:
  struct Read {
    int64_t layer;
    bool guess;
    double left;  // of a record
  };

  void StartGuesses() {
    size_t guesses = static_cast<size_t>(
        std::count_if(under_way_.begin(), under_way_.end(), [](const Read& read) { return read.guess; }));
    for (; guesses < kGuessesTogether && !queue_.empty(); ++guesses) {
      under_way_.push_back({queue_.front(), true, 1});
      queue_.pop_front();
    }
  }
  // Of a core, for the reads that are under way.
  double ReadingShare() const {
    if (speeds_.spare_core) return 0;
    auto like = std::find_if(speeds_.reads.begin(), speeds_.reads.end(),
                             [this](const ReadSpeed& read) { return under_way_.size() <= read.together; });
    if (like == speeds_.reads.end()) --like;
    return like->ns > 0 ? std::min(kMostReadingShare, like->cpu_ns / like->ns) : 0;
  }
  // To the end of the first read, at most `most_ns`.
  double Step(double most_ns) {
    const double record_ns = ReadNs(speeds_, static_cast<double>(under_way_.size()));
    double least = 1;
    for (const Read& read : under_way_) least = std::min(least, read.left);
    const double ns = std::min(most_ns, least * record_ns);
    for (Read& read : under_way_) read.left -= record_ns > 0 ? ns / record_ns : 1;
    under_way_.erase(std::remove_if(under_way_.begin(), under_way_.end(),
                                    [](const Read& read) { return read.left < kDone; }),
                     under_way_.end());
    return ns;
  }

  const Speeds& speeds_;
  std::vector<Read> under_way_;
  std::deque<int64_t> queue_;
};

}  // namespace

ReadDelay DelayPerToken(const Speeds& speeds, int64_t layers, int64_t used, double miss_rate, bool guesses) {
  if (miss_rate <= 0 || speeds.reads.empty()) return {};
  std::mt19937_64 random(1);
  const auto chance = [&random] { return static_cast<double>(random() >> 11) * 0x1p-53; };
  Clock clock(speeds);
  const double guessed_share = miss_rate / (miss_rate + kHalfGuessedMissRate);
  ReadDelay sum;
  std::vector<std::vector<int64_t>> guessed(static_cast<size_t>(layers));  // by the layer whose router shows them
  std::vector<int64_t> surprises(static_cast<size_t>(layers));
  for (int token = 0; token < kTokens; ++token) {
    for (auto& of_layer : guessed) of_layer.clear();
    std::fill(surprises.begin(), surprises.end(), 0);
    for (int64_t layer = 0; layer < layers; ++layer) {
      for (int64_t i = 0; i < used; ++i) {
        if (chance() >= miss_rate) continue;
        const double luck = guesses ? chance() / guessed_share : 1;
        int64_t distance = 0;
        for (const double share : kGuessed) distance += luck < share;
        distance = std::min(distance, layer);
        if (distance == 0) {
          ++surprises[static_cast<size_t>(layer)];
        } else {
          guessed[static_cast<size_t>(layer - distance)].push_back(layer);
        }
        if (guesses && chance() < kReadsInVain) guessed[static_cast<size_t>(layer)].push_back(kNobody);
      }
    }
    for (int64_t layer = 0; layer < layers; ++layer) {
      for (int64_t i = 0; i < surprises[static_cast<size_t>(layer)]; ++i) clock.Demand(layer);
      std::sort(guessed[static_cast<size_t>(layer)].begin(), guessed[static_cast<size_t>(layer)].end());
      for (const int64_t target : guessed[static_cast<size_t>(layer)]) clock.Guess(target);
      sum.slowed_ns += clock.Pass(speeds.overlap_ns);
      sum.wait_ns += clock.WaitFor(layer);
      sum.slowed_ns += clock.Pass(speeds.layer_ns - speeds.overlap_ns);
    }
    sum.slowed_ns += clock.Pass(speeds.rest_ns);
  }
  return {sum.wait_ns / kTokens, sum.slowed_ns / kTokens};
}

}  // namespace kinglet::tools
