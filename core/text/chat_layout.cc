#include "core/text/chat_layout.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace kinglet {
namespace {

ChatLayout Marked(const char* name, const std::string& before_role, const std::string& after_role,
                  const std::string& end) {
  ChatLayout layout;
  layout.name = name;
  layout.system_prefix = absl::StrCat(before_role, "system", after_role);
  layout.user_prefix = absl::StrCat(before_role, "user", after_role);
  layout.assistant_prefix = absl::StrCat(before_role, "assistant", after_role);
  layout.system_end = layout.user_end = layout.assistant_end = end;
  layout.generation_prompt = layout.assistant_prefix;
  return layout;
}

ChatLayout Instruct(const char* name, const std::string& user_prefix, const std::string& user_end,
                    const std::string& assistant_prefix, const std::string& assistant_end) {
  ChatLayout layout;
  layout.name = name;
  layout.bos_first = true;
  layout.merged_system_end = "\n\n";
  layout.user_prefix = user_prefix;
  layout.user_end = user_end;
  layout.assistant_prefix = assistant_prefix;
  layout.assistant_end = assistant_end;
  return layout;
}

std::vector<ChatLayout> MakeLayouts() {
  std::vector<ChatLayout> layouts;
  layouts.push_back(Marked("chatml", "<|im_start|>", "\n", "<|im_end|>\n"));

  ChatLayout gemma = Marked("gemma", "<start_of_turn>", "\n", "<end_of_turn>\n");
  gemma.bos_first = true;
  gemma.system_prefix.clear();
  gemma.merged_system_end = "\n\n";
  gemma.assistant_prefix = gemma.generation_prompt = "<start_of_turn>model\n";
  gemma.trims = true;
  layouts.push_back(gemma);

  // BOS begins every exchange, the first one included.
  ChatLayout llama2 = Instruct("llama2", "{bos}[INST] ", " [/INST]", " ", " {eos}");
  llama2.bos_first = false;
  llama2.merged_system_prefix = "<<SYS>>\n";
  llama2.merged_system_end = "\n<</SYS>>\n\n";
  llama2.trims = true;
  layouts.push_back(llama2);

  ChatLayout llama3 =
      Marked("llama3", "<|start_header_id|>", "<|end_header_id|>\n\n", "<|eot_id|>");
  llama3.bos_first = true;
  llama3.trims = true;
  layouts.push_back(llama3);

  layouts.push_back(Instruct("mistral", "[INST] ", " [/INST]", "", "{eos}"));
  layouts.push_back(Instruct("mistral-v1", " [INST] ", " [/INST]", " ", "{eos}"));
  layouts.push_back(Instruct("mistral-v3", "[INST] ", "[/INST]", " ", "{eos}"));
  layouts.push_back(Instruct("mistral-v3-tekken", "[INST]", "[/INST]", "", "{eos}"));

  layouts.push_back(Marked("phi3", "<|", "|>\n", "<|end|>\n"));
  layouts.push_back(Marked("phi4", "<|im_start|>", "<|im_sep|>", "<|im_end|>"));
  layouts.push_back(Marked("zephyr", "<|", "|>\n", "{eos}\n"));
  return layouts;
}

const std::vector<ChatLayout>& Layouts() {
  static const std::vector<ChatLayout>* const layouts = new std::vector<ChatLayout>(MakeLayouts());
  return *layouts;
}

bool Has(absl::string_view jinja, absl::string_view mark) { return absl::StrContains(jinja, mark); }

// Zephyr closes the user's message, too: distinguishes it from others with the same role marks.
bool UserTurnEndsInEos(absl::string_view jinja) {
  constexpr size_t kReach = 80;
  const size_t user = jinja.find("<|user|>");
  if (user == absl::string_view::npos) return false;
  const absl::string_view after = jinja.substr(user, kReach);
  return Has(after, "eos_token") || Has(after, "<|endoftext|>");
}

const char* RecogniseName(absl::string_view jinja) {
  if (Has(jinja, "<|im_start|>")) {
    if (Has(jinja, "<end_of_utterance>")) return nullptr;
    return Has(jinja, "<|im_sep|>") ? "phi4" : "chatml";
  }
  if (Has(jinja, "[INST]")) {
    if (Has(jinja, "[SYSTEM_PROMPT]")) return nullptr;
    if (Has(jinja, "<<SYS>>")) return "llama2";
    if (Has(jinja, "' [INST] '") || Has(jinja, "\" [INST] \"")) return "mistral-v1";
    if (Has(jinja, "[AVAILABLE_TOOLS]")) {
      return Has(jinja, "\"[INST]\"") || Has(jinja, "'[INST]'") ? "mistral-v3-tekken"
                                                                : "mistral-v3";
    }
    return "mistral";
  }
  if (Has(jinja, "<|start_header_id|>") && Has(jinja, "<|eot_id|>")) return "llama3";
  if (Has(jinja, "<start_of_turn>")) return "gemma";
  if (Has(jinja, "[gMASK]")) return nullptr;
  if (Has(jinja, "<|assistant|>") && Has(jinja, "<|end|>")) return "phi3";
  if (Has(jinja, "<|assistant|>") && UserTurnEndsInEos(jinja)) return "zephyr";
  return nullptr;
}

// The text of a system message written out in the template: what stands between the mark and
// <|im_end|>, if that is one piece of a quoted string (and no expression such as
// messages[0]['content']).
std::string DefaultSystemPrompt(absl::string_view jinja) {
  for (absl::string_view mark : {"<|im_start|>system\\n", "<|im_start|>system\n"}) {
    for (size_t at = jinja.find(mark); at != absl::string_view::npos;
         at = jinja.find(mark, at + 1)) {
      const absl::string_view rest = jinja.substr(at + mark.size());
      const size_t end = rest.find("<|im_end|>");
      if (end == absl::string_view::npos || end == 0) continue;
      // The quote that opened the string is the one last seen before the mark.
      const size_t open = jinja.substr(0, at).find_last_of("'\"");
      const char quote = open == absl::string_view::npos ? '\'' : jinja[open];
      const absl::string_view text = rest.substr(0, end);
      bool plain = !Has(text, "{{") && !Has(text, "{%");
      for (size_t i = 0; plain && i < text.size(); i++) {
        plain = text[i] != quote || (i > 0 && text[i - 1] == '\\');
      }
      if (!plain) continue;
      return absl::StrReplaceAll(text, {{"\\n", "\n"}, {"\\'", "'"}, {"\\\"", "\""}});
    }
  }
  return "";
}

// Llama 3.1 and later begin every system message with two dates.
std::string DatesPreamble(absl::string_view jinja) {
  if (!Has(jinja, "Cutting Knowledge Date: December 2023")) return "";
  std::string today = "26 Jul 2024";
  constexpr absl::string_view kMark = "date_string = \"";
  const size_t start = jinja.find(kMark);
  if (start != absl::string_view::npos) {
    const absl::string_view rest = jinja.substr(start + kMark.size());
    const size_t end = rest.find('"');
    if (end > 0 && end < 20) today = std::string(rest.substr(0, end));
  }
  return absl::StrCat("Cutting Knowledge Date: December 2023\nToday Date: ", today, "\n\n");
}

}  // namespace

