// Where the pieces of a record are in its file, in blocks, and in memory once they are read.
//
//   file     |....4096....|....4096....|....4096....|
//   piece            [ ~~~~~~~~~~~~~~~~~~~ ]
//   range    [ lead  |                     | tail   ]     read whole, lead and tail included
//
// Pure. Of a record in the file as the host described it; checked once, when the bank is opened.
#ifndef KINGLET_PLUGINS_EXPERT_BANK_RECORD_LAYOUT_H_
#define KINGLET_PLUGINS_EXPERT_BANK_RECORD_LAYOUT_H_

#include <cstdint>

#include "core/abi/bank.h"
#include "plugins/expert_bank/reader.h"

namespace expert_bank {

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

// What all records of a source have in common.
struct Layout {
  bool to_slot = false;       // ranges are read into the slot itself: no copy
  bool unpacks = false;       // the host makes the content
  uint64_t slot_bytes = 0;    // of a lease's data
  uint64_t slot_stride = 0;   // from slot to slot: blocks
  uint64_t buffer_bytes = 0;  // of a read's buffer, when !to_slot
  uint64_t most_range_bytes = 0;
  uint32_t most_pieces = 0;
};

// KL_INVALID_ARGUMENT: a description that makes no sense; names the record. Opens nothing.
kl_code MakeLayout(const kl_bank_source& source, Layout* layout, kl_error* error);

}  // namespace expert_bank

#endif  // KINGLET_PLUGINS_EXPERT_BANK_RECORD_LAYOUT_H_
