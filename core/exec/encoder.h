// A text encoder: a model whose hidden states, averaged over a text's tokens, say what the text is
// about.
//
//   vector = l2_normalised(mean over tokens of the final norm's output)
//
// A file of an architecture that knows `<architecture>.pooling_type` = 1 (the Llama family).
// Tokens: the file's tokenizer with the special tokens that the file asks for, at most kMostTokens;
// what comes after them is not read.
#ifndef KINGLET_CORE_EXEC_ENCODER_H_
#define KINGLET_CORE_EXEC_ENCODER_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/exec/model.h"
#include "core/exec/session.h"

namespace kinglet {

// Thread safe: one text at a time, others wait.
class Encoder {
 public:
  static constexpr int32_t kMostTokens = 256;

  // Errors: the model is no encoder or has no tokenizer.
  static absl::StatusOr<std::unique_ptr<Encoder>> Create(std::unique_ptr<Model> model);

  const Model& model() const { return *model_; }
  int64_t width() const { return model_->plan().facts.embedding_length; }
  // Resident once it was used: weights, cache, activations.
  uint64_t bytes() const;

  // f32 [width()], of length 1. The same for any number of threads. Errors: no text.
  absl::StatusOr<std::vector<float>> Embed(absl::string_view text);

 private:
  Encoder() = default;

  std::unique_ptr<Model> model_;
  std::unique_ptr<Session> session_;  // after the model
  std::mutex mutex_;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_ENCODER_H_
