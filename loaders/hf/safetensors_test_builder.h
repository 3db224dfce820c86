// Builds .safetensors files, well formed or not, for tests.
#ifndef KINGLET_LOADERS_HF_SAFETENSORS_TEST_BUILDER_H_
#define KINGLET_LOADERS_HF_SAFETENSORS_TEST_BUILDER_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace kinglet {

inline std::string SafetensorsBytes(const std::string& header, const std::string& data) {
  std::string bytes(sizeof(uint64_t), '\0');
  const uint64_t length = header.size();
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes + header + data;
}

// Tensors of f32 zeros, one behind the other.
class SafetensorsBuilder {
 public:
  SafetensorsBuilder& Tensor(const std::string& name, const std::vector<int64_t>& shape) {
    uint64_t bytes = 4;
    std::string dimensions;
    for (int64_t extent : shape) {
      bytes *= static_cast<uint64_t>(extent);
      dimensions += (dimensions.empty() ? "" : ",") + std::to_string(extent);
    }
    entries_ += (entries_.empty() ? "\"" : ",\"") + name + R"(":{"dtype":"F32","shape":[)" +
                dimensions + R"(],"data_offsets":[)" + std::to_string(data_.size()) + "," +
                std::to_string(data_.size() + bytes) + "]}";
    data_.resize(data_.size() + bytes);
    return *this;
  }
  std::string Bytes() const { return SafetensorsBytes("{" + entries_ + "}", data_); }

 private:
  std::string entries_, data_;
};

}  // namespace kinglet

#endif  // KINGLET_LOADERS_HF_SAFETENSORS_TEST_BUILDER_H_
