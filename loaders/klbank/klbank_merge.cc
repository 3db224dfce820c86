#include "loaders/klbank/klbank_merge.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/abi/checksum.h"
#include "core/base/status.h"
#include "core/model/memory_source.h"
#include "loaders/klbank/klbank_reader.h"
#include "loaders/klbank/klbank_writer.h"

namespace kinglet {
namespace {

using Banks = std::vector<std::unique_ptr<MemorySource>>;

bool SameShape(const MemoryShape& a, const MemoryShape& b) {
  return a.branching == b.branching && a.depth == b.depth && a.layer_count == b.layer_count &&
         a.dim == b.dim && a.type == b.type && a.activation == b.activation && a.rows == b.rows &&
         a.encoder_width == b.encoder_width;
}

absl::Status CheckAlike(const MemorySource& first, const MemorySource& other) {
  const char* difference = nullptr;
  if (!SameShape(first.layout.shape(), other.layout.shape())) {
    difference = "shapes";
  } else if (first.model_fingerprint != other.model_fingerprint) {
    difference = "models (fingerprints)";
  } else if (first.encoder_fingerprint != other.encoder_fingerprint) {
    difference = "encoders (fingerprints)";
  } else if (first.centroids_checksum != other.centroids_checksum) {
    difference = "centroids";
  }
  if (difference == nullptr) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("only parts of one bank can be merged, and these have different ", difference,
                   " (see `kinglet bank inspect`): ", first.path, " and ", other.path));
}

absl::StatusOr<Banks> OpenAll(const std::vector<std::string>& paths) {
  if (paths.empty())
    return absl::InvalidArgumentError("merging memory banks: expected at least one, found none");
  Banks banks;
  for (const std::string& path : paths) {
    KL_ASSIGN_OR_RETURN(auto bank, ReadKlbank(path));
    if (!banks.empty()) KL_RETURN_IF_ERROR(CheckAlike(*banks[0], *bank));
    banks.push_back(std::move(bank));
  }
  return banks;
}

// A block of the target and where it comes from.
struct Origin {
  const MemorySource* bank = nullptr;  // NULL: nowhere
  MemoryChoice choice;
};

class Merger {
 public:
  Merger(const Banks& banks, KlbankPrefer prefer)
      : banks_(banks), layout_(banks[0]->layout), prefer_(prefer) {}

  // Blocks of all levels, then, as id UINT64_MAX, the generic ones.
  template <typename Visit>
  absl::Status ForEachNode(Visit visit) const {
    for (uint32_t level = 1; level <= layout_.depth(); ++level) {
      for (uint64_t id = 0; id < layout_.BlockCount(level); ++id)
        KL_RETURN_IF_ERROR(visit(level, id));
    }
    for (uint32_t level = 1; level <= layout_.depth(); ++level)
      KL_RETURN_IF_ERROR(visit(level, kGenericId));
    return absl::OkStatus();
  }

  bool Denied(uint32_t level, uint64_t id) const {
    if (id == kGenericId) return false;
    for (const auto& bank : banks_) {
      if (bank->StateOf(level, id) == MemoryBlockState::kDenied) return true;
    }
    return false;
  }

  absl::StatusOr<Origin> Find(uint32_t level, uint64_t id) const {
    Origin origin;
    if (Denied(level, id)) return origin;
    for (const auto& bank : banks_) {
      const MemoryChoice choice =
          id == kGenericId ? bank->ChooseGeneric(level) : bank->ChooseBlock(level, id);
      if (choice.kind == MemoryChoice::kNothing) continue;
      if (origin.bank == nullptr) {
        origin = {bank.get(), choice};
      } else if (origin.choice.checksum != choice.checksum) {
        if (prefer_ == KlbankPrefer::kNone) return Conflict(level, id, *origin.bank, *bank);
        if (prefer_ == KlbankPrefer::kLast) origin = {bank.get(), choice};
      }
    }
    return origin;
  }

