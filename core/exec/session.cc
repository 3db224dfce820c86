#include "core/exec/session.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/text/streaming_detokenizer.h"

namespace kinglet {
namespace {

// Logits for many tokens at once are wanted by tools only; this bounds what they cost a session.
constexpr int64_t kLogitsBytes = 16 << 20;

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

absl::StatusOr<Extents> ChooseExtents(const Plan& plan, const SessionOptions& options) {
  const kl_model_facts& facts = plan.facts;
  if (options.context_length < 0 || options.batch < 1) {
    return absl::InvalidArgumentError(absl::StrCat("context length must be 0 or more and batch at least 1, found ",
                                                   options.context_length, " and ", options.batch));
  }
  Extents extents;
  extents.context = options.context_length > 0 ? options.context_length : facts.context_length;
  extents.tokens = std::min<int64_t>(options.batch, extents.context);
  const int64_t row_bytes = facts.vocabulary_size * static_cast<int64_t>(sizeof(float));
  extents.outputs = std::clamp<int64_t>(kLogitsBytes / std::max<int64_t>(1, row_bytes), 1, extents.tokens);
  return extents;
}

}  // namespace

absl::StatusOr<SessionNeeds> Session::Needs(const PreparedPlan& prepared, const StreamedWeights* streamed,
                                            const kl_planner& planner, const SessionOptions& options) {
  KL_ASSIGN_OR_RETURN(const Extents extents, ChooseExtents(prepared.plan(), options));
  SessionNeeds needs;
  if (options.context_length > 0) {
    KL_ASSIGN_OR_RETURN(needs.cache_bytes,
                        KvCache::RequiredBytes(CacheSpecs(prepared.plan()), extents.context, extents.tokens));
  }
  KL_ASSIGN_OR_RETURN(needs.activation_bytes, Program::RequiredBytes(prepared, streamed, planner, extents));
  return needs;
}

absl::StatusOr<std::unique_ptr<Session>> Session::Create(const Model* model, const SessionOptions& options) {
  if (model->prepared() == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat(model->source().path, ": loaded with vocabulary_only, it cannot compute; load it in full"));
  }
  if ((model->plan().facts.pooling != KL_POOLING_NONE) != options.encodes) {
    return absl::FailedPreconditionError(
        absl::StrCat(model->source().path, ": a text encoder, which makes vectors and no tokens; load it as an encoder"));
  }
  if (model->plan_only()) {
    return absl::FailedPreconditionError(
        absl::StrCat(model->source().path, ": loaded with plan_only, it has no weights to compute with; load it in full"));
  }
  std::unique_ptr<Session> session(new Session(model));
  KL_ASSIGN_OR_RETURN(const Extents extents, ChooseExtents(model->plan(), options));

  const Plan& plan = model->plan();
  std::vector<size_t> cache_of(plan.values.size());
  size_t cache_count = 0;
  for (size_t v = 0; v < plan.values.size(); ++v) {
    if (plan.values[v].kind == ValueKind::kCache) cache_of[v] = cache_count++;
  }
  // A context that was asked for is there when it is needed; the model's own, which may be larger than the budget, takes
  // memory from the experts as the conversation grows.
  const auto promise = options.context_length > 0 || model->budget()->limit_bytes() == 0 ? KvCache::Promise::kWhole
                                                                                        : KvCache::Promise::kAsWritten;
  KL_ASSIGN_OR_RETURN(session->cache_, KvCache::Create(CacheSpecs(plan), extents.context, extents.tokens,
                                                       model->budget(), promise));
  const KvCache* cache = session->cache_.get();
  Runtime* runtime = model->runtime();
  KL_ASSIGN_OR_RETURN(session->program_,
                      Program::Create(*model->prepared(), runtime->planner(), extents,
                                      [&](kl_value value) { return cache->tensor(cache_of[value]); },
                                      model->budget(), model->experts(), model->weight_stream(), model->memory()));
  session->full_logits_ = options.full_logits;
  KL_RETURN_IF_ERROR(session->SetSampler(options.sampler));
  return session;
}

absl::Status Session::SetSampler(const SamplerOptions& options) {
  KL_ASSIGN_OR_RETURN(Sampler sampler, Sampler::Create(options));
  sampler_ = std::make_unique<Sampler>(std::move(sampler));
  return RefillSampler();
}

