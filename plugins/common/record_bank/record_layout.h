// Where the pieces of a record are in its file, in blocks, and in memory once they are read.
//
//   file     |....4096....|....4096....|....4096....|
//   piece            [ ~~~~~~~~~~~~~~~~~~~ ]
//   range    [ lead  |                     | tail   ]     read whole, lead and tail included
//
// Pure. Of a record in the file as the host described it; checked once, when the bank is opened.
#ifndef KINGLET_PLUGINS_COMMON_RECORD_BANK_RECORD_LAYOUT_H_
#define KINGLET_PLUGINS_COMMON_RECORD_BANK_RECORD_LAYOUT_H_

#include <cstdint>
#include <vector>

#include "core/abi/bank.h"
#include "plugins/common/record_bank/reader.h"

namespace record_bank {

inline uint64_t RoundDown(uint64_t value, uint64_t multiple) { return value - value % multiple; }
inline uint64_t RoundUp(uint64_t value, uint64_t multiple) {
  return RoundDown(value + multiple - 1, multiple);
}

// The blocks around a piece.
struct Range {
  uint32_t file;
  uint64_t offset;  // a multiple of kBlockBytes
  uint64_t bytes;   // the same
  uint64_t lead;    // bytes before the piece
  uint64_t needed;  // bytes up to the piece's end: what a read must deliver
};

inline Range RangeOf(const kl_bank_piece& piece) {
  const uint64_t offset = RoundDown(piece.offset, kBlockBytes);
  const uint64_t lead = piece.offset - offset;
  const uint64_t needed = lead + piece.bytes;
  return {piece.file, offset, RoundUp(needed, kBlockBytes), lead, needed};
}

// Records whose slots are of one size.
struct GroupLayout {
  uint64_t slot_bytes = 0;    // of a lease's data
  uint64_t slot_stride = 0;   // from slot to slot: blocks
  uint64_t record_count = 0;  // that may be read
};

// What the records of a source have in common.
struct Layout {
  bool to_slot = false;       // ranges are read into the slot itself: no copy
  bool unpacks = false;       // the host makes the content
  uint64_t buffer_bytes = 0;  // of a read's buffer, when !to_slot
  uint64_t most_range_bytes = 0;
  uint32_t most_pieces = 0;
  std::vector<GroupLayout> groups;  // never empty
};

// How many groups the source has, and whose a record is.
inline uint32_t GroupCount(const kl_bank_source& source) {
  return KL_HAS_FIELD(&source, kl_bank_source, group_of_record) && source.group_count > 0
             ? source.group_count
             : 1;
}
inline uint32_t GroupOf(const kl_bank_source& source, uint64_t id) {
  return GroupCount(source) > 1 ? source.group_of_record[id] : 0;
}

// KL_INVALID_ARGUMENT: a description that makes no sense; names the record. Opens nothing.
kl_code MakeLayout(const kl_bank_source& source, Layout* layout, kl_error* error);

}  // namespace record_bank

#endif  // KINGLET_PLUGINS_COMMON_RECORD_BANK_RECORD_LAYOUT_H_
