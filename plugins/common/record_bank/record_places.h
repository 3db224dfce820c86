// Places, faster than its own file, where a copy of a record may lie.
//
//   bank: about to read a record -> Find() -> the copy, or its own file
//         the copy cannot be read, or its checksum is wrong -> Forget(), then its own file
//         read from its own file -> OnRead(): perhaps worth a copy
//
// A copy is verified whenever it is read, whatever kl_bank_options.verify says. All calls are
// thread safe and made with the bank's lock held: they do no I/O.
#ifndef KINGLET_PLUGINS_COMMON_RECORD_BANK_RECORD_PLACES_H_
#define KINGLET_PLUGINS_COMMON_RECORD_BANK_RECORD_PLACES_H_

#include <cstdint>
#include <string>

#include "core/abi/bank.h"

namespace record_bank {

class RecordPlaces {
 public:
  // Ends its threads. The bank's reader and files are still there.
  virtual ~RecordPlaces() = default;
  // False: the record lies in its own file only. `piece` begins at a block of a file of the bank's
  // Files; `tier` is an index into kl_bank_options.tiers.
  virtual bool Find(uint32_t record, kl_bank_piece* piece, uint32_t* tier) = 0;
  virtual void Forget(uint32_t record) = 0;
  virtual void OnRead(uint32_t record) = 0;
  // Somebody waits for storage, or nobody does: copying is for quiet times.
  virtual void SetBusy(bool busy) = 0;
  // For people: where the records of a group lie, beginning with "; " or empty.
  virtual std::string Describe(uint32_t group) const = 0;
};

}  // namespace record_bank

#endif  // KINGLET_PLUGINS_COMMON_RECORD_BANK_RECORD_PLACES_H_
