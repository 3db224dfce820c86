#include "tools/plan/demand.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/common/routing_generator.h"
#include "tools/common/routing_records.h"

namespace kinglet::tools {
namespace {

// Half of them warm the cache.
constexpr uint64_t kTokens = 1024;
constexpr uint64_t kFewestTokens = 16;

}  // namespace

Failure ExpertDemand::Init(const DemandSettings& settings, uint32_t layers, uint32_t experts,
                           uint32_t used) {
  if (!settings.file.empty()) {
    Failure failure = ReadRouting(settings.file, &routing_);
    if (!failure.ok()) return failure;
    const RoutingHeader& header = routing_.header;
    if (header.layers != layers || header.experts != experts || header.top_k != used) {
      return {kExitBadData,
              absl::StrFormat("%s was recorded with %d layers, %d experts of which %d are used; "
                              "the model has %d, %d and %d",
                              settings.file, header.layers, header.experts, header.top_k, layers,
                              experts, used)};
    }
    ids_ = AskedRecords(routing_, /*with_prompt=*/false, &token_count_);
    if (token_count_ < kFewestTokens) {
      ids_ = AskedRecords(routing_, /*with_prompt=*/true, &token_count_);
    }
    if (token_count_ < kFewestTokens) {
      return {kExitBadData, absl::StrCat(settings.file, " has ", token_count_,
                                         " tokens; a prediction needs at least ", kFewestTokens)};
    }
    description_ = absl::StrCat(token_count_, " recorded tokens of ", settings.file);
    return Success();
  }
  SyntheticRouting shape;
  shape.layers = layers;
  shape.experts = experts;
  shape.top_k = used;
  shape.tokens = kTokens;
  shape.seed = static_cast<uint64_t>(settings.seed);
  shape.locality = settings.locality;
  // With few experts a token uses a large part of them, and there is no room for a skew.
  shape.hot_share = experts < 4 * used ? 0 : settings.skew;
  const Failure failure = GenerateRouting(shape, &routing_);
  if (!failure.ok()) return failure;
  ids_ = AskedRecords(routing_, false, &token_count_);
  description_ =
      shape.hot_share == 0
          ? "made routing: all experts used alike"
          : absl::StrFormat("made routing: %d of %d experts of a layer get %g %% of uses", 2 * used,
                            experts, 100 * shape.hot_share);
  absl::StrAppendFormat(&description_, ", %g %% taken over from the token before",
                        100 * shape.locality);
  return Success();
}

Failure ExpertDemand::HitRate(const kl_runtime* runtime, const char* policy, uint64_t slots,
                              double* rate) const {
  const uint64_t record_count = uint64_t{layers()} * experts();
  slots = std::clamp<uint64_t>(slots, used(), record_count);
  uint64_t hits[2] = {}, misses[2] = {};
  for (int i = 0; i < 2; ++i) {  // the first half, and all: what is between is a warm cache
    const uint64_t tokens = i == 0 ? token_count_ / 2 : token_count_;
    kl_error error = NoError();
    const kl_code code = kl_runtime_replay_cache(
        runtime, nullptr, policy, record_count, slots, ids_.data(),
        tokens * routing_.header.ids_per_token(), used(), &hits[i], &misses[i], &error);
    if (code != KL_OK) return FailureOf(code, error);
  }
  const uint64_t asked = hits[1] + misses[1] - hits[0] - misses[0];
  *rate = asked == 0 ? 1 : static_cast<double>(hits[1] - hits[0]) / static_cast<double>(asked);
  return Success();
}

uint64_t ExpertDemand::Distinct(int64_t tokens) const {
  const uint64_t count = std::min<uint64_t>(static_cast<uint64_t>(tokens), token_count_);
  std::vector<bool> seen(uint64_t{layers()} * experts());
  uint64_t distinct = 0;
  for (uint64_t i = 0; i < count * routing_.header.ids_per_token(); ++i) {
    if (ids_[i] == kNoRecord || seen[ids_[i]]) continue;
    seen[ids_[i]] = true;
    ++distinct;
  }
  return distinct;
}

double ExpertDemand::DistinctOfLayer(int64_t tokens) const {
  return static_cast<double>(Distinct(tokens)) / std::max<uint32_t>(1, layers());
}

}  // namespace kinglet::tools
