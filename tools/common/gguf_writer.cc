#include "tools/common/gguf_writer.h"

#include <cstring>
#include <utility>

#include "core/abi/dtype.h"

namespace kinglet::tools {
namespace {

constexpr uint64_t kAlignment = 32;

// Value types of the metadata.
enum : uint32_t { kUint32 = 4, kInt32 = 5, kFloat32 = 6, kBool = 7, kString = 8, kArray = 9 };

template <typename T>
void Put(T value, std::string* out) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out->append(bytes, sizeof value);
}

void PutString(const std::string& text, std::string* out) {
  Put<uint64_t>(text.size(), out);
  out->append(text);
}

uint64_t Align(uint64_t offset) { return (offset + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

void GgufWriter::AddRaw(const std::string& bytes) {
  metadata_ += bytes;
  ++metadata_count_;
}

void GgufWriter::Add(const std::string& key, const std::string& value) {
  PutString(key, &metadata_);
  Put<uint32_t>(kString, &metadata_);
  PutString(value, &metadata_);
  ++metadata_count_;
}

// Key and type, then the value's own bytes.
#define KL_SCALAR_ENTRY(type, id, stored)                    \
  void GgufWriter::Add(const std::string& key, type value) { \
    PutString(key, &metadata_);                              \
    Put<uint32_t>(id, &metadata_);                           \
    Put<stored>(static_cast<stored>(value), &metadata_);     \
    ++metadata_count_;                                       \
  }
KL_SCALAR_ENTRY(uint32_t, kUint32, uint32_t)
KL_SCALAR_ENTRY(int32_t, kInt32, int32_t)
KL_SCALAR_ENTRY(float, kFloat32, float)
KL_SCALAR_ENTRY(bool, kBool, uint8_t)
#undef KL_SCALAR_ENTRY

void GgufWriter::Add(const std::string& key, const std::vector<std::string>& values) {
  PutString(key, &metadata_);
  Put<uint32_t>(kArray, &metadata_);
  Put<uint32_t>(kString, &metadata_);
  Put<uint64_t>(values.size(), &metadata_);
  for (const std::string& value : values) PutString(value, &metadata_);
  ++metadata_count_;
}

#define KL_ARRAY_ENTRY(type, id)                                                  \
  void GgufWriter::Add(const std::string& key, const std::vector<type>& values) { \
    PutString(key, &metadata_);                                                   \
    Put<uint32_t>(kArray, &metadata_);                                            \
    Put<uint32_t>(id, &metadata_);                                                \
    Put<uint64_t>(values.size(), &metadata_);                                     \
    for (const type value : values) Put<type>(value, &metadata_);                 \
    ++metadata_count_;                                                            \
  }
KL_ARRAY_ENTRY(int32_t, kInt32)
KL_ARRAY_ENTRY(float, kFloat32)
#undef KL_ARRAY_ENTRY

size_t GgufWriter::AddTensor(const std::string& name, kl_dtype type, std::vector<int64_t> shape) {
  uint64_t elements = 1;
  for (const int64_t length : shape) elements *= static_cast<uint64_t>(length);
  const uint64_t bytes = kl_row_bytes(type, elements);
  tensors_.push_back({name, type, std::move(shape), bytes, data_bytes_});
  data_bytes_ = Align(data_bytes_ + bytes);
  return tensors_.size() - 1;
}

std::string GgufWriter::Header() const {
  std::string header = "GGUF";
  Put<uint32_t>(3, &header);
  Put<uint64_t>(tensors_.size(), &header);
  Put<uint64_t>(metadata_count_, &header);
  header += metadata_;
  for (const Tensor& tensor : tensors_) {
    PutString(tensor.name, &header);
    Put<uint32_t>(static_cast<uint32_t>(tensor.shape.size()), &header);
    for (size_t d = tensor.shape.size(); d-- > 0;) {  // the file wants the innermost first
      Put<uint64_t>(static_cast<uint64_t>(tensor.shape[d]), &header);
    }
    Put<uint32_t>(static_cast<uint32_t>(tensor.type), &header);
    Put<uint64_t>(tensor.offset, &header);
  }
  header.resize(Align(header.size()));
  return header;
}

uint64_t GgufWriter::FileBytes() const { return Header().size() + data_bytes_; }

Failure GgufWriter::Begin(const std::string& path) {
  const std::string header = Header();
  data_start_ = header.size();
  Failure failure = file_.Open(path);
  if (failure.ok()) failure = file_.Reserve(data_start_ + data_bytes_);
  if (failure.ok()) failure = file_.WriteAt(0, header.data(), header.size());
  return failure;
}

Failure GgufWriter::Write(size_t tensor, uint64_t offset, const void* data, size_t bytes) {
  return file_.WriteAt(data_start_ + tensors_[tensor].offset + offset, data, bytes);
}

}  // namespace kinglet::tools
