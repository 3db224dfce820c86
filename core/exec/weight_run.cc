#include "core/exec/weight_run.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace kinglet {
namespace {

constexpr int64_t kWaitNs = 20000000;  // between two looks at a cancel
constexpr uint64_t kRing = WeightStream::kRingCount;

}  // namespace

class WeightRun::Hook : public NodeHook {
 public:
  Hook(WeightRun* owner, const StreamedNode& streamed, uint64_t first)
      : node(streamed), first_record(first), owner_(owner) {}
  absl::StatusOr<bool> Next() override { return owner_->Next(this); }

  const StreamedNode& node;
  const uint64_t first_record;
  NodeRun* run = nullptr;
  kl_tensor* const* shared = nullptr;  // the program's operands of the node
  std::vector<void*> states;
  float* outputs = nullptr;
  kl_tensor views[kMatmulOperandCount] = {};  // what the node gets
  kl_tensor* view_pointers[kMatmulOperandCount] = {};
  // Of the run under way.
  bool computing = false;
  int64_t block = 0;

 private:
  WeightRun* const owner_;
};

WeightRun::WeightRun(WeightStream* stream) : stream_(stream), weights_(stream->weights()) {
  for (size_t i = 0; i < weights_.nodes().size(); ++i) {
    hooks_.push_back(std::make_unique<Hook>(this, *weights_.nodes()[i], weights_.first_record(i)));
  }
}

WeightRun::~WeightRun() { End(); }

uint64_t WeightRun::OutputBytes(const StreamedNode& node, int64_t tokens) {
  if (node.block_count() == 1 || tokens <= 1) return 0;
  return static_cast<uint64_t>(tokens * node.row_count(0)) * sizeof(float);
}

void WeightRun::Attach(size_t index, NodeRun* run, std::vector<void*> states, void* outputs) {
  Hook* hook = hooks_[index].get();
  hook->run = run;
  hook->shared = run->run.operands;
  hook->states = std::move(states);
  hook->outputs = static_cast<float*>(outputs);
  for (uint32_t i = 0; i < kMatmulOperandCount; ++i) hook->view_pointers[i] = &hook->views[i];
  run->run.operands = hook->view_pointers;
  run->hook = hook;
}

void WeightRun::Begin(const std::atomic<bool>* cancel, size_t node_count) {
  cancel_ = cancel;
  end_record_ = 0;
  next_submit_ = 0;
  for (const auto& hook : hooks_) {
    if (hook->node.node_index() >= node_count) break;
    end_record_ = hook->first_record + static_cast<uint64_t>(hook->node.block_count());
  }
}

void WeightRun::End() {
  lease_.Release();
  for (BankTicket& ticket : tickets_) ticket.Cancel();
  for (const auto& hook : hooks_) hook->computing = false;
}

absl::StatusOr<bool> WeightRun::Next(Hook* hook) {
  if (hook->computing) {
    Finish(hook);
    ++hook->block;
  } else {
    hook->block = 0;
  }
  hook->computing = hook->block < hook->node.block_count();
  if (!hook->computing) return false;
  KL_RETURN_IF_ERROR(Lease(*hook, hook->first_record + static_cast<uint64_t>(hook->block)));
  SetViews(hook);
  return true;
}

absl::Status WeightRun::SubmitFrom(uint64_t record) {
  // A run of single nodes may begin anywhere.
  next_submit_ = std::max(next_submit_, record);
  for (; next_submit_ < std::min(end_record_, record + kRing); ++next_submit_) {
    const uint64_t id = next_submit_;
    KL_ASSIGN_OR_RETURN(tickets_[id % kRing], stream_->bank()->Submit(&id, 1));
  }
  return absl::OkStatus();
}

absl::Status WeightRun::Lease(const Hook& hook, uint64_t record) {
  KL_RETURN_IF_ERROR(SubmitFrom(record));
  BankTicket& ticket = tickets_[record % kRing];
  while (true) {
    switch (ticket.Next(kWaitNs, &lease_)) {
      case KL_BANK_READY:
        ticket.Cancel();  // it only has to hear that it is over
        if (lease_.id() == record) return absl::OkStatus();
        return absl::InternalError(absl::StrCat("node ", hook.node.name(), ": the bank gave record ", lease_.id(),
                                                " for ", record, "; the bank is defective"));
      case KL_BANK_EXHAUSTED:
        // The bank promised slots for a whole ring; what holds them ends by itself.
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        [[fallthrough]];
      case KL_BANK_PENDING:
        if (cancel_ != nullptr && cancel_->load(std::memory_order_relaxed)) {
          return absl::CancelledError(absl::StrCat("cancelled while node ", hook.node.name(), " waited for its weights"));
        }
        break;
      case KL_BANK_DONE:
        return absl::InternalError(
            absl::StrCat("node ", hook.node.name(), ": the bank gave nothing for record ", record, "; the bank is defective"));
      default:
        return Annotate(ticket.status(), absl::StrCat("node ", hook.node.name()));
    }
  }
}

void WeightRun::SetViews(Hook* hook) {
  const size_t shape = hook->node.shape_of(hook->block);
  const int64_t rows = hook->node.row_count(hook->block);
  for (uint32_t i = 0; i < kMatmulOperandCount; ++i) hook->views[i] = *hook->shared[i];
  kl_tensor& weight = hook->views[kMatmulWeight];
  weight.shape[0] = rows;
  weight.layout = hook->node.layout(shape);
  weight.data = const_cast<void*>(lease_.data());
  weight.parts = nullptr;
  kl_tensor& y = hook->views[kMatmulY];
  y.shape[1] = rows;
  // One row of outputs is where it belongs at once.
  y.data = hook->node.block_count() > 1 && y.shape[0] > 1
               ? hook->outputs
               : static_cast<float*>(y.data) + hook->node.first_row(hook->block);
  hook->run->run.state = hook->states[shape];
}

void WeightRun::Finish(Hook* hook) {
  lease_.Release();
  const kl_tensor& whole = *hook->shared[kMatmulY];
  if (hook->node.block_count() == 1 || whole.shape[0] <= 1) return;
  const int64_t rows = hook->node.row_count(hook->block);
  float* to = static_cast<float*>(whole.data) + hook->node.first_row(hook->block);
  for (int64_t t = 0; t < whole.shape[0]; ++t) {
    memcpy(to + t * whole.shape[1], hook->outputs + t * rows, static_cast<size_t>(rows) * sizeof(float));
  }
}

}  // namespace kinglet
