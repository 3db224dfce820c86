// Networks through the C API with C++ lifetimes, for the tests of this folder.
#ifndef KINGLET_TESTS_CNN_NETWORK_TEST_H_
#define KINGLET_TESTS_CNN_NETWORK_TEST_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/kinglet_test.h"

namespace kinglet {

// The plugins that compute, without `others`: a test pins one library by leaving the others out.
inline Handle<kl_runtime> RuntimeWithout(const std::vector<std::string>& others,
                                         int32_t thread_count = 2) {
  RuntimeSettings settings;
  settings.thread_count = thread_count;
  settings.disabled_plugins = others;
  return MakeRuntime(settings);
}

// Only one of the plugins above the reference; "reference": none of them.
inline Handle<kl_runtime> RuntimeWithOnly(const std::string& plugin, int32_t thread_count = 2) {
  std::vector<std::string> others;
  for (const char* other : {"xnnpack", "onednn", "sparse_x86", "sparse_arm"}) {
    if (plugin != other) others.push_back(other);
  }
  return RuntimeWithout(others, thread_count);
}

// Names of parameterised tests are of letters, digits and '_'; those of files are not.
inline std::string TestNameOfFile(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '-' || c == '.'; }, '_');
  return name;
}

inline Handle<kl_network> LoadNetwork(kl_runtime* runtime, const std::string& path) {
  kl_network* network = nullptr;
  Error error;
  EXPECT_EQ(kl_network_load(runtime, path.c_str(), &network, &error), KL_OK) << error.message;
  return Handle<kl_network>(network);
}

inline kl_network_tensor NetworkInput(const kl_network* network, uint32_t index) {
  kl_network_tensor tensor = {};
  tensor.struct_size = sizeof tensor;
  EXPECT_EQ(kl_network_input(network, index, &tensor), KL_OK);
  return tensor;
}

inline kl_network_tensor NetworkOutput(const kl_network* network, uint32_t index) {
  kl_network_tensor tensor = {};
  tensor.struct_size = sizeof tensor;
  EXPECT_EQ(kl_network_output(network, index, &tensor), KL_OK);
  return tensor;
}

inline std::vector<float> Floats(const kl_network_tensor& tensor) {
  const float* data = static_cast<const float*>(tensor.data);
  return std::vector<float>(data, data + tensor.bytes / sizeof(float));
}

inline void RunNetwork(kl_network* network) {
  Error error;
  ASSERT_EQ(kl_network_run(network, &error), KL_OK) << error.message;
}

// The numbers that make_golden.py feeds too: a linear congruential sequence in [-1, 1).
inline void FillWithSequence(const kl_network_tensor& tensor) {
  uint32_t state = 1;
  float* data = static_cast<float*>(tensor.data);
  for (uint64_t i = 0; i < tensor.bytes / sizeof(float); ++i) {
    state = state * 1664525u + 1013904223u;
    data[i] = static_cast<float>(state >> 8) / 8388608.0f - 1.0f;
  }
}

}  // namespace kinglet

#endif  // KINGLET_TESTS_CNN_NETWORK_TEST_H_
