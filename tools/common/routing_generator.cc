#include "tools/common/routing_generator.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "absl/strings/str_cat.h"

namespace kinglet::tools {
namespace {

// How much the most popular hot expert is ahead of the least popular one.
constexpr double kHotSpread = 0.12;
// Weight of the i-th cold expert: (i + kColdOffset)^-1. The offset keeps the first below 14 %.
constexpr double kColdOffset = 4;

// A number in [0, 1) that is the same on every machine, which std's distributions are not.
double Uniform(std::mt19937_64* random) {
  return static_cast<double>((*random)() >> 11) * 0x1.0p-53;
}

struct Layer {
  std::vector<uint16_t> order;     // experts, the most popular first
  std::vector<uint16_t> previous;  // of the token before
};

class Generator {
 public:
  Generator(const SyntheticRouting& shape)
      : shape_(shape),
        random_(shape.seed),
        // Each of these is active for about half of hot_share of the tokens.
        hot_(shape.hot_share == 0 ? shape.experts : 2 * shape.top_k),
        layers_(shape.layers) {
    for (uint32_t i = 0; i < shape.experts; ++i) {
      const bool hot = i < hot_;
      weights_.push_back(shape.hot_share == 0 ? 1
                         : hot                ? 1 + kHotSpread * (1 - 2.0 * i / (hot_ - 1))
                                              : 1 / (i - hot_ + kColdOffset));
    }
    for (Layer& layer : layers_) {
      layer.order.resize(shape.experts);
      for (uint32_t i = 0; i < shape.experts; ++i) layer.order[i] = static_cast<uint16_t>(i);
      for (uint32_t i = shape.experts; i > 1; --i) {
        std::swap(layer.order[i - 1], layer.order[random_() % i]);
      }
    }
  }

  // Writes top_k different experts.
  void Token(uint32_t index, uint16_t* experts) {
    Layer& layer = layers_[index];
    std::vector<uint16_t> chosen;
    for (const uint16_t expert : layer.previous) {
      if (Uniform(&random_) < shape_.locality) chosen.push_back(expert);
    }
    while (chosen.size() < shape_.top_k) {
      const bool hot = shape_.hot_share == 0 || Uniform(&random_) < shape_.hot_share;
      const uint16_t expert = layer.order[hot ? Draw(0, hot_) : Draw(hot_, shape_.experts)];
      if (std::find(chosen.begin(), chosen.end(), expert) == chosen.end()) chosen.push_back(expert);
    }
    std::copy(chosen.begin(), chosen.end(), experts);
    layer.previous = std::move(chosen);
  }

 private:
  uint32_t Draw(uint32_t begin, uint32_t end) {
    double sum = 0;
    for (uint32_t i = begin; i < end; ++i) sum += weights_[i];
    double left = Uniform(&random_) * sum;
    for (uint32_t i = begin; i < end; ++i) {
      left -= weights_[i];
      if (left < 0) return i;
    }
    return end - 1;
  }

  const SyntheticRouting& shape_;
  std::mt19937_64 random_;
  const uint32_t hot_;
  std::vector<double> weights_;  // by popularity
  std::vector<Layer> layers_;
};

}  // namespace

Failure GenerateRouting(const SyntheticRouting& shape, Routing* routing) {
  const uint64_t least = uint64_t{shape.top_k} * (shape.hot_share == 0 ? 1 : 4);
  if (shape.top_k == 0 || shape.layers == 0 || least > shape.experts) {
    return {kExitUsage, absl::StrCat("made routing needs at least 4 experts for each one chosen: ",
                                     shape.experts, " experts, ", shape.top_k, " chosen")};
  }
  *routing = Routing();
  routing->header = {"synthetic", absl::StrCat("seed ", shape.seed, ", locality ", shape.locality),
                     shape.layers, shape.experts, shape.top_k};
  routing->flags.assign(shape.tokens, 0);
  if (shape.tokens > 0) routing->flags[0] = kRoutingFirst;
  routing->experts.resize(shape.tokens * routing->header.ids_per_token());
  Generator generator(shape);
  uint16_t* at = routing->experts.data();
  for (uint64_t token = 0; token < shape.tokens; ++token) {
    for (uint32_t layer = 0; layer < shape.layers; ++layer, at += shape.top_k) {
      generator.Token(layer, at);
    }
  }
  return Success();
}

}  // namespace kinglet::tools
