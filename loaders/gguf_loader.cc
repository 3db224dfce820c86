// GGUF files, one or a set of shards. What is refused, and why: loaders/README.md.
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/model/model_source.h"
#include "loaders/common/block_scales.h"
#include "loaders/common/errors.h"
#include "loaders/common/semantic_checks.h"
#include "loaders/gguf/gguf_file.h"
#include "loaders/gguf/gguf_shards.h"
#include "loaders/gguf/gguf_vocabulary.h"

namespace kinglet {
namespace {

// Architectures whose files hold the rows of q and k permuted for RoPE over neighbouring pairs.
// Others rotate halves.
constexpr std::array<absl::string_view, 12> kInterleavedArchitectures = {
    "llama",   "llama4",     "baichuan", "internlm2", "minicpm",  "deci",
    "granite", "granitemoe", "arcee",    "smollm3",   "ernie4_5", "command-r"};

constexpr char kInterleavedKey[] = "kinglet.rope_interleaved";

// Moves a file's tensors and mapping into the source.
absl::Status Append(GgufFile gguf, ModelSource* source) {
  for (SourceTensor& tensor : gguf.tensors) {
    if (!source->tensor_index.emplace(tensor.name, source->tensors.size()).second) {
      return Corrupt(gguf.file->path(), absl::StrCat("tensor ", Quoted(tensor.name)),
                     "a name of its own", "one that an earlier shard has");
    }
    source->tensors.push_back(std::move(tensor));
  }
  source->file_bytes += gguf.file->size();
  source->files.push_back(std::move(gguf.file));
  return absl::OkStatus();
}

class GgufLoader : public Loader {
 public:
  absl::string_view format() const override { return "gguf"; }

  bool Recognises(absl::string_view, absl::string_view head) const override {
    return HasGgufMagic(head);
  }

  absl::StatusOr<std::unique_ptr<ModelSource>> Load(absl::string_view path) const override {
    KL_ASSIGN_OR_RETURN(GgufFile first, ReadGgufFile(path));
    KL_ASSIGN_OR_RETURN(std::vector<GgufFile> shards, ReadFurtherGgufShards(first));
    auto source = std::make_unique<ModelSource>();
    source->path = std::string(path);
    source->format = std::string(format());
    source->metadata = std::move(first.metadata);
    KL_RETURN_IF_ERROR(Append(std::move(first), source.get()));
    for (GgufFile& shard : shards) KL_RETURN_IF_ERROR(Append(std::move(shard), source.get()));

    const auto architecture = source->metadata.String("general.architecture");
    if (!architecture.has_value() || architecture->empty()) {
      return Corrupt(path, "key general.architecture", "the name of the model's architecture",
                     "none");
    }
    source->architecture = *architecture;
    KL_ASSIGN_OR_RETURN(source->vocabulary, ReadGgufVocabulary(path, source->metadata));
    source->metadata.Insert(kInterleavedKey,
                            absl::c_linear_search(kInterleavedArchitectures, *architecture));
    KL_RETURN_IF_ERROR(CheckSemantics(*source));
    KL_RETURN_IF_ERROR(ValidateScales(*source));
    // What was parsed is not needed again; what kernels read comes back when they do.
    for (const auto& file : source->files) file->Discard(0, file->size());
    return source;
  }
};

}  // namespace

const Loader* gguf_loader();  // for the generated table

const Loader* gguf_loader() {
  static const GgufLoader loader;
  return &loader;
}

}  // namespace kinglet
