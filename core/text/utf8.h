// UTF-8, one character at a time, for text that may be damaged.
//
// Follows table 3-7 of the Unicode standard: overlong forms, surrogates and values above U+10FFFF
// are invalid. An invalid sequence counts as its "maximal subpart": the longest start of a
// character that it has, at least one byte.
#ifndef KINGLET_CORE_TEXT_UTF8_H_
#define KINGLET_CORE_TEXT_UTF8_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace kinglet {

// U+FFFD, what invalid bytes are shown as.
inline constexpr char kReplacementCharacter[] = "\xEF\xBF\xBD";

enum class Utf8Kind : uint8_t {
  kCharacter,   // a whole character
  kInvalid,     // bytes that no further text can make valid
  kIncomplete,  // the text ends inside a character that is valid so far
};

struct Utf8Unit {
  Utf8Kind kind;
  uint8_t length_bytes;  // 1 to 4
};

// The unit at text[position]. Requires position < text.size().
Utf8Unit ReadUtf8(absl::string_view text, size_t position);

// The length of the longest prefix of text[position..] that is valid UTF-8, in bytes.
size_t ValidUtf8Length(absl::string_view text, size_t position);

// The text with each invalid or incomplete sequence replaced by U+FFFD.
std::string ReplaceInvalidUtf8(absl::string_view text);

// Appends a code point. Requires code_point <= 0x10FFFF.
void AppendUtf8(uint32_t code_point, std::string* text);

// The code point of a whole character (Utf8Kind::kCharacter) of length_bytes at text[position].
uint32_t DecodeUtf8(absl::string_view text, size_t position, int length_bytes);

}  // namespace kinglet

#endif  // KINGLET_CORE_TEXT_UTF8_H_
