#include "loaders/hf/hf_config.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

using testing::HasSubstr;

absl::StatusOr<HfConfig> Translate(const std::string& text) {
  const nlohmann::json config = nlohmann::json::parse(text, nullptr, false);
  EXPECT_FALSE(config.is_discarded()) << text;
  return TranslateHfConfig("config.json", config);
}

struct Family {
  const char* model_type;
  const char* architecture;
};

TEST(HfConfigTest, EveryModelTypeHasItsArchitecture) {
  for (const Family& family :
       {Family{"llama", "llama"}, Family{"mistral", "llama"}, Family{"mixtral", "llama"},
        Family{"qwen2", "qwen2"}, Family{"qwen3", "qwen3"}, Family{"qwen3_moe", "qwen3moe"},
        Family{"smallthinker", "smallthinker"}}) {
    const auto config = Translate(std::string(R"({"model_type": ")") + family.model_type + "\"}");
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(config->architecture, family.architecture);
    EXPECT_EQ(config->metadata.String("general.architecture"), family.architecture);
    EXPECT_EQ(config->metadata.Int("kinglet.rope_interleaved"), 0);
  }
}

TEST(HfConfigTest, UnknownModelTypeSaysWhichAreKnown) {
  const auto config = Translate(R"({"model_type": "gpt_neox"})");
  EXPECT_EQ(config.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(config.status().message()),
              HasSubstr("smallthinker, found \"gpt_neox\""));
}

TEST(HfConfigTest, HeadsWithoutKeyValueHeadsHaveAsMany) {
  const auto config = Translate(R"({"model_type": "llama", "num_attention_heads": 12})");
  EXPECT_EQ(config->metadata.Int("llama.attention.head_count_kv"), 12);
}

TEST(HfConfigTest, Llama3RopeScaling) {
  const auto config = Translate(R"({"model_type": "llama", "rope_theta": 500000.0, "rope_scaling": {
    "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192,
    "rope_type": "llama3"}})");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->metadata.String("llama.rope.scaling.type"), "llama3");
  EXPECT_EQ(config->metadata.Float("llama.rope.scaling.factor"), 8.0);
  EXPECT_EQ(config->metadata.Float("llama.rope.scaling.low_freq_factor"), 1.0);
  EXPECT_EQ(config->metadata.Float("llama.rope.scaling.high_freq_factor"), 4.0);
  EXPECT_EQ(config->metadata.Int("llama.rope.scaling.original_context_length"), 8192);
  EXPECT_EQ(config->metadata.Float("llama.rope.freq_base"), 500000.0);
}

TEST(HfConfigTest, OtherRopeScalings) {
  EXPECT_EQ(Translate(R"({"model_type": "llama", "rope_scaling": {"type": "linear", "factor": 4}})")
                ->metadata.Float("llama.rope.scaling.factor"),
            4.0);
  EXPECT_EQ(
      Translate(R"({"model_type": "qwen2", "rope_parameters": {"rope_type": "yarn", "factor": 4.0,
              "rope_theta": 1e6, "original_max_position_embeddings": 32768}})")
          ->metadata.Float("qwen2.rope.freq_base"),
      1e6);
  EXPECT_EQ(Translate(R"({"model_type": "llama", "rope_scaling": {"rope_type": "default"}})")
                ->metadata.Find("llama.rope.scaling.type"),
            nullptr);
  const auto dynamic =
      Translate(R"({"model_type": "llama", "rope_scaling": {"type": "dynamic", "factor": 2.0}})");
  EXPECT_THAT(std::string(dynamic.status().message()), HasSubstr("dynamic"));
}

TEST(HfConfigTest, Mixtral) {
  const auto config =
      Translate(R"({"model_type": "mixtral", "intermediate_size": 12, "hidden_act": "silu",
    "num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": null})");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->metadata.Int("llama.expert_count"), 4);
  EXPECT_EQ(config->metadata.Int("llama.expert_used_count"), 2);
  EXPECT_EQ(config->metadata.Int("llama.feed_forward_length"), 12);
  EXPECT_EQ(config->metadata.Find("llama.attention.sliding_window"), nullptr);
}

