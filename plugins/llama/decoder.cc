#include "plugins/llama/decoder.h"

#include <math.h>

#include <string>

#include "plugins/common/expert_weights.h"
#include "plugins/common/plan_writer.h"
#include "plugins/llama/rope_scaling.h"

namespace kinglet {
namespace {

struct Config {
  int64_t layers, dim, ffn, heads, kv_heads, head_length, context, window;
  int64_t experts, experts_used, expert_ffn;  // experts = 0: dense
  int64_t pooling;                            // KL_POOLING_*
  double epsilon;
  bool qk_norm;
  PlanWriter::RopeOptions rope;
};

Config ReadConfig(PlanWriter* w, const kl_model_view* view, const DecoderFamily& family) {
  Config c = {};
  c.layers = w->RequiredInt("block_count", 1, kMostLayers);
  c.dim = w->RequiredInt("embedding_length", 1, kMostWidth);
  c.heads = w->RequiredInt("attention.head_count", 1, kMostHeads);
  c.kv_heads = w->Int("attention.head_count_kv", 1, kMostHeads, c.heads);
  c.head_length = w->Int("attention.key_length", 2, kMostHeadLength, c.dim / c.heads);
  c.context = w->RequiredInt("context_length", 1, kMostTokens);
  c.window = family.has_window ? w->Int("attention.sliding_window", 0, kMostTokens, 0) : 0;
  c.experts = w->Int("expert_count", 0, kMostExperts, 0);
  if (c.experts == 0) {
    c.ffn = w->RequiredInt("feed_forward_length", 1, kMostWidth);
  } else {
    c.experts_used = w->RequiredInt("expert_used_count", 1, c.experts);
    c.expert_ffn = w->Has("expert_feed_forward_length")
                       ? w->RequiredInt("expert_feed_forward_length", 1, kMostWidth)
                       : w->RequiredInt("feed_forward_length", 1, kMostWidth);
  }
  c.epsilon = w->PositiveFloat("attention.layer_norm_rms_epsilon", 1e-5);
  c.qk_norm = family.qk_norm;
  c.pooling = w->Int("pooling_type", KL_POOLING_NONE, KL_POOLING_MEAN, KL_POOLING_NONE);
  if (w->Int("attention.causal", 0, 1, 1) == 0) {
    w->Fail(KL_UNSUPPORTED, std::string(family.name) + ".attention.causal is false: attention to later tokens cannot be computed");
  }
  c.rope.head_length = c.head_length;
  c.rope.rotary_length = w->Int("rope.dimension_count", 2, kMostHeadLength, c.head_length);
  c.rope.base = w->PositiveFloat("rope.freq_base", 10000.0);
  int64_t interleaved = family.interleaved_rope ? 1 : 0;
  view->get_int(view, "kinglet.rope_interleaved", &interleaved);
  c.rope.interleaved = interleaved != 0;
  const std::string prefix = std::string(family.name) + ".";
  if (c.heads % c.kv_heads != 0) {
    w->Fail(KL_DATA_CORRUPT, prefix + "attention.head_count_kv is " + std::to_string(c.kv_heads) +
                                 ", which does not divide head_count, " + std::to_string(c.heads));
  }
  if (c.head_length < 2 || c.head_length > kMostHeadLength) {
    w->Fail(KL_DATA_CORRUPT, prefix + "embedding_length / head_count gives heads of " + std::to_string(c.head_length) +
                                 " elements; expected 2 to " + std::to_string(kMostHeadLength));
  }
  if (c.rope.rotary_length % 2 != 0 || c.rope.rotary_length > c.head_length) {
    w->Fail(KL_DATA_CORRUPT, prefix + "rope.dimension_count is " + std::to_string(c.rope.rotary_length) +
                                 "; expected an even number of at most the head length, " +
                                 std::to_string(c.head_length));
  }
  return c;
}

// Projection, bias, optional norm of each head, rotation.
kl_value Rotated(PlanWriter* w, const std::string& layer, const char* which, const Config& c, kl_value x,
                 kl_value positions, int64_t width) {
  const std::string name = layer + "attn_" + which;
  kl_value y = w->Linear(name, x, c.dim, width);
  if (c.qk_norm) {
    y = w->RmsNorm(name + "_norm", y, w->Vector(name + "_norm.weight", c.head_length), width, c.epsilon);
  }
  return w->Rope(layer + which + "_rope", y, positions, width, c.rope);
}

kl_value Attention(PlanWriter* w, const std::string& layer, const Config& c, kl_value x, kl_value positions) {
  const int64_t q_width = c.heads * c.head_length;
  const int64_t kv_width = c.kv_heads * c.head_length;
  const kl_value q = Rotated(w, layer, "q", c, x, positions, q_width);
  const kl_value k = Rotated(w, layer, "k", c, x, positions, kv_width);
  const kl_value v = w->Linear(layer + "attn_v", x, c.dim, kv_width);
  const kl_value heads = w->Attention(layer + "attention", q, k, v, positions, c.heads, c.kv_heads, c.head_length,
                                      c.window, 1.0 / sqrt(static_cast<double>(c.head_length)));
  return w->Linear(layer + "attn_output", heads, q_width, c.dim);
}

kl_value DenseFfn(PlanWriter* w, const std::string& layer, const Config& c, kl_value x) {
  const kl_value gate = w->Linear(layer + "ffn_gate", x, c.dim, c.ffn);
  const kl_value up = w->Linear(layer + "ffn_up", x, c.dim, c.ffn);
  return w->Linear(layer + "ffn_down", w->Glu(layer + "ffn_glu", gate, up, c.ffn, "silu"), c.ffn, c.dim);
}

kl_value ExpertFfn(PlanWriter* w, const std::string& layer, const Config& c, kl_value x) {
  const bool normalise = w->Int("expert_weights_norm", 0, 1, 1) != 0;
  const double scale = w->Float("expert_weights_scale", 1.0);
  const kl_value logits = w->Linear(layer + "ffn_gate_inp", x, c.dim, c.experts);
  const PlanWriter::Routing routing =
      w->MoeRoute(layer + "ffn_route", logits, c.experts_used, "softmax", normalise, scale == 0.0 ? 1.0 : scale);
  const kl_value gate = ExpertWeight(w, layer, "ffn_gate", c.experts, c.expert_ffn, c.dim);
  const kl_value up = ExpertWeight(w, layer, "ffn_up", c.experts, c.expert_ffn, c.dim);
  const kl_value down = ExpertWeight(w, layer, "ffn_down", c.experts, c.dim, c.expert_ffn);
  return w->MoeFfn(layer + "ffn_exps", x, routing, gate, up, down, c.dim, "silu", false);
}

}  // namespace

kl_code BuildDecoder(const DecoderFamily& family, const kl_host*, const kl_model_view* view, kl_plan_builder* builder,
                     kl_model_facts* facts, kl_error* error) {
  PlanWriter w(view, builder, family.name);
  Config c = ReadConfig(&w, view, family);
  if (w.Status(error) != KL_OK) return w.Status(error);
  ReadRopeScaling(&w, &c.rope);

  const kl_tensor* table = w.FindTensor("token_embd.weight");
  const int64_t vocabulary = table != nullptr && table->rank == 2 ? table->shape[0] : 0;
  const kl_value embedding = w.Weight("token_embd.weight", {vocabulary, c.dim});
  const kl_value positions = w.Positions();

  kl_value h = w.Embed("token_embd", w.TokenIds(), embedding, c.dim);
  for (int64_t l = 0; l < c.layers && !w.failed(); ++l) {
    const std::string layer = "blk." + std::to_string(l) + ".";
    kl_value x = w.RmsNorm(layer + "attn_norm", h, w.Vector(layer + "attn_norm.weight", c.dim), c.dim, c.epsilon);
    h = w.Add(layer + "attn_residual", h, Attention(&w, layer, c, x, positions), c.dim);
    x = w.RmsNorm(layer + "ffn_norm", h, w.Vector(layer + "ffn_norm.weight", c.dim), c.dim, c.epsilon);
    h = w.Add(layer + "ffn_residual", h, c.experts > 0 ? ExpertFfn(&w, layer, c, x) : DenseFfn(&w, layer, c, x), c.dim);
    h = w.Memory(layer + "memory", l, x, h, "silu");
  }

  h = w.SelectRows("output_rows", h, w.OutputRows(), c.dim);
  h = w.RmsNorm("output_norm", h, w.Vector("output_norm.weight", c.dim), c.dim, c.epsilon, KL_DIM_OUTPUTS);
  if (c.pooling == KL_POOLING_NONE) {
    const kl_value head = w.HasTensor("output.weight") ? w.Weight("output.weight", {vocabulary, c.dim}) : embedding;
    w.Logits(w.Head("output", h, head, vocabulary));
  } else {
    w.Logits(h);
  }

  facts->vocabulary_size = vocabulary;
  facts->context_length = c.context;
  facts->embedding_length = c.dim;
  facts->layer_count = c.layers;
  facts->expert_count = c.experts;
  facts->expert_used_count = c.experts_used;
  if (KL_HAS_FIELD(facts, kl_model_facts, pooling)) facts->pooling = c.pooling;
  return w.Status(error);
}

}  // namespace kinglet
