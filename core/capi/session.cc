// kl_session: prefill, decode, sample, generate, save.
#include "core/base/process_memory.h"
#include "core/base/status.h"
#include "core/capi/handles.h"

using kinglet::FillError;

namespace {

kinglet::SamplerOptions SamplerOf(const kl_session_options& options) {
  kinglet::SamplerOptions sampler;
  sampler.temperature = options.temperature;
  sampler.top_k = options.top_k;
  sampler.top_p = options.top_p;
  sampler.min_p = options.min_p;
  sampler.repeat_penalty = options.repeat_penalty;
  sampler.frequency_penalty = options.frequency_penalty;
  sampler.presence_penalty = options.presence_penalty;
  sampler.repeat_last_n = options.repeat_last_n;
  sampler.seed = options.seed;
  return sampler;
}

int32_t StopCode(kinglet::StopReason reason) {
  switch (reason) {
    case kinglet::StopReason::kEndToken:
      return KL_STOP_END_TOKEN;
    case kinglet::StopReason::kLength:
      return KL_STOP_LENGTH;
    case kinglet::StopReason::kContext:
      return KL_STOP_CONTEXT;
    case kinglet::StopReason::kCallback:
      return KL_STOP_CALLBACK;
    case kinglet::StopReason::kCancelled:
      return KL_STOP_CANCELLED;
  }
  return KL_STOP_CANCELLED;
}

}  // namespace

void kl_session_default_options(kl_session_options* options) {
  if (options == nullptr) return;
  const kinglet::SamplerOptions sampler;
  kl_session_options defaults = {};
  defaults.temperature = sampler.temperature;
  defaults.top_k = sampler.top_k;
  defaults.top_p = sampler.top_p;
  defaults.min_p = sampler.min_p;
  defaults.repeat_penalty = sampler.repeat_penalty;
  defaults.frequency_penalty = sampler.frequency_penalty;
  defaults.presence_penalty = sampler.presence_penalty;
  defaults.repeat_last_n = sampler.repeat_last_n;
  defaults.seed = sampler.seed;
  kinglet::CopyStruct(defaults, options);
}

kl_code kl_session_create(kl_model* model, const kl_session_options* options, kl_session** session, kl_error* error) {
  if (model == nullptr || session == nullptr) return kinglet::NullArgument("kl_session_create", error);
  const kl_session_options given = kinglet::OptionsOr(options, kl_session_default_options);
  kinglet::SessionOptions wanted;
  wanted.context_length = given.context_length;
  if (given.batch != 0) wanted.batch = given.batch;
  wanted.sampler = SamplerOf(given);
  wanted.full_logits = given.full_logits;
  auto created = kinglet::Session::Create(model->model.get(), wanted);
  if (!created.ok()) return FillError(created.status(), error);
  auto handle = std::make_unique<kl_session>();
  handle->session = *std::move(created);
  handle->batch = wanted.batch;
  *session = handle.release();
  return KL_OK;
}

void kl_session_free(kl_session* session) { delete session; }

kl_code kl_session_set_sampler(kl_session* session, const kl_session_options* options, kl_error* error) {
  if (session == nullptr) return kinglet::NullArgument("kl_session_set_sampler", error);
  const kl_session_options given = kinglet::OptionsOr(options, kl_session_default_options);
  if ((given.context_length != 0 && given.context_length != session->session->context_length()) ||
      (given.batch != 0 && given.batch != session->batch)) {
    return FillError(absl::InvalidArgumentError("context_length and batch are fixed when the session is created; "
                                                "create another session for other sizes"),
                     error);
  }
  return FillError(session->session->SetSampler(SamplerOf(given)), error);
}

int32_t kl_session_context_length(const kl_session* session) {
  if (session == nullptr) return 0;
  return session->session->context_length();
}
int32_t kl_session_position(const kl_session* session) {
  if (session == nullptr) return 0;
  return session->session->position();
}

const int32_t* kl_session_tokens(const kl_session* session, size_t* count) {
  if (session == nullptr) return kinglet::Nothing<int32_t>(count);
  if (count != nullptr) *count = session->session->tokens().size();
  return session->session->tokens().data();
}

kl_code kl_session_rewind(kl_session* session, int32_t position, kl_error* error) {
  if (session == nullptr) return kinglet::NullArgument("kl_session_rewind", error);
  return FillError(session->session->Rewind(position), error);
}

kl_code kl_session_prefill(kl_session* session, const int32_t* tokens, size_t count, kl_progress_callback progress,
                           void* user, kl_error* error) {
  if (session == nullptr || (tokens == nullptr && count > 0)) return kinglet::NullArgument("kl_session_prefill", error);
  return FillError(session->session->Prefill({tokens, count}, kinglet::WrapProgress(progress, user)), error);
}

