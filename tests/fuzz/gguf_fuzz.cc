// Any bytes as a GGUF file: refused or loaded, never a crash, a hang or an allocation that the file
// does not warrant.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "core/model/model_source.h"
#include "tests/support/memory_file.h"

namespace kinglet {
const Loader* gguf_loader();
}

namespace {

// What a plan would do with a loaded file: every tensor's data can be read.
uint64_t ReadEdges(const kinglet::ModelSource& source) {
  uint64_t sum = 0;
  for (const kinglet::SourceTensor& tensor : source.tensors) {
    if (source.Find(tensor.name) != &tensor) std::abort();
    if (tensor.bytes == 0) std::abort();
    sum += tensor.data[0] + tensor.data[tensor.bytes - 1];
  }
  return sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const kinglet::MemoryFile file(std::string(reinterpret_cast<const char*>(data), size));
  const auto source = kinglet::gguf_loader()->Load(file.path());
  if (source.ok()) {
    const volatile uint64_t sum = ReadEdges(**source);
    (void)sum;
  } else if (source.status().message().empty()) {
    std::abort();
  }
  return 0;
}
