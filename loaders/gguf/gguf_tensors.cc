#include "loaders/gguf/gguf_tensors.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "core/abi/dtype.h"
#include "core/base/checked_math.h"

namespace kinglet {
namespace {

// What one entry of the list says; `start` is where the entry lies, for messages.
struct Entry {
  SourceTensor tensor;
  uint64_t start = 0;
  uint64_t data_offset = 0;  // from the start of the data
};

std::string What(const std::string& name) { return absl::StrCat("tensor ", Quoted(name)); }

// What is worth saying about a type number that is not read.
const char* AboutType(uint32_t type) {
  switch (type) {
    case 4:
    case 5:
    case 31:
    case 32:
    case 33:
    case 36:
    case 37:
    case 38:
      return "which was removed from the format: quantise the model again";
    case 9:
    case 15:
      return "which is for activations, not for files";
    default:
      return "which Kinglet does not read: quantise the model to another type, q4_k or q8_0 say";
  }
}

absl::Status ReadType(GgufReader* reader, SourceTensor* tensor) {
  const uint64_t start = reader->offset();
  KL_ASSIGN_OR_RETURN(const uint32_t type,
                      reader->Read<uint32_t>(absl::StrCat("the type of ", What(tensor->name))));
  // Numbers from KL_TYPE_U8 on are Kinglet's own and mean nothing in a file.
  if (type >= KL_TYPE_U8 || kl_dtype_info_of(static_cast<kl_dtype>(type)).name == nullptr) {
    const absl::Status refused =
        reader->Expected(start, absl::StrCat("a known type for ", What(tensor->name)),
                         absl::StrCat("type ", type, ", ", AboutType(type)));
    return absl::UnimplementedError(refused.message());
  }
  tensor->type = static_cast<kl_dtype>(type);
  return absl::OkStatus();
}

absl::Status ReadShape(GgufReader* reader, SourceTensor* tensor) {
  const uint64_t start = reader->offset();
  const std::string what = What(tensor->name);
  KL_ASSIGN_OR_RETURN(const uint32_t rank,
                      reader->Read<uint32_t>(absl::StrCat("the dimensions of ", what)));
  constexpr uint32_t kMaximumRank = 4;
  if (rank < 1 || rank > kMaximumRank) {
    return reader->Expected(start, absl::StrCat("1 to ", kMaximumRank, " dimensions of ", what),
                            absl::StrCat(rank));
  }
  int64_t elements = 1;
  for (uint32_t d = 0; d < rank; d++) {
    const uint64_t at = reader->offset();
    KL_ASSIGN_OR_RETURN(const int64_t extent,
                        reader->Read<int64_t>(absl::StrCat("dimension ", d, " of ", what)));
    if (extent < 1 || !CheckedMultiply(elements, extent, &elements)) {
      return reader->Expected(
          at, absl::StrCat("a positive dimension ", d, " of ", what, ", elements below 2^63"),
          absl::StrCat(extent));
    }
    tensor->shape.insert(tensor->shape.begin(), extent);
  }
  return absl::OkStatus();
}

// Bytes of the whole tensor; its elements are known to fit int64.
absl::Status ComputeBytes(const GgufReader& reader, uint64_t start, SourceTensor* tensor) {
  const kl_dtype_info type = kl_dtype_info_of(tensor->type);
  const int64_t row = tensor->shape.back();
  if (row % type.block_elements != 0) {
    return reader.Expected(
        start,
        absl::StrCat("rows of ", What(tensor->name), " that are whole blocks of ",
                     type.block_elements, " (", type.name, ")"),
        absl::StrCat("rows of ", row));
  }
  uint64_t blocks = static_cast<uint64_t>(row) / type.block_elements;
  for (size_t d = 0; d + 1 < tensor->shape.size(); d++)
    blocks *= static_cast<uint64_t>(tensor->shape[d]);
  if (!CheckedMultiply<uint64_t>(blocks, type.block_bytes, &tensor->bytes)) {
    return reader.Expected(start,
                           absl::StrCat("a size of ", What(tensor->name), " below 2^64 bytes"),
                           absl::StrCat(blocks, " blocks of ", type.block_bytes, " bytes"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Entry> ReadEntry(GgufReader* reader, uint64_t index, uint64_t count) {
  Entry entry;
  entry.start = reader->offset();
  KL_ASSIGN_OR_RETURN(
      const absl::string_view name,
      reader->ReadString(absl::StrCat("the name of tensor ", index, " of ", count)));
  constexpr uint64_t kMaximumNameBytes = 63;
  if (name.empty() || name.size() > kMaximumNameBytes) {
    return reader->Expected(entry.start,
                            absl::StrCat("a tensor name of 1 to ", kMaximumNameBytes, " bytes"),
                            Quoted(name));
  }
  entry.tensor.name = std::string(name);
  KL_RETURN_IF_ERROR(ReadShape(reader, &entry.tensor));
  KL_RETURN_IF_ERROR(ReadType(reader, &entry.tensor));
  KL_RETURN_IF_ERROR(ComputeBytes(*reader, entry.start, &entry.tensor));
  KL_ASSIGN_OR_RETURN(entry.data_offset, reader->Read<uint64_t>(absl::StrCat(
                                             "the offset of ", What(entry.tensor.name))));
  return entry;
}

// Points the tensor into the mapping.
absl::Status Place(const MappedFile& file, const GgufReader& reader, uint64_t data_start,
                   uint64_t alignment, Entry* entry) {
  SourceTensor& tensor = entry->tensor;
  if (entry->data_offset % alignment != 0) {
    return reader.Expected(
        entry->start,
        absl::StrCat("the offset of ", What(tensor.name), " to be a multiple of ", alignment),
        absl::StrCat(entry->data_offset));
  }
  uint64_t begin = 0, end = 0;
  if (!CheckedAdd(data_start, entry->data_offset, &begin) ||
      !CheckedAdd(begin, tensor.bytes, &end) || end > file.size()) {
    return reader.Expected(entry->start,
                           absl::StrCat("the data of ", What(tensor.name), " inside of the file's ",
                                        file.size(), " bytes"),
                           absl::StrCat(tensor.bytes, " bytes at ", data_start, " + ",
                                        entry->data_offset, "; is the download complete?"));
  }
  tensor.file = &file;
  tensor.file_offset = begin;
  tensor.data = file.data() + begin;
  return absl::OkStatus();
}

absl::Status CheckOverlaps(const GgufReader& reader, const std::vector<Entry>& entries) {
  std::vector<const Entry*> by_offset;
  by_offset.reserve(entries.size());
  for (const Entry& entry : entries) by_offset.push_back(&entry);
  std::sort(by_offset.begin(), by_offset.end(), [](const Entry* a, const Entry* b) {
    return std::make_pair(a->tensor.file_offset, a->start) <
           std::make_pair(b->tensor.file_offset, b->start);
  });
  for (size_t i = 1; i < by_offset.size(); i++) {
    const SourceTensor& before = by_offset[i - 1]->tensor;
    const SourceTensor& after = by_offset[i]->tensor;
    if (before.file_offset + before.bytes > after.file_offset) {
      return reader.Expected(by_offset[i]->start,
                             absl::StrCat("data of its own for ", What(after.name)),
                             absl::StrCat("bytes that belong to ", What(before.name), " too"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadGgufTensors(const MappedFile& file, GgufReader* reader, uint64_t count,
                             uint64_t alignment, std::vector<SourceTensor>* tensors) {
  std::vector<Entry> entries;
  entries.reserve(count);
  absl::flat_hash_set<std::string> names;
  for (uint64_t i = 0; i < count; i++) {
    KL_ASSIGN_OR_RETURN(Entry entry, ReadEntry(reader, i, count));
    if (!names.insert(entry.tensor.name).second) {
      return reader->Expected(entry.start, "each tensor name once",
                              absl::StrCat(Quoted(entry.tensor.name), " again"));
    }
    entries.push_back(std::move(entry));
  }
  if (entries.empty()) return absl::OkStatus();
  uint64_t data_start = 0;
  if (!CheckedAlignUp(reader->offset(), alignment, &data_start)) {
    return reader->Expected(reader->offset(), "tensor data", "an offset that wraps");
  }
  for (Entry& entry : entries)
    KL_RETURN_IF_ERROR(Place(file, *reader, data_start, alignment, &entry));
  KL_RETURN_IF_ERROR(CheckOverlaps(*reader, entries));
  tensors->reserve(entries.size());
  for (Entry& entry : entries) tensors->push_back(std::move(entry.tensor));
  return absl::OkStatus();
}

}  // namespace kinglet
