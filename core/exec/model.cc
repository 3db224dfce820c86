#include "core/exec/model.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/abi/dtype.h"
#include "core/base/checksum.h"
#include "core/base/status.h"
#include "core/exec/model_view.h"
#include "core/exec/plan_builder.h"
#include "core/exec/weight_bytes.h"

namespace kinglet {
namespace {

// The sizes that kernels are chosen for; a session's may be smaller or larger, kernels serve any.
constexpr Extents kTypicalExtents = {512, 512, 4096};

constexpr uint64_t kFingerprintBytesPerTensor = 64;

}  // namespace

absl::StatusOr<std::unique_ptr<Model>> Model::Load(Runtime* runtime, std::unique_ptr<ModelSource> source,
                                                   const ModelOptions& options) {
  std::unique_ptr<Model> model(new Model(runtime, std::move(source)));
  ModelSource& data = *model->source_;
  model->budget_ = std::make_unique<Budget>(options.memory_bytes);
  if (data.vocabulary.has_value()) {
    auto tokenizer = Tokenizer::Create(*std::move(data.vocabulary));
    if (!tokenizer.ok()) return Annotate(tokenizer.status(), data.path);
    model->tokenizer_ = *std::move(tokenizer);
    data.DropVocabulary();
  }
  model->CountTensors();
  if (options.vocabulary_only) return model;
  if (data.graph.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat(data.path, ": a network with a graph of its own, not a language model; load it as a network"));
  }
  if (options.cache_type != KL_TYPE_NONE && options.cache_type != KL_TYPE_F16 && options.cache_type != KL_TYPE_F32) {
    return absl::InvalidArgumentError("the type of the KV cache must be f16 or f32");
  }
  const kl_dtype fitting_type = model->main_type_ == KL_TYPE_F32 ? KL_TYPE_F32 : KL_TYPE_F16;
  model->cache_type_ = options.cache_type == KL_TYPE_NONE ? fitting_type : options.cache_type;
  KL_RETURN_IF_ERROR(model->BuildPlan());
  KL_RETURN_IF_ERROR(model->CheckVocabulary());
  KL_ASSIGN_OR_RETURN(model->prepared_, PreparedPlan::Create(model->plan_, runtime->registry(), kTypicalExtents,
                                                             runtime->thread_count()));
  model->CountBytesPerToken();
  for (const auto& file : data.files) KL_RETURN_IF_ERROR(file->ContainFaults());
  const PackedCacheOptions cache = options.packed_cache ? model->CacheOptions() : PackedCacheOptions();
  const absl::Status loaded = model->prepared_->LoadWeights(
      model->budget_.get(),
      [runtime](int64_t count, kl_parallel_body body, void* context) { runtime->ParallelFor(count, body, context); },
      options.progress, options.packed_cache ? &cache : nullptr);
  if (!loaded.ok()) return Annotate(loaded, data.path);
  KL_RETURN_IF_ERROR(model->CheckFiles());
  for (const auto& file : data.files) {
    if (!file->StillBacked()) {
      return absl::DataLossError(absl::StrCat(file->path(), ": the file changed while it was loaded; load it again"));
    }
  }
  return model;
}

absl::Status Model::BuildPlan() {
  const kl_architecture* architecture = runtime_->registry().FindArchitecture(source_->architecture);
  if (architecture == nullptr) {
    return absl::UnimplementedError(absl::StrCat(source_->path, ": no loaded plugin knows architecture \"",
                                                 source_->architecture, "\"; known are ",
                                                 absl::StrJoin(runtime_->registry().ArchitectureNames(), ", ")));
  }
  ModelView view(*source_);
  PlanBuilder builder(*source_, cache_type_);
  kl_model_facts facts = {};
  facts.struct_size = sizeof facts;
  kl_error error = EmptyError();
  const kl_code code = architecture->build(runtime_->registry().HostOf(architecture), view.abi(), builder.abi(), &facts, &error);
  if (code != KL_OK) {
    return StatusFromError(code, error, absl::StrCat(source_->path, ", architecture ", architecture->name));
  }
  auto plan = builder.Finish();
  if (!plan.ok()) return Annotate(plan.status(), source_->path);
  plan_ = *std::move(plan);
  plan_.facts = facts;
  return CheckPlan();
}

