#include "plugins/llama/rope_scaling.h"

#include <math.h>

#include <string>
#include <vector>

namespace kinglet {
namespace {

constexpr double kTwoPi = 6.283185307179586;

double Frequency(const PlanWriter::RopeOptions& rope, int64_t pair) {
  return pow(rope.base, -2.0 * static_cast<double>(pair) / static_cast<double>(rope.rotary_length));
}

// Llama 3: wavelengths beyond the original context are stretched by `factor`, short ones are kept, between them it is
// interpolated. Source: the rope_scaling entry of the published configurations.
std::vector<float> Llama3Factors(const PlanWriter& w, const PlanWriter::RopeOptions& rope) {
  const double factor = w.Float("rope.scaling.factor", 8.0);
  const double low = w.Float("rope.scaling.low_freq_factor", 1.0);
  const double high = w.Float("rope.scaling.high_freq_factor", 4.0);
  const double context = w.Float("rope.scaling.original_context_length", 8192.0);
  std::vector<float> factors;
  for (int64_t i = 0; i < rope.rotary_length / 2; ++i) {
    const double wavelength = kTwoPi / Frequency(rope, i);
    double divisor = 1.0;
    if (wavelength > context / low) {
      divisor = factor;
    } else if (wavelength > context / high) {
      const double smooth = (context / wavelength - low) / (high - low);
      divisor = 1.0 / ((1.0 - smooth) / factor + smooth);
    }
    factors.push_back(static_cast<float>(divisor));
  }
  return factors;
}

// YaRN's "NTK by parts": dimensions that turn often keep their frequency, slow ones are interpolated.
std::vector<float> YarnFactors(const PlanWriter& w, const PlanWriter::RopeOptions& rope, double factor) {
  const double context = w.Float("rope.scaling.original_context_length", w.Float("context_length", 4096.0));
  const auto pair_with_turns = [&](double turns) {
    return static_cast<double>(rope.rotary_length) * log(context / (turns * kTwoPi)) / (2.0 * log(rope.base));
  };
  const double first = fmax(0.0, floor(pair_with_turns(w.Float("rope.scaling.yarn_beta_fast", 32.0))));
  const double last = fmin(static_cast<double>(rope.rotary_length) - 1.0,
                           ceil(pair_with_turns(w.Float("rope.scaling.yarn_beta_slow", 1.0))));
  std::vector<float> factors;
  for (int64_t i = 0; i < rope.rotary_length / 2; ++i) {
    const double ramp = fmin(1.0, fmax(0.0, (static_cast<double>(i) - first) / fmax(0.001, last - first)));
    factors.push_back(static_cast<float>(1.0 / (ramp / factor + (1.0 - ramp))));
  }
  return factors;
}

}  // namespace

void ReadRopeScaling(PlanWriter* w, PlanWriter::RopeOptions* rope) {
  const std::string type = w->String("rope.scaling.type");
  const double factor = w->Float("rope.scaling.factor", w->Float("rope.scale_linear", 1.0));
  if (w->HasTensor("rope_freqs.weight")) {
    rope->factors = w->Vector("rope_freqs.weight", rope->rotary_length / 2);
    return;
  }
  // Older writers give a factor without a type and mean linear.
  if (type == "none" || type == "default" || (type.empty() && factor == 1.0)) return;
  if (!(factor > 0.0) || !isfinite(factor)) {
    w->Fail(KL_DATA_CORRUPT, "rope.scaling.factor: expected a finite number above 0, found " + std::to_string(factor));
    return;
  }
  if (type == "linear" || type.empty()) {
    rope->scale = 1.0 / factor;
  } else if (type == "llama3") {
    rope->factors = w->Constant("rope_factors", Llama3Factors(*w, *rope));
  } else if (type == "yarn") {
    rope->factors = w->Constant("rope_factors", YarnFactors(*w, *rope, factor));
    rope->magnitude = w->Float("rope.scaling.attn_factor", factor > 1.0 ? 0.1 * log(factor) + 1.0 : 1.0);
  } else {
    w->Fail(KL_UNSUPPORTED, "rope.scaling.type is \"" + type + "\"; known are none, linear, llama3, yarn");
  }
}

}  // namespace kinglet
