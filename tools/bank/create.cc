// kinglet bank create: an untrained bank. Gate and up rows are random, down rows 0: whatever a
// block computes, it adds nothing, and the model answers as it does alone.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/abi/dtype.h"
#include "tools/bank/actions.h"
#include "tools/common/engine.h"
#include "tools/common/files.h"
#include "tools/common/format.h"
#include "tools/common/interrupt.h"
#include "tools/common/options.h"
#include "tools/common/progress.h"
#include "tools/common/random.h"
#include "tools/make_model/block_type.h"

namespace kinglet::tools {
namespace {

constexpr char kName[] = "bank create";

struct Settings {
  std::string model, encoder, output, centroids, name;
  std::string rows = "32,4";
  std::string type = "q8_0";
  std::string activation = "auto";
  int64_t branching = 16;
  int64_t depth = 0;
  int64_t width = 0;
  int64_t seed = 1;
  bool no_generic = false;
  bool any_model = false;
};

// What a bank needs to know of a model's file.
struct ModelFacts {
  std::string architecture;
  int64_t layer_count = 0;
  int64_t width = 0;
  uint64_t fingerprint = 0;
};

Failure ReadFacts(const std::string& path, ModelFacts* facts) {
  kl_file* opened = nullptr;
  kl_error error = NoError();
  kl_code code = kl_file_open(path.c_str(), &opened, &error);
  const FileHandle file(opened);
  if (code == KL_OK) code = kl_file_fingerprint(opened, &facts->fingerprint, &error);
  if (code != KL_OK) return FailureOf(code, error);
  facts->architecture = kl_file_architecture(opened);
  std::map<std::string, int64_t*> wanted = {
      {facts->architecture + ".block_count", &facts->layer_count},
      {facts->architecture + ".embedding_length", &facts->width}};
  for (uint32_t i = 0; i < kl_file_metadata_count(opened); ++i) {
    kl_metadata_entry entry = {};
    entry.struct_size = sizeof entry;
    if (kl_file_metadata(opened, i, &entry) != KL_OK) continue;
    const auto found = wanted.find(entry.key);
    if (found != wanted.end() && absl::SimpleAtoi(entry.value, found->second)) wanted.erase(found);
  }
  if (wanted.empty() && facts->layer_count > 0 && facts->width > 0) return Success();
  return {kExitBadData, absl::StrCat(path,
                                     ": expected a language model with block_count and "
                                     "embedding_length, found none of them")};
}

Failure ChooseActivation(const Settings& settings, const ModelFacts& model, uint32_t* activation) {
  // What each architecture's feed-forward network uses.
  static const std::map<std::string, uint32_t> kActivations = {{"smallthinker", KL_MEMORY_RELU},
                                                               {"llama", KL_MEMORY_SILU},
                                                               {"qwen2", KL_MEMORY_SILU},
                                                               {"qwen3", KL_MEMORY_SILU},
                                                               {"qwen3moe", KL_MEMORY_SILU}};
  if (settings.activation != "auto") {
    *activation = settings.activation == "relu" ? KL_MEMORY_RELU : KL_MEMORY_SILU;
    return Success();
  }
  const auto found = kActivations.find(model.architecture);
  if (found == kActivations.end()) {
    return {kExitUsage, absl::StrCat("the activation of architecture \"", model.architecture,
                                     "\" is not known: --activation silu or relu")};
  }
  *activation = found->second;
  return Success();
}

Failure FillRows(const Settings& settings, kl_memory_bank_shape* shape) {
  const std::vector<std::string> rows = absl::StrSplit(settings.rows, ',');
  shape->depth = settings.depth > 0 ? static_cast<uint32_t>(settings.depth)
                                    : static_cast<uint32_t>(rows.size());
  if (rows.size() > KL_MEMORY_MAX_DEPTH || rows.size() > shape->depth) {
    return {kExitUsage, absl::StrCat("--rows ", settings.rows, ": expected a number for each of ",
                                     settings.depth > 0 ? settings.depth : KL_MEMORY_MAX_DEPTH,
                                     " levels at most")};
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    if (absl::SimpleAtoi(rows[i], &shape->rows[i])) continue;
    return {kExitUsage, absl::StrCat("--rows: expected numbers with commas between, found '",
                                     settings.rows, "'")};
  }
  return Success();
}

Failure FillShape(const Settings& settings, kl_memory_bank_shape* shape) {
  ModelFacts model, encoder;
  Failure failure = ReadFacts(settings.model, &model);
  if (failure.ok() && !settings.encoder.empty()) failure = ReadFacts(settings.encoder, &encoder);
  if (failure.ok()) failure = ChooseActivation(settings, model, &shape->activation);
  if (failure.ok()) failure = FillRows(settings, shape);
  if (!failure.ok()) return failure;
  shape->branching = static_cast<uint32_t>(settings.branching);
  shape->layer_count = static_cast<uint32_t>(model.layer_count);
  shape->dim = static_cast<uint32_t>(model.width);
  shape->type = FindBlockType(settings.type)->type;
  shape->encoder_width =
      static_cast<uint32_t>(settings.encoder.empty() ? settings.width : encoder.width);
  shape->generic = !settings.no_generic;
  shape->model_fingerprint = settings.any_model ? 0 : model.fingerprint;
  shape->encoder_fingerprint = encoder.fingerprint;
  shape->name = settings.name.c_str();
  // The part of the path behind its last slash lives as long as the settings.
  shape->encoder_file = settings.encoder.c_str() + (settings.encoder.rfind('/') + 1);
  return Success();
}

uint64_t NodeCount(const kl_memory_bank_shape& shape) {
  uint64_t count = 0, nodes = 1;
  for (uint32_t level = 0; level < shape.depth; ++level) count += nodes *= shape.branching;
  return count;
}

// Unit vectors of random directions, or those of a file.
Failure MakeCentroids(const Settings& settings, const kl_memory_bank_shape& shape,
                      std::vector<float>* centroids) {
  const size_t width = shape.encoder_width;
  const uint64_t nodes = NodeCount(shape);
  if (!settings.centroids.empty()) {
    std::string bytes;
    const Failure failure = ReadWholeFile(settings.centroids, &bytes);
    if (!failure.ok()) return failure;
    if (bytes.size() != nodes * width * sizeof(float)) {
      return {kExitBadData,
              absl::StrCat(settings.centroids, ": expected f32 [", nodes, "][", width, "], ",
                           nodes * width * sizeof(float), " bytes, found ", bytes.size())};
    }
    centroids->resize(nodes * width);
    std::memcpy(centroids->data(), bytes.data(), bytes.size());
    return Success();
  }
  centroids->resize(nodes * width);
  for (uint64_t node = 0; node < nodes; ++node) {
    Random random(static_cast<uint64_t>(settings.seed), "centroids", node);
    float* centroid = centroids->data() + node * width;
    double squares = 0;
    for (size_t i = 0; i < width; ++i) {
      const double value = random.Gaussian();
      squares += value * value;
      centroid[i] = static_cast<float>(value);
    }
    for (size_t i = 0; i < width; ++i) centroid[i] /= static_cast<float>(std::sqrt(squares));
  }
  return Success();
}

// Makes blocks, whose rows are random with variance 1 / d, so that a gate's sum over a normed input
// has variance 1.
class BlockMaker {
 public:
  BlockMaker(const kl_memory_bank_shape& shape, uint64_t seed)
      : shape_(shape),
        seed_(seed),
        type_(*FindBlockType(shape.type)),
        table_(type_, 0),
        step_(static_cast<float>(1 / (std::sqrt(shape.dim) * table_.deviation()))) {}

