#include "loaders/klbank/klbank_verify.h"

#include "absl/strings/str_cat.h"
#include "core/abi/checksum.h"
#include "core/base/status.h"

namespace kinglet {

void ForEachReadableBlock(const MemorySource& bank,
                          const std::function<bool(const MemoryChoice&, uint32_t level)>& visit) {
  const MemoryLayout& layout = bank.layout;
  for (uint32_t level = 1; level <= layout.depth(); ++level) {
    for (uint64_t id = 0; id < layout.BlockCount(level); ++id) {
      const MemoryChoice choice = bank.ChooseBlock(level, id);
      if (choice.kind == MemoryChoice::kBlock && !visit(choice, level)) return;
    }
  }
  for (uint32_t level = 1; level <= layout.depth(); ++level) {
    const MemoryChoice choice = bank.ChooseGeneric(level);
    if (choice.kind == MemoryChoice::kGeneric && !visit(choice, level)) return;
  }
}

absl::StatusOr<uint64_t> VerifyKlbank(const MemorySource& bank, const KlbankCheckFunction& check) {
  KlbankCheck block;
  ForEachReadableBlock(bank, [&](const MemoryChoice& choice, uint32_t) {
    block.total_bytes += choice.bytes;
    return true;
  });
  uint64_t bad_count = 0;
  absl::Status status;
  ForEachReadableBlock(bank, [&](const MemoryChoice& choice, uint32_t level) {
    block.level = level;
    block.id = choice.id;
    block.generic = choice.kind == MemoryChoice::kGeneric;
    block.offset = choice.offset;
    block.ok = kl_checksum64(bank.file->data() + choice.offset, choice.bytes, 0) == choice.checksum;
    bank.file->Discard(choice.offset, choice.bytes);
    status = bank.file->CheckIntact();
    if (!status.ok()) return false;
    if (!block.ok) ++bad_count;
    block.done_bytes += choice.bytes;
    if (check && !check(block))
      status = absl::CancelledError(absl::StrCat(bank.path, ": checking was stopped"));
    return status.ok();
  });
  KL_RETURN_IF_ERROR(status);
  return bad_count;
}

}  // namespace kinglet
