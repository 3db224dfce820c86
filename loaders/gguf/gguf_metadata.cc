#include "loaders/gguf/gguf_metadata.h"

#include <limits>
#include <type_traits>
#include <utility>

namespace kinglet {
namespace {

// The numbers of the format.
enum GgufType : uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};

std::string What(const std::string& key) { return absl::StrCat("the value of key ", Quoted(key)); }

// One element, widened to Wide (int64 or double).
template <typename T, typename Wide>
absl::StatusOr<Wide> ReadNumber(GgufReader* reader, const std::string& what) {
  const uint64_t start = reader->offset();
  KL_ASSIGN_OR_RETURN(const T value, reader->Read<T>(what));
  if constexpr (std::is_same_v<T, uint64_t>) {
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return reader->Expected(start, absl::StrCat(what, ", below 2^63"), absl::StrCat(value));
    }
  }
  return static_cast<Wide>(value);
}

absl::StatusOr<bool> ReadBool(GgufReader* reader, const std::string& what) {
  const uint64_t start = reader->offset();
  KL_ASSIGN_OR_RETURN(const uint8_t value, reader->Read<uint8_t>(what));
  if (value > 1)
    return reader->Expected(start, absl::StrCat(what, ", a bool of 0 or 1"), absl::StrCat(value));
  return value == 1;
}

template <typename T, typename Wide>
absl::StatusOr<MetadataValue> ReadScalar(GgufReader* reader, const std::string& what) {
  KL_ASSIGN_OR_RETURN(Wide value, (ReadNumber<T, Wide>(reader, what)));
  return MetadataValue(value);
}

// `minimum_bytes`: what one element takes at least, so that a length that the file cannot hold is
// refused before room is made for it.
template <typename Element, typename ReadElement>
absl::StatusOr<MetadataValue> ReadElements(GgufReader* reader, const std::string& what,
                                           uint64_t minimum_bytes, ReadElement read_element) {
  KL_ASSIGN_OR_RETURN(const uint64_t length,
                      reader->ReadCount(minimum_bytes, absl::StrCat("the array length of ", what)));
  std::vector<Element> elements;
  elements.reserve(length);
  for (uint64_t i = 0; i < length; i++) {
    KL_ASSIGN_OR_RETURN(auto element, read_element());
    elements.emplace_back(std::move(element));
  }
  return MetadataValue(std::move(elements));
}

template <typename T, typename Wide>
absl::StatusOr<MetadataValue> ReadNumbers(GgufReader* reader, const std::string& what) {
  return ReadElements<Wide>(reader, what, sizeof(T),
                            [&] { return ReadNumber<T, Wide>(reader, what); });
}

absl::StatusOr<MetadataValue> ReadArray(GgufReader* reader, const std::string& key) {
  const std::string what = What(key);
  const uint64_t start = reader->offset();
  KL_ASSIGN_OR_RETURN(const uint32_t type,
                      reader->Read<uint32_t>(absl::StrCat("the element type of ", what)));
  switch (type) {
    case kU8:
      return ReadNumbers<uint8_t, int64_t>(reader, what);
    case kI8:
      return ReadNumbers<int8_t, int64_t>(reader, what);
    case kU16:
      return ReadNumbers<uint16_t, int64_t>(reader, what);
    case kI16:
      return ReadNumbers<int16_t, int64_t>(reader, what);
    case kU32:
      return ReadNumbers<uint32_t, int64_t>(reader, what);
    case kI32:
      return ReadNumbers<int32_t, int64_t>(reader, what);
    case kU64:
      return ReadNumbers<uint64_t, int64_t>(reader, what);
    case kI64:
      return ReadNumbers<int64_t, int64_t>(reader, what);
    case kF32:
      return ReadNumbers<float, double>(reader, what);
    case kF64:
      return ReadNumbers<double, double>(reader, what);
    case kBool:
      return ReadElements<int64_t>(reader, what, 1, [&] { return ReadBool(reader, what); });
    case kString:
      return ReadElements<std::string>(reader, what, sizeof(uint64_t),
                                       [&] { return reader->ReadString(what); });
    case kArray:
      return reader->Expected(start, absl::StrCat(what, " to be a flat array"),
                              "an array of arrays");
    default:
      return reader->Expected(start, absl::StrCat("an element type of 0 to 12 for ", what),
                              absl::StrCat(type));
  }
}

