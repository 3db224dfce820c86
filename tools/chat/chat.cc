// kinglet chat: talks to a model, on a terminal or through pipes.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "tools/chat/conversation.h"
#include "tools/chat/line_reader.h"
#include "tools/chat/sampling.h"
#include "tools/chat/slash_commands.h"
#include "tools/common/command.h"
#include "tools/common/engine.h"
#include "tools/common/files.h"
#include "tools/common/interrupt.h"
#include "tools/common/options.h"
#include "tools/common/report.h"
#include "tools/common/routing_recorder.h"
#include "tools/common/shipped_model.h"

namespace kinglet::tools {
namespace {

constexpr char kName[] = "chat";
constexpr int64_t kMostContext = 1 << 24;  // tokens

struct Settings {
  std::string model;
  std::string prompt;
  std::string prompt_file;
  std::string system;
  std::string chat_template;
  int64_t context = 0;
  int64_t batch = 512;
  bool raw = false;
  bool no_history = false;
  bool version = false;
  std::string record_routing;
  bool no_bank = false;
  bool bank_reroute = false;
  Sampling sampling;
};

// Straight to the file descriptor: pieces must show at once, and a Ctrl-C must not break a write.
void WriteAnswer(const char* text, size_t length) {
  while (length > 0) {
    const ssize_t written = write(STDOUT_FILENO, text, length);
    if (written < 0 && errno != EINTR) return;
    if (written <= 0) continue;
    text += written;
    length -= static_cast<size_t>(written);
  }
}

class Chat {
 public:
  Chat(Settings* settings, const EngineFlags& engine) : settings_(*settings), engine_(engine) {}

  Failure Load() {
    Failure failure;
    EngineFlags engine = engine_;
    if (settings_.model.empty()) {
      failure = FindShippedModel(&settings_.model);
      if (engine.bank.bank.empty() && !settings_.no_bank) engine.bank.bank = FindShippedBank();
    }
    if (failure.ok()) failure = CreateRuntime(kName, engine_, &runtime_);
    engine.session_context_length = static_cast<int32_t>(settings_.context);
    engine.session_batch = static_cast<int32_t>(settings_.batch);
    if (failure.ok()) failure = LoadModel(engine, runtime_.get(), settings_.model, false, &model_);
    if (!failure.ok()) return failure;
    if (engine_.verbose) {
      std::fprintf(stderr, "kernels:\n%s", SummarisePlan(kl_model_plan_text(model_.get())).c_str());
    }
    if (!Describe(model_.get()).has_tokenizer) {
      return {kExitBadData, absl::StrCat(settings_.model,
                                         " has no tokenizer: it can only be used with token "
                                         "ids, as kinglet logits does")};
    }
    kl_session_options options = DefaultSessionOptions();
    options.context_length = ContextLength();
    options.batch = static_cast<int32_t>(settings_.batch);
    settings_.sampling.CopyTo(&options);
    failure = CreateSession(model_.get(), options, &session_);
    if (failure.ok()) {
      failure = recorder_.Start(model_.get(), session_.get(), settings_.record_routing);
    }
    if (!failure.ok()) return failure;
    conversation_ = std::make_unique<Conversation>(
        model_.get(), session_.get(), settings_.chat_template, settings_.raw, &interrupt_);
    conversation_->SetSystem(settings_.system);
    failure = conversation_->UseMemory(engine.bank, settings_.bank_reroute);
    if (!failure.ok()) return failure;
    state_.model = model_.get();
    state_.session = session_.get();
    state_.expert_use = &recorder_.use();
    state_.thread_count = kl_runtime_thread_count(runtime_.get());
    state_.conversation = conversation_.get();
    state_.sampling = &settings_.sampling;
    state_.regenerate = [this] {
      return Show([this](const Conversation::TextFunction& on_text) {
        return conversation_->Regenerate(settings_.sampling.max_tokens, on_text, &state_.stats);
      });
    };
    return conversation_->Check();
  }

  // After the last answer: the recording appears. `status` is what the chat ends with so far.
  int Finish(int status) {
    const Failure failure = recorder_.Finish();
    if (failure.ok()) return status;
    Report(kName, failure);
    return status == kExitOk ? failure.exit_status : status;
  }

  // One answer; on standard output nothing else.
  Failure OneShot(const std::string& prompt) {
    Failure failure = Ask(prompt);
    if (failure.ok() && interrupt_.count() > 0) return {kExitInterrupted, "interrupted"};
    return failure;
  }

