// The alphabet in which byte-level BPE vocabularies are spelled: one printable character for each
// byte.
//
//   bytes 33..126, 161..172, 174..255   the character of the same number
//   the other 68, in order              U+0100, U+0101, ...      (a space is U+0120)
//
// Source: bytes_to_unicode() of GPT-2's encoder.py.
#ifndef KINGLET_CORE_TEXT_BYTE_ALPHABET_H_
#define KINGLET_CORE_TEXT_BYTE_ALPHABET_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace kinglet {

// By byte: its character, in UTF-8. Never changes; thread safe.
const std::array<std::string, 256>& ByteAlphabet();

// Text spelled in the alphabet, turned into bytes. Characters outside it stay as they are.
std::string BytesFromAlphabet(absl::string_view spelled);

}  // namespace kinglet

#endif  // KINGLET_CORE_TEXT_BYTE_ALPHABET_H_
