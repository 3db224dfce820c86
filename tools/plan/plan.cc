// kinglet plan: what a budget means for a model, before anything of it is loaded.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "tools/common/command.h"
#include "tools/common/engine.h"
#include "tools/common/files.h"
#include "tools/common/format.h"
#include "tools/common/options.h"
#include "tools/common/report.h"
#include "tools/plan/curve.h"
#include "tools/plan/demand.h"
#include "tools/plan/network_report.h"
#include "tools/plan/report.h"

namespace kinglet::tools {
namespace {

constexpr char kName[] = "plan";

struct Settings {
  std::vector<std::string> models;
  int64_t prompt = 128;
  int64_t predict = 128;
  int64_t context = 0;
  int64_t batch = 512;
  int64_t points = 13;
  bool sweep = false;
  bool no_probe = false;
  bool json = false;
  std::string svg;
  DemandSettings demand;
};

class Planner {
 public:
  Planner(const Settings& settings, const EngineFlags& engine)
      : settings_(settings), engine_(engine) {}

  Failure Run(PlanReport* report) {
    Failure failure = Open(report);
    if (failure.ok()) failure = Look(report);
    if (failure.ok() && !settings_.no_probe) failure = Probe(report);
    if (!failure.ok()) return failure;
    std::vector<uint64_t> budgets = {options_.memory_bytes};
    if (settings_.sweep) {
      budgets = SweepBudgets(whole_.named_bytes, whole_.named_whole_bytes,
                             static_cast<size_t>(settings_.points));
    }
    for (const uint64_t budget : budgets) {
      Prediction prediction;
      failure = PredictFor(budget, *report, &prediction);
      if (!failure.ok()) return failure;
      report->points.push_back(prediction);
    }
    report->knee = KneeOf(report->points);
    return Success();
  }

 private:
  // The file's header and the plan that follows from it.
  Failure Open(PlanReport* report) {
    Failure failure = CreateRuntime(kName, engine_, &runtime_);
    if (!failure.ok()) return failure;
    options_ = ModelOptionsOf(engine_);
    options_.plan_only = true;
    failure = LoadModel(options_, runtime_.get(), settings_.models[0], &model_);
    if (!failure.ok()) return failure;
    const kl_model_info info = Describe(model_.get());
    report->path = info.path;
    report->model = absl::StrCat(info.architecture, " ", FormatCount(info.parameter_count), " ",
                                 absl::AsciiStrToUpper(info.quantization));
    report->threads = kl_runtime_thread_count(runtime_.get());
    report->context = settings_.context > 0
                          ? settings_.context
                          : std::min(info.context_length, settings_.prompt + settings_.predict);
    report->sweep = settings_.sweep;
    report->has_speeds = !settings_.no_probe;
    if (settings_.prompt + settings_.predict > report->context) {
      return {kExitUsage, absl::StrCat("a prompt of ", settings_.prompt, " tokens and ",
                                       settings_.predict, " more do not fit a context of ",
                                       report->context, ": make -c larger, or -p or -n smaller")};
    }
    options_.session_context_length = static_cast<int32_t>(report->context);
    options_.session_batch = static_cast<int32_t>(settings_.batch);
    return Success();
  }

  Failure MemoryFor(kl_model_options options, kl_memory_plan* plan) {
    *plan = {};
    plan->struct_size = sizeof *plan;
    kl_error error = NoError();
    const kl_code code = kl_model_plan_memory(model_.get(), &options, plan, &error);
    return code == KL_OK ? Success() : FailureOf(code, error);
  }

