// What a budget would make of a model, before its weights are read.
#include <time.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <random>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/exec/model.h"

namespace kinglet {
namespace {

// Enough for any storage to show its speed, and little beside a budget.
constexpr uint64_t kMostProbeBytes = uint64_t{512} << 20;
// Read once before they count. Storage may have caches of its own (another machine's memory, a drive's), and a conversation
// misses experts that its prompt has read; and slots that were never written cost more than reading does.
constexpr uint64_t kProbedRecords = 24;
constexpr int kMostPasses = 32;
constexpr int64_t kWaitNs = 100000000;

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

int64_t CpuNs() {
  timespec used = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return used.tv_sec * int64_t{1000000000} + used.tv_nsec;
}

// Has all of `leases` at the same time, then none.
absl::Status ReadGroup(Bank* bank, const uint64_t* ids, std::vector<BankLease>* leases) {
  KL_ASSIGN_OR_RETURN(BankTicket ticket, bank->Submit(ids, static_cast<uint32_t>(leases->size())));
  for (size_t done = 0; done < leases->size();) {
    const kl_bank_answer answer = ticket.Next(kWaitNs, &(*leases)[done]);
    if (answer == KL_BANK_READY) ++done;
    if (answer == KL_BANK_FAILED) return ticket.status();
    if (answer == KL_BANK_DONE || answer == KL_BANK_EXHAUSTED) {
      return absl::InternalError(absl::StrCat("the bank handed out ", done, " of ", leases->size(),
                                              " records; the bank is defective"));
    }
  }
  for (BankLease& lease : *leases) lease.Release();
  return absl::OkStatus();
}

}  // namespace

// Banks as loading would open them, in a budget of their own.
struct Model::Trial {
  Trial(const kl_host& from, uint64_t budget_bytes) : host(from), budget(budget_bytes) {
    host.log = nullptr;  // trials are many; a bank's own description says what there is to say
  }

