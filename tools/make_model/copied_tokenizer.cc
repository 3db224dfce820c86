#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "tools/make_model/vocabulary.h"

namespace kinglet::tools {
namespace {

// Reads GGUF metadata from memory. Every read is checked against the file's end; the first that
// does not fit makes ok() false and all later ones return zeros.
class MetadataReader {
 public:
  explicit MetadataReader(const std::string& bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  size_t offset() const { return offset_; }

  template <typename T>
  T Read() {
    T value = 0;
    if (Need(sizeof value)) {
      std::memcpy(&value, bytes_.data() + offset_, sizeof value);
      offset_ += sizeof value;
    }
    return value;
  }

  std::string ReadString() {
    const uint64_t length = Read<uint64_t>();
    if (!Need(length)) return "";
    offset_ += length;
    return bytes_.substr(offset_ - length, length);
  }

  // Skips a value; for an array *elements is its length.
  void SkipValue(uint32_t type, uint64_t* elements) {
    if (type == kArray) {
      const uint32_t element_type = Read<uint32_t>();
      *elements = Read<uint64_t>();
      if (element_type == kString) {
        for (uint64_t i = 0; i < *elements && ok_; ++i) ReadString();
        return;
      }
      const uint64_t size = ScalarBytes(element_type);
      if (size == 0 || !Need(0) || *elements > (bytes_.size() - offset_) / size) {
        ok_ = false;
        return;
      }
      offset_ += *elements * size;
    } else if (type == kString) {
      ReadString();
    } else {
      const uint64_t size = ScalarBytes(type);
      if (size == 0 || !Need(size)) {
        ok_ = false;
        return;
      }
      offset_ += size;
    }
  }

 private:
  enum : uint32_t { kString = 8, kArray = 9 };

  static uint64_t ScalarBytes(uint32_t type) {
    constexpr uint8_t kBytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    return type < sizeof kBytes ? kBytes[type] : 0;
  }

  bool Need(uint64_t count) { return ok_ = ok_ && count <= bytes_.size() - offset_; }

  const std::string& bytes_;
  size_t offset_ = 0;
  bool ok_ = true;
};

}  // namespace

Failure CopyTokenizer(const std::string& path, GgufWriter* writer, int64_t* token_count) {
  std::string bytes;
  Failure failure = ReadFileHead(path, uint64_t{1} << 28, &bytes);
  if (!failure.ok()) return failure;
  if (bytes.compare(0, 4, "GGUF") != 0) {
    return {kExitBadData, absl::StrCat(path, " is no GGUF file: it does not begin with 'GGUF'")};
  }
  MetadataReader reader(bytes);
  reader.Read<uint32_t>();  // the magic
  const uint32_t version = reader.Read<uint32_t>();
  if (version != 2 && version != 3) {
    return {kExitBadData, absl::StrCat(path, " is GGUF version ", version, "; 2 and 3 are read")};
  }
  reader.Read<uint64_t>();  // tensors
  const uint64_t entries = reader.Read<uint64_t>();
  *token_count = 0;
  for (uint64_t i = 0; i < entries && reader.ok(); ++i) {
    const size_t start = reader.offset();
    const std::string key = reader.ReadString();
    uint64_t elements = 0;
    reader.SkipValue(reader.Read<uint32_t>(), &elements);
    if (!reader.ok() || key.compare(0, 10, "tokenizer.") != 0) continue;
    writer->AddRaw(bytes.substr(start, reader.offset() - start));
    if (key == "tokenizer.ggml.tokens") *token_count = static_cast<int64_t>(elements);
  }
  if (!reader.ok()) {
    return {kExitBadData, absl::StrCat(path, ": metadata is damaged at byte ", reader.offset())};
  }
  if (*token_count < 1) {
    return {kExitBadData, absl::StrCat(path, " has no tokenizer (no tokenizer.ggml.tokens)")};
  }
  return Success();
}

}  // namespace kinglet::tools