absl::Status Session::RefillSampler() {
  SamplerState state = sampler_->Save();
  const size_t count = std::min(tokens_.size(), static_cast<size_t>(std::max(0, sampler_->options().repeat_last_n)));
  state.recent.assign(tokens_.end() - static_cast<ptrdiff_t>(count), tokens_.end());
  return sampler_->Restore(state);
}

absl::Status Session::CheckTokens(absl::Span<const int32_t> tokens) const {
  const int64_t vocabulary = model_->plan().facts.vocabulary_size;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] < 0 || tokens[i] >= vocabulary) {
      return absl::InvalidArgumentError(absl::StrCat("token ", i, " is ", tokens[i], ", the vocabulary has ids 0 to ",
                                                     vocabulary - 1));
    }
  }
  const size_t free_count = static_cast<size_t>(context_length()) - tokens_.size();
  if (tokens.size() > free_count) {
    return absl::FailedPreconditionError(absl::StrCat("the context is full: ", tokens.size(), " more tokens do not fit, ",
                                                      tokens_.size(), " of ", context_length(),
                                                      " are used; start anew or ask for a longer context"));
  }
  return absl::OkStatus();
}

uint32_t Session::WantedCount(size_t more_count) const {
  return full_logits_ ? 0 : sampler_->WantedCount(more_count);
}

absl::Status Session::Compute(absl::Span<const int32_t> tokens, int64_t outputs, uint32_t wanted_count) {
  const int64_t count = static_cast<int64_t>(tokens.size());
  logits_ = {};
  int32_t* positions = program_->positions();
  int32_t* rows = program_->output_rows();
  std::copy(tokens.begin(), tokens.end(), program_->token_ids());
  for (int64_t i = 0; i < count && positions != nullptr; ++i) positions[i] = position() + static_cast<int32_t>(i);
  for (int64_t i = 0; i < outputs; ++i) rows[i] = static_cast<int32_t>(count - outputs + i);
  KL_RETURN_IF_ERROR(cache_->Reserve(count));
  KL_RETURN_IF_ERROR(model_->runtime()->Run(program_.get(), count, outputs, wanted_count, &cancelled_));
  KL_RETURN_IF_ERROR(model_->CheckFiles());
  cache_->Commit(count);
  ReportRouting(tokens.size());
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
  for (int32_t token : tokens) sampler_->Accept(token);
  if (outputs > 0) {
    const kl_tensor& logits = program_->tensor(model_->plan().outputs[0]);
    const size_t vocabulary = static_cast<size_t>(logits.shape[1]);
    logits_ = {static_cast<const float*>(logits.data) + static_cast<size_t>(outputs - 1) * vocabulary, vocabulary};
    wanted_count_ = wanted_count;
  }
  return absl::OkStatus();
}

absl::Status Session::WatchRouting(RoutingFunction routed) {
  ExpertRun* experts = program_->experts();
  if (experts == nullptr && routed) {
    return absl::FailedPreconditionError(absl::StrCat(model_->source().path, ": the model has no experts to route to"));
  }
  if (routed) experts->KeepRouting();
  routed_ = std::move(routed);
  return absl::OkStatus();
}

void Session::ReportRouting(size_t token_count) {
  if (!routed_) return;
  const ExpertLayout& layout = model_->prepared()->experts();
  RoutedBatch batch;
  batch.token_count = token_count;
  batch.first_position = position();
  batch.prompt = token_count > 1;
  batch.layer_count = static_cast<uint32_t>(layout.layers().size());
  batch.place_count = static_cast<uint32_t>(layout.most_chosen());
  batch.expert_count = static_cast<uint32_t>(layout.most_experts());
  batch.experts = program_->experts()->routing();
  routed_(batch);
}

absl::Status Session::Prefill(absl::Span<const int32_t> tokens, const ProgressFunction& progress) {
  cancelled_.store(false, std::memory_order_relaxed);
  KL_RETURN_IF_ERROR(CheckTokens(tokens));
  const size_t batch = static_cast<size_t>(program_->largest().tokens);
  for (size_t done = 0; done < tokens.size();) {
    if (progress && !progress("prefill", done, tokens.size())) return absl::CancelledError("prefill was stopped");
    const size_t count = std::min(batch, tokens.size() - done);
    KL_RETURN_IF_ERROR(
        Compute(tokens.subspan(done, count), done + count == tokens.size() ? 1 : 0, WantedCount(count)));
    done += count;
  }
  if (progress) progress("prefill", tokens.size(), tokens.size());
  return absl::OkStatus();
}

