// Image files as pixels, and pixels as a network's input.
#ifndef KINGLET_TOOLS_CLASSIFY_IMAGE_H_
#define KINGLET_TOOLS_CLASSIFY_IMAGE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/capi/kinglet.h"

namespace kinglet::tools {

struct Image {
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 0;         // 1 or 3
  std::vector<uint8_t> pixels;  // [height, width, channels]
};

// JPEG, PNG, BMP, GIF. Empty on success, else what is wrong.
std::string ReadImage(const std::string& path, int64_t channels, Image* image);

// Bilinear, with centres of pixels on centres; values in 0 .. 255.
std::vector<float> ResizeImage(const Image& image, int64_t height, int64_t width);

// Where an input of rank 4, [1, H, W, C] or [1, C, H, W] with 1 or 3 channels, has what.
struct ImageLayout {
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 0;
  bool channels_last = false;
};
bool FindLayout(const kl_network_tensor& input, ImageLayout* layout);

// Writes (value - mean) / deviation as f32; u8 and i8 inputs get value and value - 128. False for
// other types.
bool FillInput(const std::vector<float>& pixels, const ImageLayout& layout, double mean,
               double deviation, const kl_network_tensor& input);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_CLASSIFY_IMAGE_H_
