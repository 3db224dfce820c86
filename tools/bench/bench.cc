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
#include "absl/strings/str_split.h"
#include "tools/bench/result.h"
#include "tools/bench/sample_text.h"
#include "tools/common/command.h"
#include "tools/common/engine.h"
#include "tools/common/files.h"
#include "tools/common/format.h"
#include "tools/common/interrupt.h"
#include "tools/common/options.h"
#include "tools/common/progress.h"
#include "tools/common/report.h"
#include "tools/common/shipped_model.h"

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
  int64_t batch = 512;
  int64_t repetitions = 5;
  int64_t seed = 1;
  std::string prompt_file;
  std::string format = "md";
  bool no_warm_up = false;
};

struct Test {
  int64_t prompt = 0, generation = 0, depth = 0;
};

Failure ListTests(const Settings& settings, std::vector<Test>* tests) {
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
        return {kExitUsage, absl::StrCat("--pair ", pair, ": expected PROMPT,GENERATE such as 512,128")};
      }
      tests->push_back({numbers[0], numbers[1], depth});
    }
  }
  if (tests->empty()) return {kExitUsage, "nothing to measure: -p, -n and --pair are all 0"};
  return Success();
}

std::string CpuName() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    if (line.compare(0, 10, "model name") != 0) continue;
    return std::string(absl::StripAsciiWhitespace(line.substr(line.find(':') + 1)));
  }
  return "";
}

