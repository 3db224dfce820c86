// Chooses the reader that works here, best first, and says why a better one does not.
#ifndef KINGLET_PLUGINS_COMMON_RECORD_BANK_OPEN_READER_H_
#define KINGLET_PLUGINS_COMMON_RECORD_BANK_OPEN_READER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "plugins/common/record_bank/files.h"
#include "plugins/common/record_bank/reader.h"

namespace record_bank {

enum class ReaderKind { kUring, kPread, kBuffered };

// What of the system may be tried; tests switch parts off.
struct SystemOffers {
  bool uring = true;
  bool direct = true;
};

// `wanted`: "io_uring", "pread", "buffered"; null: the first that works. Opens `files` the way the
// reader wants them. *reason says what stood in the way of a better reader, empty when nothing did.
// KL_UNSUPPORTED when the wanted reader does not work here; KL_INVALID_ARGUMENT: no such name;
// errors of Files::Open.
kl_code ChooseReader(const char* wanted, const char* const* paths, uint32_t path_count,
                     const SystemOffers& offers, Files* files, ReaderKind* kind,
                     std::string* reason, kl_error* error);

// Of that kind, with `depth` reads under way. nullptr with a reason when the system refuses after
// all.
std::unique_ptr<Reader> MakeReader(ReaderKind kind, uint32_t depth, std::string* why_not);

}  // namespace record_bank

#endif  // KINGLET_PLUGINS_COMMON_RECORD_BANK_OPEN_READER_H_
