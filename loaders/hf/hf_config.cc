#include "loaders/hf/hf_config.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace kinglet {
namespace {

struct ModelType {
  const char* theirs;
  const char* ours;
};

constexpr ModelType kModelTypes[] = {
    {"llama", "llama"},
    {"mistral", "llama"},
    {"mixtral", "llama"},
    {"qwen2", "qwen2"},
    {"qwen3", "qwen3"},
    {"qwen3_moe", "qwen3moe"},
    {"smallthinker", "smallthinker"},
};

// Values of expert_gating_func.
constexpr int64_t kGatingSoftmax = 1;
constexpr int64_t kGatingSigmoid = 2;

class Translator {
 public:
  Translator(absl::string_view path, const nlohmann::json& config)
      : path_(path), fields_(path, config) {}

  absl::StatusOr<HfConfig> Run() {
    const std::string type = fields_.Text("model_type");
    KL_RETURN_IF_ERROR(fields_.status());
    for (const ModelType& row : kModelTypes) {
      if (type == row.theirs) result_.architecture = row.ours;
    }
    if (result_.architecture.empty()) {
      return Unsupported("model_type", type,
                         "llama, mistral, mixtral, qwen2, qwen3, qwen3_moe, smallthinker");
    }
    result_.metadata.Insert("general.architecture", result_.architecture);
    result_.metadata.Insert("kinglet.rope_interleaved", false);
    KL_RETURN_IF_ERROR(Common());
    KL_RETURN_IF_ERROR(Rope());
    KL_RETURN_IF_ERROR(type == "smallthinker" ? SmallThinker() : LlamaFamily());
    KL_RETURN_IF_ERROR(fields_.status());
    return std::move(result_);
  }

 private:
  void Set(const char* key, MetadataValue value) {
    result_.metadata.Insert(absl::StrCat(result_.architecture, ".", key), std::move(value));
  }
  void CopyInt(const char* from, const char* to) {
    if (const std::optional<int64_t> value = fields_.Int(from)) Set(to, *value);
  }
  void CopyFloat(const char* from, const char* to) {
    if (const std::optional<double> value = fields_.Float(from)) Set(to, *value);
  }
  void CopyInts(const char* from, const char* to) {
    if (fields_.Find(from) != nullptr) Set(to, fields_.Ints(from));
  }

  absl::Status Unsupported(const char* key, absl::string_view found,
                           absl::string_view known) const {
    return absl::UnimplementedError(absl::StrCat(path_, ": field \"", key, "\": expected one of ",
                                                 known, ", found \"", found,
                                                 "\"; Kinglet cannot run such a model"));
  }

  absl::Status Common() {
    CopyInt("num_hidden_layers", "block_count");
    CopyInt("max_position_embeddings", "context_length");
    CopyInt("hidden_size", "embedding_length");
    CopyInt("num_attention_heads", "attention.head_count");
    CopyInt(fields_.Find("num_key_value_heads") != nullptr ? "num_key_value_heads"
                                                           : "num_attention_heads",
            "attention.head_count_kv");
    CopyInt("head_dim", "attention.key_length");
    CopyInt("head_dim", "attention.value_length");
    CopyFloat("rms_norm_eps", "attention.layer_norm_rms_epsilon");
    CopyInt("vocab_size", "vocab_size");
    result_.tied_head = fields_.Bool("tie_word_embeddings").value_or(false);
    // A list in some files.
    const std::vector<int64_t> bos_ids = fields_.Ints("bos_token_id");
    if (!bos_ids.empty()) result_.bos_id = bos_ids[0];
    result_.eos_ids = fields_.Ints("eos_token_id");
    return fields_.status();
  }

