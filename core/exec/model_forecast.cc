// What a budget would make of a model, before its weights are read.
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
constexpr int64_t kWaitNs = 100000000;

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// A bank as loading would open it, beside a session; its budget is all that is left for the two.
struct TrialBank {
  TrialBank(const kl_host& from, uint64_t budget_bytes) : host(from), budget(budget_bytes) {
    host.log = nullptr;  // trials are many; the bank's own description says what there is to say
  }

  kl_host host;
  Budget budget;
  Reservation session;
  std::unique_ptr<ExpertBank> bank;
};

absl::StatusOr<std::unique_ptr<TrialBank>> OpenTrial(const kl_bank& table, const kl_host& host,
                                                     const ExpertLayout& layout, std::unique_ptr<ExpertSource> source,
                                                     const MemoryNeeds& needs, const MemorySplit& split,
                                                     const ExpertOptions& options) {
  auto trial = std::make_unique<TrialBank>(host, split.bank_bytes + needs.session.sum());
  KL_ASSIGN_OR_RETURN(trial->bank,
                      ExpertBank::Open(table, &trial->host, layout, std::move(source), &trial->budget, options));
  KL_ASSIGN_OR_RETURN(trial->session, trial->budget.Reserve("a session", needs.session.sum()));
  trial->bank->Rebalance();
  return trial;
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

absl::StatusOr<MemoryForecast> Model::Forecast(const ModelOptions& options) const {
  MemoryForecast forecast;
  KL_ASSIGN_OR_RETURN(forecast.needs, Needs(options));
  forecast.program_now_bytes = program_now_bytes_;
  std::unique_ptr<ExpertSource> source;
  if (forecast.needs.without_experts.has_value()) {
    KL_ASSIGN_OR_RETURN(source, ChooseExpertSource(options));
    KL_RETURN_IF_ERROR(AddBankNeeds(*source, options.experts, &forecast.needs));
  }
  forecast.split = SplitMemory(forecast.needs, options.memory_bytes);
  if (!forecast.split.leaves_experts) return forecast;
  forecast.slot_bytes = source->abi().slot_bytes;
  forecast.prepared = source->prepared();
  KL_ASSIGN_OR_RETURN(const kl_bank* table, ExpertTable());
  KL_ASSIGN_OR_RETURN(const std::unique_ptr<TrialBank> trial,
                      OpenTrial(*table, *runtime_->registry().HostOf(table), prepared_->experts(), std::move(source),
                                forecast.needs, forecast.split, options.experts));
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
  const uint64_t free_bytes = needs.bank.least_bytes + needs.session.sum() +
                              (needs.expert_count / 4 + together) * needs.bank.bytes_per_slot;
  if (!split.leaves_experts) split.bank_bytes = BankBytes(needs.bank, needs.expert_count, free_bytes);
  KL_ASSIGN_OR_RETURN(const kl_bank* table, ExpertTable());
  KL_ASSIGN_OR_RETURN(const std::unique_ptr<TrialBank> trial,
                      OpenTrial(*table, *runtime_->registry().HostOf(table), prepared_->experts(), std::move(source),
                                needs, split, options.experts));
  // As deep as under the budget, but few slots, used again and again: pages that are written for the first time cost more
  // than reading does.
  Bank& bank = *trial->bank->bank();
  const uint64_t wanted = std::max<uint64_t>(uint64_t{2} * together, prepared_->experts().most_chosen());
  const uint64_t spare = bank.Stats().slot_count - std::min(bank.Stats().slot_count, wanted);
  trial->bank->Cap(trial->bank->budget_bytes() - spare * needs.bank.bytes_per_slot);
  trial->bank->Rebalance();
  const uint64_t record_count = prepared_->experts().record_count();
  const uint64_t slot_count = bank.Stats().slot_count;
  const uint64_t group = std::min<uint64_t>({std::max<uint32_t>(1, together), slot_count, record_count});
  uint64_t warming = (slot_count + group - 1) / group;  // groups that are not counted
  if ((warming + 1) * group > record_count) warming = 0;
  for (const auto& file : source_->files) file->Forget(0, file->size());
  std::vector<uint64_t> ids(record_count);
  std::iota(ids.begin(), ids.end(), 0);
  std::mt19937_64 random(1);
  std::shuffle(ids.begin(), ids.end(), random);
  ExpertProbe probe;
  std::vector<BankLease> leases(group);
  uint64_t warming_bytes = 0;
  for (uint64_t first = 0; first + group <= record_count; first += group) {
    const int64_t begin_ns = NowNs();
    KL_RETURN_IF_ERROR(ReadGroup(&bank, ids.data() + first, &leases));
    if (warming > 0) {
      --warming;
      warming_bytes = bank.Stats().read_bytes;
      continue;
    }
    probe.ns += NowNs() - begin_ns;
    ++probe.group_count;
    probe.read_bytes = bank.Stats().read_bytes - warming_bytes;
    if (probe.ns >= most_ns || probe.read_bytes >= kMostProbeBytes) break;
  }
  return probe;
}

}  // namespace kinglet
