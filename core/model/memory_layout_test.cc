#include "core/model/memory_layout.h"

#include <cstdio>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace kinglet {
namespace {

MemoryShape ShapeOf(uint32_t layers, uint32_t dim, std::array<uint32_t, 4> rows) {
  MemoryShape shape;
  shape.branching = 16;
  shape.depth = 4;
  shape.layer_count = layers;
  shape.dim = dim;
  shape.type = KL_TYPE_F16;
  shape.rows = rows;
  shape.encoder_width = 384;
  return shape;
}

// The sizing table of the paper: parameters, rounded as they are printed there.
struct Sizing {
  const char* anchor;
  uint32_t layers, dim;
  std::array<uint32_t, 4> rows;
  const char* fetched_format;
  const char* fetched;
  const char* bank_format;
  const char* bank;
};

TEST(MemoryLayoutTest, SizingTableOfThePaper) {
  const Sizing kTable[] = {
      {"160M", 35, 512, {256, 64, 16, 0}, "%.2f M", "18.06 M", "%.2f B", "4.62 B"},
      {"160M", 35, 512, {256, 64, 16, 4}, "%.1f M", "18.3 M", "%.1f B", "18.7 B"},
      {"410M", 24, 1024, {512, 128, 32, 0}, "%.1f M", "49.5 M", "%.1f B", "12.7 B"},
      {"1.4B", 24, 2048, {768, 256, 16, 0}, "%.1f M", "153.4 M", "%.1f B", "21.1 B"},
      {"Gemma3-270M", 18, 640, {512, 128, 32, 0}, "%.1f M", "23.2 M", "%.1f B", "5.9 B"},
      {"Qwen2.5-0.5B", 24, 896, {512, 128, 32, 0}, "%.1f M", "43.4 M", "%.1f B", "11.1 B"},
  };
  for (const Sizing& row : kTable) {
    const auto layout = MemoryLayout::Create(ShapeOf(row.layers, row.dim, row.rows));
    ASSERT_TRUE(layout.ok()) << layout.status();
    const double fetched = static_cast<double>(layout->FetchParameters()) / 1e6;
    const double bank = static_cast<double>(layout->BankParameters()) / 1e9;
    char text[32];
    snprintf(text, sizeof text, row.fetched_format, fetched);
    EXPECT_STREQ(text, row.fetched) << row.anchor;
    snprintf(text, sizeof text, row.bank_format, bank);
    EXPECT_STREQ(text, row.bank) << row.anchor;
  }
}

MemoryShape SmallShape() {
  MemoryShape shape = ShapeOf(6, 256, {32, 4, 0, 0});
  shape.depth = 2;
  shape.type = KL_TYPE_Q8_0;
  shape.activation = MemoryActivation::kRelu;
  shape.encoder_width = 128;
  return shape;
}

TEST(MemoryLayoutTest, OffsetsStridesAndRecords) {
  const auto layout = MemoryLayout::Create(SmallShape());
  ASSERT_TRUE(layout.ok()) << layout.status();
  EXPECT_EQ(layout->NodeCount(1), 16u);
  EXPECT_EQ(layout->NodeCount(2), 256u);
  EXPECT_EQ(layout->FirstNode(2), 16u);
  EXPECT_EQ(layout->TotalNodeCount(), 272u);
  EXPECT_EQ(layout->CentroidBytes(), 272u * 128 * 4);
  EXPECT_EQ(layout->RowBytes(), 272u);  // 256 / 32 * 34
  EXPECT_EQ(layout->BlockBytes(1), 3u * 32 * 6 * 272);
  EXPECT_EQ(layout->StrideBytes(1), 159744u);  // 156,672 up to a multiple of 4,096
  EXPECT_EQ(layout->LevelBytes(2), 256u * 20480);
  EXPECT_EQ(layout->GenericOffset(2), 159744u);
  EXPECT_EQ(layout->GenericBytes(), 159744u + 20480);
  EXPECT_EQ(layout->MatrixOffset(2, 0, 0), 0u);
  EXPECT_EQ(layout->MatrixOffset(2, 0, 2), 2u * 4 * 272);
  EXPECT_EQ(layout->MatrixOffset(2, 5, 1), 16u * 4 * 272);
  EXPECT_EQ(layout->FetchBytes(), layout->BlockBytes(1) + layout->BlockBytes(2));
  EXPECT_EQ(layout->RecordCount(), 16u + 256 + 2);
  EXPECT_EQ(layout->BlockRecord(2, 3), 19u);
  EXPECT_EQ(layout->GenericRecord(1), 272u);
  EXPECT_EQ(layout->GenericRecord(2), 273u);
}

TEST(MemoryLayoutTest, ALevelWithoutBlocksHasNodesButNoRecords) {
  MemoryShape shape = SmallShape();
  shape.rows = {0, 4, 0, 0};
  const auto layout = MemoryLayout::Create(shape);
  ASSERT_TRUE(layout.ok()) << layout.status();
  EXPECT_EQ(layout->BlockCount(1), 0u);
  EXPECT_EQ(layout->NodeCount(1), 16u);
  EXPECT_EQ(layout->BlockRecord(2, 0), 0u);
  EXPECT_EQ(layout->RecordCount(), 256u + 2);
  EXPECT_EQ(layout->GenericBytes(), layout->StrideBytes(2));
}

TEST(MemoryLayoutTest, TheDeepestIdIsTheWholePath) {
  const auto layout = MemoryLayout::Create(ShapeOf(24, 1024, {512, 128, 32, 4}));
  ASSERT_TRUE(layout.ok()) << layout.status();
  EXPECT_EQ(layout->Ancestor(4, 0xabcd, 4), 0xabcdu);
  EXPECT_EQ(layout->Ancestor(4, 0xabcd, 3), 0xabcu);
  EXPECT_EQ(layout->Ancestor(4, 0xabcd, 1), 0xau);
}

TEST(MemoryLayoutTest, ShapesThatAreNone) {
  struct Case {
    const char* field;
    uint32_t level;
    void (*spoil)(MemoryShape*);
  };
  const Case kCases[] = {
      {"branching", 0, [](MemoryShape* s) { s->branching = 1; }},
      {"branching", 0, [](MemoryShape* s) { s->branching = 65; }},
      {"depth", 0, [](MemoryShape* s) { s->depth = 0; }},
      {"depth", 0, [](MemoryShape* s) { s->depth = 5; }},
      {"layer_count", 0, [](MemoryShape* s) { s->layer_count = 0; }},
      {"layer_count", 0, [](MemoryShape* s) { s->layer_count = 1025; }},
      {"dim", 0, [](MemoryShape* s) { s->dim = 0; }},
      {"dim", 0, [](MemoryShape* s) { s->dim = 48; }},
      {"dim", 0, [](MemoryShape* s) { s->dim = UINT32_MAX & ~31u; }},
      {"type", 0, [](MemoryShape* s) { s->type = KL_TYPE_Q4_K; }},
      {"type", 0, [](MemoryShape* s) { s->type = -1; }},
      {"activation", 0, [](MemoryShape* s) { s->activation = static_cast<MemoryActivation>(3); }},
      {"encoder_width", 0, [](MemoryShape* s) { s->encoder_width = 0; }},
      {"rows", 0, [](MemoryShape* s) { s->rows = {}; }},
      {"rows", 3, [](MemoryShape* s) { s->rows[2] = 1; }},
      {"rows", 2,
       [](MemoryShape* s) {
         // 2^32 rows * 2^10 layers * 2^20 numbers: beyond 64 bits with the rest.
         s->branching = 64, s->depth = 4, s->layer_count = 1024, s->dim = 1 << 20;
         s->rows = {1, UINT32_MAX, 1, 1};
       }},
      {"rows", 4, [](MemoryShape* s) { s->branching = 64, s->depth = 4, s->rows[3] = UINT32_MAX; }},
  };
  for (const Case& spoilt : kCases) {
    MemoryShape shape = SmallShape();
    spoilt.spoil(&shape);
    const auto fault = MemoryLayout::FindFault(shape);
    ASSERT_TRUE(fault.has_value()) << spoilt.field;
    EXPECT_STREQ(fault->field, spoilt.field);
    EXPECT_EQ(fault->level, spoilt.level) << spoilt.field;
    const auto layout = MemoryLayout::Create(shape);
    ASSERT_FALSE(layout.ok());
    EXPECT_EQ(layout.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(layout.status().message().find(spoilt.field), std::string::npos) << layout.status();
  }
}

}  // namespace
}  // namespace kinglet
