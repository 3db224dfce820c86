#include "loaders/hf/safetensors.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/abi/dtype.h"
#include "core/base/checked_math.h"
#include "core/base/status.h"
#include "loaders/common/errors.h"
#include "loaders/common/json_file.h"
#include "loaders/common/readable.h"

namespace kinglet {
namespace {

constexpr uint64_t kLengthBytes = sizeof(uint64_t);
constexpr uint64_t kMaximumHeaderBytes = 100000000;  // the format's own limit
constexpr char kMetadataKey[] = "__metadata__";

struct TypeName {
  const char* name;
  kl_dtype type;
};

constexpr TypeName kTypes[] = {
    {"F32", KL_TYPE_F32}, {"F16", KL_TYPE_F16},   {"BF16", KL_TYPE_BF16}, {"F64", KL_TYPE_F64},
    {"I8", KL_TYPE_I8},   {"U8", KL_TYPE_U8},     {"I16", KL_TYPE_I16},   {"I32", KL_TYPE_I32},
    {"I64", KL_TYPE_I64}, {"BOOL", KL_TYPE_BOOL},
};

uint64_t HeaderLength(const void* bytes) {
  uint64_t length = 0;
  std::memcpy(&length, bytes, sizeof length);
  return length;
}

// Everything about one tensor; positions in the JSON are not known, so messages name the tensor.
class EntryReader {
 public:
  EntryReader(const MappedFile& file, uint64_t data_start, const std::string& name)
      : file_(file), data_start_(data_start), where_(absl::StrCat("tensor ", Quoted(name))) {
    tensor_.name = name;
  }

  absl::StatusOr<SourceTensor> Read(const nlohmann::json& entry) {
    if (!entry.is_object()) return Fail("an object", entry.type_name());
    JsonFields fields(absl::StrCat(file_.path(), ": ", where_), entry);
    const std::string type = fields.Text("dtype");
    for (const char* key : {"shape", "data_offsets"}) {
      const nlohmann::json* list = fields.Array(key);
      if (fields.status().ok() && list == nullptr) fields.Fail(key, "an array", "none");
    }
    const std::vector<int64_t> shape = fields.Ints("shape");
    const std::vector<int64_t> offsets = fields.Ints("data_offsets");
    KL_RETURN_IF_ERROR(fields.status());
    KL_RETURN_IF_ERROR(SetType(type));
    KL_RETURN_IF_ERROR(SetShape(shape));
    KL_RETURN_IF_ERROR(SetData(offsets));
    return std::move(tensor_);
  }

 private:
  absl::Status Fail(absl::string_view expected, absl::string_view found) const {
    return Corrupt(file_.path(), where_, expected, found);
  }

  absl::Status SetType(const std::string& name) {
    for (const TypeName& row : kTypes) {
      if (name == row.name) {
        tensor_.type = row.type;
        return absl::OkStatus();
      }
    }
    const absl::Status refused =
        Fail("a type of F32, F16, BF16, F64, I8, U8, I16, I32, I64 or BOOL",
             absl::StrCat(Quoted(name), "; convert the weights to F32, F16 or BF16"));
    return absl::UnimplementedError(refused.message());
  }

  absl::Status SetShape(const std::vector<int64_t>& shape) {
    if (shape.size() > KL_MAX_RANK) {
      return Fail(absl::StrCat("at most ", KL_MAX_RANK, " dimensions"), absl::StrCat(shape.size()));
    }
    for (int64_t extent : shape) {
      if (extent < 1 || !CheckedMultiply(elements_, extent, &elements_)) {
        return Fail("positive dimensions, elements below 2^63", absl::StrCat(extent));
      }
    }
    tensor_.shape = shape;
    // A scalar; everything that reads tensors counts on a last dimension.
    if (shape.empty()) tensor_.shape.push_back(1);
    return absl::OkStatus();
  }

