// Opening a bank, closing it, and what it says about itself.
#include <algorithm>
#include <cstring>

#include "core/abi/error.h"
#include "plugins/common/record_bank/record_bank.h"

namespace record_bank {
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

kl_code ReadOptions(const kl_bank_options& options, const BankKind& kind, Options* read,
                    kl_error* error) {
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
                   "%s needs kl_bank_options.source: it finds no records in tiers", kind.name);
  }
  if (read->verify > KL_BANK_VERIFY_NEVER) {
    return kl_fail(error, KL_INVALID_ARGUMENT, "verify is %u, expected one of KL_BANK_VERIFY_*",
                   read->verify);
  }
  return KL_OK;
}

// What tiers of memory leave to slots beyond the leases'; no such tier: the whole budget.
uint64_t MostSpareBytes(const kl_bank_options& options) {
  uint64_t bytes = 0;
  bool limited = false;
  for (uint32_t i = 0; i < options.tier_count; ++i) {
    if (options.tiers[i]->path != nullptr) continue;
    limited = true;
    const uint64_t more = options.tiers[i]->budget_bytes;
    bytes = more > UINT64_MAX - bytes ? UINT64_MAX : bytes + more;
  }
  return limited ? bytes : UINT64_MAX;
}

MemoryNeeds NeedsOf(const kl_bank_options& given, const Options& options, const BankKind& kind,
                    uint32_t finishers) {
  MemoryNeeds needs;
  needs.record_count = options.source->record_count;
  needs.min_lease_count = given.min_lease_count;
  needs.queue_depth = options.queue_depth;
  needs.finisher_count = finishers;
  needs.most_spare_bytes = MostSpareBytes(given);
  if (kind.places_bytes != nullptr) needs.places_bytes = kind.places_bytes(given, *options.source);
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

kl_code RecordBank::QueryBudget(const kl_bank_options& options, const BankKind& kind,
                                uint64_t* least_bytes, uint64_t* bytes_per_slot, kl_error* error) {
  Options read;
  kl_code code = ReadOptions(options, kind, &read, error);
  Layout layout;
  if (code == KL_OK) code = MakeLayout(*read.source, &layout, error);
  if (code != KL_OK) return code;
  // Which reader it will be is not known before the files are open: the dearest that may be.
  MemoryNeeds needs = NeedsOf(options, read, kind, kMostFinishers);
  if (read.thread_count > 0) needs.finisher_count = FinisherCount(read, 1);
  needs.pool = read.reader == nullptr || strcmp(read.reader, "io_uring") != 0;
  needs.buffered = read.reader == nullptr || strcmp(read.reader, "buffered") == 0;
  MemoryPlan plan;
  code = PlanMemory(layout, needs, UINT64_MAX / 2, &plan, error);
  if (code != KL_OK) return code;
  *least_bytes = plan.least_bytes;
  *bytes_per_slot = plan.slot_bytes();
  return KL_OK;
}

RecordBank::RecordBank(const kl_host* host, const kl_bank_source& source, const BankKind& kind)
    : host_(host), source_(source), kind_(kind) {}

kl_code RecordBank::Open(const kl_host* host, const kl_bank_options& options, const BankKind& kind,
                         const Surroundings& surroundings, std::unique_ptr<RecordBank>* bank,
                         kl_error* error) {
  Options read;
  kl_code code = ReadOptions(options, kind, &read, error);
  if (code != KL_OK) return code;
  std::unique_ptr<RecordBank> opened(new RecordBank(host, *read.source, kind));
  code = opened->Init(options, surroundings, error);
  if (code == KL_OK) *bank = std::move(opened);
  return code;
}

kl_code RecordBank::Init(const kl_bank_options& options, const Surroundings& surroundings,
                         kl_error* error) {
  Options read;
  kl_code code = ReadOptions(options, kind_, &read, error);
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
  MemoryNeeds needs = NeedsOf(options, read, kind_, FinisherCount(read, cores));
  needs.pool = kind != ReaderKind::kUring;
  needs.buffered = kind == ReaderKind::kBuffered;
  code = PlanMemory(layout_, needs, options.budget_bytes, &plan_, error);
  if (code != KL_OK) return code;
  verify_ = read.verify;

  policy_name_ = read.policy != nullptr    ? read.policy
                 : kind_.policy != nullptr ? kind_.policy
                                           : kPolicyNames[0];
  policy_ = MakePolicy(policy_name_.c_str(), static_cast<uint32_t>(source_.record_count),
                       plan_.slot_count());
  if (policy_ == nullptr) {
    return kl_fail(error, KL_INVALID_ARGUMENT, "no policy '%.40s'; there are lfu, s3fifo and lru",
                   policy_name_.c_str());
  }
  slot_of_record_.assign(source_.record_count, kNone);
  pinned_.assign(source_.record_count, 0);
  recent_guesses_.resize(kRememberedGuesses);
  code = MakePools(error);
  if (code != KL_OK) return code;

  const uint32_t reads = std::min(plan_.job_count * layout_.most_pieces, kMostReadsUnderWay);
  std::string why_not;
  reader_ = MakeReader(kind, reads, &why_not);
  if (reader_ == nullptr) return kl_fail(error, KL_IO_ERROR, "%.200s", why_not.c_str());
  reader_name_ = reader_->name();
  if (surroundings.wrap) reader_ = surroundings.wrap(std::move(reader_));
  if (kind_.make_places != nullptr) {
    code = kind_.make_places({host_, options, source_, plan_, &files_, reader_.get()}, &places_,
                             error);
    if (code != KL_OK) return code;
  }
  loader_ = std::make_unique<RecordLoader>(source_, layout_, files_, reader_.get(), this);
  code = loader_->Init(plan_.job_count, needs.finisher_count, verify_, error);
  if (code != KL_OK) return code;
  Log(reason_.empty() ? KL_LOG_INFO : KL_LOG_WARNING, Describe());
  return KL_OK;
}

kl_code RecordBank::MakePools(kl_error* error) {
  const uint32_t slot_count = plan_.slot_count();
  slots_.resize(slot_count);
  pieces_.resize(size_t{slot_count} * layout_.most_pieces);
  links_ = IndexLinks(slot_count);
  uint32_t first = 0;
  for (size_t i = 0; i < layout_.groups.size(); ++i) {
    pools_.push_back(std::make_unique<Pool>(first, layout_.groups[i], plan_.groups[i], &links_));
    Pool& pool = *pools_.back();
    if (!pool.memory.Map(pool.layout.slot_stride * pool.count)) {
      return kl_fail(error, KL_OUT_OF_MEMORY, "%u slots of %llu bytes", pool.count,
                     Number{pool.layout.slot_stride});
    }
    for (uint32_t slot = first; slot < first + pool.count; ++slot) pool.free.PushBack(slot);
    first += pool.count;
  }
  return KL_OK;
}

RecordBank::~RecordBank() {
  {
    std::unique_lock<std::mutex> lock(mutex_);
    closing_ = true;
    changed_.wait(lock, [this] { return loading_count_ == 0; });
  }
  loader_.reset();
  places_.reset();
  reader_.reset();
}

std::string RecordBank::Describe() {
  const std::lock_guard<std::mutex> lock(mutex_);
  char text[512];
  snprintf(text, sizeof text, "%s: reader %s, %u records at a time%s; policy %s", kind_.name,
           reader_name_.c_str(), plan_.job_count, layout_.to_slot ? " without a copy" : "",
           policy_name_.c_str());
  std::string line = text;
  for (size_t i = 0; i < pools_.size(); ++i) {
    const Pool& pool = *pools_[i];
    if (pools_.size() > 1 && pool.layout.record_count == 0) continue;
    line += "; ";
    if (pools_.size() > 1) line += "level " + std::to_string(i + 1) + ": ";
    snprintf(text, sizeof text, "%u slots of %.2f MiB for %llu records", pool.live_count(),
             static_cast<double>(pool.layout.slot_stride) / (1 << 20),
             pools_.size() > 1 ? Number{pool.layout.record_count} : Number{source_.record_count});
    line += text;
    if (pool.pinned_count > 0) line += ", " + std::to_string(pool.pinned_count) + " pinned";
    if (places_ != nullptr) line += places_->Describe(static_cast<uint32_t>(i));
  }
  static constexpr const char* kVerify[] = {"verified each time", "verified once", "not verified"};
  line += std::string("; ") + kVerify[verify_];
  return reason_.empty() ? line : line + "; " + reason_;
}

kl_code RecordBank::Resize(uint64_t budget_bytes, kl_error* error) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<uint32_t> floor;
  for (const auto& pool : pools_) {
    floor.push_back(std::min(pool->least + pool->pinned_count, pool->count));
  }
  std::vector<uint32_t> counts = plan_.Share(budget_bytes, floor);
  if (counts.empty()) {
    uint32_t least = 0, pinned = 0;
    for (const auto& pool : pools_) {
      least += pool->least;
      pinned += pool->pinned_count;
    }
    return kl_fail(error, KL_OUT_OF_BUDGET,
                   "%llu bytes are too few for %u leases and %u pinned records: leave at least "
                   "%llu bytes",
                   Number{budget_bytes}, least, pinned, Number{plan_.BytesOf(floor)});
  }
  uint32_t capacity = 0;
  for (size_t i = 0; i < pools_.size(); ++i) {
    Pool& pool = *pools_[i];
    pool.target = std::min(counts[i], pool.count);
    capacity += pool.target;
    while (pool.live_count() < pool.target) {
      const uint32_t slot = pool.retired.back();  // the nearest to those in use
      pool.retired.Remove(slot);
      slots_[slot].state = State::kFree;
      pool.free.PushBack(slot);
    }
  }
  policy_->SetCapacity(capacity);
  Shrink();
  GiveWaitingPlacesSlots();
  StartReads();
  changed_.notify_all();
  return KL_OK;
}

