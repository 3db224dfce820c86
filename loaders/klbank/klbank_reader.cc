#include "loaders/klbank/klbank_reader.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/abi/checksum.h"
#include "core/base/checked_math.h"
#include "core/base/status.h"
#include "core/text/utf8.h"
#include "loaders/common/errors.h"
#include "loaders/klbank/klbank_header.h"

namespace kinglet {
namespace {

#define KL_HEADER_OFFSET(field) offsetof(KlbankHeader, field)

constexpr char kAdvice[] = "; restore the bank from a copy, or make it again";

absl::Status Damaged(absl::string_view path, uint64_t offset, absl::string_view expected,
                     absl::string_view found) {
  return Corrupt(path, offset, expected, absl::StrCat(found, kAdvice));
}

std::string Hex(uint64_t value) { return absl::StrCat("0x", absl::Hex(value, absl::kZeroPad16)); }

// A text of a header: UTF-8 without control characters, ended and filled up by zeros.
template <size_t kSize>
absl::StatusOr<std::string> ReadText(absl::string_view path, uint64_t offset,
                                     const char (&bytes)[kSize], absl::string_view what) {
  const char* end = std::find(bytes, bytes + kSize, '\0');
  if (end == bytes + kSize) {
    return Damaged(path, offset,
                   absl::StrCat(what, " that ends with a zero within ", kSize, " bytes"), "none");
  }
  if (std::any_of(end, bytes + kSize, [](char c) { return c != '\0'; })) {
    return Damaged(path, offset, absl::StrCat("zeros after ", what), "other bytes");
  }
  const std::string text(bytes, end);
  const bool control = std::any_of(
      bytes, end, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (control || ValidUtf8Length(text, 0) != text.size()) {
    return Damaged(path, offset, absl::StrCat(what, " in UTF-8 without control characters"),
                   Quoted(text));
  }
  return text;
}

uint64_t FieldOffset(const MemoryShapeFault& fault) {
  const absl::string_view field = fault.field;
  if (field == "branching") return KL_HEADER_OFFSET(branching);
  if (field == "depth") return KL_HEADER_OFFSET(depth);
  if (field == "layer_count") return KL_HEADER_OFFSET(layer_count);
  if (field == "dim") return KL_HEADER_OFFSET(dim);
  if (field == "type") return KL_HEADER_OFFSET(type);
  if (field == "activation") return KL_HEADER_OFFSET(activation);
  if (field == "encoder_width") return KL_HEADER_OFFSET(encoder_width);
  return KL_HEADER_OFFSET(rows) + sizeof(uint32_t) * (fault.level == 0 ? 0 : fault.level - 1);
}

struct Region {
  std::string name;
  uint64_t field;  // where the header says its offset
  uint64_t begin;
  uint64_t bytes;
};

class HeaderReader {
 public:
  HeaderReader(const MappedFile& file, MemorySource* bank) : file_(file), bank_(bank) {}

  absl::Status Read() {
    KL_RETURN_IF_ERROR(ReadFixed());
    KL_RETURN_IF_ERROR(ReadShape());
    KL_RETURN_IF_ERROR(ReadTexts());
    KL_RETURN_IF_ERROR(ReadOffsets());
    return CheckRegions();
  }

  const KlbankHeader& header() const { return header_; }

 private:
  absl::Status Wrong(uint64_t offset, absl::string_view expected, absl::string_view found) const {
    return Damaged(file_.path(), offset, expected, found);
  }

  // What tells the format, and that the rest was written so.
  absl::Status ReadFixed() {
    const uint64_t magic_bytes = std::min<uint64_t>(file_.size(), sizeof kKlbankMagic);
    if (magic_bytes == 0 || memcmp(file_.data(), kKlbankMagic, magic_bytes) != 0) {
      const absl::string_view found(reinterpret_cast<const char*>(file_.data()), magic_bytes);
      return Corrupt(file_.path(), 0, "a memory bank, which begins with \"KLBANK\\r\\n\"",
                     absl::StrCat(Quoted(found), "; if it was sent as text, send it as binary"));
    }
    if (file_.size() < sizeof header_) {
      return Wrong(file_.size(), absl::StrCat("a header of ", sizeof header_, " bytes"),
                   "the end of the file");
    }
    memcpy(&header_, file_.data(), sizeof header_);
    if (header_.version != kKlbankVersion) {
      return absl::UnimplementedError(
          absl::StrCat(file_.path(), ": at byte ", KL_HEADER_OFFSET(version),
                       ": expected memory bank version ", kKlbankVersion, ", found ",
                       header_.version, "; use the Kinglet that wrote it, or make the bank again"));
    }
    if (header_.header_bytes != sizeof header_) {
      return Wrong(KL_HEADER_OFFSET(header_bytes),
                   absl::StrCat("a header of ", sizeof header_, " bytes"),
                   absl::StrCat(header_.header_bytes));
    }
    const uint64_t sum = KlbankHeaderSum(header_);
    if (header_.header_checksum != sum) {
      return Wrong(KL_HEADER_OFFSET(header_checksum),
                   absl::StrCat("the header's checksum, ", Hex(sum)), Hex(header_.header_checksum));
    }
    if (std::any_of(std::begin(header_.zeros), std::end(header_.zeros),
                    [](uint8_t byte) { return byte != 0; })) {
      return Wrong(KL_HEADER_OFFSET(zeros), absl::StrCat(sizeof header_.zeros, " zeros"),
                   "other bytes");
    }
    return absl::OkStatus();
  }

  absl::Status ReadShape() {
    MemoryShape shape;
    shape.branching = header_.branching;
    shape.depth = header_.depth;
    shape.layer_count = header_.layer_count;
    shape.dim = header_.dim;
    shape.type = static_cast<kl_dtype>(header_.type);
    shape.activation = static_cast<MemoryActivation>(header_.activation);
    std::copy(std::begin(header_.rows), std::end(header_.rows), shape.rows.begin());
    shape.encoder_width = header_.encoder_width;
    if (const auto fault = MemoryLayout::FindFault(shape)) {
      const std::string of_level =
          fault->level == 0 ? "" : absl::StrCat(" of level ", fault->level);
      return Wrong(FieldOffset(*fault), absl::StrCat(fault->field, of_level, ": ", fault->expected),
                   fault->found);
    }
    KL_ASSIGN_OR_RETURN(bank_->layout, MemoryLayout::Create(shape));
    if ((header_.flags & ~kKlbankHasGeneric) != 0) {
      return Wrong(KL_HEADER_OFFSET(flags), "no flags but bit 0", Hex(header_.flags));
    }
    bank_->has_generic = (header_.flags & kKlbankHasGeneric) != 0;
    bank_->model_fingerprint = header_.model_fingerprint;
    bank_->encoder_fingerprint = header_.encoder_fingerprint;
    return absl::OkStatus();
  }

  absl::Status ReadTexts() {
    KL_ASSIGN_OR_RETURN(bank_->name,
                        ReadText(file_.path(), KL_HEADER_OFFSET(name), header_.name, "a name"));
    constexpr uint64_t kOffset = KL_HEADER_OFFSET(encoder_file);
    KL_ASSIGN_OR_RETURN(bank_->encoder_file, ReadText(file_.path(), kOffset, header_.encoder_file,
                                                      "an encoder's file name"));
    const std::string& file = bank_->encoder_file;
    // It is looked for beside the bank, and nowhere else.
    if (file == "." || file == ".." || file.find('/') != std::string::npos) {
      return Wrong(kOffset, "the name of a file without folders", Quoted(file));
    }
    return absl::OkStatus();
  }

  absl::Status ReadOffsets() {
    const MemoryLayout& layout = bank_->layout;
    for (uint32_t level = 1; level <= kMemoryMaxDepth; ++level) {
      const bool blocks = level <= layout.depth() && layout.BlockCount(level) > 0;
      const uint64_t stride = blocks ? layout.StrideBytes(level) : 0;
      const uint64_t place = sizeof(uint64_t) * (level - 1);
      if (header_.level_stride[level - 1] != stride) {
        return Wrong(KL_HEADER_OFFSET(level_stride) + place,
                     absl::StrCat("a stride of ", stride, " bytes for level ", level),
                     absl::StrCat(header_.level_stride[level - 1]));
      }
      if (!blocks && header_.level_offset[level - 1] != 0) {
        return Wrong(KL_HEADER_OFFSET(level_offset) + place,
                     absl::StrCat("0, since level ", level, " has no blocks"),
                     absl::StrCat(header_.level_offset[level - 1]));
      }
      bank_->level_offsets[level - 1] = header_.level_offset[level - 1];
    }
    if (!bank_->has_generic && header_.generic_offset != 0) {
      return Wrong(KL_HEADER_OFFSET(generic_offset), "0, since there are no generic blocks",
                   absl::StrCat(header_.generic_offset));
    }
    bank_->generic_offset = header_.generic_offset;
    bank_->centroids_offset = header_.centroids_offset;
    bank_->centroids_checksum = header_.centroids_checksum;
    bank_->table_offset = header_.table_offset;
    bank_->file_bytes = header_.file_bytes;
    if (header_.file_bytes < sizeof header_) {
      return Wrong(KL_HEADER_OFFSET(file_bytes),
                   absl::StrCat("at least the header's ", sizeof header_, " bytes"),
                   absl::StrCat(header_.file_bytes));
    }
    // A file may go on after its end: what an interrupted edit left there.
    if (header_.file_bytes > file_.size()) {
      return Wrong(KL_HEADER_OFFSET(file_bytes),
                   absl::StrCat("a bank of at most ", file_.size(), " bytes, as long as its file"),
                   absl::StrCat(header_.file_bytes, "; the file was cut short"));
    }
    return absl::OkStatus();
  }

  absl::Status CheckRegions() const {
    const MemoryLayout& layout = bank_->layout;
    std::vector<Region> regions = {{"the header", 0, 0, sizeof header_}};
    regions.push_back({"the centroids", KL_HEADER_OFFSET(centroids_offset),
                       header_.centroids_offset, layout.CentroidBytes()});
    regions.push_back({"the table", KL_HEADER_OFFSET(table_offset), header_.table_offset,
                       layout.RecordCount() * sizeof(MemoryRecord)});
    for (uint32_t level = 1; level <= layout.depth(); ++level) {
      if (layout.BlockCount(level) == 0) continue;
      regions.push_back({absl::StrCat("level ", level),
                         KL_HEADER_OFFSET(level_offset) + sizeof(uint64_t) * (level - 1),
                         header_.level_offset[level - 1], layout.LevelBytes(level)});
    }
    if (bank_->has_generic) {
      regions.push_back({"the generic blocks", KL_HEADER_OFFSET(generic_offset),
                         header_.generic_offset, layout.GenericBytes()});
    }
    for (const Region& region : regions) {
      if (region.begin % kMemoryAlignment != 0) {
        return Wrong(
            region.field,
            absl::StrCat("an offset of ", region.name, " that is a multiple of ", kMemoryAlignment),
            absl::StrCat(region.begin));
      }
      if (region.bytes > header_.file_bytes || region.begin > header_.file_bytes - region.bytes) {
        return Wrong(region.field,
                     absl::StrCat("room for the ", region.bytes, " bytes of ", region.name,
                                  " within ", header_.file_bytes),
                     absl::StrCat("offset ", region.begin));
      }
    }
    std::sort(regions.begin(), regions.end(),
              [](const Region& a, const Region& b) { return a.begin < b.begin; });
    for (size_t i = 1; i < regions.size(); ++i) {
      const Region& before = regions[i - 1];
      const uint64_t end = before.begin + before.bytes;
      if (regions[i].begin >= end) continue;
      const uint64_t field = std::max(regions[i].field, before.field);  // never the header's own
      return Wrong(
          field,
          absl::StrCat(regions[i].name, " not before byte ", end, ", where ", before.name, " ends"),
          absl::StrCat("offset ", regions[i].begin));
    }
    return absl::OkStatus();
  }

  const MappedFile& file_;
  MemorySource* bank_;
  KlbankHeader header_ = {};
};

absl::Status CheckCentroids(const MemorySource& bank) {
  const uint64_t bytes = bank.layout.CentroidBytes();
  const uint64_t sum = kl_checksum64(bank.centroids, bytes, 0);
  if (sum != bank.centroids_checksum) {
    return Damaged(
        bank.path, bank.centroids_offset,
        absl::StrCat(bytes, " bytes of centroids with checksum ", Hex(bank.centroids_checksum)),
        Hex(sum));
  }
  for (uint64_t i = 0; i < bytes / sizeof(float); ++i) {
    if (std::isfinite(bank.centroids[i])) continue;
    return Damaged(bank.path, bank.centroids_offset + i * sizeof(float),
                   "a finite number in a centroid", absl::StrCat(bank.centroids[i]));
  }
  return absl::OkStatus();
}

absl::Status CheckTable(const MemorySource& bank, uint64_t expected_sum) {
  const MemoryLayout& layout = bank.layout;
  const uint64_t bytes = layout.RecordCount() * sizeof(MemoryRecord);
  const uint64_t sum = kl_checksum64(bank.table, bytes, 0);
  if (sum != expected_sum) {
    return Damaged(bank.path, bank.table_offset,
                   absl::StrCat("a table of ", bytes, " bytes with checksum ", Hex(expected_sum)),
                   Hex(sum));
  }
  const uint64_t first_generic = layout.GenericRecord(1);
  for (uint64_t record = 0; record < layout.RecordCount(); ++record) {
    const MemoryRecord& entry = bank.table[record];
    uint32_t allowed = kMemoryPresent | kMemoryDenied;
    if (record >= first_generic) {
      const uint32_t level = static_cast<uint32_t>(record - first_generic + 1);
      allowed = bank.has_generic && layout.BlockBytes(level) > 0 ? kMemoryPresent : 0;
    }
    if ((entry.flags & ~allowed) == 0 && entry.reserved == 0) continue;
    return Damaged(bank.path,
                   bank.table_offset + record * sizeof entry + offsetof(MemoryRecord, flags),
                   absl::StrCat("flags of block ", record, " within ", allowed, " and then 0"),
                   absl::StrCat(entry.flags, " and ", entry.reserved));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<MemorySource>> ReadKlbank(absl::string_view path) {
  auto bank = std::make_unique<MemorySource>();
  bank->path = std::string(path);
  KL_ASSIGN_OR_RETURN(bank->file, MappedFile::Open(path));
  // Whatever happens to the file from here on reads as zeros, and CheckIntact() says so.
  KL_RETURN_IF_ERROR(bank->file->ContainFaults());
  HeaderReader reader(*bank->file, bank.get());
  absl::Status status = reader.Read();
  if (status.ok()) {
    const uint8_t* data = bank->file->data();
    // Aligned: 4 KiB in a mapping, which starts with a page.
    bank->centroids = reinterpret_cast<const float*>(data + bank->centroids_offset);
    bank->table = reinterpret_cast<const MemoryRecord*>(data + bank->table_offset);
    status = CheckCentroids(*bank);
  }
  if (status.ok()) status = CheckTable(*bank, reader.header().table_checksum);
  KL_RETURN_IF_ERROR(bank->file->CheckIntact());
  KL_RETURN_IF_ERROR(status);
  return bank;
}

}  // namespace kinglet
