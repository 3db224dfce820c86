#include "loaders/gguf/gguf_file.h"

#include <utility>

#include "loaders/gguf/gguf_metadata.h"
#include "loaders/gguf/gguf_reader.h"
#include "loaders/gguf/gguf_tensors.h"

namespace kinglet {
namespace {

constexpr absl::string_view kMagic = "GGUF";
constexpr absl::string_view kSwappedMagic = "FUGG";

absl::Status Unsupported(absl::string_view path, uint64_t offset, absl::string_view found,
                         absl::string_view what_to_do) {
  return absl::UnimplementedError(absl::StrCat(
      path, ": at byte ", offset, ": expected a little-endian GGUF file of version 2 or 3, found ",
      found, "; ", what_to_do));
}

absl::Status CheckPreamble(absl::string_view path, GgufReader* reader) {
  constexpr char kBigEndian[] = "a big-endian one";
  constexpr char kConvertOrder[] = "convert it to little-endian byte order";
  KL_ASSIGN_OR_RETURN(const uint32_t magic, reader->Read<uint32_t>("the magic number GGUF"));
  const absl::string_view magic_bytes(reinterpret_cast<const char*>(&magic), sizeof magic);
  if (magic_bytes == kSwappedMagic) return Unsupported(path, 0, kBigEndian, kConvertOrder);
  if (magic_bytes != kMagic)
    return Corrupt(path, uint64_t{0}, "the magic number GGUF", Quoted(magic_bytes));
  const uint64_t at = reader->offset();
  KL_ASSIGN_OR_RETURN(const uint32_t version, reader->Read<uint32_t>("the version"));
  if (version == 2 || version == 3) return absl::OkStatus();
  // A big-endian file has the magic in reading order and its numbers swapped.
  if ((version & 0xffff) == 0 && version != 0)
    return Unsupported(path, at, kBigEndian, kConvertOrder);
  return Unsupported(path, at, absl::StrCat("version ", version),
                     version < 2 ? "convert the model again with a current converter"
                                 : "a newer Kinglet may read it");
}

}  // namespace

bool HasGgufMagic(absl::string_view head) {
  const absl::string_view magic = head.substr(0, kMagic.size());
  return magic == kMagic || magic == kSwappedMagic;
}

absl::StatusOr<GgufFile> ReadGgufFile(absl::string_view path) {
  GgufFile gguf;
  KL_ASSIGN_OR_RETURN(gguf.file, MappedFile::Open(path));
  GgufReader reader(*gguf.file);
  KL_RETURN_IF_ERROR(CheckPreamble(path, &reader));
  const uint64_t tensors_at = reader.offset();
  KL_ASSIGN_OR_RETURN(const uint64_t tensor_count,
                      reader.ReadCount(kGgufTensorBytes, "the number of tensors"));
  KL_ASSIGN_OR_RETURN(const uint64_t entry_count,
                      reader.ReadCount(kGgufEntryBytes, "the number of metadata entries"));
  KL_RETURN_IF_ERROR(ReadGgufMetadata(&reader, entry_count, &gguf.metadata));
  KL_ASSIGN_OR_RETURN(const uint64_t alignment, GgufAlignment(path, gguf.metadata));
  // Again, now that the entries are behind: what is left must hold the list.
  KL_RETURN_IF_ERROR(
      reader.CheckCount(tensors_at, tensor_count, kGgufTensorBytes, "the number of tensors"));
  KL_RETURN_IF_ERROR(ReadGgufTensors(*gguf.file, &reader, tensor_count, alignment, &gguf.tensors));
  return gguf;
}

}  // namespace kinglet