TEST(HfConfigTest, Qwen3Moe) {
  const auto config =
      Translate(R"({"model_type": "qwen3_moe", "num_experts": 128, "num_experts_per_tok": 8,
    "moe_intermediate_size": 768, "norm_topk_prob": true, "head_dim": 128})");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->metadata.Int("qwen3moe.expert_count"), 128);
  EXPECT_EQ(config->metadata.Int("qwen3moe.expert_feed_forward_length"), 768);
  EXPECT_EQ(config->metadata.Int("qwen3moe.expert_weights_norm"), 1);
  EXPECT_EQ(config->metadata.Int("qwen3moe.attention.key_length"), 128);
}

TEST(HfConfigTest, SlidingWindows) {
  EXPECT_EQ(Translate(R"({"model_type": "mistral", "sliding_window": 4096})")
                ->metadata.Int("llama.attention.sliding_window"),
            4096);
  EXPECT_TRUE(
      Translate(R"({"model_type": "qwen2", "sliding_window": 4096, "use_sliding_window": false})")
          .ok());
  EXPECT_TRUE(
      Translate(R"({"model_type": "qwen2", "sliding_window": 4096, "use_sliding_window": true,
                           "num_hidden_layers": 28, "max_window_layers": 28})")
          .ok());
  EXPECT_FALSE(
      Translate(R"({"model_type": "qwen2", "sliding_window": 4096, "use_sliding_window": true,
                            "num_hidden_layers": 28, "max_window_layers": 14})")
          .ok());
}

TEST(HfConfigTest, SmallThinkerHybrid) {
  const auto config = Translate(
      R"({"model_type": "smallthinker", "num_hidden_layers": 4, "moe_ffn_hidden_size": 768,
    "moe_num_primary_experts": 64, "moe_num_active_primary_experts": 6, "moe_layer_layout": [1, 1, 1, 1],
    "moe_primary_router_apply_softmax": true, "rope_layout": [0, 1, 1, 1], "sliding_window_layout": [0, 1, 1, 1],
    "sliding_window_size": 4096, "eos_token_id": [1, 2]})");
  ASSERT_TRUE(config.ok()) << config.status();
  const Metadata& metadata = config->metadata;
  EXPECT_EQ(metadata.Int("smallthinker.expert_count"), 64);
  EXPECT_EQ(metadata.Int("smallthinker.expert_used_count"), 6);
  EXPECT_EQ(metadata.Int("smallthinker.expert_feed_forward_length"), 768);
  EXPECT_EQ(metadata.Int("smallthinker.expert_gating_func"), 1);
  EXPECT_EQ(metadata.Int("smallthinker.attention.sliding_window"), 4096);
  EXPECT_EQ(std::get<std::vector<int64_t>>(*metadata.Find("smallthinker.rope_layout")),
            (std::vector<int64_t>{0, 1, 1, 1}));
  EXPECT_EQ(config->eos_ids, (std::vector<int64_t>{1, 2}));
}

TEST(HfConfigTest, SmallThinkerWhereNoLayerSlidesHasNoWindow) {
  const auto config = Translate(R"({"model_type": "smallthinker", "sliding_window_layout": [0, 0],
                                   "rope_layout": [1, 1], "sliding_window_size": 4096})");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->metadata.Find("smallthinker.attention.sliding_window"), nullptr);
  EXPECT_EQ(config->metadata.Int("smallthinker.expert_gating_func"), 2);
}

TEST(HfConfigTest, WhatWouldComputeSomethingElseIsRefused) {
  for (const char* text :
       {R"({"model_type": "llama", "hidden_act": "gelu"})",
        R"({"model_type": "smallthinker", "moe_layer_layout": [1, 0]})",
        R"({"model_type": "smallthinker", "norm_topk_prob": false})",
        R"({"model_type": "smallthinker", "moe_enable_secondary_experts": true})"}) {
    EXPECT_EQ(Translate(text).status().code(), absl::StatusCode::kUnimplemented) << text;
  }
}

TEST(HfConfigTest, FieldsOfTheWrongKindAreRefusedByName) {
  for (const char* field : {"num_hidden_layers", "hidden_size", "rms_norm_eps", "rope_theta",
                            "rope_scaling", "tie_word_embeddings", "eos_token_id", "hidden_act"}) {
    const auto config =
        Translate(std::string(R"({"model_type": "llama", ")") + field + R"(": [[]]})");
    EXPECT_EQ(config.status().code(), absl::StatusCode::kDataLoss) << field;
    EXPECT_THAT(std::string(config.status().message()), HasSubstr(field));
  }
}

}  // namespace
}  // namespace kinglet
