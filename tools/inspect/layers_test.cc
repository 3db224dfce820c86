#include "tools/inspect/layers.h"

#include "gtest/gtest.h"

namespace kinglet::tools {
namespace {

TEST(LayersTest, SmallThinkerWithAWindowIsHybridWithPeriodFour) {
  const auto layers = ReadLayers("smallthinker",
                                 {{"smallthinker.block_count", "8"},
                                  {"smallthinker.attention.sliding_window", "4096"},
                                  {"smallthinker.expert_count", "32"},
                                  {"smallthinker.expert_used_count", "4"}},
                                 {{"blk.0.ffn_gate_exps.weight", 10}, {"blk.0.attn_q.weight", 5}});
  ASSERT_EQ(layers.size(), 8u);
  EXPECT_EQ(layers[0].position, "NoPE");
  EXPECT_EQ(layers[0].window, 0);
  EXPECT_EQ(layers[0].experts, 32);
  EXPECT_EQ(layers[0].bytes, 15u);
  EXPECT_EQ(layers[3].position, "RoPE");
  EXPECT_EQ(layers[3].window, 4096);
  EXPECT_EQ(layers[4].position, "NoPE");
}

TEST(LayersTest, SmallThinkerWithoutAWindowRotatesEverywhere) {
  const auto layers = ReadLayers("smallthinker", {{"smallthinker.block_count", "4"}}, {});
  for (const LayerFacts& layer : layers) {
    EXPECT_EQ(layer.position, "RoPE");
    EXPECT_EQ(layer.window, 0);
  }
}

TEST(LayersTest, LayoutArraysWin) {
  const auto layers = ReadLayers("smallthinker",
                                 {{"smallthinker.block_count", "2"},
                                  {"smallthinker.attention.sliding_window", "64"},
                                  {"smallthinker.rope_layout", "[2] 1, 0"},
                                  {"smallthinker.sliding_window_layout", "[2] 0, 1"}},
                                 {});
  EXPECT_EQ(layers[0].position, "RoPE");
  EXPECT_EQ(layers[0].window, 0);
  EXPECT_EQ(layers[1].position, "NoPE");
  EXPECT_EQ(layers[1].window, 64);
}

TEST(LayersTest, EqualNeighboursShareALine) {
  const auto layers = ReadLayers("llama", {{"llama.block_count", "12"}}, {});
  EXPECT_EQ(DescribeLayers(layers), "  0 - 11    RoPE, full attention, dense FFN, 0 B\n");
}

TEST(LayersTest, AFileWithoutLayersHasNone) { EXPECT_TRUE(ReadLayers("", {}, {}).empty()); }

}  // namespace
}  // namespace kinglet::tools
