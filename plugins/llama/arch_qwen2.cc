// Qwen2 and Qwen2.5: biases on q, k and v.
#include "plugins/common/table.h"
#include "plugins/llama/decoder.h"

namespace kinglet {
namespace {

constexpr DecoderFamily kFamily = {"qwen2", /*interleaved_rope=*/false, /*qk_norm=*/false, /*has_window=*/false};

kl_code Build(const kl_host* host, const kl_model_view* view, kl_plan_builder* builder, kl_model_facts* facts,
              kl_error* error) {
  return BuildDecoder(kFamily, host, view, builder, facts, error);
}

const kl_architecture kArchitecture = {sizeof(kl_architecture), kFamily.name, Build};

}  // namespace
}  // namespace kinglet

KL_TABLE(llama, arch_qwen2) = {nullptr, nullptr, 0, &kinglet::kArchitecture, nullptr, nullptr};
