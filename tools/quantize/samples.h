// The files of a calibration folder as inputs of a network.
#ifndef KINGLET_TOOLS_QUANTIZE_SAMPLES_H_
#define KINGLET_TOOLS_QUANTIZE_SAMPLES_H_

#include <string>
#include <vector>

#include "core/capi/kinglet.h"
#include "tools/common/report.h"

namespace kinglet::tools {

struct SampleOptions {
  std::string folder;
  double mean = 127.5;  // as kinglet classify
  double deviation = 127.5;
  int64_t limit = 0;  // the first so many in the order of their names; 0: all
};

// Files whose names end in .npy, .jpg, .jpeg, .png, .bmp or .gif, in the order of their names;
// others and subfolders are left out. An empty list is a failure.
Failure ListSamples(const SampleOptions& options, std::vector<std::string>* paths);

// Writes the file into `input`: an array of its type and shape, or an image as kinglet classify
// prepares it.
Failure FillSample(const std::string& path, const SampleOptions& options,
                   const kl_network_tensor& input);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_QUANTIZE_SAMPLES_H_
