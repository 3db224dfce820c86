// kinglet perplexity: how well a model predicts a text.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/common/command.h"
#include "tools/common/engine.h"
#include "tools/common/files.h"
#include "tools/common/format.h"
#include "tools/common/interrupt.h"
#include "tools/common/options.h"
#include "tools/common/progress.h"
#include "tools/common/report.h"
#include "tools/perplexity/estimate.h"

namespace kinglet::tools {
namespace {

constexpr char kName[] = "perplexity";
constexpr int64_t kDefaultContext = 512;

struct Settings {
  std::string model;
  std::string file;
  int64_t context = 0;
  int64_t batch = 512;
  int64_t chunks = 0;
  bool all = false;
  bool json = false;
};

struct Chunk {
  const int32_t* tokens;
  size_t length;
  size_t first_scored;  // position whose prediction counts first
  PerplexityEstimate* estimate;
};

bool ScoreRow(void* user, size_t index, const float* logits, size_t vocabulary_size) {
  const Chunk& chunk = *static_cast<Chunk*>(user);
  if (index >= chunk.first_scored && index + 1 < chunk.length) {
    chunk.estimate->Add(NegativeLogLikelihood(logits, vocabulary_size, chunk.tokens[index + 1]));
  }
  return Interrupt::CurrentCount() == 0;
}

// The text of some tokens.
std::string TextOf(const kl_model* model, const int32_t* tokens, size_t count) {
  size_t length = 0;
  kl_error error = NoError();
  kl_model_detokenize(model, tokens, count, false, nullptr, 0, &length, &error);
  std::string text(length + 1, '\0');
  kl_model_detokenize(model, tokens, count, false, text.data(), text.size(), &length, &error);
  text.resize(length);
  return text;
}

Failure Evaluate(const Settings& settings, const BankFlags& bank, kl_model* model, std::vector<int32_t> tokens,
                 size_t context, PerplexityEstimate* estimate, size_t* chunk_count) {
  *chunk_count = tokens.size() / context;
  if (settings.chunks > 0)
    *chunk_count = std::min(*chunk_count, static_cast<size_t>(settings.chunks));
  if (*chunk_count == 0) {
    return {kExitUsage,
            absl::StrCat("the text has ", tokens.size(), " tokens, fewer than one chunk of ",
                         context, ": give a longer text or a smaller -c")};
  }
  kl_session_options options = DefaultSessionOptions();
  options.context_length = static_cast<int32_t>(context);
  options.batch = static_cast<int32_t>(settings.batch);
  SessionHandle session;
  Failure failure = CreateSession(model, options, &session);
  if (!failure.ok()) return failure;
  const int32_t begin = BeginToken(model);
  Interrupt interrupt;
  interrupt.Watch(session.get());
  Progress progress;
  for (size_t i = 0; i < *chunk_count && failure.ok(); ++i) {
    progress.Show(estimate->count() == 0
                      ? "perplexity"
                      : absl::StrFormat("perplexity %.4f", estimate->perplexity()),
                  i, *chunk_count);
    int32_t* first = tokens.data() + i * context;
    if (begin >= 0) *first = begin;
    Chunk chunk = {first, context, settings.all ? 0 : context / 2, estimate};
    kl_error error = NoError();
    if (kl_model_has_memory(model)) {
      failure = SetMemory(bank, model, bank.Routes() ? TextOf(model, first, context) : "", session.get());
      if (!failure.ok()) break;
    }
    kl_code code = kl_session_rewind(session.get(), 0, &error);
    if (code == KL_OK) {
      code = kl_session_prefill_logits(session.get(), first, context, ScoreRow, &chunk, &error);
    }
    if (interrupt.count() > 0) {
      failure = {kExitInterrupted, "interrupted"};
    } else if (code != KL_OK) {
      failure = FailureOf(code, error);
    }
  }
  interrupt.Watch(nullptr);
  return failure;
}

void Print(const Settings& settings, const kl_model_info& info, const PerplexityEstimate& estimate,
           size_t token_count, size_t context, size_t chunk_count) {
  if (!settings.json) {
    std::printf("Final estimate: PPL = %.4f +/- %.5f\n", estimate.perplexity(),
                estimate.standard_error());
    return;
  }
  std::printf(
      "{\"model_filename\": %s, \"perplexity\": %.6f, \"standard_error\": %.6f, "
      "\"scored_tokens\": %lld, \"text_tokens\": %zu, \"context\": %zu, \"chunks\": %zu, "
      "\"all_positions\": %s}\n",
      JsonQuote(info.path).c_str(), estimate.perplexity(), estimate.standard_error(),
      static_cast<long long>(estimate.count()), token_count, context, chunk_count,
      settings.all ? "true" : "false");
}

Failure Perplexity(const Settings& settings, const EngineFlags& engine) {
  if (settings.model.empty()) return {kExitUsage, "-m FILE is missing: the model"};
  if (settings.file.empty())
    return {kExitUsage, "-f TEXT is missing: the text ('-': standard input)"};
  std::string text;
  Failure failure = ReadWholeFile(settings.file, &text);
  RuntimeHandle runtime;
  ModelHandle model;
  if (failure.ok()) failure = CreateRuntime(kName, engine, &runtime);
  if (failure.ok()) failure = LoadModel(engine, runtime.get(), settings.model, false, &model);
  std::vector<int32_t> tokens;
  if (failure.ok()) failure = Tokenize(model.get(), text, KL_TOKENIZE_ADD_SPECIAL, &tokens);
  if (!failure.ok()) return failure;
  if (engine.verbose) std::fputs(SummarisePlan(kl_model_plan_text(model.get())).c_str(), stderr);
  const kl_model_info info = Describe(model.get());
  int64_t context = settings.context;
  if (context == 0) {
    context =
        info.context_length > 0 ? std::min(kDefaultContext, info.context_length) : kDefaultContext;
  } else if (info.context_length > 0 && context > info.context_length) {
    return {kExitUsage, absl::StrCat("-c ", context, " is more than the model's context of ",
                                     info.context_length)};
  }
  PerplexityEstimate estimate;
  size_t chunk_count = 0;
  failure = Evaluate(settings, engine.bank, model.get(), tokens, static_cast<size_t>(context), &estimate,
                     &chunk_count);
  if (failure.ok()) {
    Print(settings, info, estimate, tokens.size(), static_cast<size_t>(context), chunk_count);
  }
  return failure;
}

int Run(int argc, char** argv) {
  Settings settings;
  EngineFlags engine;
  OptionTable options(kName,
                      "Measures how well a model predicts a text: the exponential of the mean "
                      "negative log-likelihood of its tokens; lower is better.");
  options.Example("kinglet perplexity -m model.gguf -f text.txt -c 128");
  options.Text({"-m", "--model"}, "FILE", &settings.model, "the model (needed)");
  options.Text({"-f", "--file"}, "TEXT", &settings.file,
               "the text; '-' is standard input (needed)");
  options.Integer({"-c", "--ctx-size"}, "N", &settings.context, {0, 1 << 24},
                  "tokens of one chunk; 0: the model's context, at most 512");
  options.Integer({"--chunks"}, "N", &settings.chunks, {0, 1 << 30}, "stop after so many; 0: all");
  options.Flag({"--all"}, &settings.all,
               "score every position of a chunk, not its second half only");
  options.Integer({"-b", "--batch"}, "N", &settings.batch, {1, 65536},
                  "most tokens computed at once");
  options.Flag({"--json"}, &settings.json, "print one JSON object");
  engine.DeclareThreads(&options);
  engine.DeclareMemory(&options);
  engine.Declare(&options);
  options.Note(
      "The text is cut into chunks of -c tokens, each computed from an empty context and starting "
      "with "
      "the model's begin token, where it has one, in place of the chunk's first token. Predictions "
      "from "
      "the middle of a chunk on are scored, as llama.cpp's perplexity program does, so that the "
      "numbers "
      "compare; --all scores all of them. A rest shorter than a chunk is left out. With a --bank each chunk is routed by its own text.");
  int status = 0;
  if (!options.Parse(argc, argv, &status)) return status;
  const Failure failure = Perplexity(settings, engine);
  return failure.ok() ? FinishOutput(kName) : Report(kName, failure);
}

}  // namespace

extern const Command kCommand_perplexity;
const Command kCommand_perplexity = {kName, "how well a model predicts a text", Run};

}  // namespace kinglet::tools
