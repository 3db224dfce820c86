// kl_model: what a budget would make of it, before its weights are read.
#include "core/base/status.h"
#include "core/capi/handles.h"

using kinglet::FillError;

namespace {

absl::Status CheckPlanned(const kl_model* model) {
  if (model->model->prepared() != nullptr) return absl::OkStatus();
  return absl::FailedPreconditionError(model->model->source().path +
                                       ": loaded with vocabulary_only, there is no plan; load it with plan_only");
}

}  // namespace

kl_code kl_model_plan_memory(const kl_model* model, const kl_model_options* options, kl_memory_plan* plan,
                             kl_error* error) {
  if (model == nullptr || plan == nullptr) return kinglet::NullArgument("kl_model_plan_memory", error);
  const absl::Status planned = CheckPlanned(model);
  if (!planned.ok()) return FillError(planned, error);
  const kl_model_options given = kinglet::OptionsOr(options, kl_model_default_options);
  const auto forecast = model->model->Forecast(kinglet::ModelOptionsOf(given));
  if (!forecast.ok()) return FillError(forecast.status(), error);
  const kinglet::MemoryNeeds& needs = forecast->needs;
  const kinglet::MemorySplit& split = forecast->split;
  const kinglet::WeightNeeds& weights = kinglet::KeptWeights(needs, split);
  const kinglet::SessionNeeds session = kinglet::SessionBeside(needs, split);
  model->bank_text = forecast->bank_text;
  kl_memory_plan facts = {};
  facts.fits = split.fits;
  facts.streamed = split.leaves_experts;
  facts.prepared = forecast->prepared;
  facts.smallest_bytes = split.smallest_bytes;
  facts.named_bytes = kinglet::SafeBudget(split.smallest_bytes);
  facts.whole_bytes = split.whole_bytes;
  facts.named_whole_bytes = kinglet::SafeBudget(split.whole_bytes);
  facts.program_bytes = needs.program;
  facts.packed_bytes = weights.packed_bytes;
  facts.mapped_bytes = weights.mapped_bytes;
  facts.looked_up_bytes = weights.looked_up_bytes;
  facts.packing_bytes = weights.packing_bytes;
  facts.cache_bytes = session.cache_bytes;
  facts.activation_bytes = session.activation_bytes;
  facts.expert_bytes = split.bank_bytes;
  facts.program_now_bytes = forecast->program_now_bytes;
  facts.expert_count = needs.expert_count;
  facts.least_expert_bytes = needs.bank.least_bytes;
  facts.expert_slot_bytes = needs.bank.bytes_per_slot;
  facts.slot_count = forecast->slot_count;
  facts.slot_bytes = forecast->slot_bytes;
  facts.description = model->bank_text.c_str();
  facts.stream_bytes = split.stream_bytes;
  facts.streamed_weight_bytes = forecast->stream.total_bytes;
  facts.kept_weight_bytes = forecast->stream.kept_bytes;
  facts.keeping_bytes = split.keeping_bytes;
  kinglet::CopyStruct(facts, plan);
  return KL_OK;
}

kl_code kl_model_probe_experts(const kl_model* model, const kl_model_options* options, uint32_t together,
                               int64_t most_ns, kl_expert_probe* probe, kl_error* error) {
  if (model == nullptr || probe == nullptr) return kinglet::NullArgument("kl_model_probe_experts", error);
  const absl::Status planned = CheckPlanned(model);
  if (!planned.ok()) return FillError(planned, error);
  const kl_model_options given = kinglet::OptionsOr(options, kl_model_default_options);
  const auto measured = model->model->ProbeExperts(kinglet::ModelOptionsOf(given), together, most_ns);
  if (!measured.ok()) return FillError(measured.status(), error);
  kl_expert_probe facts = {};
  facts.group_count = measured->group_count;
  facts.read_bytes = measured->read_bytes;
  facts.ns = measured->ns;
  facts.cpu_ns = measured->cpu_ns;
  kinglet::CopyStruct(facts, probe);
  return KL_OK;
}

kl_code kl_model_probe_weights(const kl_model* model, const kl_model_options* options, uint64_t* bytes_per_second,
                               kl_error* error) {
  if (model == nullptr || bytes_per_second == nullptr) return kinglet::NullArgument("kl_model_probe_weights", error);
  const absl::Status planned = CheckPlanned(model);
  if (!planned.ok()) return FillError(planned, error);
  const kl_model_options given = kinglet::OptionsOr(options, kl_model_default_options);
  const auto measured = model->model->ProbeWeights(kinglet::ModelOptionsOf(given));
  if (!measured.ok()) return FillError(measured.status(), error);
  *bytes_per_second = measured->bytes_per_second;
  return KL_OK;
}
