// Llama 1-3 and Mixtral, which GGUF files call llama too (expert_count > 0).
#include "plugins/common/table.h"
#include "plugins/llama/decoder.h"

namespace kinglet {
namespace {

constexpr DecoderFamily kFamily = {"llama", /*interleaved_rope=*/true, /*qk_norm=*/false, /*has_window=*/true};

kl_code Build(const kl_host* host, const kl_model_view* view, kl_plan_builder* builder, kl_model_facts* facts,
              kl_error* error) {
  return BuildDecoder(kFamily, host, view, builder, facts, error);
}

const kl_architecture kArchitecture = {sizeof(kl_architecture), kFamily.name, Build};

}  // namespace
}  // namespace kinglet

KL_TABLE(llama, arch_llama) = {nullptr, nullptr, 0, &kinglet::kArchitecture, nullptr, nullptr};
