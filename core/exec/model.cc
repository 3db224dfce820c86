#include "core/exec/model.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/abi/dtype.h"
#include "core/base/status.h"
#include "core/exec/model_view.h"
#include "core/exec/plan_builder.h"
#include "core/exec/weight_bytes.h"
#include "core/memory/kv_cache.h"
#include "core/model/fingerprint.h"

namespace kinglet {

absl::StatusOr<std::unique_ptr<Model>> Model::Load(Runtime* runtime, std::unique_ptr<ModelSource> source,
                                                   const ModelOptions& options, std::unique_ptr<MemoryParts> memory) {
  std::unique_ptr<Model> model(new Model(runtime, std::move(source)));
  ModelSource& data = *model->source_;
  if (options.packed_cache && options.memory_bytes != 0) {
    // Its pages are the system's to keep or to drop: no budget could be held with them.
    return absl::InvalidArgumentError(
        absl::StrCat(data.path, ": a packed cache cannot be used under a memory budget; leave one of the two out"));
  }
  model->budget_ = std::make_unique<Budget>(options.memory_bytes);
  if (options.layer_limit > 0) KL_RETURN_IF_ERROR(model->LimitLayers(options.layer_limit));
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
  KL_RETURN_IF_ERROR(model->ChooseCacheTypes(options.cache_types));
  if (memory != nullptr) {
    KL_ASSIGN_OR_RETURN(model->memory_, MemoryBank::Create(std::move(memory->source), std::move(memory->options)));
  }
  KL_RETURN_IF_ERROR(model->BuildPlan());
  KL_RETURN_IF_ERROR(model->CheckVocabulary());
  KL_ASSIGN_OR_RETURN(model->prepared_, PreparedPlan::Create(model->plan_, runtime->registry(), kTypicalExtents,
                                                             runtime->thread_count()));
  model->CountBytesPerToken();
  if (options.plan_only || options.memory_bytes != 0) model->program_now_bytes_ = model->ProgramNow();
  if (options.plan_only) {
    for (const auto& file : data.files) KL_RETURN_IF_ERROR(file->ContainFaults());
    model->plan_only_ = true;
    return model;
  }
  if (memory != nullptr) KL_RETURN_IF_ERROR(model->JoinMemory(options, std::move(memory)));
  if (options.memory_bytes != 0) {
    const absl::Status fits = model->DecideMemory(options);
    if (!fits.ok()) return fits;  // names the file itself, behind what must not be cut off
    // What the decision counted as the program's gets its own names.
    Reservation* program = &model->process_reservation_;
    KL_RETURN_IF_ERROR(model->budget_->SetBytes(program, program->bytes() - model->JoinedBytes()));
  }
  if (model->memory_ != nullptr) KL_RETURN_IF_ERROR(model->OpenMemory());
  for (const auto& file : data.files) KL_RETURN_IF_ERROR(file->ContainFaults());
  std::vector<uint64_t> hot_records;
  if (!options.expert_profile.empty()) {
    KL_ASSIGN_OR_RETURN(hot_records, model->ReadHotExperts(options.expert_profile));
  }
  const PackedCacheOptions cache = options.packed_cache ? model->CacheOptions() : PackedCacheOptions();
  const absl::Status loaded = model->prepared_->LoadWeights(
      model->budget_.get(),
      [runtime](int64_t count, kl_parallel_body body, void* context) { runtime->ParallelFor(count, body, context); },
      options.progress, options.packed_cache ? &cache : nullptr);
  if (!loaded.ok()) return Annotate(loaded, data.path);
  KL_RETURN_IF_ERROR(model->CheckFiles());
  if (model->prepared_->streamed_weights() != nullptr) {
    const absl::Status opened = model->OpenWeights(options);
    if (!opened.ok()) return Annotate(opened, data.path);
  }
  if (model->prepared_->leaves_experts()) {
    const absl::Status opened = model->OpenExperts(options, std::move(hot_records));
    if (!opened.ok()) return Annotate(opened, data.path);
  }
  if (options.memory_bytes != 0) model->ForgetFiles();  // what was still being read ahead when packing ended
  for (const auto& file : data.files) {
    if (!file->StillBacked()) {
      return absl::DataLossError(absl::StrCat(file->path(), ": the file changed while it was loaded; load it again"));
    }
  }
  return model;
}

// Reads the metadata as if the file ended there: the tensors of further layers are not asked for.
absl::Status Model::LimitLayers(int64_t limit) {
  const std::string key = absl::StrCat(source_->architecture, ".block_count");
  const std::optional<int64_t> count = source_->metadata.Int(key);
  if (!count.has_value()) {
    return absl::UnimplementedError(absl::StrCat(source_->path, ": no ", key, " in the file, so no way to leave layers out"));
  }
  source_->DropVocabulary();
  source_->metadata.Erase(key);
  source_->metadata.Insert(key, std::min(*count, limit));
  return absl::OkStatus();
}

absl::Status Model::ChooseCacheTypes(const CacheTypes& wanted) {
  const kl_dtype fitting_type = main_type_ == KL_TYPE_F32 ? KL_TYPE_F32 : KL_TYPE_F16;
  const auto choose = [&](const char* what, kl_dtype type, kl_dtype* chosen) -> absl::Status {
    *chosen = type == KL_TYPE_NONE ? fitting_type : type;
    if (IsKvCacheType(*chosen)) return absl::OkStatus();
    const char* name = kl_dtype_info_of(type).name;
    return absl::InvalidArgumentError(absl::StrCat(what, " are cached as ", kKvCacheTypes, ", not as ",
                                                   name == nullptr ? absl::StrCat("type number ", type) : name));
  };
  KL_RETURN_IF_ERROR(choose("keys", wanted.keys, &cache_types_.keys));
  return choose("values", wanted.values, &cache_types_.values);
}

absl::Status Model::BuildPlan() {
  const kl_architecture* architecture = runtime_->registry().FindArchitecture(source_->architecture);
  if (architecture == nullptr) {
    return absl::UnimplementedError(absl::StrCat(source_->path, ": no loaded plugin knows architecture \"",
                                                 source_->architecture, "\"; known are ",
                                                 absl::StrJoin(runtime_->registry().ArchitectureNames(), ", ")));
  }
  ModelView view(*source_);
  PlanBuilder builder(*source_, cache_types_, memory_ == nullptr ? nullptr : &memory_->layout());
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
  const int64_t width = plan_.values[plan_.outputs[0]].shape[1];
  // Of an encoder hidden states come out.
  const bool encodes = plan_.facts.pooling != KL_POOLING_NONE;
  const int64_t logits = encodes && width == plan_.facts.embedding_length ? plan_.facts.vocabulary_size : width;
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
  for (const auto& plugin : runtime_->registry().plugins()) {
    absl::StrAppend(&cache.identity, "plugin ", plugin->name(), " ", plugin->version(), " ",
                    absl::Hex(plugin->checksum()), "\n");
  }
  cache.log = &runtime_->registry().host().log();
  return cache;
}

uint64_t Model::Fingerprint() const {
  std::call_once(fingerprint_once_, [this] {
    fingerprint_ = FingerprintOf(*source_);
    // A promise of memory does not cover the pages that were looked at.
    if (budget_->limit_bytes() == 0) return;
    for (const auto& file : source_->files) file->Forget(0, file->size());
  });
  return fingerprint_;
}

}  // namespace kinglet