absl::Status Model::CheckPlan() const {
  const auto has = [&](ValueKind kind) {
    return std::any_of(plan_.values.begin(), plan_.values.end(),
                       [kind](const PlanValue& value) { return value.kind == kind; });
  };
  const int64_t logits = plan_.values[plan_.outputs[0]].shape[1];
  if (has(ValueKind::kTokenIds) && has(ValueKind::kOutputRows) && plan_.facts.context_length >= 1 &&
      plan_.facts.context_length <= INT32_MAX && logits >= 1 && logits <= INT32_MAX &&
      plan_.facts.vocabulary_size == logits) {
    return absl::OkStatus();
  }
  return absl::InternalError(absl::StrCat(
      source_->path, ": architecture ", source_->architecture, " says vocabulary ", plan_.facts.vocabulary_size,
      " and context ", plan_.facts.context_length, " and makes ", logits,
      " logits; expected equal numbers of 31 bits above 0, and a plan that reads token_ids and output_rows. Correct "
      "the plugin"));
}

absl::Status Model::CheckVocabulary() const {
  if (tokenizer_ == nullptr || plan_.facts.vocabulary_size >= tokenizer_->vocabulary_size()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(source_->path, ": the tokenizer has ", tokenizer_->vocabulary_size(),
                                          " tokens, the embedding table only ", plan_.facts.vocabulary_size, " rows"));
}

void Model::CountTensors() {
  std::map<kl_dtype, uint64_t> bytes_by_type;
  for (const SourceTensor& tensor : source_->tensors) {
    bytes_by_type[tensor.type] += tensor.bytes;
    uint64_t elements = 1;
    for (int64_t dimension : tensor.shape) elements *= static_cast<uint64_t>(dimension);
    parameter_count_ += elements;
  }
  uint64_t most_bytes = 0;
  for (const auto& entry : bytes_by_type) {
    if (entry.second > most_bytes) main_type_ = entry.first;
    most_bytes = std::max(most_bytes, entry.second);
  }
}

void Model::CountBytesPerToken() {
  for (const PlanNode& node : plan_.nodes) bytes_per_token_ += MostWeightBytes(plan_, node, 1);
}

absl::Status Model::CheckFiles() const {
  for (const auto& file : source_->files) KL_RETURN_IF_ERROR(file->CheckIntact());
  return prepared_ == nullptr ? absl::OkStatus() : prepared_->weights().CheckIntact();
}

PackedCacheOptions Model::CacheOptions() const {
  PackedCacheOptions cache;
  cache.path = source_->path;
  while (cache.path.size() > 1 && cache.path.back() == '/') cache.path.pop_back();
  absl::StrAppend(&cache.path, ".kinglet-packed");
  for (const auto& file : source_->files) {
    absl::StrAppend(&cache.identity, "file ", file->size(), " bytes, modified at ", file->modified_ns(), " ns\n");
  }
  absl::StrAppend(&cache.identity, "tensors ", absl::Hex(Fingerprint()), "\n");
  for (const auto& file : source_->files) file->Discard(0, file->size());  // a page of each tensor, or 2 MiB
  for (const auto& plugin : runtime_->registry().plugins()) {
    absl::StrAppend(&cache.identity, "plugin ", plugin->name(), " ", plugin->version(), " ",
                    absl::Hex(plugin->checksum()), "\n");
  }
  cache.log = &runtime_->registry().host().log();
  return cache;
}

uint64_t Model::Fingerprint() const {
  Checksum sum;
  sum.Add(source_->architecture.data(), source_->architecture.size());
  for (const SourceTensor& tensor : source_->tensors) {
    sum.Add(tensor.name.data(), tensor.name.size());
    sum.Add(&tensor.type, sizeof tensor.type);
    sum.Add(tensor.shape.data(), tensor.shape.size() * sizeof(int64_t));
    sum.Add(tensor.data, std::min(tensor.bytes, kFingerprintBytesPerTensor));
  }
  return sum.value();
}

}  // namespace kinglet
