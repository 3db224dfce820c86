// Any bytes as an ONNX file: refused or loaded, never a crash, a hang or an allocation that the
// file does not warrant; what loads is a graph whose operands exist and whose constants have data.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "core/abi/dtype.h"
#include "core/model/model_source.h"
#include "tests/support/memory_file.h"

namespace kinglet {
const Loader* onnx_loader();
}

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

void CheckGraph(const kinglet::ModelSource& source) {
  const kinglet::Graph& graph = *source.graph;
  for (const kinglet::GraphValue& value : graph.values) {
    int64_t count = 1;
    for (const int64_t dimension : value.shape) {
      Require(dimension >= 0);
      Require(!__builtin_mul_overflow(count, dimension, &count));
    }
    if (!value.constant) continue;
    const kinglet::SourceTensor* tensor = source.Find(value.name);
    Require(tensor != nullptr && tensor->shape == value.shape && tensor->type == value.type);
    Require(tensor->bytes == kl_row_bytes(value.type, static_cast<uint64_t>(count)));
  }
  const int32_t value_count = static_cast<int32_t>(graph.values.size());
  for (const kinglet::GraphNode& node : graph.nodes) {
    for (const int32_t operand : node.operands) Require(operand >= -1 && operand < value_count);
    // Results come last; optional ones may be absent.
    size_t count = node.operands.size();
    while (count > 0 && node.operands[count - 1] < 0) --count;
    Require(count > 0 && !graph.values[static_cast<size_t>(node.operands[count - 1])].constant);
  }
  Require(!graph.outputs.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const kinglet::MemoryFile file(std::string(reinterpret_cast<const char*>(data), size));
  const auto source = kinglet::onnx_loader()->Load(file.path());
  if (source.ok()) {
    CheckGraph(**source);
  } else {
    Require(!source.status().message().empty());
  }
  return 0;
}