  // What does not depend on the budget.
  Failure Look(PlanReport* report) {
    const kl_model_info info = Describe(model_.get());
    kl_model_options options = options_;
    options.memory_bytes = 0;
    Failure failure = MemoryFor(options, &whole_);
    if (!failure.ok()) return failure;
    if (options_.memory_bytes != 0 && options_.memory_bytes < whole_.smallest_bytes &&
        !settings_.sweep) {
      return {kExitResources, absl::StrCat("--memory ", options_.memory_bytes,
                                           " is too little; the smallest budget that works is ",
                                           whole_.named_bytes, " bytes: ", report->path)};
    }
    Task& task = report->task;
    task.layers = info.layer_count;
    task.prompt = settings_.prompt;
    task.predict = settings_.predict;
    task.batch = std::min(settings_.batch, report->context);
    task.guesses = !options_.no_expert_prefetch;
    options.session_batch =
        static_cast<int32_t>(std::min(task.batch, std::max<int64_t>(1, task.prompt)));
    kl_memory_plan touched = {};
    failure = MemoryFor(options, &touched);
    task.touched_activation_bytes = touched.activation_bytes;
    if (!failure.ok() || whole_.expert_count == 0) return failure;
    task.experts = info.expert_count;
    task.used = info.expert_used_count;
    task.expert_layers =
        static_cast<int64_t>(whole_.expert_count) / std::max<int64_t>(1, task.experts);
    failure = demand_.Init(settings_.demand, static_cast<uint32_t>(task.expert_layers),
                           static_cast<uint32_t>(task.experts), static_cast<uint32_t>(task.used));
    if (!failure.ok()) return failure;
    report->routing = demand_.description();
    task.prompt_experts = demand_.DistinctOfLayer(std::min(task.prompt, task.batch));
    task.touched_experts = demand_.Distinct(task.prompt + task.predict);
    return Success();
  }

  Failure Probe(PlanReport* report) {
    kl_model_options options = options_;
    // A budget of the sweep's middle reads as deep as most of them do.
    if (settings_.sweep) options.memory_bytes = whole_.smallest_bytes / 2 + whole_.whole_bytes / 2;
    const uint64_t least = settings_.sweep ? whole_.named_bytes : options_.memory_bytes;
    const bool streams_weights = least != 0 && least < whole_.keeping_bytes;
    return MeasureSpeeds(runtime_.get(), model_.get(), settings_.models[0], options,
                         settings_.prompt, streams_weights, &report->speeds);
  }

  Failure PredictFor(uint64_t budget, const PlanReport& report, Prediction* prediction) {
    kl_model_options options = options_;
    options.memory_bytes = budget;
    prediction->budget_bytes = budget;
    Failure failure = MemoryFor(options, &prediction->memory);
    if (!failure.ok()) return failure;
    prediction->reader = prediction->memory.description;
    prediction->memory.description = "";  // the model's until its next call
    if (prediction->memory.streamed) {
      failure = demand_.HitRate(runtime_.get(), options.expert_policy,
                                prediction->memory.slot_count, &prediction->hit_rate);
    }
    prediction->peak_bytes = PeakBytes(prediction->memory, report.task);
    if (failure.ok() && report.has_speeds) Predict(report.task, report.speeds, prediction);
    return failure;
  }

