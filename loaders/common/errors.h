// How loaders word a refusal: file, byte offset, what was expected, what was found.
#ifndef KINGLET_LOADERS_COMMON_ERRORS_H_
#define KINGLET_LOADERS_COMMON_ERRORS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace kinglet {

// Bytes of a file as they can be shown: in quotes, unprintable ones escaped, cut after 64.
std::string Quoted(absl::string_view bytes);

// "PATH: at byte OFFSET: expected EXPECTED, found FOUND". The file breaks its format.
absl::Status Corrupt(absl::string_view path, uint64_t offset, absl::string_view expected,
                     absl::string_view found);

// The same for content that has no byte of its own to point at (JSON, facts that contradict).
absl::Status Corrupt(absl::string_view path, absl::string_view where, absl::string_view expected,
                     absl::string_view found);

}  // namespace kinglet

#endif  // KINGLET_LOADERS_COMMON_ERRORS_H_
