// The experts of one program's runs: asks the bank for them when they are chosen, hands them to the node that computes
// them, gives them back.
//
//   moe_route of layer l   ids are known: submit (never blocks), guess for the next layers
//   ... attention ...      meanwhile the bank reads
//   moe_ffn of layer l     lease all, set the operands' parts, run, release
//
// When the experts of a batch do not fit the bank at once, the node runs in waves: consecutive tokens whose experts do.
// Kernels give a token the same bits in any batch, so waves change nothing.
#ifndef KINGLET_CORE_EXEC_EXPERT_RUN_H_
#define KINGLET_CORE_EXEC_EXPERT_RUN_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "core/exec/expert_bank.h"
#include "core/exec/expert_layout.h"
#include "core/exec/expert_predictor.h"
#include "core/exec/node_hook.h"
#include "core/exec/plan.h"
#include "core/exec/router_preview.h"
#include "core/exec/scheduler.h"

namespace kinglet {

// One thread at a time. Allocates nothing after it was made. Borrows layout, bank and what Attach() was given.
class ExpertRun {
 public:
  // `bank` NULL: the experts are in memory; then it only keeps what was routed. `preview` is what it guesses from.
  ExpertRun(const ExpertLayout& layout, ExpertBank* bank, RouterPreview* preview, int64_t most_tokens);
  ~ExpertRun();
  ExpertRun(const ExpertRun&) = delete;
  ExpertRun& operator=(const ExpertRun&) = delete;

  // Hooks itself into the runs of a program; `tensors` are its values.
  void Attach(const Plan& plan, std::vector<NodeRun>* runs, std::vector<kl_tensor>* tensors);

  // Around each run of the program, failed or not.
  void Begin(const std::atomic<bool>* cancel);
  void End();

  // Keep the choices of every run. Allocates.
  void KeepRouting();
  // Of the last run: [tokens][layers][most_chosen], empty places 0xffff. NULL unless kept.
  const uint16_t* routing() const { return routing_.empty() ? nullptr : routing_.data(); }

 private:
  struct Layer;
  class RouteHook;
  class FfnHook;

  absl::StatusOr<bool> NextOfRoute(Layer* layer);
  absl::StatusOr<bool> NextOfFfn(Layer* layer);
  absl::Status Routed(Layer* layer);
  // Tokens from layer->wave_begin on whose experts can be leased together, and those experts.
  absl::Status PlanWave(Layer* layer);
  absl::Status Submit(Layer* layer);
  absl::Status Collect(Layer* layer);
  void SetViews(Layer* layer);
  void ReleaseLeases(Layer* layer);
  void Prefetch(const Layer& layer);
  bool PrefetchWholeLayer(const Layer& layer);
  void PrefetchGuesses(const Layer& layer);
  void Judge();
  void Keep(const Layer& layer);

  const ExpertLayout& layout_;
  ExpertBank* const bank_;
  RouterPreview* const preview_;
  const int64_t most_tokens_;
  std::vector<std::unique_ptr<Layer>> layers_;
  ExpertPredictor predictor_;
  const std::atomic<bool>* cancel_ = nullptr;
  int64_t capacity_ = 0;  // records that can be leased at the same time
  uint64_t run_count_ = 0;
  kl_bank_stats judged_ = {};  // as the last judgement found them
  int64_t guessing_ns_ = 0;    // since then
  double guessing_ns_per_run_ = 0;
  double read_ns_ = 0;  // of a record, where few stood in line for storage; 0: not known
  kl_bank_ticket guess_ticket_ = 0;  // of the last guesses; 0: none
  bool guesses_ = true;            // worth the previews that they cost
  bool prefetched_batch_ = false;  // whole layers, since the last judgement
  std::vector<BankLease> leases_;  // of the layer that computes now
  size_t lease_count_ = 0;
  std::vector<uint64_t> record_ids_;  // scratch
  std::vector<uint32_t> seen_;  // by expert: the wave that it was last seen in
  uint32_t wave_number_ = 0;
  std::vector<uint16_t> routing_;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_EXPERT_RUN_H_
