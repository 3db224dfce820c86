#include "loaders/klbank/klbank_writer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/base/checked_math.h"
#include "core/base/status.h"
#include "core/text/utf8.h"

namespace kinglet {
namespace {

// Copies a text that leaves room for the zero at its end.
template <size_t kSize>
absl::Status SetText(const std::string& text, absl::string_view what, char (&field)[kSize]) {
  const bool control = std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (text.size() >= kSize || control || ValidUtf8Length(text, 0) != text.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("memory bank: expected ", what, " of at most ", kSize - 1,
                     " bytes of UTF-8 without control characters, found ", text.size(),
                     " bytes: \"", ReplaceInvalidUtf8(text.substr(0, kSize)), "\""));
  }
  memcpy(field, text.data(), text.size());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<KlbankWriter>> KlbankWriter::Create(absl::string_view path,
                                                                   const KlbankHead& head,
                                                                   const float* centroids,
                                                                   uint64_t centroid_count) {
  std::unique_ptr<KlbankWriter> writer(new KlbankWriter);
  writer->path_ = std::string(path);
  KL_ASSIGN_OR_RETURN(writer->layout_, MemoryLayout::Create(head.shape));
  const MemoryLayout& layout = writer->layout_;
  if (centroid_count != layout.TotalNodeCount()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": expected ", layout.TotalNodeCount(),
                     " centroids, one for each node of the tree, found ", centroid_count));
  }
  for (uint64_t i = 0; i < centroid_count * head.shape.encoder_width; ++i) {
    if (std::isfinite(centroids[i])) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": number ", i % head.shape.encoder_width, " of centroid ",
        i / head.shape.encoder_width, ": expected a finite one, found ", centroids[i]));
  }
  KL_RETURN_IF_ERROR(writer->FillHeader(head));
  KlbankHeader& header = writer->header_;
  header.centroids_checksum = kl_checksum64(centroids, layout.CentroidBytes(), 0);
  writer->table_.assign(layout.RecordCount(), MemoryRecord{});
  KL_ASSIGN_OR_RETURN(writer->file_, AtomicFile::Create(path));
  KL_RETURN_IF_ERROR(writer->file_->SetLength(header.file_bytes));
  KL_RETURN_IF_ERROR(
      writer->file_->WriteAt(header.centroids_offset, centroids, layout.CentroidBytes()));
  return writer;
}

absl::Status KlbankWriter::FillHeader(const KlbankHead& head) {
  const MemoryShape& shape = head.shape;
  memcpy(header_.magic, kKlbankMagic, sizeof kKlbankMagic);
  header_.version = kKlbankVersion;
  header_.header_bytes = sizeof header_;
  header_.branching = shape.branching;
  header_.depth = shape.depth;
  header_.layer_count = shape.layer_count;
  header_.dim = shape.dim;
  header_.type = static_cast<uint32_t>(shape.type);
  header_.activation = static_cast<uint32_t>(shape.activation);
  std::copy(shape.rows.begin(), shape.rows.end(), header_.rows);
  header_.encoder_width = shape.encoder_width;
  header_.flags = head.generic ? kKlbankHasGeneric : 0;
  header_.model_fingerprint = head.model_fingerprint;
  header_.encoder_fingerprint = head.encoder_fingerprint;
  KL_RETURN_IF_ERROR(SetText(head.name, "a name", header_.name));
  const std::string& encoder = head.encoder_file;
  if (encoder == "." || encoder == ".." || encoder.find('/') != std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat(
        "memory bank: expected the encoder's file name without folders, found \"", encoder, "\""));
  }
  KL_RETURN_IF_ERROR(SetText(encoder, "an encoder's file name", header_.encoder_file));

  uint64_t end = kMemoryAlignment;
  const auto place = [&end](uint64_t bytes) {
    const uint64_t offset = end;
    end += AlignUp(bytes, kMemoryAlignment);
    return offset;
  };
  const uint64_t table_bytes = layout_.RecordCount() * sizeof(MemoryRecord);
  header_.centroids_offset = place(layout_.CentroidBytes());
  header_.table_offset = place(table_bytes);
  place(table_bytes);  // where the next table goes when the deny list changes
  for (uint32_t level = 1; level <= layout_.depth(); ++level) {
    if (layout_.BlockCount(level) == 0) continue;
    header_.level_offset[level - 1] = place(layout_.LevelBytes(level));
    header_.level_stride[level - 1] = layout_.StrideBytes(level);
  }
  if (head.generic) header_.generic_offset = place(layout_.GenericBytes());
  header_.file_bytes = end;
  return absl::OkStatus();
}

absl::Status KlbankWriter::CheckNode(uint32_t level, uint64_t id) const {
  if (level < 1 || level > layout_.depth()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path_, ": expected a level of 1 to ", layout_.depth(), ", found ", level));
  }
  if (id < layout_.BlockCount(level)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      path_, ": level ", level, " has ", layout_.BlockCount(level), " blocks, found block ", id));
}

absl::Status KlbankWriter::AddBlock(uint32_t level, uint64_t id, const void* data, uint64_t bytes) {
  KL_RETURN_IF_ERROR(CheckNode(level, id));
  return Add(level, layout_.BlockRecord(level, id),
             header_.level_offset[level - 1] + id * header_.level_stride[level - 1], data, bytes);
}

absl::Status KlbankWriter::AddGeneric(uint32_t level, const void* data, uint64_t bytes) {
  KL_RETURN_IF_ERROR(CheckNode(level, 0));
  if ((header_.flags & kKlbankHasGeneric) == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(path_, ": a generic block for a bank that was declared without them"));
  }
  return Add(level, layout_.GenericRecord(level),
             header_.generic_offset + layout_.GenericOffset(level), data, bytes);
}

absl::Status KlbankWriter::Add(uint32_t level, uint64_t record, uint64_t offset, const void* data,
                               uint64_t bytes) {
  if (bytes != layout_.BlockBytes(level)) {
    return absl::InvalidArgumentError(absl::StrCat(path_, ": expected ", layout_.BlockBytes(level),
                                                   " bytes for a block of level ", level,
                                                   ", found ", bytes));
  }
  MemoryRecord& entry = table_[record];
  if ((entry.flags & kMemoryPresent) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(path_, ": block ", record, " of the table was added twice"));
  }
  KL_RETURN_IF_ERROR(file_->WriteAt(offset, data, bytes));
  entry.checksum = kl_checksum64(data, bytes, 0);
  entry.flags |= kMemoryPresent;
  return absl::OkStatus();
}

absl::Status KlbankWriter::Deny(uint32_t level, uint64_t id) {
  KL_RETURN_IF_ERROR(CheckNode(level, id));
  table_[layout_.BlockRecord(level, id)].flags |= kMemoryDenied;
  return absl::OkStatus();
}

absl::Status KlbankWriter::Commit() {
  const uint64_t table_bytes = table_.size() * sizeof(MemoryRecord);
  header_.table_checksum = kl_checksum64(table_.data(), table_bytes, 0);
  header_.header_checksum = KlbankHeaderSum(header_);
  KL_RETURN_IF_ERROR(file_->WriteAt(header_.table_offset, table_.data(), table_bytes));
  KL_RETURN_IF_ERROR(file_->WriteAt(0, &header_, sizeof header_));
  return file_->Commit();
}

}  // namespace kinglet
