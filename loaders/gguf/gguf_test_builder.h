// Builds GGUF files byte by byte, well formed or not, for tests.
//
//   const std::string bytes = GgufBuilder().Text("general.architecture", "llama").Tensor("t", {4}, KL_TYPE_F32).Bytes();
//
// Every part can be replaced by raw bytes, so that a test spoils exactly one thing.
#ifndef KINGLET_LOADERS_GGUF_GGUF_TEST_BUILDER_H_
#define KINGLET_LOADERS_GGUF_GGUF_TEST_BUILDER_H_

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/abi/dtype.h"

namespace kinglet {

template <typename T>
std::string Little(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

inline std::string GgufString(const std::string& text) { return Little<uint64_t>(text.size()) + text; }

class GgufBuilder {
 public:
  GgufBuilder& Version(uint32_t version) { return version_ = version, *this; }
  GgufBuilder& Alignment(uint64_t alignment) { return alignment_ = alignment, *this; }
  // What the header says, whatever there is.
  GgufBuilder& TensorCount(uint64_t count) { return tensor_count_ = count, *this; }
  GgufBuilder& EntryCount(uint64_t count) { return entry_count_ = count, *this; }

  // An entry of raw bytes: key, type, value as given.
  GgufBuilder& RawEntry(const std::string& bytes) { return entries_.push_back(bytes), *this; }
  GgufBuilder& Entry(const std::string& key, uint32_t type, const std::string& value) {
    return RawEntry(GgufString(key) + Little(type) + value);
  }
  GgufBuilder& Text(const std::string& key, const std::string& text) { return Entry(key, 8, GgufString(text)); }
  GgufBuilder& U32(const std::string& key, uint32_t value) { return Entry(key, 4, Little(value)); }
  GgufBuilder& I32(const std::string& key, int32_t value) { return Entry(key, 5, Little(value)); }
  GgufBuilder& U16(const std::string& key, uint16_t value) { return Entry(key, 2, Little(value)); }
  GgufBuilder& F32(const std::string& key, float value) { return Entry(key, 6, Little(value)); }
  GgufBuilder& Bool(const std::string& key, bool value) { return Entry(key, 7, Little<uint8_t>(value)); }
  GgufBuilder& RawArray(const std::string& key, uint32_t element_type, uint64_t length, const std::string& elements) {
    return Entry(key, 9, Little(element_type) + Little(length) + elements);
  }
  GgufBuilder& Texts(const std::string& key, const std::vector<std::string>& texts) {
    std::string elements;
    for (const std::string& text : texts) elements += GgufString(text);
    return RawArray(key, 8, texts.size(), elements);
  }
  GgufBuilder& Floats(const std::string& key, const std::vector<float>& values) {
    std::string elements;
    for (float value : values) elements += Little(value);
    return RawArray(key, 6, values.size(), elements);
  }
  GgufBuilder& Ints(const std::string& key, const std::vector<int32_t>& values) {
    std::string elements;
    for (int32_t value : values) elements += Little(value);
    return RawArray(key, 5, values.size(), elements);
  }

  // A tensor with data of its own behind the tensors before it. `extents` are innermost first. Blocks are zeros.
  GgufBuilder& Tensor(const std::string& name, const std::vector<int64_t>& extents, kl_dtype type) {
    uint64_t elements = 1;
    for (int64_t extent : extents) elements *= static_cast<uint64_t>(extent);
    return TensorWithData(name, extents, type, std::string(kl_row_bytes(type, elements), '\0'));
  }
  GgufBuilder& TensorWithData(const std::string& name, const std::vector<int64_t>& extents, kl_dtype type,
                              const std::string& data) {
    RawTensor(name, extents, static_cast<uint32_t>(type), data_.size());
    data_ += data;
    data_.resize((data_.size() + alignment_ - 1) / alignment_ * alignment_);
    return *this;
  }
  // An entry of the tensor list as given; no data.
  GgufBuilder& RawTensor(const std::string& name, const std::vector<int64_t>& extents, uint32_t type, uint64_t offset) {
    std::string entry = GgufString(name) + Little<uint32_t>(static_cast<uint32_t>(extents.size()));
    for (int64_t extent : extents) entry += Little(extent);
    return RawTensorEntry(entry + Little(type) + Little(offset));
  }
  GgufBuilder& RawTensorEntry(const std::string& bytes) { return tensors_.push_back(bytes), *this; }
  GgufBuilder& Data(const std::string& bytes) { return data_ += bytes, *this; }

  // Bytes before the tensors' data, padding excluded.
  std::string Header() const {
    std::string bytes = "GGUF" + Little(version_) + Little(tensor_count_.value_or(tensors_.size())) +
                        Little(entry_count_.value_or(entries_.size()));
    for (const std::string& entry : entries_) bytes += entry;
    for (const std::string& tensor : tensors_) bytes += tensor;
    return bytes;
  }
  std::string Bytes() const {
    std::string bytes = Header();
    if (!data_.empty()) bytes.resize((bytes.size() + alignment_ - 1) / alignment_ * alignment_);
    return bytes + data_;
  }

 private:
  uint32_t version_ = 3;
  uint64_t alignment_ = 32;
  std::optional<uint64_t> tensor_count_, entry_count_;
  std::vector<std::string> entries_, tensors_;
  std::string data_;
};

// The smallest model that passes every check: architecture "llama", one block, 4 tokens.
inline GgufBuilder SmallModel() {
  GgufBuilder builder;
  builder.Text("general.architecture", "llama")
      .U32("llama.block_count", 1)
      .U32("llama.context_length", 16)
      .U32("llama.embedding_length", 32)
      .U32("llama.attention.head_count", 4)
      .U32("llama.attention.head_count_kv", 2)
      .F32("llama.attention.layer_norm_rms_epsilon", 1e-5f)
      .Tensor("token_embd.weight", {32, 4}, KL_TYPE_Q8_0)
      .Tensor("blk.0.attn_norm.weight", {32}, KL_TYPE_F32)
      .Tensor("blk.0.attn_q.weight", {32, 32}, KL_TYPE_Q4_0);
  return builder;
}

}  // namespace kinglet

#endif  // KINGLET_LOADERS_GGUF_GGUF_TEST_BUILDER_H_
