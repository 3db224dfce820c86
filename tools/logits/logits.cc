// kinglet logits: the logits after each of some tokens as a NumPy file, for comparing engines.
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/common/command.h"
#include "tools/common/engine.h"
#include "tools/common/files.h"
#include "tools/common/interrupt.h"
#include "tools/common/npy.h"
#include "tools/common/options.h"
#include "tools/common/report.h"

namespace kinglet::tools {
namespace {

constexpr char kName[] = "logits";

struct Settings {
  std::string model;
  std::string prompt;
  std::string output;
  std::vector<int64_t> tokens;
  int64_t batch = 512;
};

struct RowWriter {
  AtomicFile file;
  Failure failure;
};

bool WriteRow(void* user, size_t, const float* logits, size_t vocabulary_size) {
  RowWriter* writer = static_cast<RowWriter*>(user);
  writer->failure = writer->file.Append(logits, vocabulary_size * sizeof(float));
  return writer->failure.ok() && Interrupt::CurrentCount() == 0;
}

Failure CheckTokens(const std::vector<int32_t>& tokens, const kl_model_info& info) {
  if (tokens.empty()) return {kExitUsage, "--tokens IDS or -p TEXT is missing: what to compute"};
  for (const int32_t token : tokens) {
    if (token >= info.vocabulary_size) {
      return {kExitUsage, absl::StrCat("--tokens: ", token, " is no token of ", info.path,
                                       ", whose ids are 0 .. ", info.vocabulary_size - 1)};
    }
  }
  if (info.context_length > 0 && static_cast<int64_t>(tokens.size()) > info.context_length) {
    return {kExitUsage, absl::StrCat(tokens.size(), " tokens are more than the model's context of ",
                                     info.context_length)};
  }
  return Success();
}

Failure WriteLogits(const Settings& settings, const EngineFlags& engine) {
  if (settings.model.empty()) return {kExitUsage, "-m FILE is missing: the model"};
  if (settings.output.empty()) return {kExitUsage, "-o OUT.npy is missing: where to write"};
  std::vector<int32_t> tokens(settings.tokens.begin(), settings.tokens.end());
  Interrupt interrupt;
  RuntimeHandle runtime;
  ModelHandle model;
  Failure failure = CreateRuntime(kName, engine, &runtime);
  if (failure.ok()) failure = LoadModel(engine, runtime.get(), settings.model, false, &model);
  if (failure.ok() && !settings.prompt.empty()) {
    failure = Tokenize(model.get(), settings.prompt, KL_TOKENIZE_ADD_SPECIAL, &tokens);
  }
  if (failure.ok()) failure = CheckTokens(tokens, Describe(model.get()));
  if (!failure.ok()) return failure;
  if (engine.verbose) std::fputs(SummarisePlan(kl_model_plan_text(model.get())).c_str(), stderr);

  kl_session_options options = DefaultSessionOptions();
  options.context_length = static_cast<int32_t>(tokens.size());
  options.batch = static_cast<int32_t>(settings.batch);
  SessionHandle session;
  failure = CreateSession(model.get(), options, &session);
  if (failure.ok()) failure = SetMemory(engine.bank, model.get(), settings.prompt, session.get());
  if (!failure.ok()) return failure;
  const std::string header = NpyHeader(
      KL_TYPE_F32, {static_cast<int64_t>(tokens.size()), Describe(model.get()).vocabulary_size});
  RowWriter writer;
  failure = writer.file.Open(settings.output);
  if (failure.ok()) failure = writer.file.Append(header.data(), header.size());
  if (!failure.ok()) return failure;
  interrupt.Watch(session.get());
  kl_error error = NoError();
  const kl_code code = kl_session_prefill_logits(session.get(), tokens.data(), tokens.size(),
                                                 WriteRow, &writer, &error);
  interrupt.Watch(nullptr);
  if (!writer.failure.ok()) return writer.failure;
  if (interrupt.count() > 0) return {kExitInterrupted, "interrupted"};
  if (code != KL_OK) return FailureOf(code, error);
  return writer.file.Commit();
}

int Run(int argc, char** argv) {
  Settings settings;
  EngineFlags engine;
  OptionTable options(
      kName, "Writes the logits after each token as a NumPy file: f32 [tokens, vocabulary].");
  options.Example("kinglet logits -m model.gguf --tokens 1,15043,29892 -o logits.npy");
  options.Example("kinglet logits -m huggingface-folder -p 'Once upon a time' -o logits.npy");
  options.Text({"-m", "--model"}, "FILE", &settings.model,
               "GGUF file or Hugging Face folder, with or without a tokenizer (needed)");
  options.Integers({"--tokens"}, "IDS", &settings.tokens, {0, INT32_MAX},
                   "token ids, as they are: no begin token is added");
  options.Text({"-p", "--prompt"}, "TEXT", &settings.prompt,
               "a text instead, with the model's begin token");
  options.Text({"-o", "--output"}, "OUT.npy", &settings.output, "the file to write (needed)");
  options.Integer({"-b", "--batch"}, "N", &settings.batch, {1, 65536},
                  "most tokens computed at once");
  engine.DeclareThreads(&options);
  engine.DeclareMemory(&options);
  engine.Declare(&options);
  options.Note("With a --bank the text of -p is routed; --tokens get generic blocks unless --bank-path says which.");
  int status = 0;
  if (!options.Parse(argc, argv, &status)) return status;
  if (options.Given("--tokens") && options.Given("-p")) {
    return Report(kName, kExitUsage, "--tokens and -p both say what to compute: use one");
  }
  const Failure failure = WriteLogits(settings, engine);
  return failure.ok() ? kExitOk : Report(kName, failure);
}

}  // namespace

extern const Command kCommand_logits;
const Command kCommand_logits = {kName, "logits after each token, as a NumPy file", Run};

}  // namespace kinglet::tools
