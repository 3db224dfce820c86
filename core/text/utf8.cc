#include "core/text/utf8.h"

#include <cstring>

namespace kinglet {
namespace {

// How a character with a given first byte goes on.
struct Lead {
  int length_bytes;       // 0: no character starts with this byte
  uint8_t second_lowest;  // range of the second byte, narrower than 80..BF after E0, ED, F0, F4
  uint8_t second_highest;
};

Lead LeadOf(uint8_t first) {
  if (first < 0x80) return {1, 0, 0};
  if (first < 0xC2) return {0, 0, 0};
  if (first < 0xE0) return {2, 0x80, 0xBF};
  if (first == 0xE0) return {3, 0xA0, 0xBF};
  if (first == 0xED) return {3, 0x80, 0x9F};
  if (first < 0xF0) return {3, 0x80, 0xBF};
  if (first == 0xF0) return {4, 0x90, 0xBF};
  if (first < 0xF4) return {4, 0x80, 0xBF};
  if (first == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

}  // namespace

Utf8Unit ReadUtf8(absl::string_view text, size_t position) {
  const uint8_t first = static_cast<uint8_t>(text[position]);
  const Lead lead = LeadOf(first);
  if (lead.length_bytes == 0) return {Utf8Kind::kInvalid, 1};
  for (int i = 1; i < lead.length_bytes; i++) {
    if (position + i >= text.size()) return {Utf8Kind::kIncomplete, static_cast<uint8_t>(i)};
    const uint8_t byte = static_cast<uint8_t>(text[position + i]);
    const uint8_t lowest = i == 1 ? lead.second_lowest : 0x80;
    const uint8_t highest = i == 1 ? lead.second_highest : 0xBF;
    if (byte < lowest || byte > highest) return {Utf8Kind::kInvalid, static_cast<uint8_t>(i)};
  }
  return {Utf8Kind::kCharacter, static_cast<uint8_t>(lead.length_bytes)};
}

size_t ValidUtf8Length(absl::string_view text, size_t position) {
  size_t at = position;
  while (at < text.size()) {
    // Most text is ASCII: eight bytes at a time.
    while (at + 8 <= text.size()) {
      uint64_t word;
      std::memcpy(&word, text.data() + at, sizeof(word));
      if ((word & 0x8080808080808080u) != 0) break;
      at += 8;
    }
    if (at >= text.size()) break;
    const Utf8Unit unit = ReadUtf8(text, at);
    if (unit.kind != Utf8Kind::kCharacter) break;
    at += unit.length_bytes;
  }
  return at - position;
}

std::string ReplaceInvalidUtf8(absl::string_view text) {
  std::string result;
  result.reserve(text.size());
  size_t at = 0;
  while (at < text.size()) {
    const size_t valid = ValidUtf8Length(text, at);
    result.append(text.data() + at, valid);
    at += valid;
    if (at >= text.size()) break;
    result.append(kReplacementCharacter);
    at += ReadUtf8(text, at).length_bytes;
  }
  return result;
}

void AppendUtf8(uint32_t code_point, std::string* text) {
  if (code_point < 0x80) {
    text->push_back(static_cast<char>(code_point));
  } else if (code_point < 0x800) {
    text->push_back(static_cast<char>(0xC0 | (code_point >> 6)));
    text->push_back(static_cast<char>(0x80 | (code_point & 0x3F)));
  } else if (code_point < 0x10000) {
    text->push_back(static_cast<char>(0xE0 | (code_point >> 12)));
    text->push_back(static_cast<char>(0x80 | ((code_point >> 6) & 0x3F)));
    text->push_back(static_cast<char>(0x80 | (code_point & 0x3F)));
  } else {
    text->push_back(static_cast<char>(0xF0 | (code_point >> 18)));
    text->push_back(static_cast<char>(0x80 | ((code_point >> 12) & 0x3F)));
    text->push_back(static_cast<char>(0x80 | ((code_point >> 6) & 0x3F)));
    text->push_back(static_cast<char>(0x80 | (code_point & 0x3F)));
  }
}

uint32_t DecodeUtf8(absl::string_view text, size_t position, int length_bytes) {
  const uint8_t first = static_cast<uint8_t>(text[position]);
  if (length_bytes == 1) return first;
  uint32_t code_point = first & (0x7Fu >> length_bytes);
  for (int i = 1; i < length_bytes; i++) {
    code_point = (code_point << 6) | (static_cast<uint8_t>(text[position + i]) & 0x3Fu);
  }
  return code_point;
}

}  // namespace kinglet
