// A loaded model: source, plan, kernels, weights, tokenizer. Shared by any number of sessions.
#ifndef KINGLET_CORE_EXEC_MODEL_H_
#define KINGLET_CORE_EXEC_MODEL_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/exec/expert_bank.h"
#include "core/exec/memory_bank.h"
#include "core/exec/memory_split.h"
#include "core/exec/plan.h"
#include "core/exec/prepared_plan.h"
#include "core/exec/runtime.h"
#include "core/exec/weight_stream.h"
#include "core/memory/budget.h"
#include "core/model/model_source.h"
#include "core/text/tokenizer.h"

namespace kinglet {

class Encoder;

// A memory bank to be joined to a model.
struct MemoryParts {
  std::unique_ptr<MemorySource> source;
  std::unique_ptr<ModelSource> encoder;  // NULL: texts cannot be routed, paths are given
  MemoryOptions options;
};
// The bank that brings what a budget leaves in files.
inline constexpr char kExpertBankName[] = "expert_bank";

struct ModelOptions {
  uint64_t memory_bytes = 0;     // budget for everything resident; 0: none
  bool vocabulary_only = false;  // tokenizer and metadata, no plan
  bool plan_only = false;        // plan and kernels, no weights: it cannot compute
  // Of the KV cache: f32, f16 or q8_0. NONE: f32 for a model whose weights are f32, so that the cache is not what limits its
  // precision, else f16.
  CacheTypes cache_types = {KL_TYPE_NONE, KL_TYPE_NONE};
  // Keep the packed weights in a file beside the model ("<path>.kinglet-packed"), and map them from there the next time.
  // Refused together with a budget.
  bool packed_cache = false;
  ProgressFunction progress;
  // Of the sessions that will be made (session.h): loading refuses a budget that would not hold one. 0: not known.
  int32_t session_context_length = 0;
  int32_t session_batch = 0;
  // Of experts that stay in their file because the budget is too small for all of them.
  ExpertOptions experts;
  std::string expert_profile;  // expert_profile.h: the hottest experts are pinned; empty: none
  std::string expert_file;  // from `kinglet prepare`; empty: the one beside the model, if it is there and fits
  // > 0: only the first layers, and no tokenizer: to learn from a part how fast the whole will be.
  int64_t layer_limit = 0;
  // What the process holds besides the model, instead of looking: tests want equal budgets to be equal. 0: look.
  uint64_t program_bytes = 0;
};

// How a budget would be used, known before any weight is read.
struct MemoryForecast {
  MemoryNeeds needs;
  MemorySplit split;
  uint64_t program_now_bytes = 0;  // of needs.program, what was there when it was measured
  // Of the bank; zeros and empty: all experts would be in memory.
  uint64_t slot_count = 0;
  uint64_t slot_bytes = 0;
  bool prepared = false;
  std::string bank_text;
  WeightStreamFacts stream;  // of large weights that would be read for every pass; all 0: none
  std::string stream_text;
};

// Records of a bank, not in its cache, read `together` at once, one group after the other.
struct ExpertProbe {
  uint64_t group_count = 0;
  uint64_t read_bytes = 0;  // with what alignment adds
  int64_t ns = 0;           // of all groups: from asking to having the last of each, verified and unpacked
  int64_t cpu_ns = 0;       // processor time of this process meanwhile
};

// Immutable and thread safe after loading. Borrows the runtime.
class Model {
 public:
  // Errors: unknown architecture (the known ones are listed), a plan that does not fit the file, no kernel, a budget too
  // small, a file that changed while it was read, a stop by `progress`; a memory bank (NULL: none) or encoder that was made
  // for another model.
  static absl::StatusOr<std::unique_ptr<Model>> Load(Runtime* runtime, std::unique_ptr<ModelSource> source,
                                                     const ModelOptions& options,
                                                     std::unique_ptr<MemoryParts> memory = nullptr);
  ~Model();

  Runtime* runtime() const { return runtime_; }
  const ModelSource& source() const { return *source_; }
  const Plan& plan() const { return plan_; }
  const PreparedPlan* prepared() const { return prepared_.get(); }  // NULL for vocabulary_only
  bool plan_only() const { return plan_only_; }                     // it cannot compute
  const Tokenizer* tokenizer() const { return tokenizer_.get(); }   // NULL: the file has no vocabulary
  // What the model and its sessions hold; thread safe.
  Budget* budget() const { return budget_.get(); }
  // The experts that stay in their file; NULL: everything is in memory.
  ExpertBank* experts() const { return experts_.get(); }
  // Large matrices that are read for every pass, because the budget does not hold them either; NULL: they are in memory.
  WeightStream* weight_stream() const { return weight_stream_.get(); }
  // NULL: the model has no memory bank.
  const MemoryBank* memory() const { return memory_.get(); }
  // Which way through the memory bank a text leads; waits while another thread asks. Errors: the model has no bank, the bank
  // no encoder, or what Encoder::Embed says.
  absl::StatusOr<MemoryPath> RouteMemory(absl::string_view text) const;
  const CacheTypes& cache_types() const { return cache_types_; }

