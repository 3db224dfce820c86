#include "plugins/expert_bank/record_layout.h"

#include <algorithm>

#include "core/abi/error.h"
#include "plugins/expert_bank/index_list.h"

namespace expert_bank {
namespace {

using Number = unsigned long long;  // NOLINT: what %llu takes

// A read of the system moves less than 2 GiB; nothing that a bank is for comes near.
constexpr uint64_t kMostPieceBytes = 1ull << 30;
constexpr uint64_t kMostFileBytes = 1ull << 62;

kl_code CheckPiece(const kl_bank_source& source, uint64_t id, uint32_t index, kl_error* error) {
  const kl_bank_piece& piece = source.records[id].pieces[index];
  if (piece.file >= source.path_count) {
    return kl_fail(error, KL_INVALID_ARGUMENT, "record %llu, piece %u: file %u of %u", Number{id},
                   index, piece.file, source.path_count);
  }
  if (piece.bytes == 0 || piece.bytes > kMostPieceBytes || piece.offset > kMostFileBytes) {
    return kl_fail(error, KL_INVALID_ARGUMENT,
                   "record %llu, piece %u: %llu bytes at offset %llu, expected 1 to 2^30 bytes",
                   Number{id}, index, Number{piece.bytes}, Number{piece.offset});
  }
  return KL_OK;
}

}  // namespace

kl_code MakeLayout(const kl_bank_source& source, Layout* layout, kl_error* error) {
  if (source.path_count == 0 || source.paths == nullptr || source.record_count == 0 ||
      source.record_count >= kNone || source.records == nullptr || source.slot_bytes == 0 ||
      source.slot_bytes > KL_BANK_MAX_PIECES * kMostPieceBytes) {
    return kl_fail(error, KL_INVALID_ARGUMENT,
                   "a bank needs files, records and slots: found %u files, %llu records, %llu "
                   "bytes a slot",
                   source.path_count, Number{source.record_count}, Number{source.slot_bytes});
  }
  const bool in_place = source.unpack == nullptr &&
                        KL_HAS_FIELD(&source, kl_bank_source, in_place) && source.in_place != 0;
  bool aligned = source.unpack == nullptr;  // each record is one piece at the start of a block
  uint64_t most_ranges = 0;
  *layout = Layout();
  for (uint64_t id = 0; id < source.record_count; ++id) {
    const kl_bank_record& record = source.records[id];
    if (record.piece_count == 0 || record.piece_count > KL_BANK_MAX_PIECES ||
        record.pieces == nullptr) {
      return kl_fail(error, KL_INVALID_ARGUMENT, "record %llu has %u pieces, expected 1 to %u",
                     Number{id}, record.piece_count, KL_BANK_MAX_PIECES);
    }
    uint64_t bytes = 0;
    uint64_t ranges = 0;
    for (uint32_t i = 0; i < record.piece_count; ++i) {
      const kl_code code = CheckPiece(source, id, i, error);
      if (code != KL_OK) return code;
      const Range range = RangeOf(record.pieces[i]);
      bytes += record.pieces[i].bytes;
      ranges += range.bytes;
      layout->most_range_bytes = std::max(layout->most_range_bytes, range.bytes);
      aligned = aligned && range.lead == 0 && record.piece_count == 1;
    }
    if (source.unpack == nullptr && bytes > source.slot_bytes) {
      return kl_fail(error, KL_INVALID_ARGUMENT,
                     "record %llu has %llu bytes, but a slot only %llu: enlarge slot_bytes",
                     Number{id}, Number{bytes}, Number{source.slot_bytes});
    }
    most_ranges = std::max(most_ranges, ranges);
    layout->most_pieces = std::max(layout->most_pieces, record.piece_count);
  }
  layout->unpacks = source.unpack != nullptr;
  layout->to_slot = in_place || aligned;
  layout->slot_bytes = source.slot_bytes;
  const uint64_t slot = RoundUp(source.slot_bytes, kBlockBytes);
  layout->slot_stride = layout->to_slot ? std::max(slot, most_ranges) : slot;
  layout->buffer_bytes = layout->to_slot ? 0 : most_ranges;
  return KL_OK;
}

}  // namespace expert_bank
