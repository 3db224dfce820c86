// Qwen3-MoE: as Qwen3, with experts of expert_feed_forward_length.
#include "plugins/common/table.h"
#include "plugins/llama/decoder.h"

namespace kinglet {
namespace {

constexpr DecoderFamily kFamily = {"qwen3moe", /*interleaved_rope=*/false, /*qk_norm=*/true, /*has_window=*/false};

kl_code Build(const kl_host* host, const kl_model_view* view, kl_plan_builder* builder, kl_model_facts* facts,
              kl_error* error) {
  return BuildDecoder(kFamily, host, view, builder, facts, error);
}

const kl_architecture kArchitecture = {sizeof(kl_architecture), kFamily.name, Build};

}  // namespace
}  // namespace kinglet

KL_TABLE(llama, arch_qwen3moe) = {nullptr, nullptr, 0, &kinglet::kArchitecture, nullptr, nullptr};
