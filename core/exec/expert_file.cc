#include "core/exec/expert_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/abi/checksum.h"
#include "core/base/aligned_buffer.h"
#include "core/base/atomic_file.h"
#include "core/base/checked_math.h"
#include "core/base/fault_guard.h"
#include "core/base/mapped_file.h"
#include "core/base/status.h"

namespace kinglet {
namespace {

constexpr char kMagic[8] = {'K', 'L', 'E', 'X', 'P', 'E', 'R', 'T'};
constexpr uint32_t kVersion = 1;
constexpr uint64_t kBlockBytes = 4096;

struct Header {
  char magic[8];
  uint32_t version;
  uint32_t header_bytes;  // kBlockBytes
  uint64_t fingerprint;   // of the model
  uint64_t layout;        // LayoutSum()
  uint64_t record_count;
  uint64_t index_offset;
  uint64_t checksum;  // of the fields before
};

struct IndexEntry {
  uint64_t offset;
  uint64_t checksum;
};

uint64_t HeaderSum(const Header& header) { return kl_checksum64(&header, offsetof(Header, checksum), 0); }

// Two layouts of the same sum put every part of every expert in the same form at the same place.
uint64_t LayoutSum(const ExpertLayout& layout) {
  std::string text;
  for (const auto& layer : layout.layers()) {
    absl::StrAppend(&text, layer->expert_count(), ":");
    for (const ExpertPart& part : layer->parts()) {
      absl::StrAppend(&text, part.layout_name, "@", part.offset, "+", part.bytes, ",");
    }
  }
  return kl_checksum64(text.data(), text.size(), 0);
}

std::vector<uint64_t> Offsets(const ExpertLayout& layout, uint64_t* end) {
  std::vector<uint64_t> offsets;
  *end = kBlockBytes;
  for (const auto& layer : layout.layers()) {
    for (int64_t e = 0; e < layer->expert_count(); ++e) {
      offsets.push_back(*end);
      *end = AlignUp(*end + layer->slot_bytes(), kBlockBytes);
    }
  }
  return offsets;
}

Header MakeHeader(const ExpertLayout& layout, uint64_t fingerprint, uint64_t index_offset) {
  Header header = {};
  memcpy(header.magic, kMagic, sizeof kMagic);
  header.version = kVersion;
  header.header_bytes = kBlockBytes;
  header.fingerprint = fingerprint;
  header.layout = LayoutSum(layout);
  header.record_count = layout.record_count();
  header.index_offset = index_offset;
  header.checksum = HeaderSum(header);
  return header;
}

absl::Status Unfit(absl::StatusCode code, const std::string& path, absl::string_view found) {
  return absl::Status(code, absl::StrCat(path, ": ", found, "; run `kinglet prepare` on the model again, or remove the file"));
}

absl::Status CheckHeader(const Header& found, const Header& expected, const std::string& path, uint64_t file_bytes) {
  constexpr auto kCorrupt = absl::StatusCode::kDataLoss;
  if (memcmp(found.magic, kMagic, sizeof kMagic) != 0) {
    return Unfit(kCorrupt, path, "expected prepared experts (KLEXPERT at offset 0), found another kind of file");
  }
  if (found.version != kVersion) {
    return Unfit(absl::StatusCode::kUnimplemented, path,
                 absl::StrCat("prepared experts of version ", found.version, ", this build reads ", kVersion));
  }
  if (found.checksum != HeaderSum(found)) return Unfit(kCorrupt, path, "the header's checksum is wrong");
  if (found.fingerprint != expected.fingerprint) {
    return Unfit(absl::StatusCode::kFailedPrecondition, path, "these are the experts of another model");
  }
  if (found.layout != expected.layout || found.record_count != expected.record_count ||
      found.index_offset != expected.index_offset) {
    return Unfit(absl::StatusCode::kFailedPrecondition, path,
                 "these experts were packed for other kernels than this machine and these options choose");
  }
  const uint64_t bytes = expected.index_offset + expected.record_count * sizeof(IndexEntry) + sizeof(uint64_t);
  if (file_bytes != bytes) {
    return Unfit(kCorrupt, path, absl::StrCat("expected ", bytes, " bytes, found ", file_bytes));
  }
  return absl::OkStatus();
}

}  // namespace

std::string ExpertFileBeside(const std::string& model_path) {
  std::string path = model_path;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path + ".experts";
}

absl::StatusOr<ExpertFileIndex> ReadExpertFile(const ExpertLayout& layout, const std::string& path,
                                               uint64_t fingerprint) {
  KL_ASSIGN_OR_RETURN(const std::unique_ptr<MappedFile> file, MappedFile::Open(path));
  ExpertFileIndex index;
  uint64_t end = 0;
  index.offsets = Offsets(layout, &end);
  if (file->size() < sizeof(Header)) {
    return Unfit(absl::StatusCode::kDataLoss, path, absl::StrCat("expected prepared experts, found ", file->size(), " bytes"));
  }
  Header header = {};
  KL_RETURN_IF_ERROR(RunGuarded(path, [&] { memcpy(&header, file->data(), sizeof header); }));
  KL_RETURN_IF_ERROR(CheckHeader(header, MakeHeader(layout, fingerprint, end), path, file->size()));
  std::vector<IndexEntry> entries(layout.record_count());
  uint64_t sum = 0;
  const uint64_t bytes = entries.size() * sizeof(IndexEntry);
  KL_RETURN_IF_ERROR(RunGuarded(path, [&] {
    memcpy(entries.data(), file->data() + end, bytes);
    memcpy(&sum, file->data() + end + bytes, sizeof sum);
  }));
  file->Forget(0, file->size());
  if (sum != kl_checksum64(entries.data(), bytes, 0)) {
    return Unfit(absl::StatusCode::kDataLoss, path, absl::StrCat("the checksum of the index at offset ", end, " is wrong"));
  }
  for (size_t r = 0; r < entries.size(); ++r) {
    if (entries[r].offset != index.offsets[r]) {
      return Unfit(absl::StatusCode::kDataLoss, path, absl::StrCat("record ", r, " is at ", entries[r].offset, ", expected ", index.offsets[r]));
    }
    index.checksums.push_back(entries[r].checksum);
  }
  return index;
}

absl::StatusOr<uint64_t> WriteExpertFile(const ExpertLayout& layout, const std::string& path, uint64_t fingerprint,
                                         const ProgressFunction& progress) {
  KL_RETURN_IF_ERROR(layout.streamable());
  uint64_t end = 0;
  const std::vector<uint64_t> offsets = Offsets(layout, &end);
  KL_ASSIGN_OR_RETURN(const std::unique_ptr<AtomicFile> file, AtomicFile::Create(path));
  // One record and what pads it; zeros elsewhere, so that equal models give equal files.
  KL_ASSIGN_OR_RETURN(AlignedBuffer buffer, AlignedBuffer::Allocate(AlignUp(layout.slot_bytes(), kBlockBytes)));
  const Header header = MakeHeader(layout, fingerprint, end);
  memcpy(buffer.data(), &header, sizeof header);
  KL_RETURN_IF_ERROR(file->Write(buffer.data(), kBlockBytes));
  std::vector<IndexEntry> entries;
  for (size_t l = 0; l < layout.layers().size(); ++l) {
    const ExpertLayer& layer = *layout.layers()[l];
    for (int64_t e = 0; e < layer.expert_count(); ++e) {
      const uint64_t record = layout.first_record(l) + static_cast<uint64_t>(e);
      if (progress && !progress("prepare", record, layout.record_count())) {
        return absl::CancelledError("preparing was stopped");
      }
      memset(buffer.data(), 0, buffer.size());
      const void* sources[ExpertLayer::kPartCount];
      for (size_t p = 0; p < ExpertLayer::kPartCount; ++p) sources[p] = layer.SourceData(p, e);
      kl_error error = EmptyError();
      const kl_code code = layer.Pack(sources, buffer.data(), &error);
      if (code != KL_OK) return StatusFromError(code, error, path);
      for (size_t p = 0; p < ExpertLayer::kPartCount; ++p) {
        layer.SourceOf(p, e).file->Forget(layer.SourceOffset(p, e), layer.parts()[p].source_bytes);
      }
      entries.push_back({offsets[record], kl_checksum64(buffer.data(), layer.slot_bytes(), 0)});
      KL_RETURN_IF_ERROR(file->Write(buffer.data(), AlignUp(layer.slot_bytes(), kBlockBytes)));
    }
  }
  const uint64_t bytes = entries.size() * sizeof(IndexEntry);
  const uint64_t sum = kl_checksum64(entries.data(), bytes, 0);
  KL_RETURN_IF_ERROR(file->Write(entries.data(), bytes));
  KL_RETURN_IF_ERROR(file->Write(&sum, sizeof sum));
  KL_RETURN_IF_ERROR(file->Commit());
  if (progress) progress("prepare", layout.record_count(), layout.record_count());
  return end + bytes + sizeof sum;
}

}  // namespace kinglet
