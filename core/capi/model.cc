// kl_model: loading, facts, tokens, chat templates.
#include "absl/strings/str_cat.h"
#include "core/abi/dtype.h"
#include "core/base/status.h"
#include "core/capi/handles.h"
#include "core/text/chat_template.h"
#include "core/text/utf8.h"

using kinglet::FillError;

namespace {

absl::StatusOr<const kinglet::Tokenizer*> TokenizerOf(const kl_model* model) {
  const kinglet::Tokenizer* tokenizer = model->model->tokenizer();
  if (tokenizer == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat(model->model->source().path, ": no tokenizer in the file; only token ids can be used"));
  }
  return tokenizer;
}

}  // namespace

namespace kinglet {

ModelOptions ModelOptionsOf(const kl_model_options& given) {
  ModelOptions wanted;
  wanted.memory_bytes = given.memory_bytes;
  wanted.vocabulary_only = given.vocabulary_only;
  wanted.cache_types = {given.key_cache_type == KL_TYPE_NONE ? given.cache_type : given.key_cache_type,
                        given.value_cache_type == KL_TYPE_NONE ? given.cache_type : given.value_cache_type};
  wanted.packed_cache = given.packed_cache;
  wanted.progress = WrapProgress(given.progress, given.progress_user);
  if (given.expert_policy != nullptr) wanted.experts.policy = given.expert_policy;
  if (given.expert_reader != nullptr) wanted.experts.reader = given.expert_reader;
  if (given.expert_file != nullptr) wanted.expert_file = given.expert_file;
  if (given.expert_profile != nullptr) wanted.expert_profile = given.expert_profile;
  if (given.system_root != nullptr) wanted.experts.system_root = given.system_root;
  wanted.experts.heeds_pressure = !given.ignore_memory_pressure;
  wanted.session_context_length = given.session_context_length;
  wanted.session_batch = given.session_batch;
  wanted.experts.prefetch = !given.no_expert_prefetch;
  wanted.experts.verifies_once = given.verify_experts_once;
  wanted.plan_only = given.plan_only;
  wanted.layer_limit = given.layer_limit;
  wanted.program_bytes = given.program_bytes;
  return wanted;
}

}  // namespace kinglet

void kl_model_default_options(kl_model_options* options) {
  if (options == nullptr) return;
  kl_model_options defaults = {};
  defaults.struct_size = sizeof defaults;
  defaults.cache_type = KL_TYPE_NONE;
  defaults.key_cache_type = KL_TYPE_NONE;
  defaults.value_cache_type = KL_TYPE_NONE;
  kinglet::CopyStruct(defaults, options);
}

kl_code kl_model_load(kl_runtime* runtime, const char* path, const kl_model_options* options, kl_model** model,
                      kl_error* error) {
  if (runtime == nullptr || path == nullptr || model == nullptr) return kinglet::NullArgument("kl_model_load", error);
  const kl_model_options given = kinglet::OptionsOr(options, kl_model_default_options);
  auto source = kinglet::LoadAnySource(path);
  if (!source.ok()) return FillError(source.status(), error);
  const kinglet::ModelOptions wanted = kinglet::ModelOptionsOf(given);
  std::unique_ptr<kinglet::MemoryParts> memory;
  if (given.memory_bank != nullptr && !given.vocabulary_only) {
    auto parts = kinglet::OpenMemoryParts(given);
    if (!parts.ok()) return FillError(parts.status(), error);
    memory = *std::move(parts);
  }
  auto loaded = kinglet::Model::Load(runtime->runtime.get(), *std::move(source), wanted, std::move(memory));
  if (!loaded.ok()) return FillError(loaded.status(), error);
  auto handle = std::make_unique<kl_model>();
  handle->model = *std::move(loaded);
  handle->name = handle->model->source().metadata.String("general.name").value_or("");
  if (handle->model->tokenizer() != nullptr) {
    const auto chat = kinglet::ChatTemplate::Choose(*handle->model->tokenizer(), "");
    if (chat.ok()) handle->chat_template = chat->name();
  }
  if (handle->model->prepared() != nullptr) {
    handle->plan_text = handle->model->prepared()->Describe(runtime->runtime->registry());
  }
  *model = handle.release();
  return KL_OK;
}

void kl_model_free(kl_model* model) { delete model; }

