#include "core/text/byte_alphabet.h"

#include "core/text/utf8.h"

namespace kinglet {
namespace {

constexpr uint32_t kFirstExtra = 0x100;
constexpr uint32_t kExtraCount = 68;

bool StandsForItself(uint32_t byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}

struct Alphabet {
  std::array<std::string, 256> characters;
  std::array<int, kFirstExtra + kExtraCount> bytes;  // by code point; -1: not in the alphabet

  Alphabet() {
    bytes.fill(-1);
    uint32_t extra = kFirstExtra;
    for (uint32_t byte = 0; byte < 256; byte++) {
      const uint32_t code_point = StandsForItself(byte) ? byte : extra++;
      AppendUtf8(code_point, &characters[byte]);
      bytes[code_point] = static_cast<int>(byte);
    }
  }
};

const Alphabet& TheAlphabet() {
  static const Alphabet* const alphabet = new Alphabet;
  return *alphabet;
}

}  // namespace

const std::array<std::string, 256>& ByteAlphabet() { return TheAlphabet().characters; }

std::string BytesFromAlphabet(absl::string_view spelled) {
  const Alphabet& alphabet = TheAlphabet();
  std::string result;
  result.reserve(spelled.size());
  for (size_t at = 0; at < spelled.size();) {
    const Utf8Unit unit = ReadUtf8(spelled, at);
    int byte = -1;
    if (unit.kind == Utf8Kind::kCharacter) {
      const uint32_t code_point = DecodeUtf8(spelled, at, unit.length_bytes);
      if (code_point < alphabet.bytes.size()) byte = alphabet.bytes[code_point];
    }
    if (byte >= 0) {
      result.push_back(static_cast<char>(byte));
    } else {
      result.append(spelled.data() + at, unit.length_bytes);
    }
    at += unit.length_bytes;
  }
  return result;
}

}  // namespace kinglet
