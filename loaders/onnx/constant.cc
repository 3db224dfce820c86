#include "loaders/onnx/constant.h"

#include <limits.h>
#include <stdlib.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/abi/dtype.h"
#include "core/base/checked_math.h"
#include "core/base/mapped_file.h"
#include "core/base/status.h"
#include "loaders/common/errors.h"
#include "loaders/common/readable.h"

namespace kinglet {
namespace {

constexpr int64_t kLargestTensorBytes = int64_t{1} << 40;

// Copies the elements of a typed field, each as `Stored`.
template <typename Stored, typename Field>
void CopyField(const Field& field, std::vector<uint8_t>* bytes) {
  bytes->resize(static_cast<size_t>(field.size()) * sizeof(Stored));
  for (int i = 0; i < field.size(); ++i) {
    const Stored value = static_cast<Stored>(field.Get(i));
    std::memcpy(bytes->data() + static_cast<size_t>(i) * sizeof(Stored), &value, sizeof value);
  }
}

// The field of the message that holds elements of this type when there is no raw data.
void CopyTyped(const onnx::TensorProto& tensor, kl_dtype type, std::vector<uint8_t>* bytes) {
  switch (type) {
    case KL_TYPE_F32:
      return CopyField<float>(tensor.float_data(), bytes);
    case KL_TYPE_F64:
      return CopyField<double>(tensor.double_data(), bytes);
    case KL_TYPE_I64:
      return CopyField<int64_t>(tensor.int64_data(), bytes);
    case KL_TYPE_I32:
      return CopyField<int32_t>(tensor.int32_data(), bytes);
    case KL_TYPE_I16:
    case KL_TYPE_F16:
    case KL_TYPE_BF16:
      return CopyField<uint16_t>(tensor.int32_data(), bytes);
    default:  // i8, u8, bool
      return CopyField<uint8_t>(tensor.int32_data(), bytes);
  }
}

// Absolute path of `location` beside the model; an error when it lies outside the model's folder.
absl::StatusOr<std::string> ExternalPath(const std::string& location, absl::string_view path,
                                         absl::string_view where) {
  const auto outside = [&] {
    return Corrupt(path, where, "external data in a file inside the model's folder",
                   Quoted(location));
  };
  if (location.empty() || location[0] == '/' || location.find('\0') != std::string::npos) {
    return outside();
  }
  const size_t slash = path.rfind('/');
  const std::string folder =
      slash == absl::string_view::npos ? "." : std::string(path.substr(0, slash + 1));
  const std::unique_ptr<char, decltype(&free)> root(realpath(folder.c_str(), nullptr), &free);
  const std::unique_ptr<char, decltype(&free)> file(
      realpath(absl::StrCat(folder, "/", location).c_str(), nullptr), &free);
  if (root == nullptr || file == nullptr) {
    return absl::NotFoundError(absl::StrCat(path, ": ", where, ": external data file ",
                                            Quoted(location),
                                            " is missing; put it beside the model"));
  }
  // Symbolic links are resolved by now.
  if (!absl::StartsWith(file.get(),
                        absl::StrCat(std::strcmp(root.get(), "/") == 0 ? "" : root.get(), "/"))) {
    return outside();
  }
  return std::string(file.get());
}

absl::Status ReadExternal(const onnx::TensorProto& tensor, absl::string_view path,
                          absl::string_view where, uint64_t bytes, std::vector<uint8_t>* target) {
  std::string location;
  uint64_t offset = 0, length = bytes;
  for (const onnx::StringStringEntryProto& entry : tensor.external_data()) {
    if (entry.key() == "location") location = entry.value();
    uint64_t* number = entry.key() == "offset"   ? &offset
                       : entry.key() == "length" ? &length
                                                 : nullptr;
    if (number != nullptr && !absl::SimpleAtoi(entry.value(), number)) {
      return Corrupt(path, where, absl::StrCat("a number as external ", entry.key()),
                     Quoted(entry.value()));
    }
  }
  KL_ASSIGN_OR_RETURN(const std::string file_path, ExternalPath(location, path, where));
  KL_ASSIGN_OR_RETURN(const std::unique_ptr<MappedFile> file, MappedFile::Open(file_path));
  uint64_t end = 0;
  if (length != bytes || !CheckedAdd(offset, length, &end) || end > file->size()) {
    return Corrupt(
        path, where, absl::StrCat(bytes, " bytes of external data"),
        absl::StrCat(length, " bytes at ", offset, " of ", file->size(), " in ", Quoted(location)));
  }
  KL_RETURN_IF_ERROR(CheckReadable(*file, offset, length));
  target->assign(file->data() + offset, file->data() + end);
  return absl::OkStatus();
}

}  // namespace

kl_dtype DtypeOfOnnx(int onnx_type) {
  switch (onnx_type) {
    case onnx::TensorProto::FLOAT:
      return KL_TYPE_F32;
    case onnx::TensorProto::DOUBLE:
      return KL_TYPE_F64;
    case onnx::TensorProto::FLOAT16:
      return KL_TYPE_F16;
    case onnx::TensorProto::BFLOAT16:
      return KL_TYPE_BF16;
    case onnx::TensorProto::INT64:
      return KL_TYPE_I64;
    case onnx::TensorProto::INT32:
      return KL_TYPE_I32;
    case onnx::TensorProto::INT16:
      return KL_TYPE_I16;
    case onnx::TensorProto::INT8:
      return KL_TYPE_I8;
    case onnx::TensorProto::UINT8:
      return KL_TYPE_U8;
    case onnx::TensorProto::BOOL:
      return KL_TYPE_BOOL;
    default:
      return KL_TYPE_NONE;
  }
}

bool OnnxElementCount(const std::vector<int64_t>& shape, kl_dtype type, int64_t* count) {
  // Zeros last: [huge, huge, 0] is refused as well.
  int64_t bytes = kl_dtype_info_of(type).block_bytes;
  *count = 1;
  for (const int64_t dimension : shape) {
    if (dimension < 0 || !CheckedMultiply(bytes, std::max<int64_t>(dimension, 1), &bytes) ||
        bytes > kLargestTensorBytes) {
      return false;
    }
    *count *= dimension;
  }
  return true;
}

std::string ShapeText(const std::vector<int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

OnnxConstant IntConstant(const std::vector<int64_t>& values, const std::vector<int64_t>& shape) {
  OnnxConstant constant;
  constant.type = KL_TYPE_I64;
  constant.shape = shape;
  constant.bytes.resize(values.size() * sizeof(int64_t));
  if (!values.empty()) std::memcpy(constant.bytes.data(), values.data(), constant.bytes.size());
  return constant;
}

bool ReadInts(const OnnxConstant& constant, std::vector<int64_t>* values) {
  values->clear();
  const auto append = [&](auto zero) {
    for (size_t at = 0; at + sizeof zero <= constant.bytes.size(); at += sizeof zero) {
      auto value = zero;
      std::memcpy(&value, constant.bytes.data() + at, sizeof value);
      values->push_back(value);
    }
  };
  if (constant.type == KL_TYPE_I64) {
    append(int64_t{0});
    return true;
  }
  if (constant.type == KL_TYPE_I32) {
    append(int32_t{0});
    return true;
  }
  return false;
}

absl::StatusOr<OnnxConstant> ReadOnnxTensor(const onnx::TensorProto& tensor,
                                            absl::string_view path) {
  const std::string where = absl::StrCat("tensor ", Quoted(tensor.name()));
  OnnxConstant constant;
  constant.type = DtypeOfOnnx(tensor.data_type());
  constant.shape.assign(tensor.dims().begin(), tensor.dims().end());
  if (constant.type == KL_TYPE_NONE) {
    return absl::UnimplementedError(
        absl::StrCat(path, ": ", where, ": ONNX element type ", tensor.data_type(),
                     " is not supported; export the model with 32-bit floats"));
  }
  if (tensor.has_segment()) {
    return absl::UnimplementedError(
        absl::StrCat(path, ": ", where, ": tensors in segments are not supported"));
  }
  int64_t count = 0;
  if (!OnnxElementCount(constant.shape, constant.type, &count)) {
    return Corrupt(path, where, "dimensions of 0 or more, at most 2^40 bytes in all",
                   ShapeText(constant.shape));
  }
  const uint64_t bytes = kl_row_bytes(constant.type, static_cast<uint64_t>(count));
  if (tensor.data_location() == onnx::TensorProto::EXTERNAL) {
    KL_RETURN_IF_ERROR(ReadExternal(tensor, path, where, bytes, &constant.bytes));
  } else if (tensor.has_raw_data()) {
    constant.bytes.assign(tensor.raw_data().begin(), tensor.raw_data().end());
  } else {
    CopyTyped(tensor, constant.type, &constant.bytes);
  }
  if (constant.bytes.size() != bytes) {
    return Corrupt(path, where,
                   absl::StrCat(bytes, " bytes of data for shape ", ShapeText(constant.shape)),
                   absl::StrCat(constant.bytes.size()));
  }
  return constant;
}

}  // namespace kinglet
