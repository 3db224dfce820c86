// One conversation with a model: tokens so far, KV cache, activations, sampler.
//
//   prefill(prompt)  ->  logits of its last token
//   loop: token = sample();  decode(token)
#ifndef KINGLET_CORE_EXEC_SESSION_H_
#define KINGLET_CORE_EXEC_SESSION_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/exec/model.h"
#include "core/exec/program.h"
#include "core/exec/session_needs.h"
#include "core/memory/kv_cache.h"
#include "core/text/sampler.h"

namespace kinglet {

struct SessionOptions {
  int32_t context_length = 0;  // 0: the model's. Rows are resident only once they are written
  int32_t batch = 512;         // most tokens computed at once
  SamplerOptions sampler;
  // Compute every logit of every token, also those that the sampler does not look at.
  bool full_logits = false;
  // Of an Encoder, whose model makes no logits.
  bool encodes = false;
};

// Where the tokens of one batch were routed.
struct RoutedBatch {
  size_t token_count = 0;
  int32_t first_position = 0;
  bool prompt = false;
  uint32_t layer_count = 0;   // with experts
  uint32_t place_count = 0;   // most experts of a token in a layer
  uint32_t expert_count = 0;  // most experts of a layer
  const uint16_t* experts = nullptr;  // [token_count][layer_count][place_count]; empty places 0xffff
};

enum class StopReason { kEndToken, kLength, kContext, kCallback, kCancelled };

struct Generation {
  StopReason stop = StopReason::kEndToken;
  uint64_t token_count = 0;
  int64_t decode_ns = 0;
};

// One thread at a time, except Cancel(). Borrows the model.
class Session {
 public:
  using TextFunction = std::function<bool(absl::string_view text)>;
  using LogitsFunction = std::function<bool(size_t index, absl::Span<const float> logits)>;

  using RoutingFunction = std::function<void(const RoutedBatch& batch)>;

  static absl::StatusOr<std::unique_ptr<Session>> Create(const Model* model, const SessionOptions& options);

  // What such a session will reserve in the model's budget: all of its activations, and its cache if the context is asked for.
  // `streamed`: the large weights that would not be in memory then; NULL: all are.
  static absl::StatusOr<SessionNeeds> Needs(const PreparedPlan& prepared, const StreamedWeights* streamed,
                                            const kl_planner& planner, const SessionOptions& options);

  const Model& model() const { return *model_; }
  int32_t context_length() const { return static_cast<int32_t>(program_->largest().context); }
  int32_t position() const { return static_cast<int32_t>(tokens_.size()); }
  const std::vector<int32_t>& tokens() const { return tokens_; }

  // Computes tokens in batches; the logits of the last one are then there. On an error or a stop the batches that were
  // done stay. Errors: an id outside the vocabulary, the context is full, cancelled.
  absl::Status Prefill(absl::Span<const int32_t> tokens, const ProgressFunction& progress);
  // The same, handing out the logits of every token.
  absl::Status PrefillLogits(absl::Span<const int32_t> tokens, const LogitsFunction& row);

  // Forgets the tokens from `position` on, and the logits. Refused where a sliding window has already moved past it.
  absl::Status Rewind(int32_t position);

  // f32 [vocabulary] of the last computed token; empty before the first and after a rewind. Until the next call.
  // Computes what the sampler did not need, and was left out so far.
  absl::StatusOr<absl::Span<const float>> Logits();

  absl::Status SetSampler(const SamplerOptions& options);
  // Draws the next token from the logits; it counts for the penalties once it is decoded.
  absl::StatusOr<int32_t> Sample();

  // Samples and decodes. `text` gets whole UTF-8 characters. Needs a tokenizer and logits.
  absl::StatusOr<Generation> Generate(int64_t max_tokens, const TextFunction& text);

  // Called after every batch; empty: no more. Error: the model has no experts.
  absl::Status WatchRouting(RoutingFunction routed);

  // From any thread: the running call stops between two nodes. No effect on later calls.
  void Cancel() { cancelled_.store(true, std::memory_order_relaxed); }

  // What the tokens computed from now on remember: the blocks on this path, or without a path generic ones. The cache is
  // kept. Starts to read and returns; the next tokens wait for what is not there then. Errors: the model has no memory bank,
  // the path is not one of the bank's.
  absl::Status SetMemoryPath(const std::optional<MemoryPath>& path);
  // Until all blocks of the path are there. Error: a block could not be read; cancelled.
  absl::Status AwaitMemory();
  const std::optional<MemoryPath>& memory_path() const { return memory_path_; }
  // Of the last fetch; NULL for a model without a memory bank.
  const MemoryFetchStats* memory_stats() const;

  absl::Status Save(const std::string& path);
  absl::Status Restore(const std::string& path);

  // Measures the session's runs node by node; see Program::SetProfiling.
  void SetProfiling(bool on) { program_->SetProfiling(on); }
  const std::vector<NodeProfile>& profile() const { return program_->profile(); }

  uint64_t cache_bytes() const { return cache_->bytes(); }
  uint64_t arena_bytes() const { return program_->arena_bytes(); }

 private:
  explicit Session(const Model* model) : model_(model) {}
  // One batch: at most largest().tokens tokens, logits of the last `outputs` of them; of each the `wanted_count` largest,
  // 0: all.
  absl::Status Compute(absl::Span<const int32_t> tokens, int64_t outputs, uint32_t wanted_count);
  // How many of the largest logits the sampler looks at once `more_count` tokens are accepted; 0: all.
  uint32_t WantedCount(size_t more_count) const;
  void ReportRouting(size_t token_count);
  // The model's memory bank, or why there is nothing to set.
  absl::StatusOr<const MemoryBank*> CheckedMemory() const;
  absl::Status CheckTokens(absl::Span<const int32_t> tokens) const;
  // The penalties' history from tokens_; the random generator goes on where it is.
  absl::Status RefillSampler();

  const Model* const model_;
  std::unique_ptr<KvCache> cache_;
  std::unique_ptr<Program> program_;
  std::unique_ptr<Sampler> sampler_;
  std::vector<int32_t> tokens_;
  std::optional<MemoryPath> memory_path_;
  absl::Span<const float> logits_;
  bool full_logits_ = false;
  uint32_t wanted_count_ = 0;  // how many of logits_ are there; 0: all
  RoutingFunction routed_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_SESSION_H_