  absl::Status SetData(const std::vector<int64_t>& offsets) {
    const uint64_t data_bytes = file_.size() - data_start_;
    if (offsets.size() != 2 || offsets[0] < 0 || offsets[1] < offsets[0] ||
        static_cast<uint64_t>(offsets[1]) > data_bytes) {
      std::string found = absl::StrCat(offsets.size(), " of them");
      if (offsets.size() == 2) found = absl::StrCat(offsets[0], " and ", offsets[1]);
      return Fail(
          absl::StrCat("offsets of begin and end within the file's ", data_bytes, " bytes of data"),
          absl::StrCat(found, "; is the download complete?"));
    }
    uint64_t needed = 0;
    if (!CheckedMultiply<uint64_t>(static_cast<uint64_t>(elements_),
                                   kl_dtype_info_of(tensor_.type).block_bytes, &needed) ||
        needed != static_cast<uint64_t>(offsets[1] - offsets[0])) {
      return Fail(
          absl::StrCat("data of ", elements_, " elements of ", kl_dtype_info_of(tensor_.type).name),
          absl::StrCat(offsets[1] - offsets[0], " bytes"));
    }
    tensor_.bytes = needed;
    tensor_.file = &file_;
    tensor_.file_offset = data_start_ + static_cast<uint64_t>(offsets[0]);
    tensor_.data = file_.data() + tensor_.file_offset;
    return absl::OkStatus();
  }

  const MappedFile& file_;
  const uint64_t data_start_;
  const std::string where_;
  SourceTensor tensor_;
  int64_t elements_ = 1;
};

absl::Status SortAndCheckOverlaps(absl::string_view path, std::vector<SourceTensor>* tensors) {
  std::sort(tensors->begin(), tensors->end(), [](const SourceTensor& a, const SourceTensor& b) {
    return a.file_offset != b.file_offset ? a.file_offset < b.file_offset : a.name < b.name;
  });
  for (size_t i = 1; i < tensors->size(); i++) {
    const SourceTensor& before = (*tensors)[i - 1];
    const SourceTensor& after = (*tensors)[i];
    if (before.file_offset + before.bytes > after.file_offset) {
      return Corrupt(path, absl::StrCat("tensor ", Quoted(after.name)), "data of its own",
                     absl::StrCat("bytes that belong to ", Quoted(before.name), " too"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

bool LooksLikeSafetensors(absl::string_view head) {
  return head.size() > kLengthBytes && head[kLengthBytes] == '{' &&
         HeaderLength(head.data()) <= kMaximumHeaderBytes;
}

absl::StatusOr<SafetensorsFile> ReadSafetensors(absl::string_view path) {
  SafetensorsFile result;
  KL_ASSIGN_OR_RETURN(result.file, MappedFile::Open(path));
  const MappedFile& file = *result.file;
  if (file.size() < kLengthBytes) {
    return Corrupt(path, uint64_t{0}, "the header's length, 8 bytes",
                   absl::StrCat("a file of ", file.size()));
  }
  KL_RETURN_IF_ERROR(CheckReadable(file, 0, kLengthBytes));
  const uint64_t length = HeaderLength(file.data());
  const uint64_t most = std::min(kMaximumHeaderBytes, file.size() - kLengthBytes);
  if (length > most) {
    return Corrupt(path, uint64_t{0}, absl::StrCat("a header of at most ", most, " bytes"),
                   absl::StrCat(length));
  }
  KL_RETURN_IF_ERROR(CheckReadable(file, kLengthBytes, length));
  const absl::string_view header(reinterpret_cast<const char*>(file.data() + kLengthBytes), length);
  KL_ASSIGN_OR_RETURN(const nlohmann::json entries, ParseJsonObject(path, kLengthBytes, header));
  for (const auto& [name, entry] : entries.items()) {
    if (name == kMetadataKey) continue;
    KL_ASSIGN_OR_RETURN(SourceTensor tensor,
                        EntryReader(file, kLengthBytes + length, name).Read(entry));
    result.tensors.push_back(std::move(tensor));
  }
  KL_RETURN_IF_ERROR(SortAndCheckOverlaps(path, &result.tensors));
  return result;
}

}  // namespace kinglet
