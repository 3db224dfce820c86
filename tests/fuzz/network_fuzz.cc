// Any bytes as an ONNX or TFLite network: what loads and is small also runs, on the reference
// kernels and on those that are chosen, never with a crash; both give outputs of the same sizes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <variant>
#include <vector>

#include "core/model/model_source.h"
#include "loaders/registry.h"
#include "tests/support/kinglet_test.h"
#include "tests/support/memory_file.h"

namespace {

using kinglet::Graph;
using kinglet::GraphNode;

constexpr int64_t kMostElements = 1 << 15;  // of a value
constexpr int64_t kMostWork = 1 << 22;      // of a node: products, or elements of windows

void Require(bool holds) {
  if (!holds) std::abort();
}

int64_t Elements(const Graph& graph, int32_t value) {
  if (value < 0) return 1;
  int64_t count = 1;
  for (const int64_t size : graph.values[static_cast<size_t>(value)].shape) {
    if (size > kMostElements || (count *= std::max<int64_t>(size, 1)) > kMostElements)
      return kMostElements + 1;
  }
  return count;
}

int64_t WindowElements(const GraphNode& node) {
  int64_t count = 1;
  for (const kinglet::GraphAttribute& attribute : node.attributes) {
    const auto* sizes = std::get_if<std::vector<int64_t>>(&attribute.value);
    if (sizes == nullptr || attribute.name != "kernel") continue;
    for (const int64_t size : *sizes) {
      if (size < 0 || size > kMostWork || (count *= std::max<int64_t>(size, 1)) > kMostWork)
        return kMostWork;
    }
  }
  return count;
}

bool IsSmall(const Graph& graph) {
  for (size_t i = 0; i < graph.values.size(); ++i) {
    if (Elements(graph, static_cast<int32_t>(i)) > kMostElements) return false;
  }
  for (const GraphNode& node : graph.nodes) {
    int64_t largest = WindowElements(node);
    for (const int32_t operand : node.operands)
      largest = std::max(largest, Elements(graph, operand));
    if (largest * Elements(graph, node.operands.empty() ? -1 : node.operands.back()) > kMostWork)
      return false;
  }
  return graph.nodes.size() < 200;
}

struct Outcome {
  bool loaded = false;
  std::vector<uint64_t> output_bytes;
};

Outcome LoadAndRun(kl_runtime* runtime, const std::string& path, const uint8_t* data, size_t size) {
  Outcome outcome;
  kl_network* loaded = nullptr;
  kinglet::Error error;
  if (kl_network_load(runtime, path.c_str(), &loaded, &error) != KL_OK) {
    Require(error.message[0] != '\0');
    return outcome;
  }
  const kinglet::Handle<kl_network> network(loaded);
  outcome.loaded = true;
  kl_network_tensor tensor = {};
  tensor.struct_size = sizeof tensor;
  for (uint32_t i = 0; i < kl_network_input_count(loaded); ++i) {
    Require(kl_network_input(loaded, i, &tensor) == KL_OK);
    uint8_t* to = static_cast<uint8_t*>(tensor.data);
    for (uint64_t at = 0; at < tensor.bytes; ++at) to[at] = data[at % size];
  }
  // Data may ask for what cannot be computed, such as an index outside: an error, then.
  if (kl_network_run(loaded, &error) != KL_OK) Require(error.message[0] != '\0');
  for (uint32_t i = 0; i < kl_network_output_count(loaded); ++i) {
    Require(kl_network_output(loaded, i, &tensor) == KL_OK);
    outcome.output_bytes.push_back(tensor.bytes);
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static kl_runtime* const reference = kinglet::MakeReferenceRuntime(1).release();
  static kl_runtime* const chosen = kinglet::MakeRuntime().release();
  Require(reference != nullptr && chosen != nullptr);
  if (size == 0) return 0;
  const kinglet::MemoryFile file(std::string(reinterpret_cast<const char*>(data), size));
  const auto source = kinglet::LoadSource(file.path(), kinglet::AllLoaders());
  if (!source.ok() || !(*source)->graph.has_value() || !IsSmall(*(*source)->graph)) return 0;
  const Outcome expected = LoadAndRun(reference, file.path(), data, size);
  const Outcome found = LoadAndRun(chosen, file.path(), data, size);
  // A kernel that takes a node takes no more than the reference does.
  if (expected.loaded && found.loaded) Require(expected.output_bytes == found.output_bytes);
  return 0;
}