  void Make(uint32_t level, uint64_t id, bool generic, std::vector<uint8_t>* block) const {
    const kl_dtype_info info = kl_dtype_info_of(shape_.type);
    const uint64_t matrix_bytes = kl_row_bytes(shape_.type, shape_.dim) * shape_.rows[level - 1];
    Random random(seed_, absl::StrCat(generic ? "generic " : "level ", level), id);
    std::vector<Code> codes(info.block_elements);
    block->resize(matrix_bytes * 3 * shape_.layer_count);
    uint8_t* next = block->data();
    for (uint32_t layer = 0; layer < shape_.layer_count; ++layer) {
      for (const uint8_t* end = next + 2 * matrix_bytes; next < end; next += info.block_bytes) {
        table_.Draw(&random, codes.data(), codes.size());
        type_.pack(codes.data(), type_.levels.data(), step_, &random, next);
      }
      // q4_0 counts from -8: a nibble of 8 is the zero that has no sign.
      std::memset(next, shape_.type == KL_TYPE_Q4_0 ? 0x88 : 0, matrix_bytes);
      if (shape_.type == KL_TYPE_Q4_0) {
        for (uint64_t at = 0; at < matrix_bytes; at += info.block_bytes)
          std::memset(next + at, 0, 2);
      }
      next += matrix_bytes;
    }
  }