  int TalkOnTerminal() {
    const kl_model_info info = Describe(model_.get());
    std::fprintf(stderr, "Kinglet %s, %s. /help lists the commands.\n", kl_version(),
                 info.name[0] != '\0' ? info.name : info.path);
    const std::unique_ptr<LineReader> reader =
        MakeTerminalReader(settings_.no_history ? "" : HistoryPath());
    bool leave_on_interrupt = false;
    while (!state_.leave) {
      const Line line = ReadMessage(reader.get(), "> ");
      if (line.kind == LineKind::kEnd) return kExitOk;
      if (line.kind == LineKind::kInterrupt) {
        if (leave_on_interrupt) return kExitInterrupted;
        std::fprintf(stderr, "Ctrl-C again, Ctrl-D or /exit leaves.\n");
        leave_on_interrupt = true;
        continue;
      }
      interrupt_.Reset();
      const Failure failure = Handle(line.text);
      leave_on_interrupt = interrupt_.count() > 0;  // the second Ctrl-C leaves
      interrupt_.Reset();
      if (failure.ok() || failure.exit_status == kExitInterrupted) continue;
      Complain(failure.message);
    }
    return kExitOk;
  }

  // Each line or """ block is a turn. Goes on after a failure and reports the first one's status.
  int TalkThroughPipe() {
    const std::unique_ptr<LineReader> reader = MakePipeReader();
    int status = kExitOk;
    while (!state_.leave) {
      const Line line = ReadMessage(reader.get(), "");
      if (line.kind == LineKind::kEnd) break;
      Failure failure;
      if (line.kind == LineKind::kText) failure = Handle(line.text);
      if (interrupt_.count() > 0) return Report(kName, kExitInterrupted, "interrupted");
      if (!failure.ok()) {
        Report(kName, failure);
        if (status == kExitOk) status = failure.exit_status;
      }
    }
    return status;
  }

 private:
  // The model's context, unless -c names another or -n alone asks for more than it holds.
  int32_t ContextLength() const {
    const int64_t trained = Describe(model_.get()).context_length;
    const int64_t wanted = std::min(settings_.sampling.max_tokens, kMostContext - trained);
    if (settings_.context != 0 || wanted < trained) return static_cast<int32_t>(settings_.context);
    std::fprintf(
        stderr,
        "kinglet chat: the model was trained on %lld tokens of context, -n asks for %lld: it "
        "gets %lld, and may lose the thread beyond what it knows\n",
        static_cast<long long>(trained), static_cast<long long>(wanted),
        static_cast<long long>(trained + wanted));
    return static_cast<int32_t>(trained + wanted);
  }

  Failure Handle(const std::string& line) {
    if (IsSlashCommand(line)) return RunSlashCommand(line, &state_);
    const std::string text = state_.attachment + line;
    if (absl::StripAsciiWhitespace(text).empty()) return Success();
    state_.attachment.clear();
    return Ask(text);
  }

  Failure Ask(const std::string& text) {
    return Show([&](const Conversation::TextFunction& on_text) {
      return conversation_->Ask(text, settings_.sampling.max_tokens, on_text, &state_.stats);
    });
  }

  template <typename Answer>
  Failure Show(const Answer& answer) {
    bool line_open = false;
    bool any = false;
    const Failure failure = answer([&](const char* text, size_t length) {
      if (length == 0) return;
      WriteAnswer(text, length);
      any = true;
      line_open = text[length - 1] != '\n';
    });
    if (line_open || (failure.ok() && !any)) WriteAnswer("\n", 1);
    if (failure.ok() && state_.stats.stop == KL_STOP_CONTEXT) {
      std::fprintf(
          stderr,
          "kinglet chat: the context of %d tokens is full; /clear starts a new conversation, "
          "-c N gives a larger context\n",
          kl_session_context_length(session_.get()));
    }
    return failure;
  }

  // In red where the terminal is to have colours.
  static void Complain(const std::string& message) {
    const char* no_colour = std::getenv("NO_COLOR");
    const char* terminal = std::getenv("TERM");
    const bool colour = isatty(STDERR_FILENO) == 1 &&
                        (no_colour == nullptr || no_colour[0] == '\0') && terminal != nullptr &&
                        std::string(terminal) != "dumb";
    std::fprintf(stderr, "%s%s%s\n", colour ? "\033[31m" : "", message.c_str(),
                 colour ? "\033[0m" : "");
  }

