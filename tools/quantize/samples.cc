#include "tools/quantize/samples.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/abi/dtype.h"
#include "tools/classify/image.h"
#include "tools/common/npy.h"

namespace kinglet::tools {
namespace {

bool IsArray(const std::string& path) { return absl::EndsWithIgnoreCase(path, ".npy"); }

bool IsImage(const std::string& path) {
  for (const char* ending : {".jpg", ".jpeg", ".png", ".bmp", ".gif"}) {
    if (absl::EndsWithIgnoreCase(path, ending)) return true;
  }
  return false;
}

Failure FillArray(const std::string& path, const kl_network_tensor& input) {
  NpyArray array;
  const Failure failure = ReadNpy(path, &array);
  if (!failure.ok()) return failure;
  const std::vector<int64_t> shape(input.shape, input.shape + input.rank);
  if (array.type != input.type || array.shape != shape) {
    return {kExitBadData,
            absl::StrCat(path, ": expected ", kl_dtype_info_of(input.type).name, " ",
                         ShapeText(shape), ", the network's input ", input.name, "; found ",
                         kl_dtype_info_of(array.type).name, " ", ShapeText(array.shape))};
  }
  std::memcpy(input.data, array.data.data(), array.data.size());
  return Success();
}

}  // namespace

Failure ListSamples(const SampleOptions& options, std::vector<std::string>* paths) {
  std::error_code error;
  for (std::filesystem::directory_iterator at(options.folder, error), end; !error && at != end;
       at.increment(error)) {
    const std::string path = at->path().string();
    std::error_code ignored;
    if ((IsArray(path) || IsImage(path)) && at->is_regular_file(ignored)) paths->push_back(path);
  }
  if (error) {
    return {kExitNoInput, absl::StrCat("--calibration ", options.folder, ": ", error.message())};
  }
  std::sort(paths->begin(), paths->end());
  if (paths->empty()) {
    return {kExitNoInput, absl::StrCat("--calibration ", options.folder,
                                       ": expected images (.jpg, .png, .bmp, .gif) or arrays "
                                       "(.npy), found neither")};
  }
  if (options.limit > 0 && paths->size() > static_cast<size_t>(options.limit))
    paths->resize(static_cast<size_t>(options.limit));
  return Success();
}

Failure FillSample(const std::string& path, const SampleOptions& options,
                   const kl_network_tensor& input) {
  if (IsArray(path)) return FillArray(path, input);
  ImageLayout layout;
  if (!FindLayout(input, &layout)) {
    return {kExitBadData, absl::StrCat(path, ": the network's input ", input.name,
                                       " is no image [1, H, W, C] or [1, C, H, W] of 1 or 3 "
                                       "channels: calibrate with .npy arrays")};
  }
  Image image;
  const std::string problem = ReadImage(path, layout.channels, &image);
  if (!problem.empty()) return {kExitBadData, problem};
  FillInput(ResizeImage(image, layout.height, layout.width), layout, options.mean,
            options.deviation, input);
  return Success();
}

}  // namespace kinglet::tools
