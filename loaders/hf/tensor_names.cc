#include "loaders/hf/tensor_names.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace kinglet {
namespace {

struct NamePair {
  absl::string_view theirs;
  absl::string_view ours;
};

constexpr NamePair kOutsideOfLayers[] = {
    {"embed_tokens", "token_embd"},
    {"norm", "output_norm"},
    {"lm_head", "output"},
};

constexpr NamePair kInALayer[] = {
    {"input_layernorm", "attn_norm"},
    {"post_attention_layernorm", "ffn_norm"},
    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},
    {"self_attn.o_proj", "attn_output"},
    {"self_attn.q_norm", "attn_q_norm"},
    {"self_attn.k_norm", "attn_k_norm"},
    {"mlp.gate_proj", "ffn_gate"},
    {"mlp.up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
    // Routers: Mixtral, Qwen3-MoE, SmallThinker.
    {"block_sparse_moe.gate", "ffn_gate_inp"},
    {"mlp.gate", "ffn_gate_inp"},
    {"block_sparse_moe.primary_router", "ffn_gate_inp"},
};

// Behind "block_sparse_moe.experts.N." or "mlp.experts.N.".
constexpr NamePair kInAnExpert[] = {
    {"w1", "ffn_gate"},        {"w3", "ffn_up"},      {"w2", "ffn_down"},         // Mixtral
    {"gate_proj", "ffn_gate"}, {"up_proj", "ffn_up"}, {"down_proj", "ffn_down"},  // Qwen3-MoE
    {"gate", "ffn_gate"},      {"up", "ffn_up"},      {"down", "ffn_down"},       // SmallThinker
};

template <size_t kCount>
absl::string_view Translate(const NamePair (&table)[kCount], absl::string_view theirs) {
  for (const NamePair& row : table) {
    if (row.theirs == theirs) return row.ours;
  }
  return "";
}

// Takes "12." off the front; a number is written without leading zeros.
bool ConsumeIndex(absl::string_view* name, absl::string_view* digits) {
  const size_t dot = name->find('.');
  if (dot == absl::string_view::npos) return false;
  *digits = name->substr(0, dot);
  int64_t index = 0;
  if (!absl::SimpleAtoi(*digits, &index) || absl::StrCat(index) != *digits || index < 0)
    return false;
  name->remove_prefix(dot + 1);
  return true;
}

// `module` is the name without the layer's number and without ".weight" or ".bias".
std::optional<std::string> InALayer(absl::string_view layer, absl::string_view module,
                                    absl::string_view kind) {
  const absl::string_view ours = Translate(kInALayer, module);
  if (!ours.empty()) return absl::StrCat("blk.", layer, ".", ours, kind);
  if (!absl::ConsumePrefix(&module, "block_sparse_moe.experts.") &&
      !absl::ConsumePrefix(&module, "mlp.experts.")) {
    return std::nullopt;
  }
  absl::string_view expert;
  if (!ConsumeIndex(&module, &expert)) return std::nullopt;
  const absl::string_view part = Translate(kInAnExpert, module);
  if (part.empty()) return std::nullopt;
  return absl::StrCat("blk.", layer, ".", part, ".", expert, kind);
}

}  // namespace

std::optional<std::string> GgufTensorName(absl::string_view name) {
  // Old checkpoints keep the angles, which follow from the configuration.
  if (absl::EndsWith(name, "rotary_emb.inv_freq")) return std::string();
  absl::ConsumePrefix(&name, "model.");
  absl::string_view kind;
  for (const absl::string_view suffix : {".weight", ".bias"}) {
    if (absl::EndsWith(name, suffix)) kind = suffix;
  }
  if (kind.empty()) return std::nullopt;
  name.remove_suffix(kind.size());
  if (absl::ConsumePrefix(&name, "layers.")) {
    absl::string_view layer;
    if (!ConsumeIndex(&name, &layer)) return std::nullopt;
    return InALayer(layer, name, kind);
  }
  const absl::string_view ours = Translate(kOutsideOfLayers, name);
  if (ours.empty()) return std::nullopt;
  return absl::StrCat(ours, kind);
}

}  // namespace kinglet
