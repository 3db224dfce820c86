#include "core/text/chat_template.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "core/base/status.h"

namespace kinglet {
namespace {

constexpr absl::string_view kSpace = " \t\n\v\f\r";
constexpr absl::string_view kThinkStart = "<think>";
constexpr absl::string_view kThinkEnd = "</think>";

absl::string_view TrimLeft(absl::string_view text, absl::string_view characters) {
  const size_t start = text.find_first_not_of(characters);
  return start == absl::string_view::npos ? absl::string_view() : text.substr(start);
}

absl::string_view TrimRight(absl::string_view text, absl::string_view characters) {
  const size_t last = text.find_last_not_of(characters);
  return last == absl::string_view::npos ? absl::string_view() : text.substr(0, last + 1);
}

void Append(absl::string_view text, bool trusted, std::vector<TextSegment>* segments) {
  if (text.empty()) return;
  if (segments->empty() || segments->back().parse_special != trusted) {
    segments->push_back({"", trusted});
  }
  segments->back().text.append(text.data(), text.size());
}

void AppendMark(absl::string_view text, std::vector<TextSegment>* segments) {
  Append(text, true, segments);
}

void AppendContent(absl::string_view text, std::vector<TextSegment>* segments) {
  Append(text, false, segments);
}

// What an answer says, without the thoughts before it.
absl::string_view WithoutThinking(absl::string_view answer) {
  const size_t end = answer.rfind(kThinkEnd);
  if (end == absl::string_view::npos) return answer;
  return TrimLeft(answer.substr(end + kThinkEnd.size()), "\n");
}

absl::string_view ThoughtsOf(absl::string_view answer) {
  const size_t end = answer.find(kThinkEnd);
  if (end == absl::string_view::npos) return {};
  absl::string_view thoughts = answer.substr(0, end);
  const size_t start = thoughts.rfind(kThinkStart);
  if (start != absl::string_view::npos) thoughts.remove_prefix(start + kThinkStart.size());
  return TrimLeft(TrimRight(thoughts, "\n"), "\n");
}

std::string HowToChoose() {
  return absl::StrCat("choose one with --chat-template NAME: ", ChatTemplate::KnownNames());
}

}  // namespace

ChatTemplate::ChatTemplate(ChatLayout layout, absl::string_view bos, absl::string_view eos)
    : layout_(std::move(layout)), bos_(bos) {
  for (std::string* text :
       {&layout_.system_prefix, &layout_.system_end, &layout_.user_prefix, &layout_.user_end,
        &layout_.assistant_prefix, &layout_.assistant_end, &layout_.generation_prompt}) {
    *text = absl::StrReplaceAll(*text, {{"{bos}", bos}, {"{eos}", eos}});
  }
  answer_prefix_ = layout_.assistant_prefix.substr(layout_.generation_prompt.size());
}

absl::StatusOr<ChatTemplate> ChatTemplate::FromName(absl::string_view name, absl::string_view bos,
                                                    absl::string_view eos) {
  std::optional<ChatLayout> layout = ChatLayoutByName(name);
  if (!layout.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("unknown chat template '", name.substr(0, 60), "'; ", HowToChoose()));
  }
  return ChatTemplate(*std::move(layout), bos, eos);
}

absl::StatusOr<ChatTemplate> ChatTemplate::FromJinja(absl::string_view jinja, absl::string_view bos,
                                                     absl::string_view eos) {
  if (jinja.empty()) {
    return absl::NotFoundError(absl::StrCat(
        "the model brings no chat template (it may not be made for chat); ", HowToChoose()));
  }
  std::optional<ChatLayout> layout = RecogniseChatLayout(jinja);
  if (!layout.has_value()) {
    return absl::UnimplementedError(
        absl::StrCat("the model's chat template is of no known kind (it begins '",
                     jinja.substr(0, 60), "'); ", HowToChoose()));
  }
  return ChatTemplate(*std::move(layout), bos, eos);
}

absl::StatusOr<ChatTemplate> ChatTemplate::Choose(const Tokenizer& tokenizer,
                                                  absl::string_view name) {
  const auto spelling = [&](int32_t id) {
    return tokenizer.IsValid(id) ? tokenizer.TokenText(id) : std::string();
  };
  const std::string bos = spelling(tokenizer.bos_id());
  const std::string eos = spelling(tokenizer.eos_id());
  if (!name.empty()) return FromName(name, bos, eos);
  return FromJinja(tokenizer.chat_template(), bos, eos);
}

std::string ChatTemplate::KnownNames() { return absl::StrJoin(ChatLayoutNames(), ", "); }

absl::Status ChatTemplate::Check(absl::Span<const ChatMessage> messages) const {
  for (size_t i = 0; i < messages.size(); i++) {
    const std::string& role = messages[i].role;
    if (role != "system" && role != "user" && role != "assistant") {
      return absl::InvalidArgumentError(absl::StrCat("chat message ", i, " has the role '",
                                                     role.substr(0, 40),
                                                     "'; expected system, user or assistant"));
    }
    if (role == "system" && i > 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "chat message ", i, " is a system message; it has to be the first of the conversation"));
    }
  }
  const bool merges_system = layout_.system_prefix.empty();
  if (merges_system && !messages.empty() && messages[0].role == "system" &&
      (messages.size() == 1 || messages[1].role != "user")) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the chat template ", layout_.name,
        " has no system role: a system message needs a user's message right after it"));
  }
  return absl::OkStatus();
}