 private:
  const kl_memory_bank_shape& shape_;
  const uint64_t seed_;
  const BlockType& type_;
  const LevelTable table_;
  const float step_;
};

Failure WriteBlocks(const Settings& settings, const kl_memory_bank_shape& shape,
                    kl_memory_bank_writer* writer) {
  const BlockMaker maker(shape, static_cast<uint64_t>(settings.seed));
  std::vector<uint8_t> block;
  Progress progress;
  uint64_t done = 0, total = 0, nodes = 1;
  for (uint32_t level = 0; level < shape.depth; ++level) {
    nodes *= shape.branching;
    if (shape.rows[level] > 0) total += nodes + (shape.generic ? 1 : 0);
  }
  nodes = 1;
  for (uint32_t level = 1; level <= shape.depth; ++level) {
    nodes *= shape.branching;
    if (shape.rows[level - 1] == 0) continue;
    for (uint64_t id = 0; id < nodes + (shape.generic ? 1 : 0); ++id) {
      const bool generic = id == nodes;
      maker.Make(level, generic ? 0 : id, generic, &block);
      kl_error error = NoError();
      const kl_code code = kl_memory_bank_writer_add(writer, level, generic ? 0 : id, generic,
                                                     block.data(), block.size(), &error);
      if (code != KL_OK) return FailureOf(code, error);
      if (Interrupt::CurrentCount() > 0) return {kExitInterrupted, "interrupted"};
      progress.Show("writing blocks", ++done, total);
    }
  }
  return Success();
}

Failure Create(const Settings& settings) {
  kl_memory_bank_shape shape = {};
  shape.struct_size = sizeof shape;
  Failure failure = FillShape(settings, &shape);
  std::vector<float> centroids;
  if (failure.ok()) failure = MakeCentroids(settings, shape, &centroids);
  if (!failure.ok()) return failure;
  kl_memory_bank_writer* created = nullptr;
  kl_error error = NoError();
  kl_code code = kl_memory_bank_writer_create(settings.output.c_str(), &shape, centroids.data(),
                                              NodeCount(shape), &created, &error);
  if (code != KL_OK) return FailureOf(code, error);
  const MemoryBankWriterHandle writer(created);
  failure = WriteBlocks(settings, shape, created);
  if (!failure.ok()) return failure;
  code = kl_memory_bank_writer_commit(created, &error);
  if (code != KL_OK) return FailureOf(code, error);
  MemoryBankHandle bank;
  failure = OpenBank(settings.output, &bank);
  if (!failure.ok()) return failure;
  const kl_memory_bank_info info = InfoOf(bank.get());
  std::printf("%s: %s, %s parameters; a prompt fetches %s\n", settings.output.c_str(),
              FormatBytes(info.file_bytes).c_str(), FormatCount(info.bank_parameters).c_str(),
              FormatBytes(info.fetch_bytes).c_str());
  return Success();
}

}  // namespace

int CreateBank(int argc, char** argv) {
  Settings settings;
  OptionTable options(kName,
                      "Makes an untrained bank for a model: random gate and up rows, down rows of "
                      "zero. With it the model answers exactly as without.");
  options.Example(
      "kinglet bank create -m model.gguf --encoder encoder.gguf --rows 32,4 -o facts.klbank");
  options.Text({"-m", "--model"}, "FILE", &settings.model,
               "the anchor: the model that the bank is for");
  options.Text({"-o", "--output"}, "FILE", &settings.output, "the bank to write");
  options.Text({"--encoder"}, "FILE", &settings.encoder,
               "the model that makes vectors of texts; looked for beside the bank later");
  options.Integer({"--encoder-width"}, "N", &settings.width, {0, 1 << 20},
                  "without --encoder: numbers of a vector; any encoder of this width will do");
  options.Integer({"--branching"}, "K", &settings.branching, {2, 64}, "children of a node");
  options.Integer({"--depth"}, "P", &settings.depth, {0, KL_MEMORY_MAX_DEPTH},
                  "levels; 0: as many as --rows has numbers");
  options.Text({"--rows"}, "R1,R2,..", &settings.rows,
               "neurons that a block of each level adds to each layer; 0: no blocks on that level");
  options.Choice({"--type"}, {"f32", "f16", "q8_0", "q4_0"}, &settings.type, "of the rows");
  options.Choice({"--activation"}, {"auto", "silu", "relu"}, &settings.activation,
                 "of the blocks; auto: the model's");
  options.Flag({"--no-generic"}, &settings.no_generic,
               "no generic blocks: where nothing is retrieved, nothing is added");
  options.Flag({"--any-model"}, &settings.any_model,
               "do not tie the bank to this model, only to its shape");
  options.Text({"--centroids"}, "FILE", &settings.centroids,
               "raw f32 [nodes][width], level by level, in place of random unit vectors");
  options.Text({"--name"}, "TEXT", &settings.name, "what the bank is about");
  options.Integer({"--seed"}, "N", &settings.seed, {0, INT64_MAX}, "of the random numbers");
  int status = 0;
  if (!options.Parse(argc, argv, &status)) return status;
  if (settings.model.empty()) return Report(kName, kExitUsage, "for which model? -m FILE");
  if (settings.output.empty()) return Report(kName, kExitUsage, "where to? -o FILE");
  if (settings.encoder.empty() == (settings.width == 0)) {
    return Report(kName, kExitUsage, "give --encoder FILE or --encoder-width N, and not both");
  }
  Interrupt interrupt;
  const Failure failure = Create(settings);
  return failure.ok() ? FinishOutput(kName) : Report(kName, failure);
}

}  // namespace kinglet::tools