kl_code kl_session_decode(kl_session* session, int32_t token, kl_error* error) {
  if (session == nullptr) return kinglet::NullArgument("kl_session_decode", error);
  return FillError(session->session->Prefill({&token, 1}, nullptr), error);
}

const float* kl_session_logits(const kl_session* session, size_t* count) {
  if (session == nullptr) return kinglet::Nothing<float>(count);
  const auto logits = session->session->Logits();
  if (!logits.ok()) return kinglet::Nothing<float>(count);
  if (count != nullptr) *count = logits->size();
  return logits->data();
}

kl_code kl_session_sample(kl_session* session, int32_t* token, kl_error* error) {
  if (session == nullptr || token == nullptr) return kinglet::NullArgument("kl_session_sample", error);
  const auto sampled = session->session->Sample();
  if (!sampled.ok()) return FillError(sampled.status(), error);
  *token = *sampled;
  return KL_OK;
}

kl_code kl_session_prefill_logits(kl_session* session, const int32_t* tokens, size_t count, kl_logits_callback row,
                                  void* user, kl_error* error) {
  if (session == nullptr || row == nullptr || (tokens == nullptr && count > 0)) {
    return kinglet::NullArgument("kl_session_prefill_logits", error);
  }
  return FillError(session->session->PrefillLogits({tokens, count},
                                                   [row, user](size_t index, absl::Span<const float> logits) {
                                                     return row(user, index, logits.data(), logits.size());
                                                   }),
                   error);
}

kl_code kl_session_generate(kl_session* session, int64_t max_tokens, kl_text_callback text, void* user,
                            kl_generation* result, kl_error* error) {
  if (session == nullptr) return kinglet::NullArgument("kl_session_generate", error);
  kinglet::Session::TextFunction emit;
  if (text != nullptr) {
    emit = [text, user](absl::string_view piece) { return text(user, piece.data(), piece.size()); };
  }
  const auto generated = session->session->Generate(max_tokens, emit);
  if (!generated.ok()) return FillError(generated.status(), error);
  if (result != nullptr) {
    kinglet::CopyStruct({sizeof(kl_generation), StopCode(generated->stop), generated->token_count, generated->decode_ns},
                        result);
  }
  return KL_OK;
}

void kl_session_cancel(kl_session* session) {
  if (session == nullptr) return;
  session->session->Cancel();
}

kl_code kl_session_save(const kl_session* session, const char* path, kl_error* error) {
  if (session == nullptr || path == nullptr) return kinglet::NullArgument("kl_session_save", error);
  return FillError(session->session->Save(path), error);
}

kl_code kl_session_restore(kl_session* session, const char* path, kl_error* error) {
  if (session == nullptr || path == nullptr) return kinglet::NullArgument("kl_session_restore", error);
  return FillError(session->session->Restore(path), error);
}

kl_code kl_session_describe(const kl_session* session, kl_session_info* info) {
  if (session == nullptr || info == nullptr) return KL_INVALID_ARGUMENT;
  kl_session_info facts = {};
  facts.cache_bytes = session->session->cache_bytes();
  facts.arena_bytes = session->session->arena_bytes();
  const auto memory = kinglet::ReadProcessMemory();
  if (memory.ok()) {
    facts.resident_bytes = memory->resident_bytes;
    facts.peak_resident_bytes = memory->peak_resident_bytes;
  }
  kinglet::CopyStruct(facts, info);
  return KL_OK;
}

kl_code kl_session_set_profiling(kl_session* session, bool on, kl_error* error) {
  if (session == nullptr) return kinglet::NullArgument("kl_session_set_profiling", error);
  session->session->SetProfiling(on);
  return KL_OK;
}

uint32_t kl_session_profile_count(const kl_session* session) {
  if (session == nullptr) return 0;
  return static_cast<uint32_t>(session->session->profile().size());
}

kl_code kl_session_profile(const kl_session* session, uint32_t index, kl_node_profile* profile) {
  if (session == nullptr || profile == nullptr) return KL_INVALID_ARGUMENT;
  if (index >= session->session->profile().size()) return KL_INVALID_ARGUMENT;
  const kinglet::NodeProfile& from = session->session->profile()[index];
  const kinglet::PreparedPlan& prepared = *session->session->model().prepared();
  const kinglet::PlanNode& node = prepared.plan().nodes[index];
  const kl_kernel& kernel = *prepared.nodes()[index].kernel;
  kinglet::CopyStruct({sizeof(kl_node_profile), node.op.c_str(), node.name.c_str(), kernel.name, from.run_count, from.ns,
                       from.weight_bytes, (kernel.flags & KL_KERNEL_COUNTS_WEIGHT_BYTES) != 0},
                      profile);
  return KL_OK;
}
