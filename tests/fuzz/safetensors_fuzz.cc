// Any bytes as a .safetensors file.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "loaders/hf/safetensors.h"
#include "tests/support/memory_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const kinglet::MemoryFile memory(std::string(reinterpret_cast<const char*>(data), size));
  const auto file = kinglet::ReadSafetensors(memory.path());
  if (!file.ok()) return file.status().message().empty() ? (std::abort(), 0) : 0;
  uint64_t end = 0;
  for (const kinglet::SourceTensor& tensor : file->tensors) {
    // In order, apart, inside of the file.
    if (tensor.file_offset < end || tensor.bytes == 0) std::abort();
    end = tensor.file_offset + tensor.bytes;
    const volatile uint8_t last = tensor.data[tensor.bytes - 1];
    (void)last;
  }
  if (end > size) std::abort();
  return 0;
}