std::string TimeNow() {
  const std::time_t now = std::time(nullptr);
  std::tm parts;
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

// Lets the peak of resident memory start anew; where the kernel refuses, it covers earlier models too.
void ResetPeakMemory() {
  std::ofstream file("/proc/self/clear_refs");
  file << "5" << std::flush;
}

// Ids of the sample text, over and over; without a tokenizer, or with too small a one, random ids.
Failure MakeTokens(const Settings& settings, const kl_model* model, int64_t count,
                   std::vector<int32_t>* tokens) {
  const kl_model_info info = Describe(model);
  std::vector<int32_t> text_tokens;
  if (info.has_tokenizer) {
    std::string text = kSampleText;
    Failure failure;
    if (!settings.prompt_file.empty()) failure = ReadWholeFile(settings.prompt_file, &text);
    if (failure.ok()) failure = Tokenize(model, text, 0, &text_tokens);
    if (!failure.ok()) return failure;
  } else if (!settings.prompt_file.empty()) {
    return {kExitUsage, absl::StrCat("--prompt-file needs a tokenizer, and ", info.path, " has none")};
  }
  tokens->clear();
  const int32_t begin = info.has_tokenizer ? BeginToken(model) : -1;
  if (begin >= 0) tokens->push_back(begin);
  uint64_t state = static_cast<uint64_t>(settings.seed);
  for (size_t i = 0; static_cast<int64_t>(tokens->size()) < count; ++i) {
    if (!text_tokens.empty()) {
      tokens->push_back(text_tokens[i % text_tokens.size()]);
    } else {
      state = state * 6364136223846793005ull + 1442695040888963407ull;
      tokens->push_back(static_cast<int32_t>((state >> 33) % static_cast<uint64_t>(info.vocabulary_size)));
    }
  }
  return Success();
}

class Runner {
 public:
  Runner(const Settings& settings, kl_model* model, Interrupt* interrupt, Progress* progress)
      : settings_(settings), model_(model), interrupt_(*interrupt), progress_(*progress) {}
  ~Runner() { interrupt_.Watch(nullptr); }

  Failure Begin(const std::vector<Test>& tests) {
    int64_t context = 0;
    for (const Test& test : tests) context = std::max(context, test.depth + test.prompt + test.generation);
    const int64_t limit = Describe(model_).context_length;
    if (limit > 0 && context > limit) {
      return {kExitUsage, absl::StrCat("a test needs ", context, " tokens, more than the model's context of ",
                                       limit, ": make -p, -n or -d smaller")};
    }
    kl_session_options options = DefaultSessionOptions();
    options.context_length = static_cast<int32_t>(context);
    options.batch = static_cast<int32_t>(settings_.batch);
    Failure failure = CreateSession(model_, options, &session_);
    if (failure.ok()) failure = MakeTokens(settings_, model_, context, &tokens_);
    if (failure.ok()) interrupt_.Watch(session_.get());
    return failure;
  }

  // The first tokens of each kind run cold: code, weights and threads.
  Failure WarmUp(const Test& test) {
    Failure failure = Rewind();
    if (failure.ok() && test.prompt > 0) {
      failure = Prefill(0, std::min(test.prompt, settings_.batch));
    }
    if (failure.ok() && test.generation > 0) {
      if (test.prompt > 0) failure = Rewind();
      if (failure.ok()) failure = Decode(0, 1);
    }
    return failure;
  }

  Failure Measure(const Test& test, BenchResult* result) {
    int64_t first_token_ns = 0;
    for (int64_t i = 0; i < settings_.repetitions; ++i) {
      progress_.Show(TestName(*result), static_cast<uint64_t>(i),
                     static_cast<uint64_t>(settings_.repetitions));
      Failure failure = Rewind();
      if (failure.ok()) failure = Prefill(0, test.depth);
      if (!failure.ok()) return failure;
      const int64_t start = NowNs();
      failure = Prefill(test.depth, test.prompt);
      if (failure.ok()) failure = Decode(test.depth + test.prompt, test.generation);
      result->samples_ns.push_back(NowNs() - start);
      if (!failure.ok()) return failure;
      if (test.prompt > 0 && test.generation == 0) {
        int32_t token = 0;
        kl_error error = NoError();
        const kl_code code = kl_session_sample(session_.get(), &token, &error);
        if (code != KL_OK) return FailureOf(code, error);
        first_token_ns += NowNs() - start;
      }
    }
    result->time_to_first_token_ns = first_token_ns / settings_.repetitions;
    result->peak_rss_bytes = Describe(session_.get()).peak_resident_bytes;
    return Success();
  }

 private:
  Failure Rewind() {
    kl_error error = NoError();
    const kl_code code = kl_session_rewind(session_.get(), 0, &error);
    return code == KL_OK ? Success() : FailureOf(code, error);
  }

  Failure Prefill(int64_t first, int64_t count) {
    if (count == 0) return Success();
    kl_error error = NoError();
    const kl_code code = kl_session_prefill(session_.get(), tokens_.data() + first,
                                            static_cast<size_t>(count), nullptr, nullptr, &error);
    return Checked(code, error);
  }

  Failure Decode(int64_t first, int64_t count) {
    kl_error error = NoError();
    for (int64_t i = 0; i < count; ++i) {
      const kl_code code =
          kl_session_decode(session_.get(), tokens_[static_cast<size_t>(first + i)], &error);
      Failure failure = Checked(code, error);
      if (!failure.ok()) return failure;
    }
    return Success();
  }

  Failure Checked(kl_code code, const kl_error& error) const {
    if (interrupt_.count() > 0) return {kExitInterrupted, "interrupted"};
    return code == KL_OK ? Success() : FailureOf(code, error);
  }

  const Settings& settings_;
  kl_model* model_;
  Interrupt& interrupt_;
  Progress& progress_;
  SessionHandle session_;
  std::vector<int32_t> tokens_;
};

Failure BenchModel(const Settings& settings, EngineFlags engine, const std::string& path, int64_t threads,
                   const std::vector<Test>& tests, std::vector<BenchResult>* results) {
  ResetPeakMemory();
  engine.threads = threads;
  Interrupt interrupt;
  Progress progress;
  const int64_t start = NowNs();
  RuntimeHandle runtime;
  ModelHandle model;
  Failure failure = CreateRuntime(kName, engine, &runtime);
  if (failure.ok()) failure = LoadModel(engine, runtime.get(), path, false, &model);
  if (!failure.ok()) return failure;
  const int64_t load_ns = NowNs() - start;
  if (engine.verbose) std::fputs(SummarisePlan(kl_model_plan_text(model.get())).c_str(), stderr);
  const kl_model_info info = Describe(model.get());
  Runner runner(settings, model.get(), &interrupt, &progress);
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
    result.n_batch = settings.batch;
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
    if (failure.ok()) results->push_back(std::move(result));
  }
  return failure;
}