kl_bank_stats RecordBank::Stats() {
  const std::lock_guard<std::mutex> lock(mutex_);
  kl_bank_stats stats = stats_;
  stats.struct_size = sizeof stats;
  stats.record_count = source_.record_count;
  const std::vector<uint32_t> live = LiveCounts();
  // What is beyond the target goes as soon as it is not in use: whoever plans leases cannot count on it.
  for (size_t i = 0; i < pools_.size(); ++i) stats.slot_count += std::min(live[i], pools_[i]->target);
  stats.resident_bytes = plan_.BytesOf(live);
  stats.read_bytes = loader_->read_bytes();
  stats.retry_count = loader_->retry_count() + copy_failure_count_;
  stats.checksum_failure_count = loader_->checksum_failure_count();
  for (const auto& pool : pools_) stats.pinned_count += pool->pinned_count;
  stats.pending_count = demand_.size() + guesses_.size() + loading_count_;
  for (const Slot& slot : slots_) stats.leased_count += slot.leases > 0;
  return stats;
}

void RecordBank::Log(kl_log_level level, const std::string& message) const {
  if (host_ != nullptr && host_->log != nullptr) host_->log(host_, level, message.c_str());
}

void RecordBank::OnWarning(const char* message) { Log(KL_LOG_WARNING, message); }

}  // namespace record_bank