  Settings& settings_;
  const EngineFlags& engine_;
  Interrupt interrupt_;
  RuntimeHandle runtime_;
  ModelHandle model_;
  SessionHandle session_;
  RoutingRecorder recorder_;
  std::unique_ptr<Conversation> conversation_;
  ChatState state_;
};

void Declare(Settings* s, EngineFlags* engine, OptionTable* options) {
  options->Example("kinglet chat");
  options->Example("kinglet chat -m model.gguf -sys 'You are brief.'");
  options->Example("kinglet chat -m model.gguf -p 'Why is the sky blue?' > answer.txt");
  options->Text({"-m", "--model"}, "FILE", &s->model,
                "GGUF file or Hugging Face folder; without it the model that ships with Kinglet");
  options->Text({"-p", "--prompt"}, "TEXT", &s->prompt, "answer this and leave");
  options->Text({"-f", "--file"}, "FILE", &s->prompt_file,
                "answer the text in this file and leave; '-' is all of standard input");
  options->Text({"-sys", "--system"}, "TEXT", &s->system, "the system message");
  options->Text({"--chat-template"}, "NAME", &s->chat_template,
                "how messages are marked: chatml, llama3 ...; without it as the model's file says");
  options->Flag({"--raw"}, &s->raw, "no template: continue the text as it is");
  options->Integer({"-c", "--ctx-size"}, "N", &s->context, {0, kMostContext},
                   "tokens of context; 0: the model's");
  options->Integer({"-b", "--batch-size"}, "N", &s->batch, {1, 65536},
                   "most tokens computed at once");
  engine->DeclareThreads(options);
  engine->DeclareMemory(options);
  options->Flag({"--bank-reroute"}, &s->bank_reroute,
                "route every message, not only a conversation's first: what was said before stays as it was computed");
  options->Flag({"--no-bank"}, &s->no_bank, "the shipped model without its memory bank");
  DeclareRecording(options, &s->record_routing);
  options->Flag({"--no-history"}, &s->no_history,
                "neither read nor write the history of typed lines");
  options->Flag({"--version"}, &s->version, "print the version and leave");
  s->sampling.Declare(options);
  engine->Declare(options);
  options->Note(
      "On a terminal: /help lists the commands, \"\"\" begins and ends a message of several lines, "
      "Ctrl-C "
      "stops the answer, a second Ctrl-C or Ctrl-D leaves. Typed lines are kept in "
      "$XDG_STATE_HOME/kinglet/chat_history.");
  options->Note(
      "Through pipes: every line (or \"\"\" block) of standard input is a message; answers go to "
      "standard "
      "output, one after the other, everything else to standard error.");
}

int Run(int argc, char** argv) {
  Settings settings;
  EngineFlags engine;
  OptionTable options(kName, "Talks to a model.");
  Declare(&settings, &engine, &options);
  int status = 0;
  if (!options.Parse(argc, argv, &status)) return status;
  if (settings.version) {
    std::printf("kinglet %s\n", kl_version());
    return FinishOutput(kName);
  }
  const bool prompt_given = options.Given("-p");
  const bool file_given = options.Given("-f");
  if (prompt_given && file_given)
    return Report(kName, kExitUsage, "-p and -f both give the prompt: use one");
  if (settings.raw && !settings.system.empty()) {
    return Report(kName, kExitUsage, "--raw knows no system message: leave -sys out");
  }
  if (settings.raw && !settings.chat_template.empty()) {
    return Report(kName, kExitUsage, "--raw uses no template: leave --chat-template out");
  }
  Failure failure;
  if (file_given) failure = ReadWholeFile(settings.prompt_file, &settings.prompt);
  Chat chat(&settings, engine);
  if (failure.ok()) failure = chat.Load();
  if (!failure.ok()) return Report(kName, failure);
  if (prompt_given || file_given) {
    failure = chat.OneShot(settings.prompt);
    return chat.Finish(failure.ok() ? kExitOk : Report(kName, failure));
  }
  const bool terminal = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1;
  return chat.Finish(terminal ? chat.TalkOnTerminal() : chat.TalkThroughPipe());
}

}  // namespace

extern const Command kCommand_chat;
const Command kCommand_chat = {kName, "talk to a model", Run};

}  // namespace kinglet::tools
