#include "loaders/hf/tensor_names.h"

#include "gtest/gtest.h"

namespace kinglet {
namespace {

struct Row {
  const char* theirs;
  const char* ours;
};

TEST(GgufTensorNameTest, TranslatesTheNamesOfEveryFamily) {
  constexpr Row kRows[] = {
      {"model.embed_tokens.weight", "token_embd.weight"},
      {"model.norm.weight", "output_norm.weight"},
      {"lm_head.weight", "output.weight"},
      {"model.layers.0.self_attn.q_proj.weight", "blk.0.attn_q.weight"},
      {"model.layers.12.self_attn.k_proj.bias", "blk.12.attn_k.bias"},
      {"model.layers.1.self_attn.o_proj.weight", "blk.1.attn_output.weight"},
      {"model.layers.1.self_attn.q_norm.weight", "blk.1.attn_q_norm.weight"},
      {"model.layers.1.post_attention_layernorm.weight", "blk.1.ffn_norm.weight"},
      {"model.layers.1.mlp.down_proj.weight", "blk.1.ffn_down.weight"},
      {"model.layers.1.block_sparse_moe.gate.weight", "blk.1.ffn_gate_inp.weight"},
      {"model.layers.1.block_sparse_moe.experts.7.w1.weight", "blk.1.ffn_gate.7.weight"},
      {"model.layers.1.block_sparse_moe.experts.7.w2.weight", "blk.1.ffn_down.7.weight"},
      {"model.layers.1.block_sparse_moe.experts.7.w3.weight", "blk.1.ffn_up.7.weight"},
      {"model.layers.1.mlp.gate.weight", "blk.1.ffn_gate_inp.weight"},
      {"model.layers.1.mlp.experts.10.down_proj.weight", "blk.1.ffn_down.10.weight"},
      {"model.layers.1.block_sparse_moe.primary_router.weight", "blk.1.ffn_gate_inp.weight"},
      {"model.layers.1.block_sparse_moe.experts.31.up.weight", "blk.1.ffn_up.31.weight"},
      {"layers.3.input_layernorm.weight", "blk.3.attn_norm.weight"},
      {"model.layers.0.self_attn.rotary_emb.inv_freq", ""},
  };
  for (const Row& row : kRows)
    EXPECT_EQ(GgufTensorName(row.theirs).value_or("unknown"), row.ours) << row.theirs;
}

TEST(GgufTensorNameTest, OtherNamesAreUnknown) {
  for (const char* name :
       {"", "weight", ".weight", "model.layers.weight", "model.layers.x.mlp.up_proj.weight",
        "model.layers.01.mlp.up_proj.weight", "model.layers.-1.mlp.up_proj.weight",
        "model.layers.0.mlp.experts.up_proj.weight", "model.layers.0.mlp.experts.1.w9.weight",
        "model.layers.0.self_attn.q_proj.scale", "vision.embed_tokens.weight",
        "model.layers.99999999999999999999.mlp.up_proj.weight"}) {
    EXPECT_EQ(GgufTensorName(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace kinglet
