#include "core/exec/memory_run.h"

#include <chrono>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace kinglet {
namespace {

constexpr int64_t kWaitNs = 20000000;  // between two looks at a cancel
// How long a bank may say that all slots are taken: other sessions hold them.
constexpr int kMostExhausted = 500;

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

class MemoryRun::Hook : public NodeHook {
 public:
  explicit Hook(MemoryRun* run) : run_(run) {}
  absl::StatusOr<bool> Next() override { return run_->Next(); }

 private:
  MemoryRun* const run_;
};

struct MemoryRun::Level {
  int64_t segment = -1;  // of the nodes; -1: a level without blocks
  BankLease lease;
};

MemoryRun::MemoryRun(const MemoryBank* bank, const Plan& plan)
    : bank_(bank), layout_(bank->layout()), hook_(std::make_unique<Hook>(this)) {
  int64_t segment = 0;
  for (uint32_t level = 1; level <= layout_.depth(); ++level) {
    levels_.push_back(std::make_unique<Level>());
    if (layout_.BlockBytes(level) > 0) levels_.back()->segment = segment++;
  }
  for (const PlanValue& value : plan.values) {
    if (value.kind != ValueKind::kMemory) continue;
    layers_.push_back(std::make_unique<Layer>());
    layers_.back()->index = static_cast<uint32_t>(value.layer);
    layers_.back()->parts.assign(static_cast<size_t>(segment), nullptr);
  }
}

MemoryRun::~MemoryRun() = default;

void MemoryRun::Attach(const Plan& plan, std::vector<NodeRun>* runs,
                       std::vector<kl_tensor>* tensors) {
  size_t layer = 0;
  for (size_t v = 0; v < plan.values.size(); ++v) {
    if (plan.values[v].kind != ValueKind::kMemory) continue;
    (*tensors)[v].data = nullptr;
    (*tensors)[v].parts = layers_[layer++]->parts.data();
  }
  for (size_t n = 0; n < plan.nodes.size(); ++n) {
    for (kl_value value : plan.nodes[n].operands) {
      if (value == KL_NO_VALUE || plan.values[value].kind != ValueKind::kMemory) continue;
      (*runs)[n].hook = hook_.get();
      return;  // the others come after it
    }
  }
}

void MemoryRun::Drop(uint32_t level) {
  Level& from = *levels_[level - 1];
  from.lease.Release();
  if (from.segment < 0) return;
  for (const auto& layer : layers_) layer->parts[static_cast<size_t>(from.segment)] = nullptr;
}

absl::Status MemoryRun::Set(const MemoryFetch& fetch) {
  is_set_ = true;
  failed_ = absl::OkStatus();
  ticket_.Cancel();
  missing_count_ = 0;
  exhausted_count_ = 0;
  stats_ = {};
  stats_.fetch = fetch;
  set_ns_ = NowNs();
  uint64_t wanted[kMemoryMaxDepth];
  uint32_t wanted_count = 0;
  // First what is given back: it may hold the slots of what is asked for.
  for (uint32_t level = 1; level <= layout_.depth(); ++level) {
    const MemoryChoice& choice = fetch.levels[level - 1];
    MemoryFetchStats::Level& stats = stats_.levels[level - 1];
    const BankLease& lease = levels_[level - 1]->lease;
    stats.ready = choice.kind == MemoryChoice::kNothing;
    if (!stats.ready && !lease.empty() && lease.id() == choice.record) {
      stats.ready = stats.kept = true;
      continue;
    }
    Drop(level);
    if (!stats.ready) wanted[wanted_count++] = choice.record;
  }
  if (wanted_count == 0) return absl::OkStatus();
  before_ = bank_->bank()->Stats();
  auto ticket = bank_->bank()->Submit(wanted, wanted_count);
  if (!ticket.ok()) {
    failed_ = Annotate(ticket.status(), bank_->source().path);
    return failed_;
  }
  ticket_ = *std::move(ticket);
  missing_count_ = wanted_count;
  return Collect(0).status();
}

void MemoryRun::Take(BankLease lease) {
  for (uint32_t level = 1; level <= layout_.depth(); ++level) {
    MemoryFetchStats::Level& stats = stats_.levels[level - 1];
    const MemoryChoice& choice = stats_.fetch.levels[level - 1];
    if (stats.ready || choice.record != lease.id()) continue;
    Level& target = *levels_[level - 1];
    target.lease = std::move(lease);
    stats.ready = true;
    stats.from_memory = target.lease.origin() == KL_BANK_ORIGIN_MEMORY;
    stats.read = !stats.from_memory;
    if (stats.read) stats_.read_bytes += choice.bytes;
    const uint8_t* block = static_cast<const uint8_t*>(target.lease.data());
    for (const auto& layer : layers_) {
      layer->parts[static_cast<size_t>(target.segment)] =
          block + layout_.MatrixOffset(level, layer->index, 0);
    }
    --missing_count_;
    break;
  }
}

absl::StatusOr<bool> MemoryRun::Collect(int64_t wait_ns) {
  KL_RETURN_IF_ERROR(failed_);
  while (missing_count_ > 0) {
    BankLease lease;
    switch (ticket_.Next(wait_ns, &lease)) {
      case KL_BANK_READY:
        Take(std::move(lease));
        continue;
      case KL_BANK_PENDING:
        return false;
      case KL_BANK_EXHAUSTED:
        if (wait_ns == 0) return false;
        if (++exhausted_count_ > kMostExhausted) {
          failed_ = absl::ResourceExhaustedError(absl::StrCat(
              bank_->source().path,
              ": the bank's memory holds no further path, other sessions have all of it; "
              "give the bank a larger budget, or end a session"));
          return failed_;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        return false;
      case KL_BANK_DONE:
        failed_ = absl::InternalError(
            absl::StrCat(bank_->source().path, ": ", missing_count_,
                         " blocks were asked for and not given; the bank is defective"));
        return failed_;
      default:
        failed_ = Annotate(ticket_.status(), bank_->source().path);
        return failed_;
    }
  }
  if (stats_.ns == 0) Complete();
  return true;
}

void MemoryRun::Complete() {
  ticket_.Cancel();  // it only has to hear that it is over
  stats_.ns = NowNs() - set_ns_;
  // Other sessions' reads may be among them: a mean bears that.
  const kl_bank_stats now = bank_->bank()->Stats();
  const uint64_t count = now.read_count - before_.read_count;
  if (stats_.read_bytes > 0 && count > 0)
    stats_.read_ns = static_cast<int64_t>((now.read_ns - before_.read_ns) / count);
}

absl::Status MemoryRun::Await(const std::atomic<bool>* cancel) {
  KL_RETURN_IF_ERROR(failed_);
  if (missing_count_ == 0) return absl::OkStatus();
  const int64_t begin_ns = NowNs();
  while (true) {
    const auto complete = Collect(kWaitNs);
    stats_.stall_ns = NowNs() - begin_ns;
    KL_RETURN_IF_ERROR(complete.status());
    if (*complete) return absl::OkStatus();
    if (cancel != nullptr && cancel->load(std::memory_order_relaxed)) {
      return absl::CancelledError("cancelled while memory blocks were read");
    }
  }
}

absl::Status MemoryRun::Begin(const std::atomic<bool>* cancel) {
  cancel_ = cancel;
  computing_ = false;
  if (is_set_) return absl::OkStatus();
  KL_ASSIGN_OR_RETURN(const MemoryFetch generic, bank_->Resolve(std::nullopt));
  return Set(generic);
}

absl::StatusOr<bool> MemoryRun::Next() {
  computing_ = !computing_;
  if (computing_) KL_RETURN_IF_ERROR(Await(cancel_));
  return computing_;
}

}  // namespace kinglet
