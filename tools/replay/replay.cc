// kinglet replay: which cache policy, and how large a cache, for recorded routing.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tools/common/command.h"
#include "tools/common/engine.h"
#include "tools/common/expert_use.h"
#include "tools/common/files.h"
#include "tools/common/options.h"
#include "tools/common/report.h"
#include "tools/common/routing_file.h"
#include "tools/common/routing_generator.h"
#include "tools/common/routing_records.h"
#include "tools/replay/hit_rates.h"

namespace kinglet::tools {
namespace {

constexpr char kName[] = "replay";
constexpr char kOptimum[] = "belady";

struct Settings {
  std::vector<std::string> files;
  bool synthetic = false;
  SyntheticRouting shape;
  int64_t layers = 32, experts = 32, top_k = 4, tokens = 1024, seed = 1;
  std::vector<int64_t> sizes;  // percent
  std::string write, write_profile, svg;
  bool with_prompt = false;
  bool json = false;
};

Failure Measure(const Settings& settings, const Routing& routing, const kl_runtime* runtime,
                HitRates* rates) {
  rates->header = routing.header;
  const std::vector<uint64_t> ids = AskedRecords(routing, settings.with_prompt, &rates->token_count);
  if (rates->token_count == 0) {
    return {kExitBadData,
            "the recording has no tokens that were decoded one by one; --with-prompt takes those "
            "of prompts as well"};
  }
  for (uint32_t i = 0; const char* policy = kl_runtime_cache_policy(runtime, nullptr, i); ++i) {
    rates->policies.push_back(policy);
  }
  rates->policies.push_back(kOptimum);
  for (const int64_t percent : settings.sizes) {
    const uint64_t slots =
        std::clamp<uint64_t>(rates->record_count() * static_cast<uint64_t>(percent) / 100,
                             routing.header.top_k, rates->record_count());
    if (!rates->slots.empty() && slots <= rates->slots.back()) continue;
    rates->slots.push_back(slots);
    rates->rate.emplace_back();
    rates->misses_per_token.emplace_back();
    for (const std::string& policy : rates->policies) {
      uint64_t hits = 0, misses = 0;
      kl_error error = NoError();
      const kl_code code = kl_runtime_replay_cache(
          runtime, nullptr, policy.c_str(), rates->record_count(), slots, ids.data(), ids.size(),
          routing.header.top_k, &hits, &misses, &error);
      if (code != KL_OK) return FailureOf(code, error);
      const double asked = static_cast<double>(std::max<uint64_t>(1, hits + misses));
      rates->rate.back().push_back(static_cast<double>(hits) / asked);
      rates->misses_per_token.back().push_back(static_cast<double>(misses) /
                                               static_cast<double>(rates->token_count));
    }
  }
  return Success();
}

Failure WriteRouting(const std::string& path, const Routing& routing) {
  RoutingWriter writer;
  Failure failure = writer.Open(path);
  if (failure.ok()) failure = writer.Begin(routing.header);
  const size_t row = routing.header.ids_per_token();
  for (size_t token = 0; failure.ok() && token < routing.token_count(); ++token) {
    failure = writer.Add(routing.flags[token], routing.experts.data() + token * row);
  }
  return failure.ok() ? writer.Close() : failure;
}

// All tokens count, those of prompts too: a prompt reads its experts as an answer does.
Failure WriteProfile(const std::string& path, const Routing& routing) {
  uint64_t fingerprint = 0;
  if (!absl::SimpleHexAtoi(routing.header.fingerprint, &fingerprint)) {
    return {kExitBadData,
            "--write-profile: the recording does not say which model it is of; record it with "
            "chat or bench --record-routing"};
  }
  const ExpertUse counted = ExpertUse::Of(routing);
  kl_expert_use use = {};
  use.struct_size = sizeof use;
  use.layer_count = counted.layers;
  use.expert_count = counted.experts;
  use.model = routing.header.model.c_str();
  use.fingerprint = fingerprint;
  use.token_count = counted.tokens;
  use.counts = counted.counts.data();
  kl_error error = NoError();
  const kl_code code = kl_expert_profile_write(path.c_str(), &use, &error);
  return code == KL_OK ? Success() : FailureOf(code, error);
}

Failure Replay(Settings settings, const EngineFlags& engine) {
  if (settings.files.empty() != settings.synthetic) {
    return {kExitUsage, "give a recording, or --synthetic, not both"};
  }
  std::sort(settings.sizes.begin(), settings.sizes.end());
  Routing routing;
  Failure failure;
  if (settings.synthetic) {
    settings.shape.layers = static_cast<uint32_t>(settings.layers);
    settings.shape.experts = static_cast<uint32_t>(settings.experts);
    settings.shape.top_k = static_cast<uint32_t>(settings.top_k);
    settings.shape.tokens = static_cast<uint64_t>(settings.tokens);
    settings.shape.seed = static_cast<uint64_t>(settings.seed);
    failure = GenerateRouting(settings.shape, &routing);
  } else {
    failure = ReadRouting(settings.files[0], &routing);
  }
  if (failure.ok() && !settings.write.empty()) failure = WriteRouting(settings.write, routing);
  if (failure.ok() && !settings.write_profile.empty()) {
    failure = WriteProfile(settings.write_profile, routing);
  }
  RuntimeHandle runtime;
  if (failure.ok()) failure = CreateRuntime(kName, engine, &runtime);
  HitRates rates;
  if (failure.ok()) failure = Measure(settings, routing, runtime.get(), &rates);
  if (failure.ok() && !settings.svg.empty()) failure = WriteWholeFile(settings.svg, SvgOf(rates));
  if (failure.ok()) {
    std::fputs((settings.json ? JsonOf(rates) : MarkdownOf(rates)).c_str(), stdout);
  }
  return failure;
}

int Run(int argc, char** argv) {
  Settings settings;
  EngineFlags engine;
  OptionTable options(kName,
                      "Runs recorded routing through every cache policy and size, with the optimum "
                      "(Belady's, which knows the future) beside them. Prints the hit rate and, in "
                      "parentheses, the experts read per token.");
  options.Example("kinglet replay chat.routing --svg hits.svg");
  options.Example("kinglet replay chat.routing --write-profile model.profile");
  options.Example("kinglet replay --synthetic --locality 0.5 --sizes 10,25,50");
  options.Positional("FILE", &settings.files, 0, 1, "what chat or bench --record-routing wrote");
  options.Integers({"--sizes"}, "LIST", &settings.sizes, {1, 100},
                   "cache sizes in percent of all experts; default 5,10-90+10,100 and 25, 33");
  options.Flag({"--with-prompt"}, &settings.with_prompt,
               "also the tokens of prompts, as if they had been decoded one by one");
  options.Flag({"--json"}, &settings.json, "print one JSON object");
  options.Text({"--svg"}, "FILE", &settings.svg, "plot hit rate against size");
  options.Text({"--write-profile"}, "FILE", &settings.write_profile,
               "write how often each expert was used, for --expert-profile");
  options.Group("Made routing");
  options.Flag({"--synthetic"}, &settings.synthetic,
               "routing as skewed as the SmallThinker paper reports, instead of a recording");
  options.Integer({"--layers"}, "N", &settings.layers, {1, 4096}, "layers");
  options.Integer({"--experts"}, "N", &settings.experts, {4, 4096}, "experts of a layer");
  options.Integer({"--top-k"}, "N", &settings.top_k, {1, 64}, "experts of a token in a layer");
  options.Integer({"--tokens"}, "N", &settings.tokens, {1, 1 << 20}, "tokens");
  options.Integer({"-s", "--seed"}, "N", &settings.seed, {0, INT64_MAX}, "seed");
  options.Real({"--locality"}, "P", &settings.shape.locality, {0, 0.95},
               "probability that a token takes over an expert of the one before");
  options.Text({"--write"}, "FILE", &settings.write, "keep the routing, as a recording");
  engine.Declare(&options);
  int status = 0;
  if (!options.Parse(argc, argv, &status)) return status;
  if (settings.sizes.empty()) {
    settings.sizes = {5, 10, 20, 25, 30, 33, 40, 50, 60, 70, 80, 90, 100};
  }
  const Failure failure = Replay(std::move(settings), engine);
  return failure.ok() ? FinishOutput(kName) : Report(kName, failure);
}

}  // namespace

extern const Command kCommand_replay;
const Command kCommand_replay = {kName, "cache policies and sizes on recorded routing", Run};

}  // namespace kinglet::tools
