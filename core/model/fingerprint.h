// What tells one model's file from another.
#ifndef KINGLET_CORE_MODEL_FINGERPRINT_H_
#define KINGLET_CORE_MODEL_FINGERPRINT_H_

#include <cstdint>

#include "core/model/model_source.h"

namespace kinglet {

// FNV-1a, 64 bits, over these bytes one after the other, nothing between, little-endian:
//
//   the architecture's name
//   for each tensor, in the file's order:
//     its name, its type (int32, the number in GGUF), its shape (int64 each, outermost first),
//     the first 64 bytes of its data, or all of them if there are fewer
//
// Files with these in common have the same value whatever else they hold: it finds a mistaken file,
// not a forged one. The value is stored in files (.klbank, sessions, prepared experts): it does not
// change. Reads a page of each tensor; one of a file that was cut short raises SIGBUS, so call it
// where that is contained.
uint64_t FingerprintOf(const ModelSource& source);

}  // namespace kinglet

#endif  // KINGLET_CORE_MODEL_FINGERPRINT_H_