void Print(const Settings& settings, const std::vector<BenchResult>& results) {
  const std::string table = settings.format == "md"    ? MarkdownTable(results)
                            : settings.format == "csv"  ? CsvTable(results)
                            : settings.format == "json" ? JsonTable(results)
                                                        : JsonLines(results);
  std::fputs(table.c_str(), stdout);
}

void Declare(Settings* s, EngineFlags* engine, OptionTable* options) {
  options->Example("kinglet bench -m model.gguf");
  options->Example("kinglet bench -m a.gguf -m b.gguf -p 128,512 -n 64 -t 1-4 -r 3 -o json");
  const OptionTable::IntegerRange lengths = {0, 1 << 24};
  options->Texts({"-m", "--model"}, "FILE", &s->models,
                 "a model; may be repeated; without it the model that ships with Kinglet");
  options->Integers({"-p", "--n-prompt"}, "N,...", &s->prompts, lengths, "prompt lengths; 0: none");
  options->Integers({"-n", "--n-gen"}, "N,...", &s->generations, lengths, "tokens generated; 0: none");
  options->Texts({"-pg", "--pair"}, "P,N", &s->pairs, "a prompt and a generation timed together");
  options->Integers({"-d", "--n-depth"}, "N,...", &s->depths, lengths,
                    "tokens in the context before the clock starts");
  options->Integers({"-t", "--threads"}, "N,...", &s->threads, {0, 1024},
                    "threads; 0: the physical big cores that this process may use");
  options->Integer({"-b", "--batch-size"}, "N", &s->batch, {1, 65536}, "most tokens computed at once");
  options->Integer({"-r", "--repetitions"}, "N", &s->repetitions, {1, 1 << 20}, "runs of each test");
  options->Choice({"-o", "--output"}, {"md", "csv", "json", "jsonl"}, &s->format, "how to print");
  options->Text({"--prompt-file"}, "FILE", &s->prompt_file,
                "a text to compute instead of the built-in one, repeated as needed");
  options->Integer({"-s", "--seed"}, "N", &s->seed, {0, INT64_MAX},
                   "of the random ids that a model without a tokenizer gets");
  options->Flag({"--no-warmup"}, &s->no_warm_up, "leave out the untimed run before each test");
  engine->DeclareMemory(options);
  engine->Declare(options);
  options->Note("Lists may hold ranges: 1-4, 1-7+2 (step), 1-64*2 (factor). Every combination is measured.");
}

int Run(int argc, char** argv) {
  Settings settings;
  EngineFlags engine;
  OptionTable options(kName, "Measures how fast models compute prompts and generate tokens, in tokens per "
                             "second: mean and standard deviation.");
  Declare(&settings, &engine, &options);
  int status = 0;
  if (!options.Parse(argc, argv, &status)) return status;
  std::vector<Test> tests;
  Failure failure = ListTests(settings, &tests);
  if (failure.ok() && settings.models.empty()) {
    std::string shipped;
    failure = FindShippedModel(&shipped);
    settings.models.push_back(shipped);
  }
  std::vector<BenchResult> results;
  for (const std::string& model : settings.models) {
    for (const int64_t threads : settings.threads) {
      if (failure.ok()) failure = BenchModel(settings, engine, model, threads, tests, &results);
    }
  }
  // What was measured before something went wrong is not lost.
  if (!results.empty() || failure.ok()) Print(settings, results);
  return failure.ok() ? FinishOutput(kName) : Report(kName, failure);
}

}  // namespace

extern const Command kCommand_bench;
const Command kCommand_bench = {kName, "how fast a model runs here", Run};

}  // namespace kinglet::tools