  const Settings& settings_;
  const EngineFlags& engine_;
  RuntimeHandle runtime_;
  ModelHandle model_;
  kl_model_options options_ = {};
  kl_memory_plan whole_ = {};
  ExpertDemand demand_;
};

void Declare(Settings* s, EngineFlags* engine, OptionTable* options) {
  options->Example("kinglet plan model.gguf --memory 1GiB");
  options->Example("kinglet plan model.gguf --sweep --svg curve.svg");
  options->Example("kinglet plan model.gguf --memory 1GiB --routing chat.routing");
  options->Example("kinglet plan network.onnx --memory 256KiB --svg arena.svg");
  options->Positional("FILE", &s->models, 1, 1,
                      "GGUF file or Hugging Face folder; or a network (ONNX, TFLite), whose "
                      "--memory is for activations and kernels' scratch");
  options->Flag(
      {"--sweep"}, &s->sweep,
      "every budget from the smallest that works to everything in memory, the knee marked");
  options->Integer({"--points"}, "N", &s->points, {3, 256}, "budgets of a sweep");
  options->Flag({"--json"}, &s->json, "print one JSON object");
  options->Text({"--svg"}, "FILE", &s->svg,
                "draw the curve of a sweep; of a network: its arena over time");
  options->Integer({"-p", "--prompt"}, "N", &s->prompt, {1, 1 << 24}, "tokens of the prompt");
  options->Integer({"-n", "--predict"}, "N", &s->predict, {1, 1 << 24},
                   "tokens generated after it");
  options->Integer({"-c", "--ctx-size"}, "N", &s->context, {0, 1 << 24},
                   "context; 0: what -p and -n need");
  options->Integer({"-b", "--batch-size"}, "N", &s->batch, {1, 65536},
                   "most tokens computed at once");
  engine->DeclareThreads(options);
  options->Flag({"--no-probe"}, &s->no_probe, "only memory, from the header: measure nothing");
  options->Group("Which experts tokens use");
  options->Text(
      {"--routing"}, "FILE", &s->demand.file,
      "as in this recording; without it made routing, as skewed as the SmallThinker paper "
      "reports");
  options->Real(
      {"--skew"}, "SHARE", &s->demand.skew, {0, 0.99},
      "made routing: of all uses, that of the busy experts (twice as many as a token uses); "
      "0: all are used alike");
  options->Real({"--locality"}, "SHARE", &s->demand.locality, {0, 0.99},
                "made routing: how often an expert is taken over from the token before");
  engine->DeclareMemory(options);
  engine->Declare(options);
  options->Note(
      "Weights stay where they are, but for a probe of two to four seconds: experts are read as they "
      "would be under the budget, memory is streamed through, and the first layers run.");
}

bool IsNetwork(const std::string& path) {
  kl_file* opened = nullptr;
  kl_error error = NoError();
  if (kl_file_open(path.c_str(), &opened, &error) != KL_OK) return false;  // loading says why
  const FileHandle file(opened);
  return kl_file_is_network(opened);
}

// Networks have no tokens, so nearly all options are about something else.
int RunNetwork(const Settings& settings, const EngineFlags& engine, const OptionTable& options) {
  for (const char* name : {"--sweep", "--points", "-p", "-n", "-c", "-b", "--no-probe", "--routing",
                           "--skew", "--locality", "--cache-type", "-ctk", "-ctv", "--packed-cache",
                           "--expert-policy", "--expert-reader", "--experts", "--expert-profile",
                           "--no-prefetch", "--verify-once", "--ignore-pressure"}) {
    if (options.Given(name)) {
      return Report(kName, kExitUsage,
                    absl::StrCat(name, " is for language models, and ", settings.models[0],
                                 " is a network: leave it out"));
    }
  }
  NetworkReport report;
  Failure failure = PlanNetwork(kName, engine, settings.models[0], &report);
  if (failure.ok() && !settings.svg.empty()) failure = WriteWholeFile(settings.svg, SvgOf(report));
  if (!failure.ok()) return Report(kName, failure);
  std::fputs((settings.json ? JsonOf(report) : TextOf(report)).c_str(), stdout);
  return FinishOutput(kName);
}

int Run(int argc, char** argv) {
  Settings settings;
  EngineFlags engine;
  OptionTable options(kName,
                      "Says what a memory budget means for a model before it is loaded: what stays "
                      "in memory, what is streamed, and how fast it will be.");
  Declare(&settings, &engine, &options);
  int status = 0;
  if (!options.Parse(argc, argv, &status)) return status;
  if (IsNetwork(settings.models[0])) return RunNetwork(settings, engine, options);
  if (!settings.svg.empty() && (!settings.sweep || settings.no_probe)) {
    return Report(kName, kExitUsage,
                  "--svg draws a curve of speeds: give --sweep, and no --no-probe");
  }
  if (settings.sweep && engine.memory_bytes != 0) {
    return Report(kName, kExitUsage,
                  "--sweep tries every budget, --memory is one: give one of them");
  }
  PlanReport report;
  Planner planner(settings, engine);
  Failure failure = planner.Run(&report);
  if (failure.ok() && !settings.svg.empty()) failure = WriteWholeFile(settings.svg, SvgOf(report));
  if (!failure.ok()) return Report(kName, failure);
  std::fputs((settings.json ? JsonOf(report) : TextOf(report)).c_str(), stdout);
  return FinishOutput(kName);
}

}  // namespace

extern const Command kCommand_plan;
const Command kCommand_plan = {kName, "what a memory budget means for a model, before loading it",
                               Run};

}  // namespace kinglet::tools