  kl_host host;
  Budget budget;
  std::unique_ptr<ExpertBank> bank;
  std::unique_ptr<WeightStream> stream;
};

absl::StatusOr<std::unique_ptr<Model::Trial>> Model::TryBank(std::unique_ptr<ExpertSource> source, uint64_t bank_bytes,
                                                             const ModelOptions& options) const {
  KL_ASSIGN_OR_RETURN(const kl_bank* table, ExpertTable());
  auto trial = std::make_unique<Trial>(*runtime_->registry().HostOf(table), bank_bytes);
  ExpertOptions experts = options.experts;
  experts.heeds_pressure = false;
  KL_ASSIGN_OR_RETURN(trial->bank, ExpertBank::Open(*table, &trial->host, prepared_->experts(), std::move(source),
                                                    &trial->budget, experts));
  return trial;
}

absl::StatusOr<std::unique_ptr<Model::Trial>> Model::TryStream(const StreamedWeights& weights, uint64_t stream_bytes,
                                                               const ModelOptions& options) const {
  KL_ASSIGN_OR_RETURN(const kl_bank* table, ExpertTable());
  auto trial = std::make_unique<Trial>(*runtime_->registry().HostOf(table), stream_bytes);
  KL_ASSIGN_OR_RETURN(trial->stream, WeightStream::Open(*table, &trial->host, weights, options.experts.reader,
                                                        stream_bytes, &trial->budget));
  return trial;
}

absl::StatusOr<MemoryForecast> Model::Forecast(const ModelOptions& options) const {
  MemoryForecast forecast;
  KL_ASSIGN_OR_RETURN(forecast.needs, Needs(options));
  forecast.program_now_bytes = program_now_bytes_;
  std::unique_ptr<ExpertSource> source;
  if (forecast.needs.without_experts.has_value()) {
    KL_ASSIGN_OR_RETURN(source, ChooseExpertSource(options));
    KL_RETURN_IF_ERROR(AddBankNeeds(*source, options.experts, &forecast.needs));
  }
  const std::unique_ptr<StreamedWeights> weights = prepared_->StreamableWeights();
  if (runtime_->registry().FindBank(kExpertBankName) != nullptr) {
    KL_RETURN_IF_ERROR(AddStreamNeeds(*weights, options, &forecast.needs));
  }
  forecast.split = SplitMemory(forecast.needs, options.memory_bytes);
  if (forecast.split.leaves_weights) {
    KL_ASSIGN_OR_RETURN(const std::unique_ptr<Trial> trial, TryStream(*weights, forecast.split.stream_bytes, options));
    forecast.stream = trial->stream->facts();
    forecast.stream_text = trial->stream->bank()->Describe();
  }
  if (!forecast.split.leaves_experts) return forecast;
  forecast.slot_bytes = source->abi().slot_bytes;
  forecast.prepared = source->prepared();
  KL_ASSIGN_OR_RETURN(const std::unique_ptr<Trial> trial, TryBank(std::move(source), forecast.split.bank_bytes, options));
  forecast.split.bank_bytes = trial->bank->budget_bytes();
  forecast.slot_count = trial->bank->bank()->Stats().slot_count;
  forecast.bank_text = trial->bank->bank()->Describe();
  return forecast;
}

absl::StatusOr<ExpertProbe> Model::ProbeExperts(const ModelOptions& options, uint32_t together, int64_t most_ns) const {
  KL_RETURN_IF_ERROR(prepared_->experts().streamable());
  KL_ASSIGN_OR_RETURN(MemoryNeeds needs, Needs(options));
  KL_ASSIGN_OR_RETURN(std::unique_ptr<ExpertSource> source, ChooseExpertSource(options));
  KL_RETURN_IF_ERROR(AddBankNeeds(*source, options.experts, &needs));
  MemorySplit split = SplitMemory(needs, options.memory_bytes);
  // Where everything would be in memory there is no bank to imitate: a quarter of the experts.
  const uint64_t free_bytes = needs.bank.least_bytes + (needs.expert_count / 4 + together) * needs.bank.bytes_per_slot;
  if (!split.leaves_experts) split.bank_bytes = BankBytes(needs.bank, needs.expert_count, free_bytes);
  KL_ASSIGN_OR_RETURN(const std::unique_ptr<Trial> trial, TryBank(std::move(source), split.bank_bytes, options));
  // As deep as under the budget, but few slots, used again and again: pages that are written for the first time cost more
  // than reading does.
  Bank& bank = *trial->bank->bank();
  const uint64_t wanted = std::max<uint64_t>(uint64_t{2} * together, prepared_->experts().most_chosen());
  const uint64_t spare = bank.Stats().slot_count - std::min(bank.Stats().slot_count, wanted);
  trial->bank->Cap(trial->bank->budget_bytes() - spare * needs.bank.bytes_per_slot);
  trial->bank->Rebalance();
  const uint64_t record_count = prepared_->experts().record_count();
  const uint64_t group = std::min<uint64_t>({std::max<uint32_t>(1, together), bank.Stats().slot_count, record_count});
  ForgetFiles();
  std::vector<uint64_t> ids(record_count);
  std::iota(ids.begin(), ids.end(), 0);
  std::mt19937_64 random(1);
  std::shuffle(ids.begin(), ids.end(), random);
  ids.resize(std::min(record_count, std::max(kProbedRecords, 4 * group)));  // the trial has slots for 2 * group
  std::vector<BankLease> leases(group);
  ExpertProbe first_pass, probe;
  for (int pass = 0; pass < kMostPasses; ++pass) {
    ExpertProbe* counted = pass == 0 ? &first_pass : &probe;
    for (uint64_t first = 0; first + group <= ids.size(); first += group) {
      const kl_bank_stats before = bank.Stats();
      const int64_t begin_ns = NowNs(), begin_cpu_ns = CpuNs();
      KL_RETURN_IF_ERROR(ReadGroup(&bank, ids.data() + first, &leases));
      const int64_t ns = NowNs() - begin_ns, cpu_ns = CpuNs() - begin_cpu_ns;
      const kl_bank_stats after = bank.Stats();
      if (after.hit_count != before.hit_count) continue;  // the cache kept one of them
      counted->ns += ns;
      counted->cpu_ns += cpu_ns;
      ++counted->group_count;
      counted->read_bytes += after.read_bytes - before.read_bytes;
      if (probe.ns >= most_ns || probe.read_bytes >= kMostProbeBytes) return probe;
    }
  }
  if (probe.group_count == 0) return first_pass;  // so few records that the cache keeps them
  return probe;
}

absl::StatusOr<WeightStreamFacts> Model::ProbeWeights(const ModelOptions& options) const {
  const std::unique_ptr<StreamedWeights> weights = prepared_->StreamableWeights();
  MemoryNeeds needs;
  KL_RETURN_IF_ERROR(AddStreamNeeds(*weights, options, &needs));
  if (!needs.stream.has_value()) {
    return absl::FailedPreconditionError(absl::StrCat(source_->path, ": no weights that could be streamed"));
  }
  KL_ASSIGN_OR_RETURN(const std::unique_ptr<Trial> trial,
                      TryStream(*weights, needs.stream->bank.least_bytes, options));
  ForgetFiles();
  KL_RETURN_IF_ERROR(trial->stream->MeasureReading());
  return trial->stream->facts();
}

}  // namespace kinglet