kl_code kl_model_describe(const kl_model* model, kl_model_info* info) {
  if (model == nullptr || info == nullptr) return KL_INVALID_ARGUMENT;
  const kinglet::Model& from = *model->model;
  kl_model_info facts = {};
  facts.path = from.source().path.c_str();
  facts.name = model->name.c_str();
  facts.architecture = from.source().architecture.c_str();
  const char* type = kl_dtype_info_of(from.main_type()).name;
  facts.quantization = type == nullptr ? "" : type;
  facts.file_bytes = from.source().file_bytes;
  facts.parameter_count = from.parameter_count();
  if (from.prepared() != nullptr) {
    facts.packed_bytes = from.prepared()->weights().packed_bytes();
    facts.packed_from_cache = from.prepared()->weights().is_from_cache();
    facts.weight_bytes = from.prepared()->weights().mapped_bytes() + facts.packed_bytes;
  }
  facts.bytes_per_token = from.bytes_per_token();
  facts.vocabulary_size = from.plan().facts.vocabulary_size;
  if (from.prepared() == nullptr && from.tokenizer() != nullptr) {
    facts.vocabulary_size = from.tokenizer()->vocabulary_size();
  }
  facts.context_length = from.plan().facts.context_length;
  facts.embedding_length = from.plan().facts.embedding_length;
  facts.layer_count = from.plan().facts.layer_count;
  facts.expert_count = from.plan().facts.expert_count;
  facts.expert_used_count = from.plan().facts.expert_used_count;
  facts.has_tokenizer = from.tokenizer() != nullptr;
  facts.chat_template = model->chat_template.c_str();
  kinglet::CopyStruct(facts, info);
  return KL_OK;
}

uint64_t kl_model_fingerprint(const kl_model* model) { return model == nullptr ? 0 : model->model->Fingerprint(); }

const char* kl_model_plan_text(const kl_model* model) {
  if (model == nullptr) return "";
  return model->plan_text.c_str();
}

kl_code kl_model_tokenize(const kl_model* model, const char* text, size_t length, uint32_t flags, int32_t* tokens,
                          size_t capacity, size_t* count, kl_error* error) {
  if (model == nullptr || (text == nullptr && length > 0) || (tokens == nullptr && capacity > 0)) {
    return kinglet::NullArgument("kl_model_tokenize", error);
  }
  const auto tokenizer = TokenizerOf(model);
  if (!tokenizer.ok()) return FillError(tokenizer.status(), error);
  kinglet::EncodeOptions options;
  options.add_special = (flags & KL_TOKENIZE_ADD_SPECIAL) != 0;
  options.parse_special = (flags & KL_TOKENIZE_PARSE_SPECIAL) != 0;
  const auto ids = (*tokenizer)->Encode(absl::string_view(text, length), options);
  if (!ids.ok()) return FillError(ids.status(), error);
  kinglet::CopyArray(*ids, tokens, capacity, count);
  return KL_OK;
}

kl_code kl_model_detokenize(const kl_model* model, const int32_t* tokens, size_t count, bool render_special, char* text,
                            size_t capacity, size_t* length, kl_error* error) {
  if (model == nullptr || (tokens == nullptr && count > 0) || (text == nullptr && capacity > 0)) {
    return kinglet::NullArgument("kl_model_detokenize", error);
  }
  const auto tokenizer = TokenizerOf(model);
  if (!tokenizer.ok()) return FillError(tokenizer.status(), error);
  kinglet::DecodeOptions options;
  options.render_special = render_special;
  const std::string decoded = kinglet::ReplaceInvalidUtf8((*tokenizer)->Decode({tokens, count}, options));
  if (length != nullptr) *length = decoded.size();
  if (capacity > 0) {
    const size_t copied = std::min(capacity - 1, decoded.size());
    std::memcpy(text, decoded.data(), copied);
    text[copied] = '\0';
  }
  return KL_OK;
}

bool kl_model_is_end_token(const kl_model* model, int32_t token) {
  if (model == nullptr) return false;
  const kinglet::Tokenizer* tokenizer = model->model->tokenizer();
  return tokenizer != nullptr && tokenizer->IsEnd(token);
}

kl_code kl_model_apply_template(const kl_model* model, const char* template_name, const kl_message* messages,
                                size_t message_count, bool add_generation, int32_t* tokens, size_t capacity,
                                size_t* count, kl_error* error) {
  if (model == nullptr || (messages == nullptr && message_count > 0) || (tokens == nullptr && capacity > 0)) {
    return kinglet::NullArgument("kl_model_apply_template", error);
  }
  const auto tokenizer = TokenizerOf(model);
  if (!tokenizer.ok()) return FillError(tokenizer.status(), error);
  const auto chat = kinglet::ChatTemplate::Choose(**tokenizer, template_name == nullptr ? "" : template_name);
  if (!chat.ok()) return FillError(chat.status(), error);
  std::vector<kinglet::ChatMessage> conversation;
  for (size_t i = 0; i < message_count; ++i) {
    if (messages[i].role == nullptr || messages[i].content == nullptr) {
      return kinglet::NullArgument("kl_model_apply_template", error);
    }
    conversation.push_back({messages[i].role, messages[i].content});
  }
  kinglet::ChatFormatOptions format;
  format.add_generation_prompt = add_generation;
  const auto segments = chat->Format(conversation, format);
  if (!segments.ok()) return FillError(segments.status(), error);
  const auto ids = (*tokenizer)->EncodeSegments(*segments, kinglet::EncodeOptions());
  if (!ids.ok()) return FillError(ids.status(), error);
  kinglet::CopyArray(*ids, tokens, capacity, count);
  return KL_OK;
}
