#include "core/exec/memory_bank.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/checksum.h"
#include "core/base/status.h"

namespace kinglet {
namespace {

// Of each level: what a session computes with, and what it has asked for instead.
constexpr uint32_t kLeastLeases = 2;
// Blocks that stay in memory beyond those, unless the caller says how much: all of a small bank,
// some paths of a large one.
constexpr uint64_t kSpareBytes = 256 << 20;
constexpr uint64_t kSpareShareOfLimit = 16;

}  // namespace

absl::StatusOr<std::unique_ptr<MemoryBank>> MemoryBank::Create(std::unique_ptr<MemorySource> source,
                                                               MemoryOptions options) {
  std::unique_ptr<MemoryBank> self(new MemoryBank);
  self->source_ = std::move(source);
  self->options_ = std::move(options);
  KL_RETURN_IF_ERROR(self->Deny());
  self->MakeRecords();
  KL_RETURN_IF_ERROR(self->source_->file->CheckIntact());
  return self;
}

absl::Status MemoryBank::Deny() {
  const MemoryLayout& layout = source_->layout;
  table_.assign(source_->table, source_->table + layout.RecordCount());
  for (const MemoryDeny& node : options_.denied) {
    if (node.level < 1 || node.level > layout.depth() || node.id >= layout.NodeCount(node.level)) {
      return absl::InvalidArgumentError(absl::StrCat(
          source_->path, ": to be denied: node ", node.id, " of level ", node.level,
          "; the bank has levels 1 to ", layout.depth(),
          node.level >= 1 && node.level <= layout.depth()
              ? absl::StrCat(", and nodes 0 to ", layout.NodeCount(node.level) - 1, " there")
              : ""));
    }
    // A level without blocks has no entries: what lies below it is denied instead.
    uint32_t level = node.level;
    uint64_t first = node.id, count = 1;
    while (layout.BlockCount(level) == 0 && level < layout.depth()) {
      ++level;
      first *= layout.shape().branching;
      count *= layout.shape().branching;
    }
    if (layout.BlockCount(level) == 0) continue;
    for (uint64_t id = first; id < first + count; ++id)
      table_[layout.BlockRecord(level, id)].flags |= kMemoryDenied;
  }
  source_->table = table_.data();
  Checksum sum;
  sum.Add(&layout.shape(), sizeof layout.shape());
  sum.Add(table_.data(), table_.size() * sizeof table_[0]);
  identity_ = sum.value();
  return absl::OkStatus();
}

void MemoryBank::MakeRecords() {
  const MemoryLayout& layout = source_->layout;
  pieces_.resize(layout.RecordCount());
  records_.resize(layout.RecordCount());
  group_of_record_.resize(layout.RecordCount());
  const auto add = [&](uint32_t level, uint64_t record, const MemoryChoice& choice) {
    group_of_record_[record] = static_cast<uint8_t>(level - 1);
    if (choice.kind == MemoryChoice::kNothing)
      return;  // no piece: no place that anybody could read
    pieces_[record] = {0, 0, choice.offset, choice.bytes};
    records_[record] = {&pieces_[record], 1, 1, choice.checksum};
  };
  uint64_t most_bytes = 0;
  for (uint32_t level = 1; level <= layout.depth(); ++level) {
    for (uint64_t id = 0; id < layout.BlockCount(level); ++id) {
      add(level, layout.BlockRecord(level, id), source_->ChooseBlock(level, id));
    }
    add(level, layout.GenericRecord(level), source_->ChooseGeneric(level));
    group_slot_bytes_.push_back(layout.BlockBytes(level));
    most_bytes = std::max(most_bytes, layout.BlockBytes(level));
  }
  paths_[0] = source_->path.c_str();
  abi_.struct_size = sizeof abi_;
  abi_.path_count = 1;
  abi_.paths = paths_;
  abi_.records = records_.data();
  abi_.record_count = records_.size();
  abi_.slot_bytes = most_bytes;
  abi_.group_count = layout.depth();
  abi_.group_slot_bytes = group_slot_bytes_.data();
  abi_.group_of_record = group_of_record_.data();
}

BankOptions MemoryBank::Options() const {
  BankOptions bank;
  bank.min_lease_count = kLeastLeases;
  bank.source = &abi_;
  bank.tiers = options_.tiers;
  bank.reader = options_.reader;
  return bank;
}

absl::StatusOr<uint64_t> MemoryBank::WantedBytes(const kl_bank& table, uint64_t limit_bytes) const {
  if (options_.budget_bytes != 0) return options_.budget_bytes;
  KL_ASSIGN_OR_RETURN(const BankNeeds needs, Bank::QueryBudget(table, Options()));
  uint64_t all_bytes = 0;
  for (const kl_bank_record& record : records_)
    all_bytes += record.piece_count == 0 ? 0 : record.pieces->bytes;
  const uint64_t most =
      limit_bytes == 0 ? kSpareBytes : std::min(kSpareBytes, limit_bytes / kSpareShareOfLimit);
  // Twice the bytes: slots are rounded up, and a bank keeps books.
  return needs.least_bytes + std::min(most, 2 * all_bytes);
}

absl::Status MemoryBank::Open(const kl_bank& table, const kl_host* host, uint64_t bytes,
                              Budget* budget) {
  KL_ASSIGN_OR_RETURN(reservation_, budget->Reserve("memory bank", bytes));
  BankOptions options = Options();
  options.budget_bytes = bytes;
  auto bank = Bank::Open(table, host, options);
  if (!bank.ok()) return Annotate(bank.status(), source_->path);
  bank_ = *std::move(bank);
  return absl::OkStatus();
}

absl::StatusOr<MemoryFetch> MemoryBank::Resolve(const std::optional<MemoryPath>& path) const {
  if (!path.has_value()) return source_->ResolveGeneric();
  const MemoryLayout& layout = source_->layout;
  if (path->depth != layout.depth()) {
    return absl::InvalidArgumentError(absl::StrCat(source_->path, ": a path of ", path->depth,
                                                   " levels, the bank has ", layout.depth()));
  }
  for (uint32_t level = 1; level <= layout.depth(); ++level) {
    const uint64_t id = path->ids[level - 1];
    if (id >= layout.NodeCount(level) ||
        (level > 1 && layout.Ancestor(level, id, level - 1) != path->ids[level - 2])) {
      return absl::InvalidArgumentError(
          absl::StrCat(source_->path, ": node ", id, " of level ", level,
                       " is not on a path of the bank: expected one of ", layout.shape().branching,
                       " children of the node before, ids below ", layout.NodeCount(level)));
    }
  }
  return source_->Resolve(*path);
}

}  // namespace kinglet
