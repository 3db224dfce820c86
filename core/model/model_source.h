// What a loader makes of a file: metadata, tensors, a vocabulary or a graph, in one naming,
// whatever the format.
//
// Names follow GGUF ("llama.block_count", "blk.0.attn_q.weight"): a loader of another format
// translates, so that an architecture plugin has one convention to read. Tensor data stays in the
// file's mapping; nothing is copied.
#ifndef KINGLET_CORE_MODEL_MODEL_SOURCE_H_
#define KINGLET_CORE_MODEL_MODEL_SOURCE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/abi/types.h"
#include "core/base/mapped_file.h"
#include "core/model/graph.h"
#include "core/text/vocabulary.h"

namespace kinglet {

// Numbers are widened: every integer type to int64 (uint64 above 2^63 is refused), f32 to f64, bool
// to bool.
using MetadataValue = std::variant<int64_t, double, bool, std::string, std::vector<int64_t>,
                                   std::vector<double>, std::vector<std::string>>;

class Metadata {
 public:
  // False when the key exists already.
  bool Insert(std::string key, MetadataValue value);
  const MetadataValue* Find(absl::string_view key) const;
  std::optional<int64_t> Int(absl::string_view key) const;   // integers and bools
  std::optional<double> Float(absl::string_view key) const;  // integers too
  std::optional<std::string> String(absl::string_view key) const;
  void Erase(absl::string_view key);
  // In key order, for inspect.
  const std::map<std::string, MetadataValue>& entries() const { return entries_; }

 private:
  std::map<std::string, MetadataValue> entries_;
};

struct SourceTensor {
  std::string name;
  kl_dtype type = KL_TYPE_F32;
  std::vector<int64_t> shape;     // outermost first
  const uint8_t* data = nullptr;  // into a mapping or into `owned` storage of the source
  uint64_t bytes = 0;
  const MappedFile* file = nullptr;  // NULL: not in a file (constants of a graph)
  uint64_t file_offset = 0;

  // Copies bytes [offset, offset + bytes) of the data to `to`; from a file as MappedFile::Peek does, with its errors.
  absl::Status Peek(uint64_t offset, uint64_t bytes, void* to) const;
};

// Thread safe while nobody changes it. Owns the mappings that tensors point
// into.
struct ModelSource {
  std::string path;
  std::string format;        // "gguf", "hf", "onnx"
  std::string architecture;  // general.architecture; empty for a graph
  Metadata metadata;
  std::vector<SourceTensor> tensors;  // in the file's order
  absl::flat_hash_map<std::string, size_t> tensor_index;
  std::optional<VocabularyData> vocabulary;  // absent: ids only
  std::optional<Graph> graph;                // for formats that carry the network itself
  std::vector<std::unique_ptr<MappedFile>> files;
  std::vector<std::unique_ptr<std::vector<uint8_t>>> owned;  // tensor data that is not in a file
  uint64_t file_bytes = 0;                                   // of all files together

  const SourceTensor* Find(absl::string_view name) const;

  // Frees the vocabulary, here and as arrays of metadata, once a tokenizer was made from it: tens
  // of megabytes for a large one.
  void DropVocabulary();
};

// One format.
class Loader {
 public:
  virtual ~Loader() = default;
  virtual absl::string_view format() const = 0;
  // Whether `path` (file or folder) looks like this format; `head` holds its first bytes (up to 64,
  // none for a folder).
  virtual bool Recognises(absl::string_view path, absl::string_view head) const = 0;
  virtual absl::StatusOr<std::unique_ptr<ModelSource>> Load(absl::string_view path) const = 0;
};

// Asks each loader in turn; the error of an unknown format lists what was tried.
absl::StatusOr<std::unique_ptr<ModelSource>> LoadSource(absl::string_view path,
                                                        const std::vector<const Loader*>& loaders);

}  // namespace kinglet

#endif  // KINGLET_CORE_MODEL_MODEL_SOURCE_H_
