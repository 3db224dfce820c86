// Messages, and a session whose cache follows them.
//
// Before each answer the whole conversation is put into the model's template; what the session has
// computed already is kept, and only the rest is computed. Borrows model and session. One thread.
#ifndef KINGLET_TOOLS_CHAT_CONVERSATION_H_
#define KINGLET_TOOLS_CHAT_CONVERSATION_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/capi/kinglet.h"
#include "tools/common/bank_flags.h"
#include "tools/common/interrupt.h"
#include "tools/common/report.h"

namespace kinglet::tools {

struct Message {
  std::string role;  // "system", "user", "assistant"
  std::string content;
};

struct AnswerStats {
  size_t prompt_tokens = 0;  // of the whole conversation
  size_t reused_tokens = 0;  // of these, in the cache already
  int64_t prefill_ns = 0;
  uint64_t answer_tokens = 0;
  int64_t decode_ns = 0;
  int32_t stop = KL_STOP_END_TOKEN;
};

class Conversation {
 public:
  // `template_name` may be empty: the model's own. `raw` uses none: text is continued as it is.
  Conversation(kl_model* model, kl_session* session, std::string template_name, bool raw,
               Interrupt* interrupt)
      : model_(model),
        session_(session),
        template_name_(std::move(template_name)),
        raw_(raw),
        interrupt_(*interrupt) {}

  // How the memory bank is used, where the model has one: with Routes() the first message of a conversation is routed and
  // the path kept, or with `reroute` every message; else the path is what the flags say.
  Failure UseMemory(const BankFlags& bank, bool reroute);

  // Whether the template is known, before anybody types a question.
  Failure Check() const;

  // Called with pieces of the answer.
  using TextFunction = std::function<void(const char* text, size_t length)>;
  // Adds the user's message and the answer. When it fails, or is stopped before the answer begins,
  // the conversation stays as it was. A Ctrl-C during the answer is no failure: stats->stop says
  // so.
  Failure Ask(const std::string& text, int64_t max_tokens, const TextFunction& on_text,
              AnswerStats* stats);
  // Answers the last question anew.
  Failure Regenerate(int64_t max_tokens, const TextFunction& on_text, AnswerStats* stats);

  void Clear();  // the system message stays
  void SetSystem(const std::string& text);
  const std::vector<Message>& messages() const { return messages_; }
  const std::string& template_name() const { return template_name_; }
  bool raw() const { return raw_; }

  // FILE holds the messages as JSON; FILE.cache what was computed, so that going on costs nothing.
  Failure Save(const std::string& path) const;
  // *note says when the cache could not be used; the conversation then is computed again.
  Failure Load(const std::string& path, std::string* note);

 private:
  Failure Answer(int64_t max_tokens, const TextFunction& on_text, AnswerStats* stats);
  Failure PromptTokens(const std::vector<Message>& messages, std::vector<int32_t>* tokens) const;
  // Makes the session hold exactly `tokens`, with logits of the last.
  Failure Compute(const std::vector<int32_t>& tokens, AnswerStats* stats);
  Failure Rewind(size_t position);
  // Sets the session's path to where the text leads. A conversation begins with nothing that was computed on another path.
  Failure Route(const std::string& text, bool begins);
  // The first user's message, or NULL.
  const Message* FirstQuestion() const;

  kl_model* const model_;
  kl_session* const session_;
  const std::string template_name_;
  const bool raw_;
  Interrupt& interrupt_;
  std::vector<Message> messages_;
  BankFlags bank_;
  bool reroute_ = false;
};

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_CHAT_CONVERSATION_H_
