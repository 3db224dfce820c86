#include "core/exec/expert_run.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/abi/dtype.h"
#include "core/base/status.h"

namespace kinglet {
namespace {

// Operands of moe_ffn (plugins/reference/moe_ffn.cc) that have a row for each token.
enum { kX, kIds, kWeights, kGate, kUp, kDown, kY, kOperandCount };
constexpr int kTokenOperands[] = {kX, kIds, kWeights, kY};

using Clock = std::chrono::steady_clock;

constexpr int64_t kWaitNs = 20000000;  // between two looks at a cancel
// How long a bank may say that all slots are taken while nobody but this run can free them.
constexpr int kMostExhausted = 500;
constexpr uint64_t kRunsPerJudgement = 16;
constexpr uint64_t kFewestMissing = kRunsPerJudgement;
// Share of the time of reads that guessing takes from waiting, as measured with a quarter of the experts in memory.
constexpr double kHiddenByGuesses = 0.3;
// So many layers before, a layer's router is tried. What it shows is believed until the next of them.
constexpr size_t kPreviewed[] = {1, 3, ExpertPredictor::kMostDistance};
constexpr uint16_t kNoExpert = 0xffff;

}  // namespace

class ExpertRun::RouteHook : public NodeHook {
 public:
  RouteHook(ExpertRun* run, Layer* layer) : run_(run), layer_(layer) {}
  absl::StatusOr<bool> Next() override { return run_->NextOfRoute(layer_); }

 private:
  ExpertRun* const run_;
  Layer* const layer_;
};

class ExpertRun::FfnHook : public NodeHook {
 public:
  FfnHook(ExpertRun* run, Layer* layer) : run_(run), layer_(layer) {}
  absl::StatusOr<bool> Next() override { return run_->NextOfFfn(layer_); }

 private:
  ExpertRun* const run_;
  Layer* const layer_;
};

struct ExpertRun::Layer {
  Layer(ExpertRun* run, const ExpertLayer& expert_layer, size_t layer_index)
      : layer(expert_layer), index(layer_index), route_hook(run, this), ffn_hook(run, this) {}

