// kinglet tokenize: the token ids of a text.
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tools/common/command.h"
#include "tools/common/engine.h"
#include "tools/common/files.h"
#include "tools/common/format.h"
#include "tools/common/options.h"
#include "tools/common/report.h"

namespace kinglet::tools {
namespace {

constexpr char kName[] = "tokenize";

struct Settings {
  std::string model;
  std::string file = "-";
  std::string prompt;
  bool no_special = false;
  bool json = false;
};

Failure TokenText(const kl_model* model, int32_t token, std::string* text) {
  char buffer[1024];
  size_t length = 0;
  kl_error error = NoError();
  const kl_code code =
      kl_model_detokenize(model, &token, 1, true, buffer, sizeof buffer, &length, &error);
  if (code != KL_OK) return FailureOf(code, error);
  *text = buffer;
  return Success();
}

Failure PrintJson(const kl_model* model, const std::vector<int32_t>& tokens) {
  std::string out = "[";
  for (size_t i = 0; i < tokens.size(); ++i) {
    std::string text;
    Failure failure = TokenText(model, tokens[i], &text);
    if (!failure.ok()) return failure;
    absl::StrAppend(&out, i == 0 ? "" : ",", "\n  {\"id\": ", tokens[i],
                    ", \"text\": ", JsonQuote(text), "}");
  }
  std::printf("%s%s]\n", out.c_str(), tokens.empty() ? "" : "\n");
  return Success();
}

Failure TokenizeText(const Settings& settings, const EngineFlags& engine, bool prompt_given) {
  if (settings.model.empty()) return {kExitUsage, "-m FILE is missing: whose vocabulary to use"};
  std::string text = settings.prompt;
  Failure failure;
  if (!prompt_given) failure = ReadWholeFile(settings.file, &text);
  RuntimeHandle runtime;
  ModelHandle model;
  if (failure.ok()) failure = CreateRuntime(kName, engine, &runtime);
  if (failure.ok()) failure = LoadModel(engine, runtime.get(), settings.model, true, &model);
  if (!failure.ok()) return failure;
  if (!Describe(model.get()).has_tokenizer) {
    return {kExitBadData, absl::StrCat(settings.model, " has no tokenizer")};
  }
  std::vector<int32_t> tokens;
  const uint32_t flags =
      settings.no_special ? 0 : KL_TOKENIZE_ADD_SPECIAL | KL_TOKENIZE_PARSE_SPECIAL;
  failure = Tokenize(model.get(), text, flags, &tokens);
  if (!failure.ok()) return failure;
  if (settings.json) return PrintJson(model.get(), tokens);
  std::printf("%s\n", absl::StrJoin(tokens, " ").c_str());
  return Success();
}

int Run(int argc, char** argv) {
  Settings settings;
  EngineFlags engine;
  OptionTable options(kName, "Prints the token ids of a text on one line, separated by spaces.");
  options.Example("kinglet tokenize -m model.gguf -p 'Hello, world'");
  options.Example("kinglet tokenize -m model.gguf --no-special -f text.txt");
  options.Text({"-m", "--model"}, "FILE", &settings.model, "whose vocabulary to use (needed)");
  options.Text({"-f", "--file"}, "FILE", &settings.file, "the text; '-' is standard input");
  options.Text({"-p", "--prompt"}, "TEXT", &settings.prompt, "the text itself");
  options.Flag({"--no-special"}, &settings.no_special,
               "add no tokens for begin and end, and read none in the text");
  options.Flag({"--json"}, &settings.json, "print a list of {id, text}");
  engine.Declare(&options);
  int status = 0;
  if (!options.Parse(argc, argv, &status)) return status;
  if (options.Given("-f") && options.Given("-p")) {
    return Report(kName, kExitUsage, "-f and -p both give the text: use one");
  }
  const Failure failure = TokenizeText(settings, engine, options.Given("-p"));
  return failure.ok() ? FinishOutput(kName) : Report(kName, failure);
}

}  // namespace

extern const Command kCommand_tokenize;
const Command kCommand_tokenize = {kName, "the token ids of a text", Run};

}  // namespace kinglet::tools
