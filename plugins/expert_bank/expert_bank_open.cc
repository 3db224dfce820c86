// Opening a bank, closing it, and what it says about itself.
#include <algorithm>
#include <cstring>

#include "core/abi/error.h"
#include "plugins/expert_bank/expert_bank.h"

namespace expert_bank {
namespace {

using Number = unsigned long long;  // NOLINT: what %llu takes

constexpr size_t kRememberedGuesses = 64;
constexpr uint32_t kMostFinishers = 16;
constexpr uint32_t kMostReadsUnderWay = 256;

// The options as the newest version knows them; what the host's version lacks is zero.
struct Options {
  const kl_bank_source* source = nullptr;
  const char* policy = nullptr;
  const char* reader = nullptr;
  uint32_t queue_depth = 0;
  uint32_t thread_count = 0;
  kl_bank_verify verify = KL_BANK_VERIFY_ALWAYS;
};

kl_code ReadOptions(const kl_bank_options& options, Options* read, kl_error* error) {
  if (KL_HAS_FIELD(&options, kl_bank_options, source)) read->source = options.source;
  if (KL_HAS_FIELD(&options, kl_bank_options, policy)) read->policy = options.policy;
  if (KL_HAS_FIELD(&options, kl_bank_options, reader)) read->reader = options.reader;
  if (KL_HAS_FIELD(&options, kl_bank_options, queue_depth)) read->queue_depth = options.queue_depth;
  if (KL_HAS_FIELD(&options, kl_bank_options, thread_count)) {
    read->thread_count = options.thread_count;
  }
  if (KL_HAS_FIELD(&options, kl_bank_options, verify)) read->verify = options.verify;
  if (read->source == nullptr || !KL_HAS_FIELD(read->source, kl_bank_source, context)) {
    return kl_fail(error, KL_INVALID_ARGUMENT,
                   "expert_bank needs kl_bank_options.source: it finds no records in tiers");
  }
  if (read->verify > KL_BANK_VERIFY_NEVER) {
    return kl_fail(error, KL_INVALID_ARGUMENT, "verify is %u, expected one of KL_BANK_VERIFY_*",
                   read->verify);
  }
  return KL_OK;
}

MemoryNeeds NeedsOf(const Options& options, uint32_t min_lease_count, uint32_t finishers) {
  MemoryNeeds needs;
  needs.record_count = options.source->record_count;
  needs.min_lease_count = min_lease_count;
  needs.queue_depth = options.queue_depth;
  needs.finisher_count = finishers;
  return needs;
}

// Verifying and unpacking must not take the cores that compute from them.
uint32_t FinisherCount(const Options& options, uint32_t core_count) {
  if (options.thread_count > 0) return std::min(options.thread_count, kMostFinishers);
  return core_count > 2 ? 2 : 1;
}

kl_code CheckRecordsLieInFiles(const kl_bank_source& source, const Files& files, kl_error* error) {
  for (uint64_t id = 0; id < source.record_count; ++id) {
    for (uint32_t i = 0; i < source.records[id].piece_count; ++i) {
      const kl_bank_piece& piece = source.records[id].pieces[i];
      const uint64_t end = piece.offset + piece.bytes;
      if (end <= files.bytes(piece.file)) continue;
      return kl_fail(error, KL_DATA_CORRUPT,
                     "record %llu ends at byte %llu of %s, which has %llu: the file is cut short",
                     Number{id}, Number{end}, files.ShortName(piece.file).c_str(),
                     Number{files.bytes(piece.file)});
    }
  }
  return KL_OK;
}

}  // namespace

kl_code ExpertBank::QueryBudget(const kl_bank_options& options, uint64_t* least_bytes,
                                uint64_t* bytes_per_slot, kl_error* error) {
  Options read;
  kl_code code = ReadOptions(options, &read, error);
  Layout layout;
  if (code == KL_OK) code = MakeLayout(*read.source, &layout, error);
  if (code != KL_OK) return code;
  // Which reader it will be is not known before the files are open: the dearest that may be.
  MemoryNeeds needs = NeedsOf(read, options.min_lease_count, kMostFinishers);
  if (read.thread_count > 0) needs.finisher_count = FinisherCount(read, 1);
  needs.pool = read.reader == nullptr || strcmp(read.reader, "io_uring") != 0;
  needs.buffered = read.reader == nullptr || strcmp(read.reader, "buffered") == 0;
  MemoryPlan plan;
  code = PlanMemory(layout, needs, UINT64_MAX / 2, &plan, error);
  if (code != KL_OK) return code;
  *least_bytes = plan.least_bytes;
  *bytes_per_slot = plan.slot_bytes;
  return KL_OK;
}

ExpertBank::ExpertBank(const kl_host* host, const kl_bank_source& source)
    : host_(host), source_(source) {}

kl_code ExpertBank::Open(const kl_host* host, const kl_bank_options& options,
                         const Surroundings& surroundings, std::unique_ptr<ExpertBank>* bank,
                         kl_error* error) {
  Options read;
  kl_code code = ReadOptions(options, &read, error);
  if (code != KL_OK) return code;
  std::unique_ptr<ExpertBank> opened(new ExpertBank(host, *read.source));
  code = opened->Init(options, surroundings, error);
  if (code == KL_OK) *bank = std::move(opened);
  return code;
}

kl_code ExpertBank::Init(const kl_bank_options& options, const Surroundings& surroundings,
                         kl_error* error) {
  Options read;
  kl_code code = ReadOptions(options, &read, error);
  if (code == KL_OK) code = MakeLayout(source_, &layout_, error);
  ReaderKind kind = ReaderKind::kUring;
  if (code == KL_OK) {
    code = ChooseReader(read.reader, source_.paths, source_.path_count, surroundings.offers,
                        &files_, &kind, &reason_, error);
  }
  if (code == KL_OK) code = CheckRecordsLieInFiles(source_, files_, error);
  if (code != KL_OK) return code;

  const uint32_t cores =
      host_ != nullptr && host_->cpu != nullptr ? host_->cpu->physical_core_count : 1;
  MemoryNeeds needs = NeedsOf(read, options.min_lease_count, FinisherCount(read, cores));
  needs.pool = kind != ReaderKind::kUring;
  needs.buffered = kind == ReaderKind::kBuffered;
  code = PlanMemory(layout_, needs, options.budget_bytes, &plan_, error);
  if (code != KL_OK) return code;
  min_lease_count_ =
      static_cast<uint32_t>(std::min<uint64_t>(options.min_lease_count, source_.record_count));
  verify_ = read.verify;

  policy_ = MakePolicy(read.policy, static_cast<uint32_t>(source_.record_count), plan_.slot_count);
  if (policy_ == nullptr) {
    return kl_fail(error, KL_INVALID_ARGUMENT, "no policy '%.40s'; there are lfu, s3fifo and lru",
                   read.policy);
  }
  policy_name_ = read.policy == nullptr ? kPolicyNames[0] : read.policy;

  if (!memory_.Map(layout_.slot_stride * plan_.slot_count)) {
    return kl_fail(error, KL_OUT_OF_MEMORY, "%u slots of %llu bytes", plan_.slot_count,
                   Number{layout_.slot_stride});
  }
  slots_.resize(plan_.slot_count);
  pieces_.resize(size_t{plan_.slot_count} * layout_.most_pieces);
  slot_of_record_.assign(source_.record_count, kNone);
  pinned_.assign(source_.record_count, 0);
  links_ = IndexLinks(plan_.slot_count);
  for (uint32_t i = 0; i < plan_.slot_count; ++i) free_.PushBack(i);
  recent_guesses_.resize(kRememberedGuesses);
  target_slot_count_ = plan_.slot_count;

  const uint32_t reads = std::min(plan_.job_count * layout_.most_pieces, kMostReadsUnderWay);
  std::string why_not;
  reader_ = MakeReader(kind, reads, &why_not);
  if (reader_ == nullptr) return kl_fail(error, KL_IO_ERROR, "%.200s", why_not.c_str());
  reader_name_ = reader_->name();
  if (surroundings.wrap) reader_ = surroundings.wrap(std::move(reader_));
  loader_ = std::make_unique<RecordLoader>(source_, layout_, files_, reader_.get(), this);
  code = loader_->Init(plan_.job_count, needs.finisher_count, verify_, error);
  if (code != KL_OK) return code;
  Log(reason_.empty() ? KL_LOG_INFO : KL_LOG_WARNING, Describe());
  return KL_OK;
}

ExpertBank::~ExpertBank() {
  {
    std::unique_lock<std::mutex> lock(mutex_);
    closing_ = true;
    changed_.wait(lock, [this] { return loading_count_ == 0; });
  }
  loader_.reset();
  reader_.reset();
}

std::string ExpertBank::Describe() {
  const std::lock_guard<std::mutex> lock(mutex_);
  char text[512];
  static constexpr const char* kVerify[] = {"verified each time", "verified once", "not verified"};
  snprintf(text, sizeof text,
           "expert_bank: reader %s, %u records at a time%s; policy %s; %u slots of %.2f MiB for "
           "%llu records%s; %s",
           reader_name_.c_str(), plan_.job_count, layout_.to_slot ? " without a copy" : "",
           policy_name_.c_str(), live_count(), static_cast<double>(layout_.slot_stride) / (1 << 20),
           Number{source_.record_count},
           pinned_count_ > 0 ? (", " + std::to_string(pinned_count_) + " pinned").c_str() : "",
           kVerify[verify_]);
  return reason_.empty() ? text : std::string(text) + "; " + reason_;
}

kl_code ExpertBank::Resize(uint64_t budget_bytes, kl_error* error) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const uint64_t needed = uint64_t{min_lease_count_} + pinned_count_;
  if (plan_.SlotsOf(budget_bytes) < std::min<uint64_t>(needed, plan_.slot_count)) {
    return kl_fail(error, KL_OUT_OF_BUDGET,
                   "%llu bytes are too few for %u leases and %u pinned records: leave at least "
                   "%llu bytes",
                   Number{budget_bytes}, min_lease_count_, pinned_count_,
                   Number{plan_.BytesOf(needed)});
  }
  target_slot_count_ =
      static_cast<uint32_t>(std::min<uint64_t>(plan_.SlotsOf(budget_bytes), plan_.slot_count));
  policy_->SetCapacity(target_slot_count_);
  while (live_count() < target_slot_count_) {
    const uint32_t slot = retired_.back();  // the nearest to those in use
    retired_.Remove(slot);
    slots_[slot].state = State::kFree;
    free_.PushBack(slot);
  }
  Shrink();
  GiveWaitingPlacesSlots();
  StartReads();
  changed_.notify_all();
  return KL_OK;
}

kl_bank_stats ExpertBank::Stats() {
  const std::lock_guard<std::mutex> lock(mutex_);
  kl_bank_stats stats = stats_;
  stats.struct_size = sizeof stats;
  stats.record_count = source_.record_count;
  stats.slot_count = live_count();
  stats.resident_bytes = plan_.BytesOf(live_count());
  stats.read_bytes = loader_->read_bytes();
  stats.retry_count = loader_->retry_count();
  stats.checksum_failure_count = loader_->checksum_failure_count();
  stats.pinned_count = pinned_count_;
  stats.pending_count = demand_.size() + guesses_.size() + loading_count_;
  for (const Slot& slot : slots_) stats.leased_count += slot.leases > 0;
  return stats;
}

void ExpertBank::Log(kl_log_level level, const std::string& message) const {
  if (host_ != nullptr && host_->log != nullptr) host_->log(host_, level, message.c_str());
}

void ExpertBank::OnWarning(const char* message) { Log(KL_LOG_WARNING, message); }

}  // namespace expert_bank