absl::Status Session::PrefillLogits(absl::Span<const int32_t> tokens, const LogitsFunction& row) {
  cancelled_.store(false, std::memory_order_relaxed);
  KL_RETURN_IF_ERROR(CheckTokens(tokens));
  const size_t batch = static_cast<size_t>(program_->largest().outputs);
  for (size_t done = 0; done < tokens.size();) {
    const size_t count = std::min(batch, tokens.size() - done);
    KL_RETURN_IF_ERROR(Compute(tokens.subspan(done, count), static_cast<int64_t>(count), /*wanted_count=*/0));
    const float* first = logits_.data() - (count - 1) * logits_.size();
    for (size_t i = 0; i < count; ++i) {
      if (!row(done + i, {first + i * logits_.size(), logits_.size()})) {
        return absl::CancelledError("stopped by the caller");
      }
    }
    done += count;
  }
  return absl::OkStatus();
}

absl::Status Session::Rewind(int32_t position) {
  if (position < 0 || position > this->position()) {
    return absl::InvalidArgumentError(
        absl::StrCat("rewind to ", position, ": the session holds positions 0 to ", this->position()));
  }
  if (position == this->position()) return absl::OkStatus();
  KL_RETURN_IF_ERROR(cache_->Rewind(position));
  tokens_.resize(static_cast<size_t>(position));
  logits_ = {};
  return RefillSampler();
}

absl::StatusOr<absl::Span<const float>> Session::Logits() {
  if (!logits_.empty() && wanted_count_ != 0) {
    KL_RETURN_IF_ERROR(model_->runtime()->CompleteLogits(program_.get()));
    KL_RETURN_IF_ERROR(model_->CheckFiles());
    wanted_count_ = 0;
  }
  return logits_;
}

absl::StatusOr<int32_t> Session::Sample() {
  if (logits_.empty()) {
    return absl::FailedPreconditionError("there are no logits to sample from; prefill or decode a token first");
  }
  // The sampler may have been changed since the logits were computed.
  const uint32_t wanted = WantedCount(0);
  if (wanted_count_ != 0 && (wanted == 0 || wanted > wanted_count_)) KL_RETURN_IF_ERROR(Logits().status());
  return sampler_->Sample(logits_.data(), static_cast<int32_t>(logits_.size()));
}

absl::StatusOr<Generation> Session::Generate(int64_t max_tokens, const TextFunction& text) {
  const Tokenizer* tokenizer = model_->tokenizer();
  if (tokenizer == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat(model_->source().path, ": no tokenizer in the file, only ids; sample and decode instead"));
  }
  cancelled_.store(false, std::memory_order_relaxed);
  DecodeOptions decode;
  decode.at_start = false;
  StreamingDetokenizer detokenizer(tokenizer, decode);
  Generation result;
  const int64_t begin_ns = NowNs();
  const auto emit = [&](const std::string& piece) { return piece.empty() || !text || text(piece); };
  while (true) {
    if (max_tokens >= 0 && result.token_count >= static_cast<uint64_t>(max_tokens)) {
      result.stop = StopReason::kLength;
      break;
    }
    KL_ASSIGN_OR_RETURN(const int32_t token, Sample());
    if (tokenizer->IsEnd(token)) {
      result.stop = StopReason::kEndToken;
      break;
    }
    ++result.token_count;
    const bool wants_more = emit(detokenizer.Push(token));
    if (position() >= context_length()) {
      result.stop = StopReason::kContext;
      break;
    }
    const absl::Status decoded = Compute({&token, 1}, 1, WantedCount(1));
    if (decoded.code() == absl::StatusCode::kCancelled) {
      result.stop = StopReason::kCancelled;
      break;
    }
    KL_RETURN_IF_ERROR(decoded);
    if (!wants_more) {
      result.stop = StopReason::kCallback;
      break;
    }
  }
  emit(detokenizer.Flush());
  result.decode_ns = NowNs() - begin_ns;
  return result;
}

}  // namespace kinglet