  absl::Status Rope() {
    // Newer files gather everything in rope_parameters.
    const nlohmann::json* gathered = fields_.Object("rope_parameters");
    const nlohmann::json* scaling = gathered != nullptr ? gathered : fields_.Object("rope_scaling");
    KL_RETURN_IF_ERROR(fields_.status());
    CopyFloat("rope_theta", "rope.freq_base");
    if (const std::optional<double> share = fields_.Float("partial_rotary_factor")) {
      const int64_t heads = std::max<int64_t>(1, fields_.Int("num_attention_heads").value_or(1));
      const int64_t length =
          fields_.Int("head_dim").value_or(fields_.Int("hidden_size").value_or(0) / heads);
      if (*share > 0 && *share <= 1)
        Set("rope.dimension_count", static_cast<int64_t>(*share * length));
    }
    if (scaling == nullptr) return fields_.status();
    JsonFields rope(absl::StrCat(path_, ": field \"",
                                 gathered != nullptr ? "rope_parameters" : "rope_scaling", "\""),
                    *scaling);
    if (const std::optional<double> base = rope.Float("rope_theta")) Set("rope.freq_base", *base);
    std::string type = rope.Text("rope_type");
    if (type.empty()) type = rope.Text("type");
    KL_RETURN_IF_ERROR(rope.status());
    if (type.empty() || type == "default") return absl::OkStatus();
    if (type != "linear" && type != "llama3" && type != "yarn") {
      return Unsupported("rope_type", type, "default, linear, llama3, yarn");
    }
    Set("rope.scaling.type", type);
    const struct {
      const char* theirs;
      const char* ours;
    } kNumbers[] = {
        {"factor", "rope.scaling.factor"},
        {"low_freq_factor", "rope.scaling.low_freq_factor"},
        {"high_freq_factor", "rope.scaling.high_freq_factor"},
        {"beta_fast", "rope.scaling.yarn_beta_fast"},
        {"beta_slow", "rope.scaling.yarn_beta_slow"},
        {"attention_factor", "rope.scaling.attn_factor"},
    };
    for (const auto& row : kNumbers) {
      if (const std::optional<double> value = rope.Float(row.theirs)) Set(row.ours, *value);
    }
    if (const std::optional<int64_t> length = rope.Int("original_max_position_embeddings")) {
      Set("rope.scaling.original_context_length", *length);
    }
    return rope.status();
  }

  absl::Status LlamaFamily() {
    const std::string activation = fields_.Text("hidden_act");
    if (!activation.empty() && activation != "silu" && activation != "swish") {
      return Unsupported("hidden_act", activation, "silu");
    }
    CopyInt("intermediate_size", "feed_forward_length");
    CopyInt("num_local_experts", "expert_count");
    CopyInt("num_experts", "expert_count");
    CopyInt("num_experts_per_tok", "expert_used_count");
    CopyInt("moe_intermediate_size", "expert_feed_forward_length");
    if (const std::optional<bool> normalised = fields_.Bool("norm_topk_prob")) {
      Set("expert_weights_norm", *normalised);
    }
    return Window();
  }

  // Llama's relatives slide in all layers (Mistral) or, Qwen's, in those above a number that
  // published models set to the number of layers: none.
  absl::Status Window() {
    if (fields_.Find("sliding_window") == nullptr) return absl::OkStatus();
    if (result_.architecture == "llama") {
      CopyInt("sliding_window", "attention.sliding_window");
      return absl::OkStatus();
    }
    if (!fields_.Bool("use_sliding_window").value_or(false)) return absl::OkStatus();
    const int64_t layers = fields_.Int("num_hidden_layers").value_or(0);
    if (fields_.Int("max_window_layers").value_or(0) >= layers) return absl::OkStatus();
    return Unsupported("use_sliding_window", "true", "false, or a max_window_layers of all layers");
  }

  absl::Status SmallThinker() {
    CopyInt("moe_ffn_hidden_size", "feed_forward_length");
    CopyInt("moe_ffn_hidden_size", "expert_feed_forward_length");
    CopyInt("moe_num_primary_experts", "expert_count");
    CopyInt("moe_num_active_primary_experts", "expert_used_count");
    // Absent in the released 4B, which uses sigmoid.
    const bool softmax = fields_.Bool("moe_primary_router_apply_softmax").value_or(false);
    Set("expert_gating_func", softmax ? kGatingSoftmax : kGatingSigmoid);
    CopyInts("rope_layout", "rope_layout");
    CopyInts("sliding_window_layout", "sliding_window_layout");
    CopyInts("moe_layer_layout", "moe_layer_layout");
    // The size counts only where a layer slides: GGUF readers take any size as "some layers do".
    const std::vector<int64_t> slides = fields_.Ints("sliding_window_layout");
    if (std::find_if(slides.begin(), slides.end(), [](int64_t s) { return s != 0; }) !=
        slides.end()) {
      CopyInt("sliding_window_size", "attention.sliding_window");
    }
    const std::vector<int64_t> experts = fields_.Ints("moe_layer_layout");
    if (std::find(experts.begin(), experts.end(), 0) != experts.end()) {
      return Unsupported("moe_layer_layout", "0", "1: every layer has experts");
    }
    if (!fields_.Bool("norm_topk_prob").value_or(true))
      return Unsupported("norm_topk_prob", "false", "true");
    if (fields_.Bool("moe_enable_secondary_experts").value_or(false)) {
      return Unsupported("moe_enable_secondary_experts", "true", "false");
    }
    return fields_.status();
  }

  const std::string path_;
  JsonFields fields_;
  HfConfig result_;
};

}  // namespace

absl::StatusOr<HfConfig> TranslateHfConfig(absl::string_view path, const nlohmann::json& config) {
  return Translator(path, config).Run();
}

}  // namespace kinglet
