#include "core/model/fingerprint.h"

#include <algorithm>

#include "core/base/checksum.h"

namespace kinglet {

uint64_t FingerprintOf(const ModelSource& source) {
  constexpr uint64_t kBytesPerTensor = 64;
  Checksum sum;
  sum.Add(source.architecture.data(), source.architecture.size());
  for (const SourceTensor& tensor : source.tensors) {
    sum.Add(tensor.name.data(), tensor.name.size());
    sum.Add(&tensor.type, sizeof tensor.type);
    sum.Add(tensor.shape.data(), tensor.shape.size() * sizeof(int64_t));
    const uint64_t bytes = std::min(tensor.bytes, kBytesPerTensor);
    uint8_t copy[kBytesPerTensor];
    sum.Add(tensor.Peek(0, bytes, copy).ok() ? copy : tensor.data, bytes);
  }
  return sum.value();
}

}  // namespace kinglet
