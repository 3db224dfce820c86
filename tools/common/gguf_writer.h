// Writes GGUF v3: metadata and tensor list first, then the data of the tensors in any order.
//
//   GgufWriter writer;
//   writer.Add("general.architecture", "llama");
//   const size_t t = writer.AddTensor("output_norm.weight", KL_TYPE_F32, {64});
//   writer.Begin("model.gguf");
//   writer.Write(t, 0, data, bytes);     // any number of threads, any order
//   writer.Finish();                     // the file appears
//
// Bytes of tensors that were never written are 0. Source: the GGUF format document, version 3.
#ifndef KINGLET_TOOLS_COMMON_GGUF_WRITER_H_
#define KINGLET_TOOLS_COMMON_GGUF_WRITER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/abi/types.h"
#include "tools/common/files.h"

namespace kinglet::tools {

class GgufWriter {
 public:
  void Add(const std::string& key, const std::string& value);
  void Add(const std::string& key, const char* value) { Add(key, std::string(value)); }
  void Add(const std::string& key, uint32_t value);
  void Add(const std::string& key, int32_t value);
  void Add(const std::string& key, float value);
  void Add(const std::string& key, bool value);
  void Add(const std::string& key, const std::vector<std::string>& values);
  void Add(const std::string& key, const std::vector<int32_t>& values);
  void Add(const std::string& key, const std::vector<float>& values);
  // One entry as it stands in another file: key, type and value.
  void AddRaw(const std::string& bytes);

  // `shape` is outermost first; its last dimension must be a multiple of the type's block.
  size_t AddTensor(const std::string& name, kl_dtype type, std::vector<int64_t> shape);
  uint64_t TensorBytes(size_t tensor) const { return tensors_[tensor].bytes; }
  // Of the whole file.
  uint64_t FileBytes() const;

  Failure Begin(const std::string& path);
  Failure Write(size_t tensor, uint64_t offset, const void* data, size_t bytes);
  Failure Finish() { return file_.Commit(); }

 private:
  struct Tensor {
    std::string name;
    kl_dtype type;
    std::vector<int64_t> shape;
    uint64_t bytes;
    uint64_t offset;  // from the start of the data
  };

  std::string Header() const;

  std::string metadata_;
  uint64_t metadata_count_ = 0;
  std::vector<Tensor> tensors_;
  uint64_t data_bytes_ = 0;
  uint64_t data_start_ = 0;
  AtomicFile file_;
};

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_COMMON_GGUF_WRITER_H_
