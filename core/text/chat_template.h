// Writes a conversation the way a model was trained to read it.
//
//   auto chat = ChatTemplate::Choose(tokenizer, flag_or_empty);
//   auto prompt = chat->Format({{"system", "Be brief."}, {"user", "Hello"}}, {});
//   auto ids = tokenizer.EncodeSegments(*prompt, {});                       // first turn: into an
//   empty cache
//   ... generate until tokenizer.IsEnd(id); that token does not go into the cache ...
//   auto next = chat->FormatContinuation(messages, /*first_new=*/3, {});    // messages[2] is the
//   answer just given options.at_start = false; auto more = tokenizer.EncodeSegments(*next,
//   options);                   // appended to the cache
//
// The two ways agree: Format of the whole conversation is
//   Format(messages before the answer) + answer_prefix() + answer + FormatContinuation(messages,
//   behind the answer)
// character for character, unless RewritesAnswer says that the template shows that answer in
// another way once it is past.
//
// A file's template is a program in the Jinja language. It is not run: it is recognised by its
// marks, and the layout that belongs to it is applied. Tools are not offered to the model.
//
// The text of messages comes out as segments that are not trusted (TextSegment): it cannot contain
// structural tokens.
//
// Thread safety: immutable.
#ifndef KINGLET_CORE_TEXT_CHAT_TEMPLATE_H_
#define KINGLET_CORE_TEXT_CHAT_TEMPLATE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/text/chat_layout.h"
#include "core/text/tokenizer.h"

namespace kinglet {

struct ChatMessage {
  std::string role;  // "system", "user" or "assistant"
  std::string content;
};

struct ChatFormatOptions {
  bool add_generation_prompt = true;  // ends in what asks the model for an answer
  // False asks a model with a thinking mode to answer at once; others ignore it.
  bool think = true;
};

class ChatTemplate {
 public:
  // `bos` and `eos` are the spellings of those tokens, empty where the vocabulary has none.
  static absl::StatusOr<ChatTemplate> FromName(absl::string_view name, absl::string_view bos,
                                               absl::string_view eos);
  // Recognises a file's template. Unknown or empty: an error that lists the names and tells how to
  // choose one.
  static absl::StatusOr<ChatTemplate> FromJinja(absl::string_view jinja, absl::string_view bos,
                                                absl::string_view eos);
  // By `name`, or when that is empty from the template in the tokenizer's file.
  static absl::StatusOr<ChatTemplate> Choose(const Tokenizer& tokenizer, absl::string_view name);

  // "chatml, gemma, ...".
  static std::string KnownNames();

  // Requires known roles, a system message at most in front, and for templates without a system
  // role that a user's message follows it.
  absl::StatusOr<std::vector<TextSegment>> Format(absl::Span<const ChatMessage> messages,
                                                  const ChatFormatOptions& options) const;

  // What follows the answer messages[first_new - 1]: its end mark, the messages from first_new on,
  // the generation prompt. Requires 0 < first_new <= messages.size() and that messages[first_new -
  // 1] is the assistant's.
  absl::StatusOr<std::vector<TextSegment>> FormatContinuation(
      absl::Span<const ChatMessage> messages, size_t first_new,
      const ChatFormatOptions& options) const;

  // Whether Format shows an answer given under `options` differently once another message follows:
  // the template trims it or drops its thoughts. A chat may go on with what is in the cache, or
  // format anew and read everything again.
  bool RewritesAnswer(absl::string_view answer, const ChatFormatOptions& options) const;

  const std::string& name() const { return layout_.name; }
  // White space that the model itself writes before an answer's text; mostly empty.
  const std::string& answer_prefix() const { return answer_prefix_; }
  // Stands in when the conversation begins without a system message; empty: nothing does.
  const std::string& default_system_prompt() const { return layout_.default_system_prompt; }
  bool has_thinking_switch() const { return !layout_.no_thinking_prompt.empty(); }

 private:
  ChatTemplate(ChatLayout layout, absl::string_view bos, absl::string_view eos);

  absl::Status Check(absl::Span<const ChatMessage> messages) const;
  // `last_user` is the index of the last message of the user's.
  void AppendMessage(absl::Span<const ChatMessage> messages, size_t index, size_t last_user,
                     std::vector<TextSegment>* segments) const;
  void AppendGenerationPrompt(const ChatFormatOptions& options,
                              std::vector<TextSegment>* segments) const;

  ChatLayout layout_;  // with the spellings of bos and eos filled in
  std::string bos_;
  std::string answer_prefix_;
};

// The segments' texts, joined: for display and for tests.
std::string JoinSegments(absl::Span<const TextSegment> segments);

}  // namespace kinglet

#endif  // KINGLET_CORE_TEXT_CHAT_TEMPLATE_H_
