// kl_model: experts that stay in their file. kl_session: where tokens are routed.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/status.h"
#include "core/capi/handles.h"
#include "core/exec/expert_file.h"
#include "core/exec/expert_profile.h"

using kinglet::FillError;

namespace {

std::string PressureText(const kinglet::PressureStats& stats) {
  if (!stats.heeded) return "not looked at";
  std::string text = stats.sources;
  if (stats.last.limit_bytes != UINT64_MAX) {
    absl::StrAppendFormat(&text, "; %d of %d MiB in use", stats.last.used_bytes >> 20, stats.last.limit_bytes >> 20);
  }
  absl::StrAppendFormat(&text, "; %.0f %% of the time stalled", 100 * stats.last.stalled);
  return text;
}

}  // namespace

void kl_model_limit_experts(const kl_model* model, uint64_t most_bytes) {
  if (model == nullptr || model->model->experts() == nullptr) return;
  model->model->experts()->Cap(most_bytes);
}

kl_code kl_model_expert_stats(const kl_model* model, kl_expert_stats* stats) {
  if (model == nullptr || stats == nullptr) return KL_INVALID_ARGUMENT;
  kl_expert_stats facts = {};
  facts.description = "";
  facts.pressure = "";
  kinglet::ExpertBank* experts = model->model->experts();
  if (experts != nullptr) {
    const kl_bank_stats bank = experts->bank()->Stats();
    model->expert_text = experts->bank()->Describe();
    facts.streamed = true;
    facts.prepared = experts->source().prepared();
    facts.description = model->expert_text.c_str();
    facts.record_count = bank.record_count;
    facts.slot_count = bank.slot_count;
    facts.slot_bytes = experts->source().abi().slot_bytes;
    facts.budget_bytes = experts->budget_bytes();
    facts.hit_count = bank.hit_count;
    facts.miss_count = bank.miss_count;
    facts.read_bytes = bank.read_bytes;
    facts.stall_ns = bank.stall_ns;
    facts.prefetch_count = bank.prefetch_count;
    facts.useful_prefetch_count = bank.useful_prefetch_count;
    facts.useless_prefetch_count = bank.useless_prefetch_count;
    facts.dropped_prefetch_count = bank.dropped_prefetch_count;
    facts.pinned_count = bank.pinned_count;
    const kinglet::PressureStats pressure = experts->pressure();
    model->pressure_text = PressureText(pressure);
    facts.pressure_shrink_count = pressure.shrink_count;
    facts.pressure_grow_count = pressure.grow_count;
    facts.pressure = model->pressure_text.c_str();
    facts.pressed = pressure.pressed;
  }
  kinglet::CopyStruct(facts, stats);
  return KL_OK;
}

kl_code kl_expert_profile_write(const char* path, const kl_expert_use* use, kl_error* error) {
  if (path == nullptr || use == nullptr || !KL_HAS_FIELD(use, kl_expert_use, counts) || use->counts == nullptr) {
    return kinglet::NullArgument("kl_expert_profile_write", error);
  }
  kinglet::ExpertProfile profile;
  profile.model = use->model == nullptr ? "" : use->model;
  profile.fingerprint = use->fingerprint;
  profile.layer_count = use->layer_count;
  profile.expert_count = use->expert_count;
  profile.token_count = use->token_count;
  const uint64_t* count = use->counts;
  for (uint32_t layer = 0; layer < use->layer_count; ++layer) {
    for (uint32_t expert = 0; expert < use->expert_count; ++expert, ++count) {
      if (*count > 0) profile.uses.push_back({layer, expert, *count});
    }
  }
  return FillError(kinglet::WriteExpertProfile(profile, path), error);
}

const char* kl_model_memory_text(const kl_model* model) {
  if (model == nullptr) return "";
  model->memory_text.clear();
  for (const auto& entry : model->model->budget()->Usage()) {
    absl::StrAppend(&model->memory_text, entry.second, " ", entry.first, "\n");
  }
  return model->memory_text.c_str();
}

kl_code kl_model_prepare_experts(kl_runtime* runtime, const char* model_path, const char* path,
                                 kl_progress_callback progress, void* user, uint64_t* bytes, kl_error* error) {
  if (runtime == nullptr || model_path == nullptr) return kinglet::NullArgument("kl_model_prepare_experts", error);
  auto source = kinglet::LoadAnySource(model_path);
  if (!source.ok()) return FillError(source.status(), error);
  kinglet::ModelOptions options;
  options.plan_only = true;
  const auto model = kinglet::Model::Load(runtime->runtime.get(), *std::move(source), options);
  if (!model.ok()) return FillError(model.status(), error);
  const std::string target = path == nullptr ? kinglet::ExpertFileBeside((*model)->source().path) : path;
  auto written = kinglet::WriteExpertFile((*model)->prepared()->experts(), target, (*model)->Fingerprint(),
                                          kinglet::WrapProgress(progress, user));
  // A page of the model that was lost on the way was packed as zeros.
  const absl::Status intact = (*model)->CheckFiles();
  if (written.ok() && !intact.ok()) {
    remove(target.c_str());
    return FillError(intact, error);
  }
  if (!written.ok()) return FillError(written.status(), error);
  if (bytes != nullptr) *bytes = *written;
  return KL_OK;
}

kl_code kl_session_watch_routing(kl_session* session, kl_routing_callback callback, void* user, kl_error* error) {
  if (session == nullptr) return kinglet::NullArgument("kl_session_watch_routing", error);
  if (callback == nullptr) return FillError(session->session->WatchRouting(nullptr), error);
  return FillError(session->session->WatchRouting([callback, user](const kinglet::RoutedBatch& batch) {
                     kl_routing routing = {};
                     routing.struct_size = sizeof routing;
                     routing.token_count = batch.token_count;
                     routing.first_position = batch.first_position;
                     routing.prompt = batch.prompt;
                     routing.layer_count = batch.layer_count;
                     routing.place_count = batch.place_count;
                     routing.expert_count = batch.expert_count;
                     routing.experts = batch.experts;
                     callback(user, &routing);
                   }),
                   error);
}
