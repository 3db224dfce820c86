#include "plugins/common/record_bank/record_layout.h"

#include <algorithm>

#include "core/abi/error.h"
#include "plugins/common/record_bank/index_list.h"

namespace record_bank {
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

kl_code CheckGroups(const kl_bank_source& source, kl_error* error) {
  const uint32_t count = GroupCount(source);
  if (count == 1) return KL_OK;
  if (count > KL_BANK_MAX_GROUPS || source.group_slot_bytes == nullptr ||
      source.group_of_record == nullptr) {
    return kl_fail(error, KL_INVALID_ARGUMENT,
                   "%u groups of records, expected at most %u, with their sizes and records", count,
                   KL_BANK_MAX_GROUPS);
  }
  for (uint32_t group = 0; group < count; ++group) {
    const uint64_t bytes = source.group_slot_bytes[group];
    if (bytes <= source.slot_bytes) continue;
    return kl_fail(error, KL_INVALID_ARGUMENT,
                   "group %u has slots of %llu bytes, expected at most slot_bytes, %llu", group,
                   Number{bytes}, Number{source.slot_bytes});
  }
  for (uint64_t id = 0; id < source.record_count; ++id) {
    if (source.group_of_record[id] < count) continue;
    return kl_fail(error, KL_INVALID_ARGUMENT, "record %llu is in group %u of %u", Number{id},
                   source.group_of_record[id], count);
  }
  return KL_OK;
}

// What a record takes as it is read, and whether it is one piece at the start of a block.
struct RecordShape {
  uint64_t bytes = 0;
  uint64_t range_bytes = 0;
  bool aligned = false;
};

kl_code MeasureRecord(const kl_bank_source& source, uint64_t id, Layout* layout, RecordShape* shape,
                      kl_error* error) {
  const kl_bank_record& record = source.records[id];
  if (record.piece_count > KL_BANK_MAX_PIECES || record.pieces == nullptr) {
    return kl_fail(error, KL_INVALID_ARGUMENT, "record %llu has %u pieces, expected 0 to %u",
                   Number{id}, record.piece_count, KL_BANK_MAX_PIECES);
  }
  for (uint32_t i = 0; i < record.piece_count; ++i) {
    const kl_code code = CheckPiece(source, id, i, error);
    if (code != KL_OK) return code;
    const Range range = RangeOf(record.pieces[i]);
    shape->bytes += record.pieces[i].bytes;
    shape->range_bytes += range.bytes;
    shape->aligned = range.lead == 0 && record.piece_count == 1;
    layout->most_range_bytes = std::max(layout->most_range_bytes, range.bytes);
  }
  layout->most_pieces = std::max(layout->most_pieces, record.piece_count);
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
  kl_code code = CheckGroups(source, error);
  if (code != KL_OK) return code;
  *layout = Layout();
  layout->groups.resize(GroupCount(source));
  for (uint32_t group = 0; group < layout->groups.size(); ++group) {
    layout->groups[group].slot_bytes =
        layout->groups.size() > 1 ? source.group_slot_bytes[group] : source.slot_bytes;
  }
  bool aligned = source.unpack == nullptr;
  uint64_t most_ranges = 0;
  uint64_t most_ranges_of_group[KL_BANK_MAX_GROUPS] = {};
  for (uint64_t id = 0; id < source.record_count; ++id) {
    if (source.records[id].piece_count == 0) continue;
    const uint32_t of = GroupOf(source, id);
    GroupLayout& group = layout->groups[of];
    RecordShape shape;
    code = MeasureRecord(source, id, layout, &shape, error);
    if (code != KL_OK) return code;
    if (source.unpack == nullptr && shape.bytes > group.slot_bytes) {
      return kl_fail(error, KL_INVALID_ARGUMENT,
                     "record %llu has %llu bytes, but a slot only %llu: enlarge slot_bytes",
                     Number{id}, Number{shape.bytes}, Number{group.slot_bytes});
    }
    if (group.slot_bytes == 0) {
      return kl_fail(error, KL_INVALID_ARGUMENT,
                     "record %llu is in group %u, whose slots have 0 bytes", Number{id}, of);
    }
    ++group.record_count;
    aligned = aligned && shape.aligned;
    most_ranges = std::max(most_ranges, shape.range_bytes);
    most_ranges_of_group[of] = std::max(most_ranges_of_group[of], shape.range_bytes);
  }
  // A bank whose records are all denied opens, and serves none.
  layout->most_pieces = std::max(layout->most_pieces, 1u);
  layout->unpacks = source.unpack != nullptr;
  const bool in_place = source.unpack == nullptr &&
                        KL_HAS_FIELD(&source, kl_bank_source, in_place) && source.in_place != 0;
  layout->to_slot = in_place || aligned;
  layout->buffer_bytes = layout->to_slot ? 0 : most_ranges;
  for (uint32_t group = 0; group < layout->groups.size(); ++group) {
    const uint64_t slot = RoundUp(layout->groups[group].slot_bytes, kBlockBytes);
    layout->groups[group].slot_stride =
        layout->to_slot ? std::max(slot, most_ranges_of_group[group]) : slot;
  }
  return KL_OK;
}

}  // namespace record_bank
