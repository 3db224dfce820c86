// Which kernels a processor gets, whatever the one that the test runs on has.
#ifndef TESTS_SUPPORT_KERNEL_CHOICE_H_
#define TESTS_SUPPORT_KERNEL_CHOICE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/cpu_info.h"
#include "core/plugin/registry.h"
#include "gtest/gtest.h"
#include "tests/support/kinglet_test.h"

namespace kinglet {

inline kl_tensor TensorOf(kl_dtype type, std::vector<int64_t> shape) {
  kl_tensor tensor = {};
  tensor.struct_size = sizeof tensor;
  tensor.type = type;
  tensor.rank = static_cast<int32_t>(shape.size());
  for (size_t d = 0; d < shape.size(); ++d) tensor.shape[d] = shape[d];
  return tensor;
}

// Options for the plugins of this build with these names, on a processor with these features.
inline RegistryOptions OptionsFor(uint64_t features, const std::vector<std::string>& plugins) {
  RegistryOptions options;
  options.cpu = ProbeCpu();
  options.cpu.features = features;
  options.use_plugin_folder = false;
  for (const std::string& name : plugins) {
    options.extra_plugin_paths.push_back(TestPluginFolder() + "/" + name + "/libkinglet_" + name + ".so");
  }
  return options;
}

// Which kernels `plugin` gives that processor, with the reference behind it.
class KernelChoice {
 public:
  KernelChoice(uint64_t features, const std::string& plugin) {
    const RegistryOptions options = OptionsFor(features, {"reference", plugin});
    auto created = Registry::Create(options);
    EXPECT_TRUE(created.ok()) << created.status();
    if (created.ok()) registry_ = *std::move(created);
  }

  // The kernel for a product with weights of this type.
  std::string Matmul(kl_dtype weights) const {
    const kl_tensor x = TensorOf(KL_TYPE_F32, {4, 256});
    const kl_tensor w = TensorOf(weights, {64, 256});
    kl_tensor bias = {};
    bias.struct_size = sizeof bias;
    const kl_tensor y = TensorOf(KL_TYPE_F32, {4, 64});
    const kl_tensor* operands[] = {&x, &w, &bias, &y};
    kl_node node = {};
    node.struct_size = sizeof node;
    node.op = "matmul";
    node.name = "test";
    node.operands = operands;
    node.operand_count = 4;
    node.thread_count = 1;
    const auto kernel = registry_->Resolve(node);
    return kernel.ok() ? (*kernel)->name : kernel.status().ToString();
  }

 private:
  std::unique_ptr<Registry> registry_;
};

// A plugin whose kernel `kernel` is pinned does not load on a processor with these features; the
// message names the kernel and what is missing.
inline void ExpectPinnedIsRefused(uint64_t features, const std::string& plugin,
                                  const std::string& kernel, const std::string& missing) {
  RegistryOptions options = OptionsFor(features, {plugin});
  options.pinned_kernels = {{"matmul", kernel}};
  const auto created = Registry::Create(options);
  ASSERT_FALSE(created.ok());
  const std::string message(created.status().message());
  EXPECT_NE(message.find(kernel), std::string::npos) << message;
  EXPECT_NE(message.find("lacks"), std::string::npos) << message;
  EXPECT_NE(message.find(missing), std::string::npos) << message;
}

}  // namespace kinglet

#endif  // TESTS_SUPPORT_KERNEL_CHOICE_H_
