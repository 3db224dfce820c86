#include "core/exec/encoder.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace kinglet {

absl::StatusOr<std::unique_ptr<Encoder>> Encoder::Create(std::unique_ptr<Model> model) {
  std::unique_ptr<Encoder> self(new Encoder);
  self->model_ = std::move(model);
  const Model& loaded = *self->model_;
  if (loaded.plan().facts.pooling != KL_POOLING_MEAN) {
    return absl::FailedPreconditionError(absl::StrCat(
        loaded.source().path, ": not a text encoder: expected ", loaded.source().architecture,
        ".pooling_type = 1 (mean) in its metadata; use the encoder's file"));
  }
  if (loaded.tokenizer() == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat(loaded.source().path, ": an encoder without a tokenizer reads no text"));
  }
  SessionOptions options;
  options.encodes = true;
  options.context_length =
      static_cast<int32_t>(std::min<int64_t>(kMostTokens, loaded.plan().facts.context_length));
  options.batch = options.context_length;
  KL_ASSIGN_OR_RETURN(self->session_, Session::Create(self->model_.get(), options));
  return self;
}

uint64_t Encoder::bytes() const {
  const WeightStore& weights = model_->prepared()->weights();
  return weights.packed_bytes() + weights.mapped_bytes() + session_->cache_bytes() + session_->arena_bytes();
}

absl::StatusOr<std::vector<float>> Encoder::Embed(absl::string_view text) {
  EncodeOptions encode;
  encode.add_special = true;
  KL_ASSIGN_OR_RETURN(std::vector<int32_t> tokens, model_->tokenizer()->Encode(text, encode));
  tokens.resize(std::min(tokens.size(), static_cast<size_t>(session_->context_length())));
  if (tokens.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(model_->source().path, ": there is no text to encode"));
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  KL_RETURN_IF_ERROR(session_->Rewind(0));
  std::vector<double> sums(static_cast<size_t>(width()), 0.0);
  KL_RETURN_IF_ERROR(session_->PrefillLogits(tokens, [&](size_t, absl::Span<const float> hidden) {
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += hidden[i];
    return true;
  }));
  // The mean's divisor cancels out.
  double square = 0.0;
  for (double sum : sums) square += sum * sum;
  if (!(square > 0.0) || !std::isfinite(square)) {
    return absl::DataLossError(absl::StrCat(model_->source().path,
                                            ": the text's vector has no direction (its length is ",
                                            std::sqrt(square), "); the encoder's file is damaged"));
  }
  std::vector<float> vector(sums.size());
  for (size_t i = 0; i < sums.size(); ++i)
    vector[i] = static_cast<float>(sums[i] / std::sqrt(square));
  return vector;
}

}  // namespace kinglet
