#include "tools/plan/prediction.h"

#include <algorithm>

#include "tools/plan/read_ahead.h"

namespace kinglet::tools {
namespace {

// What a process takes beside all that is accounted for, once it computes: stacks, code, the
// allocator. Measured: 4 MB.
constexpr uint64_t kGrowthBytes = 4 << 20;
// A row that is looked up lies in one page of the table or two.
constexpr uint64_t kLookUpBytes = 8192;

// Storage moves about so many bytes for one expert.
double RecordBytes(const Speeds& speeds) {
  return speeds.reads.empty() ? 0 : speeds.reads.back().bytes / speeds.reads.back().together;
}

double FirstTokenNs(const Task& task, const Speeds& speeds, const Prediction& prediction) {
  const kl_memory_plan& memory = prediction.memory;
  const double slots = static_cast<double>(memory.slot_count);
  const double all = static_cast<double>(task.experts * task.expert_layers);
  double sum = speeds.rest_ns;
  for (int64_t done = 0; done < task.prompt; done += task.batch) {
    const double tokens = static_cast<double>(std::min(task.batch, task.prompt - done));
    const double compute =
        speeds.prompt_layer_ns * tokens / static_cast<double>(speeds.prompt_tokens);
    double layer = compute;
    if (memory.streamed) {
      // The first batch finds nothing; a later one what fits, at best.
      const double missing = task.prompt_experts * (done == 0 ? 1 : std::max(0.0, 1 - slots / all));
      const double read = ReadNs(speeds, missing);
      const bool ahead = slots >= task.prompt_experts + static_cast<double>(task.experts);
      layer = ahead ? std::max(read, compute) : std::max(0.0, read - speeds.overlap_ns) + compute;
    }
    sum += layer * static_cast<double>(task.layers);
  }
  return sum;
}

}  // namespace

uint64_t PeakBytes(const kl_memory_plan& memory, const Task& task) {
  const uint64_t tokens = static_cast<uint64_t>(task.prompt + task.predict);
  uint64_t experts = 0;
  if (memory.streamed) {
    const uint64_t unused = memory.slot_count - std::min(memory.slot_count, task.touched_experts);
    experts =
        memory.expert_bytes - std::min(memory.expert_bytes, unused * memory.expert_slot_bytes);
  }
  const uint64_t running = memory.cache_bytes + task.touched_activation_bytes + experts +
                           memory.stream_bytes +
                           std::min(memory.looked_up_bytes, tokens * kLookUpBytes);
  return memory.program_now_bytes + kGrowthBytes + memory.packed_bytes + memory.mapped_bytes +
         std::max(memory.packing_bytes, running);
}

void Predict(const Task& task, const Speeds& speeds, Prediction* prediction) {
  const double layers = static_cast<double>(task.layers);
  prediction->stall_ns = 0;
  prediction->storage_bytes_per_token = 0;
  prediction->memory_bytes_per_token =
      speeds.layer_weight_bytes * static_cast<uint64_t>(task.layers) + speeds.rest_weight_bytes;
  prediction->compute_ns = speeds.layer_ns * layers + speeds.rest_ns;
  if (speeds.memory_bytes_per_second > 0) {
    // A part of a small model may have fitted the processor's caches.
    const double roof = 1e9 * static_cast<double>(prediction->memory_bytes_per_token) /
                        speeds.memory_bytes_per_second;
    prediction->compute_ns = std::max(prediction->compute_ns, roof);
  }
  if (prediction->memory.streamed) {
    const double miss_rate = std::clamp(1 - prediction->hit_rate, 0.0, 1.0);
    const double expert_layers = static_cast<double>(task.expert_layers);
    const double missing = expert_layers * static_cast<double>(task.used) * miss_rate;
    // Like core/exec/expert_run: only where this part of the reads' time is more than what the previews of routers take.
    constexpr double kHiddenByGuesses = 0.3;
    const double previews_ns = expert_layers * kRoutersPreviewed * speeds.router_ns;
    const bool guesses = task.guesses && missing * ReadNs(speeds, 1) * kHiddenByGuesses >= previews_ns;
    const ReadDelay delay = DelayPerToken(speeds, task.expert_layers, task.used, miss_rate, guesses);
    prediction->stall_ns = delay.wait_ns;
    prediction->compute_ns += delay.slowed_ns + (guesses ? previews_ns : 0);
    const double in_vain = guesses ? kReadsInVain : 0;
    prediction->storage_bytes_per_token = static_cast<uint64_t>(
        missing * (1 + in_vain) * RecordBytes(speeds));
  }
  prediction->first_token_ns = FirstTokenNs(task, speeds, *prediction);
  const kl_memory_plan& memory = prediction->memory;
  if (memory.stream_bytes == 0 || speeds.weight_bytes_per_second <= 0) return;
  // Read while computing goes on, by whoever is free; what computing does not hide is waited for.
  const uint64_t pass_bytes = memory.streamed_weight_bytes - memory.kept_weight_bytes;
  const double pass_ns = 1e9 * static_cast<double>(pass_bytes) / speeds.weight_bytes_per_second;
  prediction->storage_bytes_per_token += pass_bytes;
  prediction->stall_ns += std::max(0.0, pass_ns - prediction->compute_ns);
  const int64_t batches = (task.prompt + task.batch - 1) / task.batch;
  prediction->first_token_ns =
      std::max(prediction->first_token_ns, static_cast<double>(batches) * pass_ns);
}

}  // namespace kinglet::tools
