#include "tools/plan/speeds.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <thread>

#include "tools/common/progress.h"
#include "tools/common/streaming_read.h"

namespace kinglet::tools {
namespace {

// Layers of a hybrid model repeat after four.
constexpr int32_t kProbedLayers = 4;
constexpr int kDecodedTokens = 8;
constexpr int kPasses = 4;
constexpr int64_t kMostPrompt = 128;
constexpr int64_t kReadNs = 30000000;   // for each size of group, twice
constexpr uint32_t kDeepest = 16;       // what the bank reads at a time at most

// The first layers of the model and a session of theirs.
class Part {
 public:
  Failure Load(kl_runtime* runtime, const std::string& path, kl_model_options options) {
    options.layer_limit = kProbedLayers;
    options.plan_only = true;
    options.memory_bytes = 0;
    options.packed_cache = false;
    options.expert_file = nullptr;  // these two are of all layers
    options.expert_profile = nullptr;
    options.ignore_memory_pressure = true;
    options.session_batch = static_cast<int32_t>(kMostPrompt);
    options.session_context_length = static_cast<int32_t>(kMostPrompt + kDecodedTokens);
    ModelHandle planned;
    Failure failure = LoadModel(options, runtime, path, &planned);
    if (!failure.ok()) return failure;
    kl_memory_plan plan = {};
    plan.struct_size = sizeof plan;
    kl_error error = NoError();
    const kl_code code = kl_model_plan_memory(planned.get(), &options, &plan, &error);
    if (code != KL_OK) return FailureOf(code, error);
    planned.reset();
    // Through the bank where there is one, as under a budget, but with room for all experts that
    // are used.
    options.memory_bytes = plan.expert_count > 0 ? plan.whole_bytes - 1 : 0;
    options.plan_only = false;
    failure = LoadModel(options, runtime, path, &model_);
    if (!failure.ok()) return failure;
    const kl_model_info info = Describe(model_.get());
    layers_ = info.layer_count;
    uint64_t state = 1;
    for (int64_t i = 0; i < kMostPrompt + kDecodedTokens; ++i) {
      state = state * 6364136223846793005ull + 1442695040888963407ull;
      tokens_.push_back(
          static_cast<int32_t>((state >> 33) % static_cast<uint64_t>(info.vocabulary_size)));
    }
    kl_session_options session = DefaultSessionOptions();
    session.temperature = 0;
    session.context_length = options.session_context_length;
    session.batch = options.session_batch;
    return CreateSession(model_.get(), session, &session_);
  }

  int64_t layers() const { return layers_; }
  kl_session* session() const { return session_.get(); }

  Failure Rewind() {
    kl_error error = NoError();
    const kl_code code = kl_session_rewind(session_.get(), 0, &error);
    return code == KL_OK ? Success() : FailureOf(code, error);
  }
  // From the beginning; the same tokens each time, so that a second pass finds its experts in
  // memory.
  Failure Decode(int64_t* ns) { return Decode(0, kDecodedTokens, ns); }
  Failure Decode(int64_t first, int64_t count, int64_t* ns) {
    Failure failure = Rewind();
    const int64_t begin = NowNs();
    for (int64_t i = first; i < first + count && failure.ok(); ++i) {
      kl_error error = NoError();
      const kl_code code =
          kl_session_decode(session_.get(), tokens_[static_cast<size_t>(i)], &error);
      if (code != KL_OK) failure = FailureOf(code, error);
    }
    *ns = NowNs() - begin;
    return failure;
  }
  Failure Prefill(int64_t count, int64_t* ns) {
    Failure failure = Rewind();
    if (!failure.ok()) return failure;
    kl_error error = NoError();
    const int64_t begin = NowNs();
    const kl_code code = kl_session_prefill(session_.get(), tokens_.data(),
                                            static_cast<size_t>(count), nullptr, nullptr, &error);
    *ns = NowNs() - begin;
    return code == KL_OK ? Success() : FailureOf(code, error);
  }

