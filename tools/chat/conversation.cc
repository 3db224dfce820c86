#include "tools/chat/conversation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/chat/transcript.h"
#include "tools/common/engine.h"
#include "tools/common/files.h"
#include "tools/common/progress.h"

namespace kinglet::tools {
namespace {

bool ShowPrefill(void* user, const char*, uint64_t done, uint64_t total) {
  static_cast<Progress*>(user)->Show("reading", done, total);
  return Interrupt::CurrentCount() == 0;
}

struct AnswerSink {
  const Conversation::TextFunction& on_text;
  std::string text;
};

bool TakeText(void* user, const char* text, size_t length) {
  AnswerSink& sink = *static_cast<AnswerSink*>(user);
  sink.text.append(text, length);
  sink.on_text(text, length);
  return Interrupt::CurrentCount() == 0;
}

}  // namespace

Failure Conversation::PromptTokens(const std::vector<Message>& messages,
                                   std::vector<int32_t>* tokens) const {
  if (raw_) {
    std::string text;
    for (const Message& message : messages) {
      if (message.role != "system") text += message.content;
    }
    return Tokenize(model_, text, KL_TOKENIZE_ADD_SPECIAL | KL_TOKENIZE_PARSE_SPECIAL, tokens);
  }
  std::vector<kl_message> list;
  for (const Message& message : messages)
    list.push_back({message.role.c_str(), message.content.c_str()});
  const char* name = template_name_.empty() ? nullptr : template_name_.c_str();
  kl_error error = NoError();
  size_t count = 0;
  kl_code code = kl_model_apply_template(model_, name, list.data(), list.size(), true, nullptr, 0,
                                         &count, &error);
  tokens->resize(count);
  if (code == KL_OK) {
    code = kl_model_apply_template(model_, name, list.data(), list.size(), true, tokens->data(),
                                   tokens->size(), &count, &error);
  }
  return code == KL_OK ? Success() : FailureOf(code, error);
}

Failure Conversation::Check() const {
  if (raw_) return Success();
  std::vector<int32_t> tokens;
  Failure failure = PromptTokens({{"user", "Hello"}}, &tokens);
  if (!failure.ok()) {
    failure.exit_status = kExitUsage;  // a matter of flags, whatever the library calls it
    absl::StrAppend(&failure.message, "; or continue plain text with --raw");
  }
  return failure;
}

Failure Conversation::Rewind(size_t position) {
  kl_error error = NoError();
  const kl_code code = kl_session_rewind(session_, static_cast<int32_t>(position), &error);
  return code == KL_OK ? Success() : FailureOf(code, error);
}

Failure Conversation::Compute(const std::vector<int32_t>& tokens, AnswerStats* stats) {
  const size_t context = static_cast<size_t>(kl_session_context_length(session_));
  if (tokens.size() >= context) {
    return {kExitFailure,
            absl::StrCat("the context is full: the conversation has ", tokens.size(),
                         " tokens and the context holds ", context,
                         "; /clear starts a new conversation, -c N gives a larger context")};
  }
  size_t held = 0;
  const int32_t* cached = kl_session_tokens(session_, &held);
  size_t common = 0;
  while (common < held && common + 1 < tokens.size() && cached[common] == tokens[common]) ++common;
  if (common < held && !Rewind(common).ok()) {
    // A sliding window has moved on; the conversation is read again from its start.
    common = 0;
    Failure failure = Rewind(0);
    if (!failure.ok()) return failure;
  }
  stats->prompt_tokens = tokens.size();
  stats->reused_tokens = common;
  Progress progress;
  const int64_t start = NowNs();
  kl_error error = NoError();
  const kl_code code = kl_session_prefill(session_, tokens.data() + common, tokens.size() - common,
                                          ShowPrefill, &progress, &error);
  stats->prefill_ns = NowNs() - start;
  return code == KL_OK ? Success() : FailureOf(code, error);
}

Failure Conversation::Answer(int64_t max_tokens, const TextFunction& on_text, AnswerStats* stats) {
  *stats = AnswerStats();
  std::vector<int32_t> tokens;
  Failure failure = PromptTokens(messages_, &tokens);
  interrupt_.Watch(session_);
  if (failure.ok()) failure = Compute(tokens, stats);
  if (failure.ok()) {
    AnswerSink sink = {on_text, ""};
    kl_generation generation = {};
    generation.struct_size = sizeof generation;
    kl_error error = NoError();
    const kl_code code =
        kl_session_generate(session_, max_tokens, TakeText, &sink, &generation, &error);
    if (code != KL_OK) {
      failure = FailureOf(code, error);
    } else {
      stats->answer_tokens = generation.generated_token_count;
      stats->decode_ns = generation.decode_ns;
      stats->stop = generation.stop;
      messages_.push_back({"assistant", std::move(sink.text)});
    }
  }
  interrupt_.Watch(nullptr);
  return failure;
}

Failure Conversation::Ask(const std::string& text, int64_t max_tokens, const TextFunction& on_text,
                          AnswerStats* stats) {
  const bool begins = FirstQuestion() == nullptr;
  messages_.push_back({"user", text});
  Failure failure = bank_.Routes() && (begins || reroute_) ? Route(text, begins) : Success();
  if (failure.ok()) failure = Answer(max_tokens, on_text, stats);
  if (!failure.ok()) messages_.pop_back();
  return failure;
}

Failure Conversation::Regenerate(int64_t max_tokens, const TextFunction& on_text,
                                 AnswerStats* stats) {
  if (messages_.empty() || messages_.back().role != "assistant") {
    return {kExitUsage, "there is no answer to give anew"};
  }
  Message last = std::move(messages_.back());
  messages_.pop_back();
  Failure failure = Answer(max_tokens, on_text, stats);
  if (!failure.ok()) messages_.push_back(std::move(last));
  return failure;
}

Failure Conversation::UseMemory(const BankFlags& bank, bool reroute) {
  bank_ = bank;
  reroute_ = reroute;
  return bank.Routes() ? Success() : SetMemory(bank, model_, "", session_);
}

const Message* Conversation::FirstQuestion() const {
  for (const Message& message : messages_) {
    if (message.role == "user") return &message;
  }
  return nullptr;
}

Failure Conversation::Route(const std::string& text, bool begins) {
  const kl_memory_fetch before = DescribeMemory(session_);
  Failure failure = SetMemory(bank_, model_, text, session_);
  if (!failure.ok() || !begins) return failure;
  const kl_memory_fetch now = DescribeMemory(session_);
  const bool same = before.has_path && std::equal(now.path.ids, now.path.ids + now.path.depth, before.path.ids);
  return same ? Success() : Rewind(0);
}

void Conversation::Clear() {
  messages_.erase(std::remove_if(messages_.begin(), messages_.end(),
                                 [](const Message& message) { return message.role != "system"; }),
                  messages_.end());
}

void Conversation::SetSystem(const std::string& text) {
  if (!messages_.empty() && messages_[0].role == "system") messages_.erase(messages_.begin());
  if (!text.empty()) messages_.insert(messages_.begin(), {"system", text});
}

Failure Conversation::Save(const std::string& path) const {
  const std::string text = FormatTranscript(messages_);
  AtomicFile file;
  Failure failure = file.Open(path);
  if (failure.ok()) failure = file.Append(text.data(), text.size());
  if (failure.ok()) failure = file.Commit();
  if (!failure.ok()) return failure;
  kl_error error = NoError();
  const kl_code code = kl_session_save(session_, absl::StrCat(path, ".cache").c_str(), &error);
  return code == KL_OK ? Success() : FailureOf(code, error);
}

Failure Conversation::Load(const std::string& path, std::string* note) {
  note->clear();
  std::string text;
  Failure failure = ReadWholeFile(path, &text);
  std::vector<Message> messages;
  if (failure.ok()) failure = ParseTranscript(path, text, &messages);
  if (!failure.ok()) return failure;
  messages_ = std::move(messages);
  kl_error error = NoError();
  const kl_code code = kl_session_restore(session_, absl::StrCat(path, ".cache").c_str(), &error);
  if (code == KL_OK) return Success();
  *note = absl::StrCat("the conversation will be read again: ", error.message);
  failure = Rewind(0);
  const Message* first = FirstQuestion();
  if (failure.ok() && bank_.Routes() && first != nullptr) failure = Route(first->content, true);
  return failure;
}

}  // namespace kinglet::tools