  absl::Status CheckConflicts(uint64_t* block_count) const {
    return ForEachNode([&](uint32_t level, uint64_t id) -> absl::Status {
      KL_ASSIGN_OR_RETURN(const Origin origin, Find(level, id));
      if (origin.bank != nullptr) ++*block_count;
      return absl::OkStatus();
    });
  }

  absl::Status Copy(uint64_t block_count, const KlbankProgress& progress,
                    KlbankWriter* writer) const {
    uint64_t done_count = 0;
    return ForEachNode([&](uint32_t level, uint64_t id) -> absl::Status {
      if (id != kGenericId) {
        for (const auto& bank : banks_) {
          if ((bank->table[layout_.BlockRecord(level, id)].flags & kMemoryDenied) == 0) continue;
          KL_RETURN_IF_ERROR(writer->Deny(level, id));
        }
      }
      KL_ASSIGN_OR_RETURN(const Origin origin, Find(level, id));
      if (origin.bank == nullptr) return absl::OkStatus();
      KL_RETURN_IF_ERROR(CopyBlock(level, id, origin, writer));
      if (progress && !progress(++done_count, block_count))
        return absl::CancelledError("merging was stopped");
      return absl::OkStatus();
    });
  }

 private:
  static constexpr uint64_t kGenericId = UINT64_MAX;

  static std::string NameOf(uint32_t level, uint64_t id) {
    return id == kGenericId ? absl::StrCat("the generic block of level ", level)
                            : absl::StrCat("block ", level, ":", id);
  }

  static absl::Status Conflict(uint32_t level, uint64_t id, const MemorySource& a,
                               const MemorySource& b) {
    return absl::FailedPreconditionError(
        absl::StrCat(NameOf(level, id), " is not the same in two of the banks; say which one is ",
                     "wanted (--prefer first or last): ", a.path, " and ", b.path));
  }

  static absl::Status CopyBlock(uint32_t level, uint64_t id, const Origin& origin,
                                KlbankWriter* writer) {
    const MappedFile& file = *origin.bank->file;
    const uint8_t* data = file.data() + origin.choice.offset;
    const uint64_t bytes = origin.choice.bytes;
    const bool sound = kl_checksum64(data, bytes, 0) == origin.choice.checksum;
    KL_RETURN_IF_ERROR(file.CheckIntact());
    if (!sound) {
      return absl::DataLossError(
          absl::StrCat(file.path(), ": ", NameOf(level, id), " at byte ", origin.choice.offset,
                       ": expected ", bytes,
                       " bytes with the checksum of the table, found others; restore the "
                       "bank from a copy, or leave it out"));
    }
    KL_RETURN_IF_ERROR(id == kGenericId ? writer->AddGeneric(level, data, bytes)
                                        : writer->AddBlock(level, id, data, bytes));
    file.Discard(origin.choice.offset, bytes);
    return file.CheckIntact();
  }

  const Banks& banks_;
  const MemoryLayout& layout_;
  const KlbankPrefer prefer_;
};

}  // namespace

absl::Status MergeKlbanks(const std::vector<std::string>& paths, absl::string_view target,
                          KlbankPrefer prefer, const KlbankProgress& progress) {
  KL_ASSIGN_OR_RETURN(const Banks banks, OpenAll(paths));
  const MemorySource& first = *banks[0];
  KlbankHead head;
  head.shape = first.layout.shape();
  head.model_fingerprint = first.model_fingerprint;
  head.encoder_fingerprint = first.encoder_fingerprint;
  head.name = first.name;
  head.encoder_file = first.encoder_file;
  for (const auto& bank : banks) head.generic = head.generic || bank->has_generic;
  const Merger merger(banks, prefer);
  uint64_t block_count = 0;
  KL_RETURN_IF_ERROR(merger.CheckConflicts(&block_count));
  KL_ASSIGN_OR_RETURN(const auto writer, KlbankWriter::Create(target, head, first.centroids,
                                                              first.layout.TotalNodeCount()));
  KL_RETURN_IF_ERROR(merger.Copy(block_count, progress, writer.get()));
  for (const auto& bank : banks) KL_RETURN_IF_ERROR(bank->file->CheckIntact());
  return writer->Commit();
}

}  // namespace kinglet