std::optional<ChatLayout> ChatLayoutByName(absl::string_view name) {
  for (const ChatLayout& layout : Layouts()) {
    if (layout.name == name) return layout;
  }
  return std::nullopt;
}

std::optional<ChatLayout> RecogniseChatLayout(absl::string_view jinja) {
  const char* name = RecogniseName(jinja);
  if (name == nullptr) return std::nullopt;
  std::optional<ChatLayout> layout = ChatLayoutByName(name);
  if (layout->name == "llama2") {
    const bool bos_each_turn = Has(jinja, "bos_token + '[INST]");
    if (!bos_each_turn) {
      layout->user_prefix = "[INST] ";
      layout->bos_first = Has(jinja, "bos_token");
    }
    layout->trims = Has(jinja, ".strip()");
  } else {
    layout->bos_first = Has(jinja, "bos_token");
  }
  if (layout->name == "chatml") {
    layout->default_system_prompt = DefaultSystemPrompt(jinja);
    layout->drops_thinking = Has(jinja, "split('</think>')");
    if (Has(jinja, "enable_thinking")) layout->no_thinking_prompt = "<think>\n\n</think>\n\n";
  } else if (layout->name == "llama3") {
    layout->system_preamble = DatesPreamble(jinja);
  } else if (layout->name == "zephyr" && !Has(jinja, "eos_token")) {
    layout->system_end = layout->user_end = layout->assistant_end = "<|endoftext|>\n";
  }
  return layout;
}

std::vector<std::string> ChatLayoutNames() {
  std::vector<std::string> names;
  for (const ChatLayout& layout : Layouts()) names.push_back(layout.name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace kinglet
