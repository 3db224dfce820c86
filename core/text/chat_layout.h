// What the known chat templates look like, as data, and how they are recognised in a file's Jinja
// text.
#ifndef KINGLET_CORE_TEXT_CHAT_LAYOUT_H_
#define KINGLET_CORE_TEXT_CHAT_LAYOUT_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace kinglet {

// A conversation is written as
//
//   [BOS] [system_prefix SYSTEM system_end]
//         user_prefix USER user_end  assistant_prefix ANSWER assistant_end  user_prefix ...
//
// In all strings {eos} stands for the vocabulary's end-of-text token and {bos} for its
// beginning-of-text token.
struct ChatLayout {
  std::string name;
  bool bos_first = false;
  // Empty: there is no system role. Its text goes before the first user's, between the two strings.
  std::string system_prefix;
  std::string system_end;
  std::string merged_system_prefix;
  std::string merged_system_end;
  std::string user_prefix;
  std::string user_end;
  std::string assistant_prefix;
  std::string assistant_end;
  // What asks for an answer: assistant_prefix, or the part of it that the model does not write
  // itself.
  std::string generation_prompt;
  bool trims = false;  // white space around each message goes

  // Found in a file's template only.
  std::string default_system_prompt;  // stands in when the conversation has none
  std::string system_preamble;        // before every system text, given or not
  bool drops_thinking = false;        // of earlier answers only what follows </think> is kept
  std::string no_thinking_prompt;  // behind generation_prompt when thinking is switched off; empty:
                                   // no such switch
};

// By name, without what only a file tells; nullopt when it is unknown.
std::optional<ChatLayout> ChatLayoutByName(absl::string_view name);

// By the marks in a Jinja template; nullopt when it is of no known kind.
std::optional<ChatLayout> RecogniseChatLayout(absl::string_view jinja);

// In alphabetical order.
std::vector<std::string> ChatLayoutNames();

}  // namespace kinglet

#endif  // KINGLET_CORE_TEXT_CHAT_LAYOUT_H_