  // Weight bytes that one decoded token reads at most: of expert tensors the share in use, of the embedding one row.
  uint64_t bytes_per_token() const { return bytes_per_token_; }
  // The block type that holds most bytes.
  kl_dtype main_type() const { return main_type_; }
  uint64_t parameter_count() const { return parameter_count_; }

  // What Load() would make of these options (memory_bytes, session_*, experts, expert_file); the same code decides. Of a
  // budget that is too small it says how things would be with the smallest one.
  absl::StatusOr<MemoryForecast> Forecast(const ModelOptions& options) const;
  // Reads some records again and again through a bank as Load() would open it with these options, once and then for about
  // `most_ns`. What the system has of the files in its cache is dropped before. Error: the experts cannot be left in their file; the bank's.
  absl::StatusOr<ExpertProbe> ProbeExperts(const ModelOptions& options, uint32_t together, int64_t most_ns) const;
  // What streaming the large weights would cost with nothing of them kept, measured. Error: there are none.
  absl::StatusOr<WeightStreamFacts> ProbeWeights(const ModelOptions& options) const;

  // DataLoss when a page of the file could not be read since loading.
  absl::Status CheckFiles() const;

  // Identifies the weights for session files: names, types, shapes and the first bytes of every tensor. Computed once.
  uint64_t Fingerprint() const;

 private:
  Model(Runtime* runtime, std::unique_ptr<ModelSource> source);
  absl::Status ChooseCacheTypes(const CacheTypes& wanted);
  absl::Status BuildPlan();
  // Checks that they fit the plan; loads the encoder.
  absl::Status JoinMemory(const ModelOptions& options, std::unique_ptr<MemoryParts> parts);
  // What a joined memory bank and its encoder take of a budget for everything.
  uint64_t JoinedBytes() const;
  absl::Status OpenMemory();
  absl::StatusOr<const kl_bank*> MemoryTable() const;
  // The file of packed weights, and what it has to fit.
  PackedCacheOptions CacheOptions() const;
  // Gives back what was read of the mapped files. What stays of the weights is WeightStore's business.
  void ForgetFiles() const;
  // What the process holds besides the model.
  uint64_t ProgramNow() const;
  // What is left in its file; refuses a budget that is too small.
  absl::Status DecideMemory(const ModelOptions& options);
  // All but the banks'.
  absl::StatusOr<MemoryNeeds> Needs(const ModelOptions& options) const;
  absl::Status AddBankNeeds(const ExpertSource& source, const ExpertOptions& options, MemoryNeeds* needs) const;
  // Nothing where no weights could be streamed.
  absl::Status AddStreamNeeds(const StreamedWeights& weights, const ModelOptions& options, MemoryNeeds* needs) const;
  absl::Status OpenWeights(const ModelOptions& options);
  absl::StatusOr<std::unique_ptr<ExpertSource>> ChooseExpertSource(const ModelOptions& options) const;
  // Refuses another model's profile, also where all experts are in memory and none need be pinned.
  absl::StatusOr<std::vector<uint64_t>> ReadHotExperts(const std::string& profile_path) const;
  absl::Status OpenExperts(const ModelOptions& options, std::vector<uint64_t> hot_records);
  absl::Status LimitLayers(int64_t limit);
  struct Trial;
  absl::StatusOr<std::unique_ptr<Trial>> TryBank(std::unique_ptr<ExpertSource> source, uint64_t bank_bytes,
                                                 const ModelOptions& options) const;
  absl::StatusOr<std::unique_ptr<Trial>> TryStream(const StreamedWeights& weights, uint64_t stream_bytes,
                                                   const ModelOptions& options) const;
  absl::StatusOr<const kl_bank*> ExpertTable() const;
  // That what a plugin built can be run by a session.
  absl::Status CheckPlan() const;
  absl::Status CheckVocabulary() const;
  void CountTensors();
  void CountBytesPerToken();

  Runtime* const runtime_;
  const std::unique_ptr<ModelSource> source_;
  Plan plan_;
  std::unique_ptr<PreparedPlan> prepared_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::unique_ptr<Budget> budget_;
  Reservation process_reservation_;
  std::unique_ptr<ExpertSource> expert_source_;  // until the bank has it
  std::unique_ptr<ExpertBank> experts_;
  MemorySplit split_;                     // of the budget
  SessionNeeds session_;                  // that it was made for
  std::unique_ptr<WeightStream> weight_stream_;
  std::unique_ptr<MemoryBank> memory_;
  uint64_t memory_bytes_ = 0;  // for the bank
  std::unique_ptr<Encoder> encoder_;
  Reservation encoder_reservation_;
  mutable std::once_flag fingerprint_once_;
  mutable uint64_t fingerprint_ = 0;
  CacheTypes cache_types_;
  bool plan_only_ = false;
  uint64_t program_now_bytes_ = 0;  // when the plan was there
  uint64_t bytes_per_token_ = 0;
  uint64_t parameter_count_ = 0;
  kl_dtype main_type_ = KL_TYPE_NONE;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_MODEL_H_
