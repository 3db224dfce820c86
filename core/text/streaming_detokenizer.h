// Text from tokens while they are being generated, always whole characters.
//
//   StreamingDetokenizer stream(&tokenizer, {});
//   for (each id) Print(stream.Push(id));
//   Print(stream.Flush());
//
// A token may end inside a character (an emoji takes up to four): its bytes wait for the next
// token. Bytes that nothing can complete any more come out as U+FFFD at once.
//
// Not thread safe: one for each stream.
#ifndef KINGLET_CORE_TEXT_STREAMING_DETOKENIZER_H_
#define KINGLET_CORE_TEXT_STREAMING_DETOKENIZER_H_

#include <cstdint>
#include <string>

#include "core/text/tokenizer.h"

namespace kinglet {

class StreamingDetokenizer {
 public:
  // `tokenizer` must outlive it.
  StreamingDetokenizer(const Tokenizer* tokenizer, const DecodeOptions& options)
      : joiner_(tokenizer, options) {}

  // The characters that this token completes; valid UTF-8, maybe empty.
  std::string Push(int32_t id);

  // What is left over at the end: U+FFFD for a character that never was completed, else nothing.
  std::string Flush();

 private:
  TokenJoiner joiner_;
  std::string pending_;  // the start of a character, at most 3 bytes
};

}  // namespace kinglet

#endif  // KINGLET_CORE_TEXT_STREAMING_DETOKENIZER_H_
