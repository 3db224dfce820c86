// kinglet make-model: a GGUF with seeded random weights, of any supported architecture and shape.
#include <algorithm>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tools/common/command.h"
#include "tools/common/format.h"
#include "tools/common/gguf_writer.h"
#include "tools/common/interrupt.h"
#include "tools/common/options.h"
#include "tools/common/progress.h"
#include "tools/common/report.h"
#include "tools/make_model/generate.h"
#include "tools/make_model/shape.h"
#include "tools/make_model/vocabulary.h"
#include "tools/make_model/weights.h"

namespace kinglet::tools {
namespace {

constexpr char kName[] = "make-model";

struct Settings {
  std::string arch = "smallthinker";
  std::string preset = "tiny";
  std::string type = "q4_0";
  std::string embedding_type;
  std::string tokenizer = "embedded";
  std::string gating;
  std::string output;
  bool tied = false;
  bool untied = false;
  bool transposed_down = false;
  double active = 0.35;
  double skew = 0.85;
  double rope_base = 0;
  int64_t seed = 1;
  int64_t threads = 0;
  int64_t layers = 0, embedding = 0, heads = 0, kv_heads = 0, head_length = 0, ffn = 0;
  int64_t experts = 0, experts_used = 0, vocabulary = 0, context = 0, window = -1;
};

void Declare(Settings* s, OptionTable* options) {
  options->Example(
      "kinglet make-model --preset 4b --type q4_0 --active 0.35 -o smallthinker-4b.gguf");
  options->Example("kinglet make-model --arch qwen3 --preset tiny --type f32 -o tiny.gguf");
  const OptionTable::IntegerRange positive = {1, 1 << 30};
  options->Choice({"--arch"}, FamilyNames(), &s->arch, "the family of models");
  options->Text({"--preset"}, "NAME", &s->preset, "the shape to begin with; " + AllPresetNames());
  options->Choice({"--type"}, BlockTypeNames(), &s->type, "of all weight matrices");
  options->Text({"--embedding-type"}, "TYPE", &s->embedding_type,
                "of the embeddings and the output matrix; without it as --type");
  options->Text({"--tokenizer"}, "FILE", &s->tokenizer,
                "'embedded', or a GGUF file whose tokenizer is copied");
  options->Text({"-o", "--output"}, "FILE", &s->output, "the file to write (needed)");
  options->Integer({"-s", "--seed"}, "N", &s->seed, {0, INT64_MAX},
                   "the same seed and flags give the same file");
  options->Integer({"-t", "--threads"}, "N", &s->threads, {0, 1024}, "0: one for each processor");
  options->Group("Behaviour of the weights");
  options->Real({"--active"}, "SHARE", &s->active, {0.01, 0.99},
                "of the ReLU neurons above 0 (smallthinker)");
  options->Real({"--skew"}, "SHARE", &s->skew, {0, 0.99},
                "of expert uses that fall on the busy experts; 0: even");
  options->Group("Shape, instead of the preset's");
  options->Integer({"--layers"}, "N", &s->layers, {1, 4096}, "");
  options->Integer({"--embedding"}, "N", &s->embedding, positive, "width of the hidden values");
  options->Integer({"--heads"}, "N", &s->heads, {1, 4096}, "query heads");
  options->Integer({"--kv-heads"}, "N", &s->kv_heads, {1, 4096}, "key and value heads");
  options->Integer({"--head-length"}, "N", &s->head_length, {2, 4096}, "");
  options->Integer({"--ffn"}, "N", &s->ffn, positive,
                   "neurons, of each expert where there are any");
  options->Integer({"--experts"}, "N", &s->experts, {1, 4096}, "");
  options->Integer({"--experts-used"}, "N", &s->experts_used, {1, 4096}, "by one token");
  options->Integer({"--vocab"}, "N", &s->vocabulary, positive, "tokens");
  options->Integer({"--context"}, "N", &s->context, positive, "context_length in the file");
  options->Integer(
      {"--window"}, "N", &s->window, {-1, 1 << 30},
      "sliding window: layers 1, 2, 3 of each four slide and rotate, layer 0 sees all; 0: "
      "none; -1: the preset's");
  options->Real({"--rope-base"}, "THETA", &s->rope_base, {0, 1e12}, "0: the preset's");
  options->Choice({"--gating"}, {"sigmoid", "softmax"}, &s->gating, "of the router (smallthinker)");
  options->Flag({"--tied"}, &s->tied, "the output matrix is the embeddings");
  options->Flag({"--untied"}, &s->untied, "the output matrix is its own");
  options->Flag({"--transposed-down"}, &s->transposed_down,
                "store ffn_down_exps neuron by neuron (smallthinker); the numbers stay the same");
  options->Note(
      "A 0 in brackets stands for the preset's number. Weights are drawn as quantised codes, never "
      "as "
      "floats that are quantised: a 4B model takes seconds and a few MB of memory. The file "
      "appears "
      "when it is complete.");
}

Failure ReadShape(const OptionTable& options, const Settings& s, ModelShape* shape) {
  if (!FindPreset(s.arch, s.preset, shape)) {
    return {kExitUsage, absl::StrCat("--arch ", s.arch, " has no preset '", s.preset, "'; it has ",
                                     PresetNames(s.arch))};
  }
  const auto override_with = [](int64_t given, int64_t* field) {
    if (given > 0) *field = given;
  };
  override_with(s.layers, &shape->layers);
  override_with(s.embedding, &shape->embedding);
  override_with(s.heads, &shape->heads);
  override_with(s.kv_heads, &shape->kv_heads);
  override_with(s.head_length, &shape->head_length);
  override_with(s.ffn, &shape->ffn);
  override_with(s.experts, &shape->experts);
  override_with(s.experts_used, &shape->experts_used);
  override_with(s.vocabulary, &shape->vocabulary);
  override_with(s.context, &shape->context);
  if (s.window >= 0) shape->window = s.window;
  if (s.rope_base > 0) shape->rope_base = s.rope_base;
  if (s.tied && s.untied) return {kExitUsage, "--tied and --untied exclude each other"};
  if (s.tied || s.untied) shape->tied = s.tied;
  shape->transposed_down = s.transposed_down;
  if (!shape->family->relu) {
    for (const char* flag : {"--active", "--gating"}) {
      if (options.Given(flag)) {
        return {kExitUsage,
                absl::StrCat(flag, " is for --arch smallthinker; ", s.arch, " has no such choice")};
      }
    }
  } else if (!s.gating.empty()) {
    shape->sigmoid_gating = s.gating == "sigmoid";
  }
  if (!shape->family->has_experts && options.Given("--skew")) {
    return {kExitUsage,
            absl::StrCat("--skew is for models with experts; --arch ", s.arch, " has none")};
  }
  if (!shape->family->has_experts && options.Given("--experts-used")) {
    return {kExitUsage,
            absl::StrCat("--arch ", s.arch, " has no experts: leave --experts-used out")};
  }
  const std::string problem = CheckShape(*shape);
  return problem.empty() ? Success() : Failure{kExitUsage, problem};
}

void AddMetadata(const ModelShape& shape, const Settings& s, GgufWriter* writer) {
  const std::string architecture = shape.family->architecture;
  const auto number = [&](const char* key, int64_t value) {
    writer->Add(absl::StrCat(architecture, ".", key), static_cast<uint32_t>(value));
  };
  writer->Add("general.architecture", architecture);
  writer->Add("general.name", absl::StrCat("random-", s.arch, "-", s.preset));
  writer->Add("general.type", "model");
  writer->Add("general.quantization_version", uint32_t{2});
  number("block_count", shape.layers);
  number("context_length", shape.context);
  number("embedding_length", shape.embedding);
  number("feed_forward_length", shape.ffn);
  number("vocab_size", shape.vocabulary);
  number("attention.head_count", shape.heads);
  number("attention.head_count_kv", shape.kv_heads);
  number("attention.key_length", shape.head_length);
  number("attention.value_length", shape.head_length);
  number("rope.dimension_count", shape.head_length);
  writer->Add(architecture + ".rope.freq_base", static_cast<float>(shape.rope_base));
  writer->Add(architecture + ".attention.layer_norm_rms_epsilon",
              static_cast<float>(shape.norm_epsilon));
  if (shape.experts > 0) {
    number("expert_count", shape.experts);
    number("expert_used_count", shape.experts_used);
    number("expert_feed_forward_length", shape.ffn);
  }
  if (shape.family->relu) number("expert_gating_func", shape.sigmoid_gating ? 2 : 1);
  if (shape.window > 0) number("attention.sliding_window", shape.window);
}

Failure ReadTypes(const Settings& s, WeightOptions* options) {
  options->type = FindBlockType(s.type)->type;
  const BlockType* embedding = FindBlockType(s.embedding_type.empty() ? s.type : s.embedding_type);
  if (embedding == nullptr) {
    return {kExitUsage, absl::StrCat("--embedding-type '", s.embedding_type, "' is not one of ",
                                     absl::StrJoin(BlockTypeNames(), ", "))};
  }
  options->embedding_type = embedding->type;
  options->active = s.active;
  options->skew = s.skew;
  options->seed = static_cast<uint64_t>(s.seed);
  return Success();
}

Failure MakeModel(const OptionTable& options, const Settings& s) {
  if (s.output.empty()) return {kExitUsage, "-o FILE is missing: where to write the model"};
  ModelShape shape;
  Failure failure = ReadShape(options, s, &shape);
  GgufWriter tokenizer;  // collected first: it may decide the size of the vocabulary
  GgufWriter* writer = &tokenizer;
  if (failure.ok() && s.tokenizer != "embedded") {
    int64_t token_count = 0;
    failure = CopyTokenizer(s.tokenizer, writer, &token_count);
    if (failure.ok() && s.vocabulary > 0 && s.vocabulary != token_count) {
      return {kExitUsage, absl::StrCat("--vocab ", s.vocabulary, " does not fit ", s.tokenizer,
                                       ", which has ", token_count, " tokens: leave --vocab out")};
    }
    shape.vocabulary = token_count;
  } else if (failure.ok()) {
    failure = AddEmbeddedTokenizer(shape.vocabulary, writer);
  }
  WeightOptions weights;
  if (failure.ok()) failure = ReadTypes(s, &weights);
  if (!failure.ok()) return failure;
  const std::string problem = CheckTypes(shape, weights);
  if (!problem.empty()) return {kExitUsage, problem};

  AddMetadata(shape, s, writer);
  const std::vector<TensorPlan> tensors = PlanTensors(shape, weights);
  std::vector<size_t> indices;
  for (const TensorPlan& tensor : tensors) {
    indices.push_back(writer->AddTensor(tensor.name, tensor.type, tensor.shape));
  }
  Interrupt interrupt;
  Progress progress;
  failure = writer->Begin(s.output);
  if (!failure.ok()) return failure;
  const int threads = s.threads > 0
                          ? static_cast<int>(s.threads)
                          : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  failure = GenerateWeights(
      tensors, indices, weights.seed, threads,
      [&](uint64_t done, uint64_t total) {
        progress.Show("writing", done, total);
        return interrupt.count() == 0;
      },
      writer);
  progress.Clear();
  if (failure.ok()) failure = writer->Finish();
  if (failure.ok()) {
    std::fprintf(stderr, "%s: %s, %zu tensors, %s\n", s.output.c_str(), shape.family->architecture,
                 tensors.size(), FormatBytes(writer->FileBytes()).c_str());
  }
  return failure;
}

int Run(int argc, char** argv) {
  Settings settings;
  OptionTable options(kName,
                      "Writes a GGUF model with seeded random weights: any supported family, "
                      "shape and block type, for tests and for measuring speed.");
  Declare(&settings, &options);
  int status = 0;
  if (!options.Parse(argc, argv, &status)) return status;
  const Failure failure = MakeModel(options, settings);
  return failure.ok() ? kExitOk : Report(kName, failure);
}

}  // namespace

extern const Command kCommand_make_model;
const Command kCommand_make_model = {kName,
                                     "write a model with random weights, for tests and speed", Run};

}  // namespace kinglet::tools
