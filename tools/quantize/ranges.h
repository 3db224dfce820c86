// What values of a tensor 8-bit codes have to cover.
//
//   every sample --Add()--> smallest, largest --(percentile)--> histogram --> scale, zero point
//
// real = (code - zero_point) * scale with codes of -128 .. 127; 0 is always a code. Not thread
// safe.
#ifndef KINGLET_TOOLS_QUANTIZE_RANGES_H_
#define KINGLET_TOOLS_QUANTIZE_RANGES_H_

#include <cstdint>
#include <vector>

namespace kinglet::tools {

struct CodeScale {
  float scale = 1.0f;
  int32_t zero_point = 0;
};

// Codes for all of [low, high] and 0.
CodeScale ScaleOf(double low, double high);

class ValueRange {
 public:
  // First pass. False when a value is no finite number.
  bool Add(const float* values, uint64_t count);
  // Second pass, of the same values, for Within().
  void Count(const float* values, uint64_t count);

  // All values.
  CodeScale Whole() const { return ScaleOf(low_, high_); }
  // `percent` of the values that were counted, the same share cut at either end.
  CodeScale Within(double percent) const;

 private:
  static constexpr int kBins = 2048;
  double low_ = 0.0, high_ = 0.0;
  std::vector<uint64_t> bins_;
};

// The largest magnitude of each channel becomes code 127, or -127; channels of zeros take the scale
// of the others. codes[i] and weights[i] of channel i / channel_size.
void QuantizeChannels(const std::vector<float>& weights, int64_t channels,
                      std::vector<float>* scales);
std::vector<int8_t> CodesOf(const std::vector<float>& weights, const std::vector<float>& scales);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_QUANTIZE_RANGES_H_