 private:
  ModelHandle model_;
  SessionHandle session_;
  std::vector<int32_t> tokens_;
  int64_t layers_ = 0;
};

Failure DecodeSome(Part* part, std::vector<int64_t>* passes_ns) {
  for (int i = 0; i < kPasses; ++i) {
    int64_t ns = 0;
    const Failure failure = part->Decode(&ns);
    if (!failure.ok()) return failure;
    passes_ns->push_back(ns);
  }
  return Success();
}

// Shares the time of a token out among layers, what overlaps with reads, and the rest.
void ReadProfile(const Part& part, double token_ns, Speeds* speeds) {
  double layers_ns = 0, overlap_ns = 0, router_ns = 0, before_ns = 0, all_ns = 0;
  uint64_t layer_bytes = 0, rest_bytes = 0;
  bool chosen = false;  // between a router and its experts
  for (uint32_t i = 0; i < kl_session_profile_count(part.session()); ++i) {
    kl_node_profile node = {};
    node.struct_size = sizeof node;
    if (kl_session_profile(part.session(), i, &node) != KL_OK || node.run_count == 0) continue;
    const double ns = static_cast<double>(node.ns);
    const bool in_layer = std::strncmp(node.node, "blk.", 4) == 0;
    if (std::strcmp(node.op, "moe_ffn") == 0) chosen = false;
    all_ns += ns;
    (in_layer ? layer_bytes : rest_bytes) += node.weight_bytes;
    if (in_layer) layers_ns += ns;
    if (chosen) overlap_ns += ns;
    if (std::strcmp(node.op, "moe_route") == 0) {
      chosen = true;
      router_ns += before_ns;
    }
    before_ns = ns;
  }
  const double layers = static_cast<double>(std::max<int64_t>(1, part.layers()));
  const double scale = all_ns > 0 ? token_ns / all_ns : 0;
  speeds->probed_layers = part.layers();
  speeds->layer_ns = layers_ns * scale / layers;
  speeds->overlap_ns = overlap_ns * scale / layers;
  speeds->router_ns = router_ns * scale / layers;
  speeds->rest_ns = token_ns - layers_ns * scale;
  const uint64_t tokens = kDecodedTokens;
  speeds->layer_weight_bytes = layer_bytes / tokens / static_cast<uint64_t>(layers);
  speeds->rest_weight_bytes = rest_bytes / tokens;
}

Failure MeasurePart(Part* part, double token_ns, int64_t prompt_tokens, Speeds* speeds) {
  int64_t ns = 0;
  Failure failure;
  kl_error error = NoError();
  if (failure.ok() && kl_session_set_profiling(part->session(), true, &error) != KL_OK) {
    failure = FailureOf(error.code, error);
  }
  if (failure.ok()) failure = part->Decode(&ns);
  if (failure.ok()) ReadProfile(*part, token_ns, speeds);
  kl_session_set_profiling(part->session(), false, &error);
  speeds->prompt_tokens = std::clamp<int64_t>(prompt_tokens, 1, kMostPrompt);
  const auto prefill = [&](int64_t* taken) { return part->Prefill(speeds->prompt_tokens, taken); };
  if (failure.ok()) failure = prefill(&ns);  // brings the experts
  if (failure.ok()) failure = prefill(&ns);
  speeds->prompt_layer_ns = std::max(0.0, static_cast<double>(ns) - speeds->rest_ns) /
                            static_cast<double>(std::max<int64_t>(1, part->layers()));
  return failure;
}

Failure MeasureReads(const kl_model* planned, const kl_model_options& options, uint32_t top_k,
                     Speeds* speeds) {
  std::vector<uint32_t> sizes = {1, std::max<uint32_t>(2, top_k), kDeepest};
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  for (const uint32_t together : sizes) {
    kl_expert_probe probe = {};
    probe.struct_size = sizeof probe;
    kl_error error = NoError();
    const kl_code code =
        kl_model_probe_experts(planned, &options, together, kReadNs, &probe, &error);
    if (code != KL_OK) return FailureOf(code, error);
    if (probe.group_count == 0) continue;  // fewer experts than that
    const double groups = static_cast<double>(probe.group_count);
    const double ns = static_cast<double>(probe.ns) / groups;
    const double cpu_ns = static_cast<double>(probe.cpu_ns) / groups;
    const auto known = std::find_if(speeds->reads.begin(), speeds->reads.end(),
                                    [&](const ReadSpeed& read) { return read.together == together; });
    if (known != speeds->reads.end()) {
      known->ns = (known->ns + ns) / 2;
      known->cpu_ns = (known->cpu_ns + cpu_ns) / 2;
      continue;
    }
    speeds->reads.push_back({together, ns, static_cast<double>(probe.read_bytes) / groups, cpu_ns});
  }
  return Success();
}

}  // namespace

Failure MeasureSpeeds(kl_runtime* runtime, const kl_model* planned, const std::string& path,
                      const kl_model_options& options, int64_t prompt_tokens, bool streams_weights, Speeds* speeds) {
  const int64_t begin = NowNs();
  speeds->spare_core = kl_runtime_thread_count(runtime) < static_cast<int32_t>(std::thread::hardware_concurrency());
  {
    const auto roof = StreamingRead::Create(kl_runtime_thread_count(runtime));
    if (roof != nullptr) speeds->memory_bytes_per_second = roof->Measure(2);
  }
  kl_memory_plan plan = {};
  plan.struct_size = sizeof plan;
  kl_error error = NoError();
  const kl_code code = kl_model_plan_memory(planned, &options, &plan, &error);
  if (code != KL_OK) return FailureOf(code, error);
  const kl_model_info info = Describe(planned);
  const auto measure_reads = [&]() -> Failure {
    if (plan.expert_count == 0) return Success();
    return MeasureReads(planned, options, static_cast<uint32_t>(info.expert_used_count), speeds);
  };
  // All is measured twice, some time apart: who shares the machine or its storage may be busy for a second.
  Part part;
  int64_t ns = 0;
  std::vector<int64_t> passes_ns;
  Failure failure = measure_reads();
  if (failure.ok()) failure = part.Load(runtime, path, options);
  if (failure.ok()) failure = part.Decode(&ns);  // brings the experts
  if (failure.ok()) failure = DecodeSome(&part, &passes_ns);
  if (failure.ok()) failure = measure_reads();
  if (failure.ok() && streams_weights) {
    uint64_t bytes_per_second = 0;
    const kl_code read = kl_model_probe_weights(planned, &options, &bytes_per_second, &error);
    if (read != KL_OK) return FailureOf(read, error);
    speeds->weight_bytes_per_second = static_cast<double>(bytes_per_second);
  }
  if (failure.ok()) failure = DecodeSome(&part, &passes_ns);
  if (!failure.ok()) return failure;
  // The median: a whole conversation has good and bad moments too.
  std::sort(passes_ns.begin(), passes_ns.end());
  const double token_ns = static_cast<double>(passes_ns[passes_ns.size() / 2]) / kDecodedTokens;
  failure = MeasurePart(&part, token_ns, prompt_tokens, speeds);
  speeds->probe_seconds = static_cast<double>(NowNs() - begin) / 1e9;
  return failure;
}

double ReadNs(const Speeds& speeds, double together) {
  if (speeds.reads.empty() || together <= 0) return 0;
  ReadSpeed before;  // nothing takes no time
  for (const ReadSpeed& read : speeds.reads) {
    if (together <= read.together) {
      const double part = (together - before.together) / (read.together - before.together);
      return before.ns + part * (read.ns - before.ns);
    }
    before = read;
  }
  return before.ns * together / before.together;
}

}  // namespace kinglet::tools
