// SmallThinker: pre-attention routing, sparse ReGLU experts, hybrid NoPE / RoPE-SWA attention.
//
// Per layer, on the residual stream h [tokens, dim]:
//
//   routing  = top-k(W_r h)                       on the raw input of the layer, before its norm
//   h       += W_o attention(rmsnorm(h))          GQA; RoPE and window as the layer's layout says
//   h       += sum of w_e down_e(relu(gate_e x) * up_e x) over the chosen experts,  x = rmsnorm(h)
//   h       += what a memory bank's neurons make of x, where there is a bank
//
// Metadata: smallthinker.*, as reference engines write them. A layer's layout comes from the arrays rope_layout and
// sliding_window_layout where the file has them; else attention.sliding_window non-zero means period 4 (layer 4i is NoPE
// with full attention, the others rope and slide), zero or absent means that all layers rope with full attention.
// Source: arXiv 2507.20984, sections 3 and 6.
#include <math.h>

#include <string>
#include <vector>

#include "core/abi/error.h"
#include "plugins/common/expert_weights.h"
#include "plugins/common/plan_writer.h"
#include "plugins/common/table.h"

namespace kinglet {
namespace {

enum { kGatingSoftmax = 1, kGatingSigmoid = 2 };  // smallthinker.expert_gating_func

struct LayerLayout {
  bool rope = true;
  int64_t window = 0;
};

struct Config {
  int64_t layers, dim, heads, kv_heads, head_length, experts, experts_used, expert_ffn, context;
  double epsilon, rope_base;
  const char* gating;
  std::vector<LayerLayout> layout;
};

std::vector<LayerLayout> ReadLayout(PlanWriter* w, int64_t layer_count) {
  const std::vector<double> rope = w->Numbers("rope_layout");
  const std::vector<double> slides = w->Numbers("sliding_window_layout");
  const int64_t window = w->Int("attention.sliding_window", 0, kMostTokens, 0);
  std::vector<LayerLayout> layout(static_cast<size_t>(layer_count));
  if (rope.empty() && slides.empty()) {
    for (size_t l = 0; l < layout.size() && window > 0; ++l) {
      layout[l].rope = l % 4 != 0;
      layout[l].window = layout[l].rope ? window : 0;
    }
    return layout;
  }
  if (rope.size() != layout.size() || slides.size() != layout.size()) {
    w->Fail(KL_DATA_CORRUPT, "smallthinker.rope_layout has " + std::to_string(rope.size()) +
                                 " entries and sliding_window_layout " + std::to_string(slides.size()) +
                                 "; both must have one for each of the " + std::to_string(layer_count) + " layers");
    return layout;
  }
  for (size_t l = 0; l < layout.size(); ++l) {
    layout[l].rope = rope[l] != 0;
    layout[l].window = slides[l] != 0 ? window : 0;
    if (slides[l] != 0 && window == 0) {
      w->Fail(KL_DATA_CORRUPT, "layer " + std::to_string(l) +
                                   " slides, but smallthinker.attention.sliding_window does not say how far");
    }
  }
  return layout;
}

const char* ReadGating(PlanWriter* w, const kl_host* host) {
  if (!w->Has("expert_gating_func")) {
    host->log(host, KL_LOG_INFO, "smallthinker: the file names no expert_gating_func; softmax is assumed");
    return "softmax";
  }
  const int64_t function = w->RequiredInt("expert_gating_func", 0, INT32_MAX);
  if (function == kGatingSoftmax) return "softmax";
  if (function != kGatingSigmoid) {
    w->Fail(KL_UNSUPPORTED,
            "smallthinker.expert_gating_func is " + std::to_string(function) + "; known are 1 (softmax), 2 (sigmoid)");
  }
  return "sigmoid";
}

Config ReadConfig(PlanWriter* w, const kl_host* host) {
  Config c = {};
  c.layers = w->RequiredInt("block_count", 1, kMostLayers);
  c.dim = w->RequiredInt("embedding_length", 1, kMostWidth);
  c.heads = w->RequiredInt("attention.head_count", 1, kMostHeads);
  c.kv_heads = w->Int("attention.head_count_kv", 1, kMostHeads, c.heads);
  c.head_length = w->Int("attention.key_length", 2, kMostHeadLength, c.dim / c.heads);
  c.experts = w->RequiredInt("expert_count", 1, kMostExperts);
  c.experts_used = w->RequiredInt("expert_used_count", 1, c.experts);
  c.expert_ffn = w->Has("expert_feed_forward_length") ? w->RequiredInt("expert_feed_forward_length", 1, kMostWidth)
                                                      : w->RequiredInt("feed_forward_length", 1, kMostWidth);
  c.context = w->RequiredInt("context_length", 1, kMostTokens);
  c.epsilon = w->PositiveFloat("attention.layer_norm_rms_epsilon", 1e-6);
  c.rope_base = w->PositiveFloat("rope.freq_base", 10000.0);
  c.gating = ReadGating(w, host);
  c.layout = ReadLayout(w, c.layers);
  if (c.heads % c.kv_heads != 0) {
    w->Fail(KL_DATA_CORRUPT, "smallthinker.attention.head_count_kv is " + std::to_string(c.kv_heads) +
                                 ", which does not divide head_count, " + std::to_string(c.heads));
  }
  if (c.head_length < 2 || c.head_length % 2 != 0 || c.head_length > kMostHeadLength) {
    w->Fail(KL_DATA_CORRUPT, "smallthinker: heads have " + std::to_string(c.head_length) +
                                 " elements (attention.key_length, or embedding_length / head_count); expected an even "
                                 "number from 2 to " + std::to_string(kMostHeadLength));
  }
  return c;
}

// Some files store down transposed, neuron by neuron, like up; told apart by shape. Where the shape does not tell
// (dim = ffn) the ordinary layout is meant.
bool DownIsTransposed(const PlanWriter& w, const std::string& layer, const Config& c) {
  const kl_tensor* down = w.FindTensor(layer + "ffn_down_exps.weight");
  return down != nullptr && c.dim != c.expert_ffn && down->rank == 3 && down->shape[1] == c.expert_ffn &&
         down->shape[2] == c.dim;
}

kl_value Attention(PlanWriter* w, const std::string& layer, const Config& c, const LayerLayout& layout, kl_value x,
                   kl_value positions) {
  const int64_t q_width = c.heads * c.head_length;
  const int64_t kv_width = c.kv_heads * c.head_length;
  kl_value q = w->Linear(layer + "attn_q", x, c.dim, q_width);
  kl_value k = w->Linear(layer + "attn_k", x, c.dim, kv_width);
  const kl_value v = w->Linear(layer + "attn_v", x, c.dim, kv_width);
  if (layout.rope) {
    PlanWriter::RopeOptions rope;
    rope.head_length = c.head_length;
    rope.rotary_length = c.head_length;
    rope.base = c.rope_base;
    q = w->Rope(layer + "q_rope", q, positions, q_width, rope);
    k = w->Rope(layer + "k_rope", k, positions, kv_width, rope);
  }
  const kl_value heads = w->Attention(layer + "attention", q, k, v, positions, c.heads, c.kv_heads, c.head_length,
                                      layout.window, 1.0 / sqrt(static_cast<double>(c.head_length)));
  return w->Linear(layer + "attn_output", heads, q_width, c.dim);
}

kl_value Experts(PlanWriter* w, const std::string& layer, const Config& c, const PlanWriter::Routing& routing,
                 kl_value x) {
  const bool transposed = DownIsTransposed(*w, layer, c);
  const kl_value gate = ExpertWeight(w, layer, "ffn_gate", c.experts, c.expert_ffn, c.dim);
  const kl_value up = ExpertWeight(w, layer, "ffn_up", c.experts, c.expert_ffn, c.dim);
  const kl_value down = transposed ? ExpertWeight(w, layer, "ffn_down", c.experts, c.expert_ffn, c.dim)
                                   : ExpertWeight(w, layer, "ffn_down", c.experts, c.dim, c.expert_ffn);
  return w->MoeFfn(layer + "ffn_exps", x, routing, gate, up, down, c.dim, "relu", transposed);
}

kl_code Build(const kl_host* host, const kl_model_view* view, kl_plan_builder* builder, kl_model_facts* facts,
              kl_error* error) {
  PlanWriter w(view, builder, "smallthinker");
  const Config c = ReadConfig(&w, host);
  if (w.Status(error) != KL_OK) return w.Status(error);

  const kl_tensor* table = w.FindTensor("token_embd.weight");
  const int64_t vocabulary = table != nullptr && table->rank == 2 ? table->shape[0] : 0;
  const kl_value embedding = w.Weight("token_embd.weight", {vocabulary, c.dim});
  const kl_value positions = w.Positions();

  kl_value h = w.Embed("token_embd", w.TokenIds(), embedding, c.dim);
  for (int64_t l = 0; l < c.layers && !w.failed(); ++l) {
    const std::string layer = "blk." + std::to_string(l) + ".";
    const kl_value logits = w.Linear(layer + "ffn_gate_inp", h, c.dim, c.experts);
    const PlanWriter::Routing routing = w.MoeRoute(layer + "ffn_route", logits, c.experts_used, c.gating, true, 1.0);

    kl_value x = w.RmsNorm(layer + "attn_norm", h, w.Vector(layer + "attn_norm.weight", c.dim), c.dim, c.epsilon);
    h = w.Add(layer + "attn_residual", h, Attention(&w, layer, c, c.layout[static_cast<size_t>(l)], x, positions),
              c.dim);

    x = w.RmsNorm(layer + "ffn_norm", h, w.Vector(layer + "ffn_norm.weight", c.dim), c.dim, c.epsilon);
    h = w.Add(layer + "ffn_residual", h, Experts(&w, layer, c, routing, x), c.dim);
    h = w.Memory(layer + "memory", l, x, h, "relu");
  }

  h = w.SelectRows("output_rows", h, w.OutputRows(), c.dim);
  h = w.RmsNorm("output_norm", h, w.Vector("output_norm.weight", c.dim), c.dim, c.epsilon, KL_DIM_OUTPUTS);
  const kl_value head = w.HasTensor("output.weight") ? w.Weight("output.weight", {vocabulary, c.dim}) : embedding;
  w.Logits(w.Head("output", h, head, vocabulary));

  facts->vocabulary_size = vocabulary;
  facts->context_length = c.context;
  facts->embedding_length = c.dim;
  facts->layer_count = c.layers;
  facts->expert_count = c.experts;
  facts->expert_used_count = c.experts_used;
  return w.Status(error);
}

const kl_architecture kSmallThinker = {sizeof(kl_architecture), "smallthinker", Build};

}  // namespace
}  // namespace kinglet

KL_TABLE(smallthinker, arch_smallthinker) = {nullptr, nullptr, 0, &kinglet::kSmallThinker, nullptr, nullptr};
