// kinglet prepare: experts as one packed record each, beside the model, for running it under a budget.
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "tools/common/command.h"
#include "tools/common/engine.h"
#include "tools/common/files.h"
#include "tools/common/format.h"
#include "tools/common/interrupt.h"
#include "tools/common/options.h"
#include "tools/common/progress.h"

namespace kinglet::tools {
namespace {

constexpr char kName[] = "prepare";

bool ShowPreparing(void* user, const char*, uint64_t done, uint64_t total) {
  static_cast<Progress*>(user)->Show("packing experts", done, total);
  return Interrupt::CurrentCount() == 0;
}

int Run(int argc, char** argv) {
  std::string model;
  std::string output;
  EngineFlags engine;
  OptionTable options(kName,
                      "Writes the experts of a model into a file of their own, each as one record "
                      "packed for this machine's kernels. Under a budget (--memory) an expert is "
                      "then one aligned read with a checksum, in place of three reads and packing.");
  options.Example("kinglet prepare -m model.gguf");
  options.Example("kinglet prepare -m model.gguf -o /fast/disk/model.experts");
  options.Text({"-m", "--model"}, "FILE", &model, "GGUF file or Hugging Face folder with experts");
  options.Text({"-o", "--output"}, "FILE", &output,
               "where to; without it MODEL.experts, where the model finds it by itself");
  engine.DeclareThreads(&options);
  engine.Declare(&options);
  int status = 0;
  if (!options.Parse(argc, argv, &status)) return status;
  if (model.empty()) return Report(kName, kExitUsage, "which model? -m FILE");
  RuntimeHandle runtime;
  const Failure failure = CreateRuntime(kName, engine, &runtime);
  if (!failure.ok()) return Report(kName, failure);
  Interrupt interrupt;
  Progress progress;
  uint64_t bytes = 0;
  kl_error error = NoError();
  const kl_code code =
      kl_model_prepare_experts(runtime.get(), model.c_str(),
                               output.empty() ? nullptr : output.c_str(), ShowPreparing, &progress,
                               &bytes, &error);
  progress.Clear();
  if (code != KL_OK) return Report(kName, FailureOf(code, error));
  std::printf("%s: %s. With --memory each expert is now one read, checked, and nothing is packed "
              "while computing.\n",
              output.empty() ? absl::StrCat(model, ".experts").c_str() : output.c_str(),
              FormatBytes(bytes).c_str());
  return FinishOutput(kName);
}

}  // namespace

extern const Command kCommand_prepare;
const Command kCommand_prepare = {kName, "experts in a file of their own, for running under a budget",
                                  Run};

}  // namespace kinglet::tools
