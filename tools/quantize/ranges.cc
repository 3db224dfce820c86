#include "tools/quantize/ranges.h"

#include <algorithm>
#include <cmath>

namespace kinglet::tools {

CodeScale ScaleOf(double low, double high) {
  low = std::min(low, 0.0);
  high = std::max(high, 0.0);
  CodeScale result;
  // Of nothing but zeros, or of numbers too small for f32: any scale will do.
  const double scale = (high - low) / 255.0;
  result.scale = scale > 1e-30 ? static_cast<float>(scale) : 1.0f;
  const double zero = std::nearbyint(-128.0 - low / static_cast<double>(result.scale));
  result.zero_point = static_cast<int32_t>(std::clamp(zero, -128.0, 127.0));
  return result;
}

bool ValueRange::Add(const float* values, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) {
    if (!std::isfinite(values[i])) return false;
    low_ = std::min(low_, static_cast<double>(values[i]));
    high_ = std::max(high_, static_cast<double>(values[i]));
  }
  return true;
}

void ValueRange::Count(const float* values, uint64_t count) {
  bins_.resize(kBins);
  const double width = (high_ - low_) / kBins;
  if (!(width > 0.0)) return;
  for (uint64_t i = 0; i < count; ++i) {
    const double bin = (static_cast<double>(values[i]) - low_) / width;
    ++bins_[static_cast<size_t>(std::clamp(bin, 0.0, kBins - 1.0))];
  }
}

CodeScale ValueRange::Within(double percent) const {
  uint64_t total = 0;
  for (const uint64_t count : bins_) total += count;
  const double cut = static_cast<double>(total) * (100.0 - percent) / 200.0;
  const double width = (high_ - low_) / kBins;
  size_t first = 0, last = bins_.size();
  for (double seen = 0.0; first < last; ++first) {
    seen += static_cast<double>(bins_[first]);
    if (seen > cut) break;
  }
  for (double seen = 0.0; last > first + 1; --last) {
    seen += static_cast<double>(bins_[last - 1]);
    if (seen > cut) break;
  }
  return ScaleOf(low_ + width * static_cast<double>(first),
                 low_ + width * static_cast<double>(last));
}

void QuantizeChannels(const std::vector<float>& weights, int64_t channels,
                      std::vector<float>* scales) {
  const size_t count = static_cast<size_t>(channels);
  const size_t size = count == 0 ? 0 : weights.size() / count;
  scales->assign(count, 0.0f);
  for (size_t i = 0; i < size * count; ++i) {
    float& largest = (*scales)[i / size];
    largest = std::max(largest, std::fabs(weights[i]));
  }
  float of_all = 0.0f;
  for (float& scale : *scales) {
    scale /= 127.0f;
    of_all = std::max(of_all, scale);
  }
  for (float& scale : *scales) {
    if (!(scale > 1e-30f)) scale = of_all > 1e-30f ? of_all : 1.0f;
  }
}

std::vector<int8_t> CodesOf(const std::vector<float>& weights, const std::vector<float>& scales) {
  const size_t size = scales.empty() ? 1 : std::max<size_t>(1, weights.size() / scales.size());
  std::vector<int8_t> codes;
  codes.reserve(weights.size());
  for (size_t i = 0; i < weights.size(); ++i) {
    const double code =
        std::nearbyint(static_cast<double>(weights[i]) / static_cast<double>(scales[i / size]));
    codes.push_back(static_cast<int8_t>(std::clamp(code, -127.0, 127.0)));
  }
  return codes;
}

}  // namespace kinglet::tools
