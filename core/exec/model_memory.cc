// What of a model a budget keeps in memory, and the banks that bring the rest.
#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/process_memory.h"
#include "core/base/status.h"
#include "core/exec/expert_file.h"
#include "core/exec/expert_profile.h"
#include "core/exec/model.h"
#include "core/exec/session.h"
#include "core/memory/kv_cache.h"

namespace kinglet {
namespace {

// What the process still takes once the plugins and the tokenizer are there: stacks, sampler, what the allocator keeps.
constexpr uint64_t kProcessGrowthBytes = 16 << 20;

// What a process runs of its code; most of oneDNN and XNNPACK serves other models. Not what is resident of it at the moment:
// that follows the page cache and differs by megabytes between processes, which must agree on the smallest budget.
uint64_t CodeInUse(const ProcessMemory& memory) { return std::max(memory.resident_file_bytes, memory.code_bytes / 2); }

SessionOptions SessionOf(const ModelOptions& options) {
  SessionOptions session;
  session.context_length = options.session_context_length;
  if (options.session_batch > 0) session.batch = options.session_batch;
  return session;
}

absl::Status TooSmall(const MemoryNeeds& needs, const MemorySplit& split, uint64_t budget_bytes,
                      const std::string& path) {
  std::string text = absl::StrCat("memory budget: ", budget_bytes,
                                  " bytes are too few; the smallest budget that works is ",
                                  SafeBudget(split.smallest_bytes), " bytes (the program ", needs.program,
                                  split.leaves_weights ? ", small weights " : ", weights ",
                                  KeptWeights(needs, split).resident_bytes());
  if (split.leaves_weights) absl::StrAppend(&text, ", a ring of large ones ", needs.stream->bank.least_bytes);
  if (split.leaves_experts) absl::StrAppend(&text, ", experts of one token ", needs.bank.least_bytes);
  const uint64_t session = (split.leaves_weights ? needs.stream->session : needs.session).sum();
  if (session > 0) absl::StrAppend(&text, ", a session ", session);
  return absl::OutOfRangeError(absl::StrCat(text, "): ", path));
}

}  // namespace

void Model::ForgetFiles() const {
  for (const auto& file : source_->files) file->Forget(0, file->size());
}

uint64_t Model::ProgramNow() const {
  ForgetFiles();  // the header and the vocabulary; nobody looks at them again
  const auto memory = ReadProcessMemory();
  return memory.ok() ? memory->resident_bytes - memory->resident_file_bytes + CodeInUse(*memory) : 0;
}

absl::StatusOr<MemoryNeeds> Model::Needs(const ModelOptions& options) const {
  MemoryNeeds needs;
  needs.program = options.program_bytes != 0 ? options.program_bytes : program_now_bytes_ + kProcessGrowthBytes;
  needs.program += JoinedBytes();
  KL_ASSIGN_OR_RETURN(needs.whole, prepared_->NeedsWithout(LeftWeights()));
  needs.session_known = options.session_batch > 0;
  needs.context_known = options.session_context_length > 0;
  KL_ASSIGN_OR_RETURN(needs.session,
                      Session::Needs(*prepared_, /*streamed=*/nullptr, runtime_->planner(), SessionOf(options)));
  if (!needs.session_known) needs.session = SessionNeeds();
  const ExpertLayout& experts = prepared_->experts();
  if (!experts.streamable().ok()) return needs;
  LeftWeights left;
  left.experts = true;
  KL_ASSIGN_OR_RETURN(needs.without_experts, prepared_->NeedsWithout(left));
  needs.expert_count = experts.record_count();
  if (!needs.context_known) {
    KL_ASSIGN_OR_RETURN(needs.longest_cache, KvCache::RequiredBytes(CacheSpecs(plan_), plan_.facts.context_length,
                                                                    kTypicalExtents.tokens));
  }
  return needs;
}

absl::Status Model::AddBankNeeds(const ExpertSource& source, const ExpertOptions& options, MemoryNeeds* needs) const {
  KL_ASSIGN_OR_RETURN(const kl_bank* table, ExpertTable());
  KL_ASSIGN_OR_RETURN(needs->bank, ExpertBank::Needs(*table, prepared_->experts(), source, options));
  return absl::OkStatus();
}

absl::Status Model::AddStreamNeeds(const StreamedWeights& weights, const ModelOptions& options,
                                   MemoryNeeds* needs) const {
  if (weights.nodes().empty()) return absl::OkStatus();
  KL_ASSIGN_OR_RETURN(const kl_bank* table, ExpertTable());
  StreamNeeds stream;
  LeftWeights left;
  left.experts = needs->without_experts.has_value();
  left.large = &weights;
  KL_ASSIGN_OR_RETURN(stream.kept, prepared_->NeedsWithout(left));
  KL_ASSIGN_OR_RETURN(stream.session, Session::Needs(*prepared_, &weights, runtime_->planner(), SessionOf(options)));
  KL_ASSIGN_OR_RETURN(stream.bank, WeightStream::Needs(*table, weights, options.experts.reader));
  stream.record_count = weights.record_count();
  needs->stream = stream;
  return absl::OkStatus();
}

absl::Status Model::DecideMemory(const ModelOptions& options) {
  KL_ASSIGN_OR_RETURN(MemoryNeeds needs, Needs(options));
  if (needs.without_experts.has_value() && WholeBytes(needs) > options.memory_bytes) {
    KL_ASSIGN_OR_RETURN(expert_source_, ChooseExpertSource(options));
    KL_RETURN_IF_ERROR(AddBankNeeds(*expert_source_, options.experts, &needs));
  }
  split_ = SplitMemory(needs, options.memory_bytes);
  if (!split_.fits) {
    KL_RETURN_IF_ERROR(AddStreamNeeds(*prepared_->StreamableWeights(), options, &needs));
    split_ = SplitMemory(needs, options.memory_bytes);
  }
  if (!split_.fits) return TooSmall(needs, split_, options.memory_bytes, source_->path);
  if (split_.leaves_experts) KL_RETURN_IF_ERROR(prepared_->LeaveExperts());
  if (split_.leaves_weights) KL_RETURN_IF_ERROR(prepared_->LeaveWeights());
  session_ = SessionBeside(needs, split_);
  KL_ASSIGN_OR_RETURN(process_reservation_, budget_->Reserve("the program", needs.program));
  return absl::OkStatus();
}

absl::Status Model::OpenWeights(const ModelOptions& options) {
  KL_ASSIGN_OR_RETURN(const kl_bank* table, ExpertTable());
  KL_ASSIGN_OR_RETURN(weight_stream_,
                      WeightStream::Open(*table, runtime_->registry().HostOf(table), *prepared_->streamed_weights(),
                                         options.experts.reader, split_.stream_bytes, budget_.get()));
  KL_RETURN_IF_ERROR(weight_stream_->MeasureReading());
  const WeightStreamFacts& facts = weight_stream_->facts();
  runtime_->registry().host().log().Warning(absl::StrFormat(
      "%s: the budget does not hold the weights: %.1f of %.1f MB are read for each token or batch, which takes %.0f ms at "
      "the %.2f GB/s measured now: about %.1f tokens/s at most",
      source_->path, static_cast<double>(facts.bytes_per_pass()) / 1e6, static_cast<double>(facts.total_bytes) / 1e6,
      facts.seconds_per_pass() * 1e3, static_cast<double>(facts.bytes_per_second) / 1e9,
      1.0 / std::max(1e-9, facts.seconds_per_pass())));
  return absl::OkStatus();
}

absl::Status Model::OpenExperts(const ModelOptions& options, std::vector<uint64_t> hot_records) {
  ExpertOptions experts = options.experts;
  experts.hot_records = std::move(hot_records);
  KL_ASSIGN_OR_RETURN(const kl_bank* table, ExpertTable());
  // Held while the bank plans: how many reads it buffers is decided once, and must still be right when a session has taken
  // its share.
  Reservation session;
  if (session_.sum() > 0) {
    KL_ASSIGN_OR_RETURN(session, budget_->Reserve("a session", session_.sum()));
  }
  KL_ASSIGN_OR_RETURN(experts_, ExpertBank::Open(*table, runtime_->registry().HostOf(table), prepared_->experts(),
                                                 std::move(expert_source_), budget_.get(), experts));
  return absl::OkStatus();
}

absl::StatusOr<const kl_bank*> Model::ExpertTable() const {
  const kl_bank* table = runtime_->registry().FindBank(kExpertBankName);
  if (table != nullptr) return table;
  return absl::UnimplementedError(absl::StrCat("the budget is too small for all weights, and no loaded plugin brings the "
                                               "bank \"", kExpertBankName, "\" that streams them; is the plugin expert_bank there?"));
}

absl::StatusOr<std::unique_ptr<ExpertSource>> Model::ChooseExpertSource(const ModelOptions& options) const {
  const ExpertLayout& layout = prepared_->experts();
  const bool named = !options.expert_file.empty();
  const std::string path = named ? options.expert_file : ExpertFileBeside(source_->path);
  std::error_code ignored;
  // A file beside the model is of all its layers.
  if (named || (options.layer_limit == 0 && std::filesystem::exists(path, ignored))) {
    auto prepared = ExpertSource::OfFile(layout, path, Fingerprint());
    ForgetFiles();  // a page of each tensor
    if (prepared.ok() || named) return prepared;
    KL_ASSIGN_OR_RETURN(const kl_bank* table, ExpertTable());
    const kl_host* host = runtime_->registry().HostOf(table);
    host->log(host, KL_LOG_WARNING,
              absl::StrCat("experts are read from the model instead: ", prepared.status().message()).c_str());
  }
  return ExpertSource::OfModel(layout);
}

absl::StatusOr<std::vector<uint64_t>> Model::ReadHotExperts(const std::string& profile_path) const {
  KL_ASSIGN_OR_RETURN(const ExpertProfile profile, ReadExpertProfile(profile_path));
  return HottestRecords(profile, prepared_->experts(), Fingerprint(), profile_path, source_->path);
}

}  // namespace kinglet
