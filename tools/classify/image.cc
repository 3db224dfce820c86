#include "tools/classify/image.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "absl/strings/str_cat.h"
#include "core/abi/dtype.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wunused-function"
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_MAX_DIMENSIONS 16384
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_ONLY_GIF
#include <stb/stb_image.h>
#pragma GCC diagnostic pop

namespace kinglet::tools {

std::string ReadImage(const std::string& path, int64_t channels, Image* image) {
  int width = 0, height = 0, found = 0;
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
      stbi_load(path.c_str(), &width, &height, &found, static_cast<int>(channels)),
      stbi_image_free);
  if (pixels == nullptr)
    return absl::StrCat(path,
                        ": expected a JPEG, PNG, BMP or GIF image, found: ", stbi_failure_reason());
  image->height = height;
  image->width = width;
  image->channels = channels;
  image->pixels.assign(pixels.get(), pixels.get() + image->height * image->width * channels);
  return "";
}

std::vector<float> ResizeImage(const Image& image, int64_t height, int64_t width) {
  std::vector<float> result(static_cast<size_t>(height * width * image.channels));
  const auto pixel = [&](int64_t h, int64_t w, int64_t c) {
    h = std::clamp<int64_t>(h, 0, image.height - 1);
    w = std::clamp<int64_t>(w, 0, image.width - 1);
    return static_cast<double>(
        image.pixels[static_cast<size_t>((h * image.width + w) * image.channels + c)]);
  };
  const double down = static_cast<double>(image.height) / static_cast<double>(height);
  const double across = static_cast<double>(image.width) / static_cast<double>(width);
  size_t next = 0;
  for (int64_t h = 0; h < height; ++h) {
    const double y = (static_cast<double>(h) + 0.5) * down - 0.5, top = std::floor(y);
    for (int64_t w = 0; w < width; ++w) {
      const double x = (static_cast<double>(w) + 0.5) * across - 0.5, left = std::floor(x);
      const int64_t row = static_cast<int64_t>(top), column = static_cast<int64_t>(left);
      for (int64_t c = 0; c < image.channels; ++c) {
        const double upper =
            pixel(row, column, c) * (1 - (x - left)) + pixel(row, column + 1, c) * (x - left);
        const double lower = pixel(row + 1, column, c) * (1 - (x - left)) +
                             pixel(row + 1, column + 1, c) * (x - left);
        result[next++] = static_cast<float>(upper * (1 - (y - top)) + lower * (y - top));
      }
    }
  }
  return result;
}

bool FindLayout(const kl_network_tensor& input, ImageLayout* layout) {
  if (input.rank != 4 || input.shape[0] != 1) return false;
  const auto is_channels = [](int64_t size) { return size == 1 || size == 3; };
  layout->channels_last = is_channels(input.shape[3]);
  if (!layout->channels_last && !is_channels(input.shape[1])) return false;
  const int first = layout->channels_last ? 1 : 2;
  layout->height = input.shape[first];
  layout->width = input.shape[first + 1];
  layout->channels = input.shape[layout->channels_last ? 3 : 1];
  return layout->height > 0 && layout->width > 0;
}

bool FillInput(const std::vector<float>& pixels, const ImageLayout& layout, double mean,
               double deviation, const kl_network_tensor& input) {
  const int64_t plane = layout.height * layout.width;
  for (size_t i = 0; i < pixels.size(); ++i) {
    const int64_t at = static_cast<int64_t>(i);
    const int64_t to =
        layout.channels_last ? at : at % layout.channels * plane + at / layout.channels;
    const float code = std::nearbyint(pixels[i]);
    switch (input.type) {
      case KL_TYPE_F32:
        static_cast<float*>(input.data)[to] =
            static_cast<float>((static_cast<double>(pixels[i]) - mean) / deviation);
        break;
      case KL_TYPE_U8:
        static_cast<uint8_t*>(input.data)[to] = static_cast<uint8_t>(code);
        break;
      case KL_TYPE_I8:
        static_cast<int8_t*>(input.data)[to] = static_cast<int8_t>(code - 128.0f);
        break;
      default:
        return false;
    }
  }
  return true;
}

}  // namespace kinglet::tools
