// kinglet bench: prompt and generation speed of models, as llama-bench prints it.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "tools/bench/compare.h"
#include "tools/bench/markdown.h"
#include "tools/bench/result.h"
#include "tools/bench/runner.h"
#include "tools/common/command.h"
#include "tools/common/cpu_name.h"
#include "tools/common/engine.h"
#include "tools/common/expert_report.h"
#include "tools/common/files.h"
#include "tools/common/format.h"
#include "tools/common/interrupt.h"
#include "tools/common/options.h"
#include "tools/common/progress.h"
#include "tools/common/report.h"
#include "tools/common/routing_recorder.h"
#include "tools/common/shipped_model.h"
#include "tools/common/weight_report.h"

namespace kinglet::tools {
namespace {

constexpr char kName[] = "bench";

struct Settings {
  std::vector<std::string> models;
  std::vector<int64_t> prompts = {512};
  std::vector<int64_t> generations = {128};
  std::vector<int64_t> depths = {0};
  std::vector<int64_t> threads = {0};
  std::vector<std::string> pairs;  // "512,128": a prompt and a generation in one test
  RunnerOptions runner;
  std::string format = "md";
  std::string compare;  // a file of earlier figures
  bool no_warm_up = false;
};

Failure ListTests(const Settings& settings, std::vector<BenchTest>* tests) {
  for (const int64_t depth : settings.depths) {
    for (const int64_t n : settings.prompts) {
      if (n > 0) tests->push_back({n, 0, depth});
    }
    for (const int64_t n : settings.generations) {
      if (n > 0) tests->push_back({0, n, depth});
    }
    for (const std::string& pair : settings.pairs) {
      std::vector<int64_t> numbers;
      const std::string problem = ParseIntegerList(pair, {1, 1 << 24}, &numbers);
      if (!problem.empty() || numbers.size() != 2) {
        return {kExitUsage,
                absl::StrCat("--pair ", pair, ": expected PROMPT,GENERATE such as 512,128")};
      }
      tests->push_back({numbers[0], numbers[1], depth});
    }
  }
  if (tests->empty()) return {kExitUsage, "nothing to measure: -p, -n and --pair are all 0"};
  return Success();
}

std::string TimeNow() {
  const std::time_t now = std::time(nullptr);
  std::tm parts;
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

// Lets the peak of resident memory start anew; where the kernel refuses, it covers earlier models
// too.
void ResetPeakMemory() {
  std::ofstream file("/proc/self/clear_refs");
  file << "5" << std::flush;
}

Failure BenchModel(const Settings& settings, EngineFlags engine, const std::string& path,
                   int64_t threads, const std::vector<BenchTest>& tests,
                   std::vector<BenchResult>* results) {
  ResetPeakMemory();
  engine.threads = threads;
  Interrupt interrupt;
  Progress progress;
  const int64_t start = NowNs();
  RuntimeHandle runtime;
  ModelHandle model;
  Failure failure = CreateRuntime(kName, engine, &runtime);
  int64_t context = 1;
  for (const BenchTest& test : tests) {
    context = std::max(context, test.depth + test.prompt + test.generation);
  }
  engine.session_context_length = static_cast<int32_t>(context);
  engine.session_batch = static_cast<int32_t>(settings.runner.batch);
  if (engine.bank.path.empty()) engine.bank.generic = !engine.bank.bank.empty();
  if (failure.ok()) failure = LoadModel(engine, runtime.get(), path, false, &model);
  if (!failure.ok()) return failure;
  const int64_t load_ns = NowNs() - start;
  if (engine.verbose) std::fputs(SummarisePlan(kl_model_plan_text(model.get())).c_str(), stderr);
  const kl_model_info info = Describe(model.get());
  RunnerOptions runner_options = settings.runner;
  runner_options.bank = engine.bank;
  BenchRunner runner(runner_options, model.get(), &interrupt, &progress);
  failure = runner.Begin(tests);
  for (size_t i = 0; i < tests.size() && failure.ok(); ++i) {
    BenchResult result;
    result.model_filename = path;
    result.model_type = absl::StrCat(info.architecture, " ", FormatCount(info.parameter_count), " ",
                                     absl::AsciiStrToUpper(info.quantization));
    result.model_size = info.file_bytes;
    result.model_n_params = info.parameter_count;
    result.cpu_info = CpuName();
    result.scheduler = engine.scheduler;
    result.n_batch = settings.runner.batch;
    result.n_threads = kl_runtime_thread_count(runtime.get());
    result.n_prompt = tests[i].prompt;
    result.n_gen = tests[i].generation;
    result.n_depth = tests[i].depth;
    result.test_time = TimeNow();
    result.bytes_per_token = info.bytes_per_token;
    result.load_ns = load_ns;
    if (!settings.no_warm_up) failure = runner.WarmUp(tests[i]);
    if (failure.ok()) failure = runner.Measure(tests[i], &result);
    progress.Clear();
    const uint64_t tokens = static_cast<uint64_t>((tests[i].prompt + tests[i].generation) *
                                                  settings.runner.repetitions);
    const std::string experts = ExpertReport({}, result.experts, tokens);
    if (engine.verbose && !experts.empty()) std::fprintf(stderr, "%s\n", experts.c_str());
    const std::string weights = WeightReport(DescribeWeights(model.get()));
    if (engine.verbose && !weights.empty()) std::fprintf(stderr, "%s\n", weights.c_str());
    if (engine.verbose) std::fputs(kl_model_memory_text(model.get()), stderr);
    if (failure.ok()) results->push_back(std::move(result));
  }
  return failure.ok() ? runner.Finish() : failure;
}

void Print(const Settings& settings, const std::vector<BenchResult>& results) {
  const std::string table = settings.format == "md"
                                ? MarkdownTable(results) + ProfileTables(results)
                            : settings.format == "csv"  ? CsvTable(results)
                            : settings.format == "sql"  ? SqlStatements(results)
                            : settings.format == "json" ? JsonTable(results)
                                                        : JsonLines(results);
  std::fputs(table.c_str(), stdout);
}

void Declare(Settings* s, EngineFlags* engine, OptionTable* options) {
  options->Example("kinglet bench -m model.gguf");
  options->Example("kinglet bench -m a.gguf -m b.gguf -p 128,512 -n 64 -t 1-4 -r 3 -o json");
  options->Example("kinglet bench -m model.gguf -d 0,512 --roof --profile --compare earlier.json");
  const OptionTable::IntegerRange lengths = {0, 1 << 24};
  options->Texts({"-m", "--model"}, "FILE", &s->models,
                 "a model; may be repeated; without it the model that ships with Kinglet");
  options->Integers({"-p", "--n-prompt"}, "N,...", &s->prompts, lengths, "prompt lengths; 0: none");
  options->Integers({"-n", "--n-gen"}, "N,...", &s->generations, lengths,
                    "tokens generated; 0: none");
  options->Texts({"-pg", "--pair"}, "P,N", &s->pairs, "a prompt and a generation timed together");
  options->Integers({"-d", "--n-depth"}, "N,...", &s->depths, lengths,
                    "tokens in the context before the clock starts");
  options->Integers({"-t", "--threads"}, "N,...", &s->threads, {0, 1024},
                    "threads; 0: the physical big cores that this process may use");
  options->Integer({"-b", "--batch-size"}, "N", &s->runner.batch, {1, 65536},
                   "most tokens computed at once");
  options->Integer({"-r", "--repetitions"}, "N", &s->runner.repetitions, {1, 1 << 20},
                   "runs of each test");
  options->Choice({"-o", "--output"}, {"md", "csv", "json", "jsonl", "sql"}, &s->format,
                  "how to print");
  options->Text({"-f", "--prompt-file"}, "FILE", &s->runner.prompt_file,
                "a text to compute instead of the built-in one, repeated as needed");
  options->Flag({"--roof"}, &s->runner.roof,
                "between the runs of a generation, measure how fast as many threads stream through "
                "128 MiB, and print the share of that which generation reaches");
  options->Flag({"--profile"}, &s->runner.profile,
                "after each test, time per operator and kernel (md, json and jsonl show it)");
  options->Text(
      {"--compare"}, "FILE", &s->compare,
      "what an earlier run printed with -o json or jsonl, of this program or llama-bench: "
      "prints its figures and the ratio beside the new ones");
  options->Integer({"-s", "--seed"}, "N", &s->runner.seed, {0, INT64_MAX},
                   "of the random ids that a model without a tokenizer gets");
  DeclareRecording(options, &s->runner.record_routing);
  options->Flag({"--no-warmup"}, &s->no_warm_up, "leave out the untimed run before each test");
  engine->DeclareMemory(options);
  engine->Declare(options);
  options->Note(
      "Lists may hold ranges: 1-4, 1-7+2 (step), 1-64*2 (factor). Every combination is measured.");
}

int Run(int argc, char** argv) {
  Settings settings;
  EngineFlags engine;
  OptionTable options(kName,
                      "Measures how fast models compute prompts and generate tokens, in tokens per "
                      "second: mean and standard deviation.");
  Declare(&settings, &engine, &options);
  int status = 0;
  if (!options.Parse(argc, argv, &status)) return status;
  std::vector<BenchTest> tests;
  Failure failure = ListTests(settings, &tests);
  if (failure.ok() && settings.models.empty()) {
    std::string shipped;
    failure = FindShippedModel(&shipped);
    settings.models.push_back(shipped);
  }
  std::vector<EarlierResult> earlier;
  if (failure.ok() && !settings.compare.empty()) {
    std::string text;
    failure = ReadWholeFile(settings.compare, &text);
    if (failure.ok()) failure = ParseEarlier(settings.compare, text, &earlier);
  }
  if (failure.ok() && !settings.runner.record_routing.empty() &&
      settings.models.size() * settings.threads.size() > 1) {
    failure = {kExitUsage, "--record-routing needs one model and one number of threads"};
  }
  std::vector<BenchResult> results;
  for (const std::string& model : settings.models) {
    for (const int64_t threads : settings.threads) {
      if (failure.ok()) failure = BenchModel(settings, engine, model, threads, tests, &results);
    }
  }
  for (BenchResult& result : results) {
    result.earlier_tokens_per_second = FindEarlier(earlier, result);
  }
  // What was measured before something went wrong is not lost.
  if (!results.empty() || failure.ok()) Print(settings, results);
  return failure.ok() ? FinishOutput(kName) : Report(kName, failure);
}

}  // namespace

extern const Command kCommand_bench;
const Command kCommand_bench = {kName, "how fast a model runs here", Run};

}  // namespace kinglet::tools