absl::StatusOr<MetadataValue> ReadValue(GgufReader* reader, const std::string& key) {
  const std::string what = What(key);
  const uint64_t start = reader->offset();
  KL_ASSIGN_OR_RETURN(const uint32_t type,
                      reader->Read<uint32_t>(absl::StrCat("the type of key ", Quoted(key))));
  switch (type) {
    case kU8:
      return ReadScalar<uint8_t, int64_t>(reader, what);
    case kI8:
      return ReadScalar<int8_t, int64_t>(reader, what);
    case kU16:
      return ReadScalar<uint16_t, int64_t>(reader, what);
    case kI16:
      return ReadScalar<int16_t, int64_t>(reader, what);
    case kU32:
      return ReadScalar<uint32_t, int64_t>(reader, what);
    case kI32:
      return ReadScalar<int32_t, int64_t>(reader, what);
    case kU64:
      return ReadScalar<uint64_t, int64_t>(reader, what);
    case kI64:
      return ReadScalar<int64_t, int64_t>(reader, what);
    case kF32:
      return ReadScalar<float, double>(reader, what);
    case kF64:
      return ReadScalar<double, double>(reader, what);
    case kBool: {
      KL_ASSIGN_OR_RETURN(const bool value, ReadBool(reader, what));
      return MetadataValue(value);
    }
    case kString: {
      KL_ASSIGN_OR_RETURN(const absl::string_view text, reader->ReadString(what));
      return MetadataValue(std::string(text));
    }
    case kArray:
      return ReadArray(reader, key);
    default:
      return reader->Expected(start, absl::StrCat("a value type of 0 to 12 for key ", Quoted(key)),
                              absl::StrCat(type));
  }
}

}  // namespace

absl::Status ReadGgufMetadata(GgufReader* reader, uint64_t count, Metadata* metadata) {
  constexpr uint64_t kMaximumKeyBytes = 65535;
  for (uint64_t i = 0; i < count; i++) {
    const uint64_t start = reader->offset();
    KL_ASSIGN_OR_RETURN(const absl::string_view key_view,
                        reader->ReadString(absl::StrCat("key ", i, " of ", count)));
    if (key_view.empty() || key_view.size() > kMaximumKeyBytes) {
      return reader->Expected(start, absl::StrCat("a key of 1 to ", kMaximumKeyBytes, " bytes"),
                              absl::StrCat("one of ", key_view.size()));
    }
    std::string key(key_view);
    KL_ASSIGN_OR_RETURN(MetadataValue value, ReadValue(reader, key));
    if (!metadata->Insert(key, std::move(value))) {
      return reader->Expected(start, "each key once", absl::StrCat(Quoted(key), " again"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> GgufAlignment(absl::string_view path, const Metadata& metadata) {
  constexpr char kKey[] = "general.alignment";
  constexpr int64_t kDefault = 32, kLeast = 8, kMost = 2 << 20;
  const MetadataValue* value = metadata.Find(kKey);
  if (value == nullptr) return kDefault;
  const auto* alignment = std::get_if<int64_t>(value);
  const std::string expected = absl::StrCat("a power of two from ", kLeast, " to ", kMost);
  const std::string where = absl::StrCat("key ", kKey);
  if (alignment == nullptr) return Corrupt(path, where, expected, "a value of another type");
  if (*alignment < kLeast || *alignment > kMost || (*alignment & (*alignment - 1)) != 0) {
    return Corrupt(path, where, expected, absl::StrCat(*alignment));
  }
  return static_cast<uint64_t>(*alignment);
}

}  // namespace kinglet