  const ExpertLayer& layer;
  const size_t index;
  RouteHook route_hook;
  FfnHook ffn_hook;
  kl_tensor* const* shared = nullptr;  // the program's operands of the node
  const kl_tensor* ids = nullptr;
  kl_tensor views[kOperandCount] = {};  // what the node gets
  kl_tensor* view_pointers[kOperandCount] = {};
  std::vector<const void*> parts[ExpertLayer::kPartCount];  // by expert
  // Of the run under way.
  bool routing = false;
  bool submitted = false;
  bool computing = false;
  int64_t wave_begin = 0;
  int64_t wave_end = 0;
  size_t wave_record_count = 0;
  BankTicket ticket;
  // Of the run under way: what the last preview of its router showed; room for chosen_count().
  std::vector<int32_t> guessed;
  size_t guessed_count = 0;
};

ExpertRun::ExpertRun(const ExpertLayout& layout, ExpertBank* bank, RouterPreview* preview, int64_t most_tokens)
    : layout_(layout), bank_(bank), preview_(preview), most_tokens_(most_tokens), predictor_(layout) {
  const size_t most = static_cast<size_t>(layout.most_experts());
  leases_.resize(most);
  record_ids_.resize(most * ExpertPredictor::kMostDistance);
  seen_.resize(most);
  for (size_t l = 0; l < layout.layers().size(); ++l) {
    layers_.push_back(std::make_unique<Layer>(this, *layout.layers()[l], l));
    layers_.back()->guessed.resize(static_cast<size_t>(layout.layers()[l]->chosen_count()));
  }
}

ExpertRun::~ExpertRun() { End(); }

void ExpertRun::Attach(const Plan& plan, std::vector<NodeRun>* runs, std::vector<kl_tensor>* tensors) {
  for (const auto& layer : layers_) {
    layer->ids = &(*tensors)[layer->layer.ids()];
    for (size_t n = 0; n < layer->layer.node_index(); ++n) {
      // The node that makes the ids: every operand of it is looked at, since no other node of a plan has them as output.
      const std::vector<kl_value>& operands = plan.nodes[n].operands;
      if (plan.nodes[n].op != "moe_route") continue;
      if (std::find(operands.begin(), operands.end(), layer->layer.ids()) != operands.end()) {
        (*runs)[n].hook = &layer->route_hook;
      }
    }
    if (bank_ == nullptr) continue;
    NodeRun& node = (*runs)[layer->layer.node_index()];
    node.hook = &layer->ffn_hook;
    layer->shared = node.run.operands;
    for (int i = 0; i < kOperandCount; ++i) {
      layer->views[i] = *layer->shared[i];
      layer->view_pointers[i] = &layer->views[i];
    }
    for (size_t p = 0; p < ExpertLayer::kPartCount; ++p) {
      const ExpertPart& part = layer->layer.parts()[p];
      layer->parts[p].assign(static_cast<size_t>(layer->layer.expert_count()), nullptr);
      layer->views[part.operand].data = nullptr;
      layer->views[part.operand].layout = part.layout;
      layer->views[part.operand].parts = layer->parts[p].data();
    }
    node.run.operands = layer->view_pointers;
  }
}

void ExpertRun::Begin(const std::atomic<bool>* cancel) {
  cancel_ = cancel;
  if (bank_ == nullptr) return;
  capacity_ = std::max(bank_->Rebalance(), layout_.most_chosen());
  if (++run_count_ % kRunsPerJudgement == 0) Judge();
}

void ExpertRun::Judge() {
  const kl_bank_stats stats = bank_->bank()->Stats();
  if (prefetched_batch_) {
    predictor_.Disregard(stats.useful_prefetch_count, stats.useless_prefetch_count);
  } else {
    predictor_.Judge(stats.useful_prefetch_count, stats.useless_prefetch_count);
  }
  prefetched_batch_ = false;
  // What guessing costs was measured when it was last done, whether it is done now or not.
  if (guessing_ns_ > 0) guessing_ns_per_run_ = static_cast<double>(guessing_ns_) / kRunsPerJudgement;
  guessing_ns_ = 0;
  const uint64_t read_count = stats.read_count - judged_.read_count;
  if (read_count > 0) {
    const double mean_ns = static_cast<double>(stats.read_ns - judged_.read_ns) / static_cast<double>(read_count);
    read_ns_ = read_ns_ == 0 ? mean_ns : std::min(read_ns_, mean_ns);
  }
  // Without guesses all of these would be waited for.
  const uint64_t missing_count = stats.miss_count - judged_.miss_count - (stats.joined_count - judged_.joined_count) +
                                 stats.useful_prefetch_count - judged_.useful_prefetch_count;
  guesses_ = missing_count >= kFewestMissing && static_cast<double>(missing_count) * read_ns_ * kHiddenByGuesses >=
                                                    guessing_ns_per_run_ * kRunsPerJudgement;
  judged_ = stats;
}

void ExpertRun::End() {
  if (bank_ != nullptr) bank_->bank()->CancelPrefetch(std::exchange(guess_ticket_, 0));
  for (const auto& layer : layers_) {
    layer->ticket.Cancel();
    if (layer->computing) ReleaseLeases(layer.get());
    layer->routing = layer->submitted = layer->computing = false;
    layer->guessed_count = 0;
  }
  for (size_t i = 0; i < lease_count_; ++i) leases_[i].Release();
  lease_count_ = 0;
}

absl::StatusOr<bool> ExpertRun::NextOfRoute(Layer* layer) {
  layer->routing = !layer->routing;
  if (layer->routing) return true;
  KL_RETURN_IF_ERROR(Routed(layer));
  return false;
}

absl::Status ExpertRun::Routed(Layer* layer) {
  if (!routing_.empty()) Keep(*layer);
  if (bank_ == nullptr) return absl::OkStatus();
  layer->wave_begin = 0;
  KL_RETURN_IF_ERROR(PlanWave(layer));
  KL_RETURN_IF_ERROR(Submit(layer));
  if (bank_->prefetches()) Prefetch(*layer);
  return absl::OkStatus();
}

absl::StatusOr<bool> ExpertRun::NextOfFfn(Layer* layer) {
  if (layer->computing) {
    ReleaseLeases(layer);
    layer->computing = false;
    if (layer->wave_end == layer->ids->shape[0]) return false;
    layer->wave_begin = layer->wave_end;
  }
  if (!layer->submitted) {
    if (layer->ids->shape[0] == 0) return false;
    KL_RETURN_IF_ERROR(PlanWave(layer));
    KL_RETURN_IF_ERROR(Submit(layer));
  }
  layer->submitted = false;
  layer->computing = true;
  KL_RETURN_IF_ERROR(Collect(layer));
  SetViews(layer);
  return true;
}

absl::Status ExpertRun::PlanWave(Layer* layer) {
  const int64_t tokens = layer->ids->shape[0], chosen = layer->ids->shape[1];
  const int32_t* ids = static_cast<const int32_t*>(layer->ids->data);
  const uint64_t first_record = layout_.first_record(layer->index);
  ++wave_number_;
  layer->wave_record_count = 0;
  layer->wave_end = layer->wave_begin;
  for (int64_t t = layer->wave_begin; t < tokens; ++t) {
    const size_t before = layer->wave_record_count;
    for (int64_t i = 0; i < chosen; ++i) {
      const int32_t e = ids[t * chosen + i];
      if (e < 0 || e >= layer->layer.expert_count()) {
        return absl::InternalError(absl::StrCat("node ", layer->layer.name(), ": token ", t, " was routed to expert ", e,
                                                " of ", layer->layer.expert_count(), "; the router's kernel is defective"));
      }
      if (seen_[e] == wave_number_) continue;
      seen_[e] = wave_number_;
      record_ids_[layer->wave_record_count++] = first_record + static_cast<uint64_t>(e);
    }
    if (t > layer->wave_begin && static_cast<int64_t>(layer->wave_record_count) > capacity_) {
      layer->wave_record_count = before;
      break;
    }
    layer->wave_end = t + 1;
  }
  return absl::OkStatus();
}

absl::Status ExpertRun::Submit(Layer* layer) {
  KL_ASSIGN_OR_RETURN(layer->ticket,
                      bank_->bank()->Submit(record_ids_.data(), static_cast<uint32_t>(layer->wave_record_count)));
  layer->submitted = true;
  return absl::OkStatus();
}

absl::Status ExpertRun::Collect(Layer* layer) {
  const uint64_t first_record = layout_.first_record(layer->index);
  int exhausted = 0;
  while (true) {
    BankLease& lease = leases_[std::min(lease_count_, leases_.size() - 1)];
    if (lease_count_ == layer->wave_record_count) {
      // Everything is there; the ticket only has to hear it.
      layer->ticket.Cancel();
      return absl::OkStatus();
    }
    switch (layer->ticket.Next(kWaitNs, &lease)) {
      case KL_BANK_READY: {
        const size_t expert = static_cast<size_t>(lease.id() - first_record);
        for (size_t p = 0; p < ExpertLayer::kPartCount; ++p) {
          layer->parts[p][expert] = bank_->source().PartOf(layer->index, p, lease.data(), lease.pieces());
        }
        ++lease_count_;
        break;
      }
      case KL_BANK_PENDING:
        if (cancel_ != nullptr && cancel_->load(std::memory_order_relaxed)) {
          return absl::CancelledError(absl::StrCat("cancelled while node ", layer->layer.name(), " waited for its experts"));
        }
        break;
      case KL_BANK_EXHAUSTED:
        // Prefetches under way hold slots until they are read.
        if (++exhausted > kMostExhausted) {
          return absl::ResourceExhaustedError(
              absl::StrCat("node ", layer->layer.name(), ": ", layer->wave_record_count, " experts do not fit the ",
                           capacity_, " slots of the bank at the same time; give it more memory"));
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        break;
      case KL_BANK_DONE:
        return absl::InternalError(absl::StrCat("node ", layer->layer.name(), ": the bank gave ", lease_count_, " of ",
                                                layer->wave_record_count, " experts; the bank is defective"));
      default:
        return Annotate(layer->ticket.status(), absl::StrCat("node ", layer->layer.name()));
    }
  }
}

void ExpertRun::SetViews(Layer* layer) {
  const int64_t first = layer->wave_begin;
  for (int operand : kTokenOperands) {
    kl_tensor& view = layer->views[operand];
    view = *layer->shared[operand];
    const uint64_t row_bytes = kl_row_bytes(view.type, static_cast<uint64_t>(view.shape[1]));
    view.shape[0] = layer->wave_end - first;
    view.data = static_cast<uint8_t*>(view.data) + static_cast<uint64_t>(first) * row_bytes;
  }
}

void ExpertRun::ReleaseLeases(Layer* layer) {
  const uint64_t first_record = layout_.first_record(layer->index);
  for (size_t i = 0; i < lease_count_; ++i) {
    // So that a kernel that reads what it was not given is found out.
    const size_t expert = static_cast<size_t>(leases_[i].id() - first_record);
    for (auto& parts : layer->parts) parts[expert] = nullptr;
    leases_[i].Release();
  }
  lease_count_ = 0;
}

void ExpertRun::Prefetch(const Layer& layer) {
  const int64_t tokens = layer.ids->shape[0], chosen = layer.ids->shape[1];
  if (tokens == 0) return;
  // Of the wave's last token: those after it were not checked yet.
  const int32_t* last = static_cast<const int32_t*>(layer.ids->data) + (layer.wave_end - 1) * chosen;
  predictor_.Observe(layer.index, last, chosen,
                     preview_ == nullptr ? nullptr : preview_->Computed(layer.index, layer.wave_end - 1));
  if (tokens > 1 && PrefetchWholeLayer(layer)) return;
  if (!guesses_ || preview_ == nullptr) return;
  const Clock::time_point begin = Clock::now();
  PrefetchGuesses(layer);
  guessing_ns_ += std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begin).count();
}

// A batch that wants most experts of this layer will want most of the next one, if that is in this run at all.
bool ExpertRun::PrefetchWholeLayer(const Layer& layer) {
  const size_t next = layer.index + 1;
  const int64_t wanted = static_cast<int64_t>(layer.wave_record_count);
  if (wanted * 2 <= layer.layer.expert_count()) return false;
  if (next == layers_.size()) return true;
  const int64_t experts = layers_[next]->layer.expert_count();
  if (capacity_ < wanted + experts) return true;
  prefetched_batch_ = true;
  for (int64_t e = 0; e < experts; ++e) record_ids_[e] = layout_.first_record(next) + static_cast<uint64_t>(e);
  bank_->bank()->Prefetch(record_ids_.data(), static_cast<uint32_t>(experts)).IgnoreError();
  return true;
}

void ExpertRun::PrefetchGuesses(const Layer& layer) {
  const int64_t chosen = layer.ids->shape[1];
  for (const size_t distance : kPreviewed) {
    if (layer.index + distance >= layers_.size()) break;
    Layer& target = *layers_[layer.index + distance];
    const float* logits = preview_->Logits(layer.index, target.index, layer.wave_end - 1);
    if (logits == nullptr) continue;
    const int64_t most = std::min(target.layer.chosen_count(), capacity_ - chosen);
    target.guessed_count =
        static_cast<size_t>(predictor_.Predict(target.index, distance, logits, most, target.guessed.data()));
  }
  size_t count = 0;
  for (size_t l = layer.index + 1; l < std::min(layers_.size(), layer.index + 1 + ExpertPredictor::kMostDistance); ++l) {
    for (size_t i = 0; i < layers_[l]->guessed_count; ++i) {
      record_ids_[count++] = layout_.first_record(l) + static_cast<uint64_t>(layers_[l]->guessed[i]);
    }
  }
  // What is believed now replaces what was believed a layer ago, as far as storage has not begun with it: reads go in the
  // order in which layers will ask.
  bank_->bank()->CancelPrefetch(std::exchange(guess_ticket_, 0));
  if (count == 0) return;
  // A guess: whatever comes of it, the run goes on.
  bank_->bank()->Prefetch(record_ids_.data(), static_cast<uint32_t>(count), &guess_ticket_).IgnoreError();
}

void ExpertRun::KeepRouting() {
  routing_.assign(static_cast<size_t>(most_tokens_ * layout_.most_chosen()) * layers_.size(), kNoExpert);
}

void ExpertRun::Keep(const Layer& layer) {
  const int64_t tokens = layer.ids->shape[0], chosen = layer.ids->shape[1];
  const int32_t* ids = static_cast<const int32_t*>(layer.ids->data);
  const size_t places = static_cast<size_t>(layout_.most_chosen());
  for (int64_t t = 0; t < tokens; ++t) {
    uint16_t* row = routing_.data() + (static_cast<size_t>(t) * layers_.size() + layer.index) * places;
    for (int64_t i = 0; i < chosen; ++i) row[i] = static_cast<uint16_t>(ids[t * chosen + i]);
  }
}

}  // namespace kinglet
