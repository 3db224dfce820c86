#include "tools/chat/slash_commands.h"

#include <unistd.h>

#include <cctype>
#include <cstdio>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "tools/common/bank_flags.h"
#include "tools/common/engine.h"
#include "tools/common/expert_report.h"
#include "tools/common/files.h"
#include "tools/common/format.h"
#include "tools/common/heat_map.h"
#include "tools/common/weight_report.h"

namespace kinglet::tools {
namespace {

struct SlashCommand {
  const char* name;
  const char* argument;
  const char* help;
  Failure (*run)(const std::string& argument, ChatState* state);
};

void Say(const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); }

// The first word, and what follows it.
std::string TakeWord(std::string* text) {
  const size_t end = text->find_first_of(" \t");
  std::string word = text->substr(0, end);
  *text =
      end == std::string::npos ? "" : std::string(absl::StripAsciiWhitespace(text->substr(end)));
  return word;
}

Failure Help(const std::string& argument, ChatState* state);

Failure Exit(const std::string&, ChatState* state) {
  state->leave = true;
  return Success();
}

Failure Clear(const std::string&, ChatState* state) {
  state->conversation->Clear();
  state->attachment.clear();
  Say("A new conversation.");
  return Success();
}

Failure Regenerate(const std::string&, ChatState* state) { return state->regenerate(); }

Failure Read(const std::string& argument, ChatState* state) {
  if (argument.empty()) return {kExitUsage, "/read FILE: which file?"};
  std::string text;
  Failure failure = ReadWholeFile(argument, &text);
  if (!failure.ok()) return failure;
  absl::StrAppend(&state->attachment, text, text.empty() || text.back() == '\n' ? "" : "\n");
  Say(absl::StrCat(argument, " (", text.size(), " bytes) goes in front of your next message."));
  return Success();
}

Failure Save(const std::string& argument, ChatState* state) {
  if (argument.empty()) return {kExitUsage, "/save FILE: which file?"};
  Failure failure = state->conversation->Save(argument);
  if (failure.ok()) Say(absl::StrCat("Saved in ", argument, " and ", argument, ".cache."));
  return failure;
}

Failure Load(const std::string& argument, ChatState* state) {
  if (argument.empty()) return {kExitUsage, "/load FILE: which file?"};
  std::string note;
  Failure failure = state->conversation->Load(argument, &note);
  if (!failure.ok()) return failure;
  Say(absl::StrCat("Loaded ", state->conversation->messages().size(), " messages",
                   note.empty() ? "." : absl::StrCat("; ", note)));
  return Success();
}

Failure Set(const std::string& argument, ChatState* state) {
  std::string rest = argument;
  const std::string what = TakeWord(&rest);
  if (what == "system") {
    if (state->conversation->raw()) return {kExitUsage, "--raw knows no system message"};
    state->conversation->SetSystem(rest);
    Say(rest.empty() ? "No system message." : "The system message is set.");
    return Success();
  }
  if (what != "parameter") {
    return {kExitUsage, "/set parameter NAME VALUE, or /set system TEXT"};
  }
  const std::string name = TakeWord(&rest);
  if (name.empty() || rest.empty()) {
    return {kExitUsage, absl::StrCat("/set parameter NAME VALUE; the parameters are\n",
                                     state->sampling->Describe())};
  }
  Sampling changed = *state->sampling;
  const std::string problem = SetParameter(name, rest, &changed);
  if (!problem.empty()) return {kExitUsage, absl::StrCat("/set parameter: ", problem)};
  kl_session_options options = DefaultSessionOptions();
  changed.CopyTo(&options);
  kl_error error = NoError();
  const kl_code code = kl_session_set_sampler(state->session, &options, &error);
  if (code != KL_OK) return FailureOf(code, error);
  *state->sampling = changed;
  return Success();
}

Failure Show(const std::string&, ChatState* state) {
  const kl_model_info info = Describe(state->model);
  const Conversation& conversation = *state->conversation;
  const std::string chat_template = conversation.raw() ? "none (--raw)"
                                    : !conversation.template_name().empty()
                                        ? conversation.template_name()
                                        : info.chat_template;
  Say(absl::StrCat("model ", info.path, "\n  ", info.name, info.name[0] != '\0' ? ", " : "",
                   info.architecture, ", ", FormatCount(info.parameter_count), " parameters, ",
                   info.quantization, ", ", FormatBytes(info.file_bytes), ", ", info.layer_count,
                   " layers"));
  if (info.expert_count > 0) {
    Say(absl::StrCat("  ", info.expert_count, " experts, ", info.expert_used_count,
                     " used by a token"));
  }
  Say(absl::StrCat("template ", chat_template, "\nthreads ", state->thread_count, "\ncontext ",
                   kl_session_context_length(state->session),
                   " tokens (the model's: ", info.context_length, ")"));
  if (!conversation.messages().empty() && conversation.messages()[0].role == "system") {
    Say("system " + conversation.messages()[0].content);
  }
  Say("parameters\n" +
      absl::StrCat(absl::StripTrailingAsciiWhitespace(state->sampling->Describe())));
  return Success();
}

std::string Speed(uint64_t tokens, int64_t ns) {
  if (tokens == 0 || ns <= 0) return absl::StrCat(tokens, " tokens");
  return absl::StrFormat("%d tokens in %s, %.2f tokens/s", tokens, FormatSeconds(ns),
                         1e9 * static_cast<double>(tokens) / static_cast<double>(ns));
}

Failure Stats(const std::string&, ChatState* state) {
  const AnswerStats& stats = state->stats;
  const kl_session_info info = Describe(state->session);
  const kl_model_info model = Describe(state->model);
  Say(absl::StrCat("prompt   ", Speed(stats.prompt_tokens - stats.reused_tokens, stats.prefill_ns),
                   " (", stats.reused_tokens, " of ", stats.prompt_tokens, " were in the cache)"));
  Say(absl::StrCat("answer   ", Speed(stats.answer_tokens, stats.decode_ns)));
  Say(absl::StrCat("context  ", kl_session_position(state->session), " of ",
                   kl_session_context_length(state->session), " tokens used"));
  Say(absl::StrCat("memory   ", FormatBytes(info.resident_bytes), " resident, ",
                   FormatBytes(info.peak_resident_bytes), " at most; weights ",
                   FormatBytes(model.weight_bytes), ", KV cache ", FormatBytes(info.cache_bytes),
                   ", activations ", FormatBytes(info.arena_bytes)));
  const std::string experts = ExpertReport({}, DescribeExperts(state->model), 0);
  if (!experts.empty()) Say(experts);
  const std::string weights = WeightReport(DescribeWeights(state->model));
  if (!weights.empty()) Say(weights);
  return Success();
}

Failure Memory(const std::string&, ChatState* state) {
  Say(MemoryReport(DescribeMemory(state->session)));
  return Success();
}

Failure Experts(const std::string& argument, ChatState* state) {
  if (Describe(state->model).expert_count == 0) return {kExitUsage, "the model has no experts"};
  std::fputs(HeatMapText(*state->expert_use, HeatMapStyleOf(STDERR_FILENO)).c_str(), stderr);
  if (argument.empty()) return Success();
  const kl_model_info info = Describe(state->model);
  const Failure failure = WriteWholeFile(
      argument,
      HeatMapSvg(*state->expert_use,
                 absl::StrCat("Use of experts: ", info.name[0] != '\0' ? info.name : info.path)));
  if (failure.ok()) Say(absl::StrCat("The picture is in ", argument, "."));
  return failure;
}

constexpr SlashCommand kCommands[] = {
    {"/help", "", "this list (also /?)", Help},
    {"/?", "", nullptr, Help},
    {"/exit", "", "leave (also /bye, Ctrl-D)", Exit},
    {"/bye", "", nullptr, Exit},
    {"/clear", "", "begin a new conversation", Clear},
    {"/regen", "", "answer the last question anew", Regenerate},
    {"/read", "FILE", "put a text file in front of the next message", Read},
    {"/save", "FILE", "save the conversation", Save},
    {"/load", "FILE", "go on with a saved conversation", Load},
    {"/set", "parameter NAME VALUE", "change how answers are chosen: temp, top-k, seed ...", Set},
    {"/set", "system TEXT", "tell the model who it is", nullptr},
    {"/show", "", "model, template, parameters", Show},
    {"/stats", "", "speed of the last answer, memory, context used, cache of experts", Stats},
    {"/memory", "", "the last fetch from the memory bank: path, blocks, bytes, time", Memory},
    {"/experts", "[FILE.svg]", "which experts were used, as a heat map; FILE: as a picture",
     Experts},
};

Failure Help(const std::string&, ChatState*) {
  for (const SlashCommand& command : kCommands) {
    if (command.help == nullptr) continue;
    Say(absl::StrFormat("  %-28s %s", absl::StrCat(command.name, " ", command.argument),
                        command.help));
  }
  Say("  \"\"\"                          begins and ends a message of several lines\n"
      "  Ctrl-C                       stops the answer; a second one leaves");
  return Success();
}

}  // namespace

bool IsSlashCommand(const std::string& line) {
  return line.size() >= 2 && line[0] == '/' &&
         (std::isalpha(static_cast<unsigned char>(line[1])) || line[1] == '?');
}

Failure RunSlashCommand(const std::string& line, ChatState* state) {
  std::string argument(absl::StripAsciiWhitespace(line));
  const std::string name = TakeWord(&argument);
  std::vector<std::string> names;
  for (const SlashCommand& command : kCommands) {
    if (name == command.name && command.run != nullptr) return command.run(argument, state);
    if (command.help != nullptr && command.run != nullptr) names.push_back(command.name);
  }
  const std::vector<std::string> near = NearMisses(name, names);
  return {kExitUsage,
          absl::StrCat(
              "unknown command ", name,
              near.empty() ? "" : absl::StrCat("; did you mean ", absl::StrJoin(near, " or "), "?"),
              " /help lists the commands; begin a message with a space to send it as it is")};
}

}  // namespace kinglet::tools
