#include "core/exec/model.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/abi/dtype.h"
#include "core/base/checked_math.h"
#include "core/base/process_memory.h"
#include "core/base/status.h"
#include "core/exec/expert_file.h"
#include "core/exec/expert_profile.h"
#include "core/exec/model_view.h"
#include "core/exec/plan_builder.h"
#include "core/exec/weight_bytes.h"
#include "core/exec/session.h"
#include "core/memory/kv_cache.h"
#include "core/model/fingerprint.h"

namespace kinglet {
namespace {

// The sizes that kernels are chosen for; a session's may be smaller or larger, kernels serve any.
constexpr Extents kTypicalExtents = {512, 512, 4096};

// What the process still takes once the plugins and the tokenizer are there: stacks, sampler, code that was not run yet,
// what the allocator keeps.
constexpr uint64_t kProcessGrowthBytes = 24 << 20;
constexpr uint64_t kProcessVariationBytes = 2 << 20;

}  // namespace

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
  if (options.plan_only) {
    for (const auto& file : data.files) KL_RETURN_IF_ERROR(file->ContainFaults());
    return model;
  }
  const uint64_t program_bytes = options.memory_bytes != 0 ? model->ProcessBytes() : 0;
  uint64_t memory_bytes = 0;
  if (memory != nullptr) {
    KL_ASSIGN_OR_RETURN(memory_bytes, model->JoinMemory(options, std::move(memory)));
  }
  if (options.memory_bytes != 0) {
    const uint64_t process_bytes = program_bytes + memory_bytes;
    absl::Status fits = model->DecideExperts(options, process_bytes);
    if (absl::IsOutOfRange(fits)) fits = model->DecideWeights(options, process_bytes, fits);
    if (!fits.ok()) return fits;  // names the file itself, behind what must not be cut off
    // What the decision counted as the program's gets its own names.
    KL_RETURN_IF_ERROR(model->budget_->SetBytes(&model->process_reservation_, program_bytes));
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

void Model::ForgetFiles() const {
  for (const auto& file : source_->files) file->Forget(0, file->size());
}

uint64_t Model::ProcessBytes() const {
  ForgetFiles();  // the header and the vocabulary; nobody looks at them again
  const auto memory = ReadProcessMemory();
  const uint64_t now = memory.ok() ? memory->resident_bytes : 0;
  return now + kProcessGrowthBytes;
}

absl::Status Model::DecideExperts(const ModelOptions& options, uint64_t process_bytes) {
  SessionOptions session;
  session.context_length = options.session_context_length;
  if (options.session_batch > 0) session.batch = options.session_batch;
  const bool known = options.session_batch > 0;
  KL_ASSIGN_OR_RETURN(uint64_t session_bytes,
                      Session::RequiredBytes(*prepared_, runtime_->planner(), session));
  if (!known) session_bytes = 0;
  if (prepared_->experts().streamable().ok()) {
    // Everything in memory, with a session as long as the model allows?
    uint64_t wanted = process_bytes + prepared_->resident_bytes() + session_bytes + prepared_->packing_bytes();
    if (session.context_length == 0) {
      KL_ASSIGN_OR_RETURN(const uint64_t cache, KvCache::RequiredBytes(CacheSpecs(plan_), plan_.facts.context_length,
                                                                       kTypicalExtents.tokens));
      wanted += cache;
    }
    if (wanted > options.memory_bytes) KL_RETURN_IF_ERROR(prepared_->LeaveExperts());
  }
  uint64_t bank_bytes = 0;
  if (prepared_->leaves_experts()) {
    KL_RETURN_IF_ERROR(ChooseExpertSource(options));
    KL_ASSIGN_OR_RETURN(const kl_bank* table, ExpertTable());
    KL_ASSIGN_OR_RETURN(bank_bytes,
                        ExpertBank::LeastBytes(*table, prepared_->experts(), *expert_source_, options.experts));
  }
  KL_RETURN_IF_ERROR(CheckSmallest(options, process_bytes, session_bytes, bank_bytes));
  KL_ASSIGN_OR_RETURN(process_reservation_, budget_->Reserve("the program", process_bytes));
  return absl::OkStatus();
}

absl::Status Model::CheckSmallest(const ModelOptions& options, uint64_t process_bytes, uint64_t session_bytes,
                                  uint64_t bank_bytes) const {
  const uint64_t weights = prepared_->resident_bytes();
  const uint64_t smallest =
      process_bytes + weights + std::max(prepared_->packing_bytes(), bank_bytes + session_bytes);
  if (smallest <= options.memory_bytes) return absl::OkStatus();
  // The next process may be a little larger than this one.
  const uint64_t named = AlignUp(smallest + kProcessVariationBytes, uint64_t{1} << 20);
  std::string text = absl::StrCat("memory budget: ", options.memory_bytes, " bytes are too few; the smallest budget that works is ",
                                  named, " bytes (the program ", process_bytes, ", weights ", weights);
  if (bank_bytes > 0) absl::StrAppend(&text, ", experts of one token ", bank_bytes);
  if (session_bytes > 0) absl::StrAppend(&text, ", a session ", session_bytes);
  return absl::OutOfRangeError(absl::StrCat(text, "): ", source_->path));
}

absl::Status Model::DecideWeights(const ModelOptions& options, uint64_t process_bytes, const absl::Status& refusal) {
  const uint64_t kept_bytes = prepared_->resident_bytes();
  if (!prepared_->LeaveWeights().ok()) return refusal;
  KL_ASSIGN_OR_RETURN(const kl_bank* table, ExpertTable());
  SessionOptions session;
  session.context_length = options.session_context_length;
  if (options.session_batch > 0) session.batch = options.session_batch;
  KL_ASSIGN_OR_RETURN(const uint64_t session_bytes,
                      Session::RequiredBytes(*prepared_, runtime_->planner(), session));
  uint64_t expert_bytes = 0;
  if (prepared_->leaves_experts()) {
    KL_ASSIGN_OR_RETURN(expert_bytes,
                        ExpertBank::LeastBytes(*table, prepared_->experts(), *expert_source_, options.experts));
  }
  KL_ASSIGN_OR_RETURN(const uint64_t stream_bytes,
                      WeightStream::LeastBytes(*table, *prepared_->streamed_weights(), options.experts.reader));
  if (prepared_->resident_bytes() + stream_bytes >= kept_bytes) return refusal;  // a small model: nothing is won
  beside_weights_bytes_ = expert_bytes + session_bytes;
  const uint64_t smallest = process_bytes + prepared_->resident_bytes() +
                            std::max(prepared_->packing_bytes(), beside_weights_bytes_ + stream_bytes);
  if (smallest > options.memory_bytes) {
    const uint64_t named = AlignUp(smallest + kProcessVariationBytes, uint64_t{1} << 20);
    return absl::OutOfRangeError(absl::StrCat(
        "memory budget: ", options.memory_bytes, " bytes are too few; the smallest budget that works is ", named,
        " bytes (the program ", process_bytes, ", small weights ", prepared_->resident_bytes(), ", a ring of large ones ",
        stream_bytes, ", experts of one token ", expert_bytes, ", a session ", session_bytes, "): ", source_->path));
  }
  KL_ASSIGN_OR_RETURN(process_reservation_, budget_->Reserve("the program", process_bytes));
  return absl::OkStatus();
}

absl::Status Model::OpenWeights(const ModelOptions& options) {
  KL_ASSIGN_OR_RETURN(const kl_bank* table, ExpertTable());
  const kl_host* host = runtime_->registry().HostOf(table);
  const StreamedWeights& weights = *prepared_->streamed_weights();
  const uint64_t free_bytes = budget_->free_bytes();
  uint64_t most_bytes = free_bytes - std::min(free_bytes, beside_weights_bytes_);
  if (options.session_context_length == 0) {
    // The conversation grows into what the experts get.
    KL_ASSIGN_OR_RETURN(const uint64_t least, WeightStream::LeastBytes(*table, weights, options.experts.reader));
    most_bytes = least + (std::max(most_bytes, least) - least) / 2;
  }
  KL_ASSIGN_OR_RETURN(weight_stream_, WeightStream::Open(*table, host, weights, options.experts.reader, most_bytes,
                                                         budget_.get()));
  const WeightStreamFacts& facts = weight_stream_->facts();
  runtime_->registry().host().log().Warning(absl::StrFormat(
      "%s: the budget does not hold the weights: %.1f of %.1f MB are read for each token or batch, which takes %.0f ms at "
      "the %.2f GB/s measured now: about %.1f tokens/s at most",
      source_->path, static_cast<double>(facts.bytes_per_pass()) / 1e6, static_cast<double>(facts.total_bytes) / 1e6,
      facts.seconds_per_pass() * 1e3, static_cast<double>(facts.bytes_per_second) / 1e9,
      1.0 / std::max(1e-9, facts.seconds_per_pass())));
  return absl::OkStatus();
}

absl::StatusOr<const kl_bank*> Model::ExpertTable() const {
  constexpr absl::string_view kBank = "expert_bank";
  const kl_bank* table = runtime_->registry().FindBank(kBank);
  if (table != nullptr) return table;
  return absl::UnimplementedError(absl::StrCat("the budget is too small for all weights, and no loaded plugin brings the "
                                               "bank \"", kBank, "\" that streams them; is the plugin expert_bank there?"));
}

absl::Status Model::ChooseExpertSource(const ModelOptions& options) {
  const ExpertLayout& layout = prepared_->experts();
  const bool named = !options.expert_file.empty();
  const std::string path = named ? options.expert_file : ExpertFileBeside(source_->path);
  std::error_code ignored;
  if (named || std::filesystem::exists(path, ignored)) {
    auto prepared = ExpertSource::OfFile(layout, path, Fingerprint());
    ForgetFiles();  // a page of each tensor
    if (prepared.ok()) {
      expert_source_ = *std::move(prepared);
      return absl::OkStatus();
    }
    if (named) return prepared.status();
    KL_ASSIGN_OR_RETURN(const kl_bank* table, ExpertTable());
    const kl_host* host = runtime_->registry().HostOf(table);
    host->log(host, KL_LOG_WARNING,
              absl::StrCat("experts are read from the model instead: ", prepared.status().message()).c_str());
  }
  expert_source_ = ExpertSource::OfModel(layout);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<uint64_t>> Model::ReadHotExperts(const std::string& profile_path) const {
  KL_ASSIGN_OR_RETURN(const ExpertProfile profile, ReadExpertProfile(profile_path));
  return HottestRecords(profile, prepared_->experts(), Fingerprint(), profile_path, source_->path);
}

absl::Status Model::OpenExperts(const ModelOptions& options, std::vector<uint64_t> hot_records) {
  ExpertOptions experts = options.experts;
  experts.hot_records = std::move(hot_records);
  KL_ASSIGN_OR_RETURN(const kl_bank* table, ExpertTable());
  // Held while the bank plans: how many reads it buffers is decided once, and must still be right when a session has taken
  // its share.
  Reservation session;
  if (options.session_batch > 0) {
    SessionOptions wanted;
    wanted.context_length = options.session_context_length;
    wanted.batch = options.session_batch;
    KL_ASSIGN_OR_RETURN(const uint64_t bytes,
                        Session::RequiredBytes(*prepared_, runtime_->planner(), wanted));
    KL_ASSIGN_OR_RETURN(session, budget_->Reserve("a session", bytes));
  }
  KL_ASSIGN_OR_RETURN(experts_, ExpertBank::Open(*table, runtime_->registry().HostOf(table), prepared_->experts(),
                                                 std::move(expert_source_), budget_.get(), experts));
  return absl::OkStatus();
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
  for (const auto& file : source_->files) file->Discard(0, file->size());  // a page of each tensor, or 2 MiB
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