void ChatTemplate::AppendMessage(absl::Span<const ChatMessage> messages, size_t index,
                                 size_t last_user, std::vector<TextSegment>* segments) const {
  const ChatMessage& message = messages[index];
  absl::string_view content = message.content;
  if (layout_.trims) content = TrimLeft(TrimRight(content, kSpace), kSpace);

  if (message.role == "system") {
    if (layout_.system_prefix.empty()) return;  // goes with the user's message
    AppendMark(layout_.system_prefix, segments);
    AppendContent(layout_.system_preamble, segments);
    AppendContent(content, segments);
    AppendMark(layout_.system_end, segments);
    return;
  }
  if (message.role == "user") {
    AppendMark(layout_.user_prefix, segments);
    if (index == 1 && messages[0].role == "system" && layout_.system_prefix.empty()) {
      AppendMark(layout_.merged_system_prefix, segments);
      AppendContent(messages[0].content, segments);
      AppendMark(layout_.merged_system_end, segments);
      // Llama 2 trims what system text and message make together: nothing before the message.
      if (layout_.trims && !layout_.merged_system_prefix.empty()) {
        content = TrimRight(message.content, kSpace);
      }
    }
    AppendContent(content, segments);
    AppendMark(layout_.user_end, segments);
    return;
  }
  AppendMark(layout_.assistant_prefix, segments);
  if (layout_.drops_thinking) {
    const absl::string_view thoughts = ThoughtsOf(content);
    const bool is_last = index + 1 == messages.size();
    const bool keeps_thoughts = index > last_user && (is_last || !thoughts.empty());
    content = WithoutThinking(content);
    if (keeps_thoughts) {
      AppendContent(absl::StrCat(kThinkStart, "\n", thoughts, "\n", kThinkEnd, "\n\n"), segments);
      content = TrimLeft(content, "\n");
    }
  }
  AppendContent(content, segments);
  AppendMark(layout_.assistant_end, segments);
}

void ChatTemplate::AppendGenerationPrompt(const ChatFormatOptions& options,
                                          std::vector<TextSegment>* segments) const {
  if (!options.add_generation_prompt) return;
  AppendMark(layout_.generation_prompt, segments);
  if (!options.think) AppendMark(layout_.no_thinking_prompt, segments);
}

absl::StatusOr<std::vector<TextSegment>> ChatTemplate::Format(
    absl::Span<const ChatMessage> messages, const ChatFormatOptions& options) const {
  KL_RETURN_IF_ERROR(Check(messages));
  std::vector<TextSegment> segments;
  if (layout_.bos_first) AppendMark(bos_, &segments);
  const bool has_system = !messages.empty() && messages[0].role == "system";
  const std::string& stand_in = layout_.default_system_prompt;
  if (!has_system && !(stand_in.empty() && layout_.system_preamble.empty())) {
    AppendMark(layout_.system_prefix, &segments);
    AppendContent(layout_.system_preamble, &segments);
    AppendContent(stand_in, &segments);
    AppendMark(layout_.system_end, &segments);
  }
  // The last message when there is none of the user's.
  size_t last_user = messages.empty() ? 0 : messages.size() - 1;
  for (size_t i = 0; i < messages.size(); i++) {
    if (messages[i].role == "user") last_user = i;
  }
  for (size_t i = 0; i < messages.size(); i++) {
    AppendMessage(messages, i, last_user, &segments);
  }
  AppendGenerationPrompt(options, &segments);
  return segments;
}

absl::StatusOr<std::vector<TextSegment>> ChatTemplate::FormatContinuation(
    absl::Span<const ChatMessage> messages, size_t first_new,
    const ChatFormatOptions& options) const {
  KL_RETURN_IF_ERROR(Check(messages));
  if (first_new == 0 || first_new > messages.size() ||
      messages[first_new - 1].role != "assistant") {
    return absl::InvalidArgumentError(absl::StrCat(
        "a chat goes on behind an answer: expected the assistant's message before message ",
        first_new, " of ", messages.size()));
  }
  size_t last_user = messages.size() - 1;
  for (size_t i = first_new; i < messages.size(); i++) {
    if (messages[i].role == "user") last_user = i;
  }
  std::vector<TextSegment> segments;
  AppendMark(layout_.assistant_end, &segments);
  for (size_t i = first_new; i < messages.size(); i++) {
    AppendMessage(messages, i, last_user, &segments);
  }
  AppendGenerationPrompt(options, &segments);
  return segments;
}

bool ChatTemplate::RewritesAnswer(absl::string_view answer,
                                  const ChatFormatOptions& options) const {
  if (layout_.drops_thinking && absl::StrContains(answer, kThinkEnd)) return true;
  if (!options.think && has_thinking_switch()) return true;
  if (!layout_.trims) return false;
  return TrimLeft(TrimRight(answer, kSpace), kSpace).size() != answer.size();
}

std::string JoinSegments(absl::Span<const TextSegment> segments) {
  std::string text;
  for (const TextSegment& segment : segments) text.append(segment.text);
  return text;
}

}  // namespace kinglet
