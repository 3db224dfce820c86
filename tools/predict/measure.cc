#include <algorithm>
#include <cstring>
#include <vector>

#include "core/abi/types.h"
#include "tools/common/engine.h"
#include "tools/common/interrupt.h"
#include "tools/common/progress.h"
#include "tools/predict/predictor.h"

namespace kinglet::tools {
namespace {

constexpr int kWarmUpRuns = 3;
constexpr size_t kLeastRuns = 15;
constexpr int64_t kEnoughNs = 500000000;

// Images of both signs; whole numbers that may be indices are 0.
void FillInputs(const kl_network* network) {
  uint32_t state = 1;
  for (uint32_t i = 0; i < kl_network_input_count(network); ++i) {
    kl_network_tensor input = {};
    input.struct_size = sizeof input;
    if (kl_network_input(network, i, &input) != KL_OK) continue;
    std::memset(input.data, 0, input.bytes);
    const auto next = [&state] { return (state = state * 1664525u + 1013904223u) >> 8; };
    if (input.type == KL_TYPE_F32) {
      float* const values = static_cast<float*>(input.data);
      for (uint64_t k = 0; k < input.bytes / sizeof(float); ++k) {
        values[k] = static_cast<float>(next()) / 8388608.0f - 1.0f;
      }
    } else if (input.type == KL_TYPE_I8 || input.type == KL_TYPE_U8) {
      uint8_t* const values = static_cast<uint8_t*>(input.data);
      for (uint64_t k = 0; k < input.bytes; ++k) values[k] = static_cast<uint8_t>(next());
    }
  }
}

}  // namespace

Failure MeasureNetwork(kl_runtime* runtime, const std::string& path, double* ns) {
  kl_error error = NoError();
  kl_network* loaded = nullptr;
  kl_code code = kl_network_load(runtime, path.c_str(), &loaded, &error);
  if (code != KL_OK) return FailureOf(code, error);
  const NetworkHandle network(loaded);
  FillInputs(loaded);
  std::vector<int64_t> times;
  int64_t sum = 0;
  for (int i = 0; i < kWarmUpRuns; ++i) {
    code = kl_network_run(loaded, &error);
    if (code != KL_OK) return FailureOf(code, error);
  }
  while (times.size() < kLeastRuns || sum < kEnoughNs) {
    if (Interrupt::CurrentCount() > 0) return {kExitInterrupted, "interrupted"};
    const int64_t begin = NowNs();
    code = kl_network_run(loaded, &error);
    times.push_back(NowNs() - begin);
    if (code != KL_OK) return FailureOf(code, error);
    sum += times.back();
  }
  std::nth_element(times.begin(), times.begin() + static_cast<int64_t>(times.size() / 2),
                   times.end());
  *ns = static_cast<double>(times[times.size() / 2]);
  return Success();
}

}  // namespace kinglet::tools
