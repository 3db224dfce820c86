#include "tools/common/npy.h"

#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/abi/dtype.h"
#include "tools/common/files.h"

namespace kinglet::tools {
namespace {

constexpr char kMagic[] = "\x93NUMPY";
constexpr size_t kMagicBytes = 6;
constexpr size_t kMaximumRank = 32;

struct TypeRow {
  kl_dtype type;
  const char* name;
};
constexpr TypeRow kTypes[] = {
    {KL_TYPE_F32, "<f4"}, {KL_TYPE_F16, "<f2"}, {KL_TYPE_F64, "<f8"},
    {KL_TYPE_I8, "|i1"},  {KL_TYPE_U8, "|u1"},  {KL_TYPE_BOOL, "|b1"},
    {KL_TYPE_I16, "<i2"}, {KL_TYPE_I32, "<i4"}, {KL_TYPE_I64, "<i8"},
};

Failure Bad(const std::string& what) { return {kExitBadData, what}; }

// The text after 'key': in a header that is a Python dictionary.
std::string FieldText(const std::string& header, const std::string& key) {
  const size_t at = header.find(absl::StrCat("'", key, "':"));
  if (at == std::string::npos) return "";
  return std::string(absl::StripLeadingAsciiWhitespace(header.substr(at + key.size() + 3)));
}

Failure ParseShape(const std::string& text, std::vector<int64_t>* shape, uint64_t* elements) {
  const size_t close = text.find(')');
  if (text.empty() || text[0] != '(' || close == std::string::npos) {
    return Bad("its header has no shape");
  }
  shape->clear();
  *elements = 1;
  for (absl::string_view part : absl::StrSplit(text.substr(1, close - 1), ',')) {
    part = absl::StripAsciiWhitespace(part);
    if (part.empty()) continue;
    int64_t length = 0;
    if (!absl::SimpleAtoi(part, &length) || length < 0 || shape->size() >= kMaximumRank) {
      return Bad(absl::StrCat("its shape is no list of lengths: ", text.substr(0, close + 1)));
    }
    if (length != 0 && *elements > (uint64_t{1} << 48) / static_cast<uint64_t>(length)) {
      return Bad(absl::StrCat("its shape is too large: ", text.substr(0, close + 1)));
    }
    *elements *= static_cast<uint64_t>(length);
    shape->push_back(length);
  }
  return Success();
}

}  // namespace

std::string NpyTypeName(kl_dtype type) {
  for (const TypeRow& row : kTypes) {
    if (row.type == type) return row.name;
  }
  return "";
}

std::string ShapeText(const std::vector<int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

std::string NpyHeader(kl_dtype type, const std::vector<int64_t>& shape) {
  std::string dictionary =
      absl::StrCat("{'descr': '", NpyTypeName(type), "', 'fortran_order': False, 'shape': (",
                   absl::StrJoin(shape, ", "), shape.size() == 1 ? "," : "", "), }");
  // Data starts at a multiple of 64; the line end belongs to the header.
  const size_t fixed = kMagicBytes + 4;
  const size_t total = (fixed + dictionary.size() + 1 + 63) / 64 * 64;
  dictionary.append(total - fixed - dictionary.size() - 1, ' ');
  dictionary.push_back('\n');
  std::string header(kMagic, kMagicBytes);
  header.push_back(1);
  header.push_back(0);
  header.push_back(static_cast<char>(dictionary.size() & 255));
  header.push_back(static_cast<char>(dictionary.size() >> 8));
  return header + dictionary;
}

Failure ParseNpy(const std::string& content, NpyArray* array) {
  if (content.size() < kMagicBytes + 4 ||
      content.compare(0, kMagicBytes, kMagic, kMagicBytes) != 0) {
    return Bad("it is no .npy file: it does not begin with \\x93NUMPY");
  }
  const int major = static_cast<unsigned char>(content[6]);
  if (major < 1 || major > 3)
    return Bad(absl::StrCat("it has format ", major, "; 1 to 3 are read"));
  const size_t length_bytes = major == 1 ? 2 : 4;
  const size_t start = kMagicBytes + 2 + length_bytes;
  size_t header_bytes = 0;
  if (content.size() < start) return Bad("it ends within its header");
  for (size_t i = 0; i < length_bytes; ++i) {
    header_bytes |= static_cast<size_t>(static_cast<unsigned char>(content[8 + i])) << (8 * i);
  }
  if (header_bytes > content.size() - start) return Bad("it ends within its header");
  const std::string header = content.substr(start, header_bytes);
  const std::string type_text = FieldText(header, "descr");
  array->type = KL_TYPE_NONE;
  for (const TypeRow& row : kTypes) {
    if (type_text.compare(0, std::strlen(row.name) + 2, absl::StrCat("'", row.name, "'")) == 0) {
      array->type = row.type;
    }
  }
  if (array->type == KL_TYPE_NONE) {
    return Bad(
        absl::StrCat("its element type ", type_text.substr(0, 8),
                     " is not read; little-endian float32, float16, float64, int8, uint8, bool, "
                     "int16, int32 and int64 are"));
  }
  if (FieldText(header, "fortran_order").compare(0, 5, "False") != 0) {
    return Bad("it is in Fortran order; save it with numpy.ascontiguousarray");
  }
  uint64_t elements = 0;
  const Failure shape = ParseShape(FieldText(header, "shape"), &array->shape, &elements);
  if (!shape.ok()) return shape;
  const uint64_t wanted = elements * kl_dtype_info_of(array->type).block_bytes;
  const uint64_t found = content.size() - start - header_bytes;
  if (found != wanted) {
    return Bad(absl::StrCat("its shape ", ShapeText(array->shape), " needs ", wanted,
                            " bytes of data, but there are ", found));
  }
  array->data = content.substr(start + header_bytes);
  return Success();
}

Failure ReadNpy(const std::string& path, NpyArray* array) {
  std::string content;
  Failure failure = ReadWholeFile(path, &content);
  if (!failure.ok()) return failure;
  failure = ParseNpy(content, array);
  if (!failure.ok()) failure.message = absl::StrCat(path, ": ", failure.message);
  return failure;
}

Failure WriteNpy(const std::string& path, kl_dtype type, const std::vector<int64_t>& shape,
                 const void* data, uint64_t bytes) {
  const std::string header = NpyHeader(type, shape);
  AtomicFile file;
  Failure failure = file.Open(path);
  if (failure.ok()) failure = file.Append(header.data(), header.size());
  if (failure.ok()) failure = file.Append(data, bytes);
  if (failure.ok()) failure = file.Commit();
  return failure;
}

}  // namespace kinglet::tools
