#include "plugins/common/record_bank/memory_plan.h"

#include <string>

#include "gtest/gtest.h"

namespace record_bank {
namespace {

constexpr uint64_t kMiB = 1 << 20;

// Three unaligned pieces of 663,552 bytes, as an expert of SmallThinker-4B in Q4_0.
Layout ExpertLayout() {
  Layout layout;
  layout.groups = {{3 * 663552, RoundUp(3 * 663552, kBlockBytes), 1024}};
  layout.most_range_bytes = 667648;
  layout.buffer_bytes = 3 * layout.most_range_bytes;
  layout.most_pieces = 3;
  return layout;
}

class MemoryPlanTest : public testing::Test {
 protected:
  kl_code Plan(uint64_t budget_bytes) {
    return PlanMemory(layout_, needs_, budget_bytes, &plan_, &error_);
  }
  void SetUp() override {
    needs_.record_count = 1024;
    needs_.min_lease_count = 4;
  }

  Layout layout_ = ExpertLayout();
  MemoryNeeds needs_;
  MemoryPlan plan_;
  kl_error error_ = {sizeof error_, KL_OK, {}};
};

TEST_F(MemoryPlanTest, EverythingStaysInTheBudgetAndNoSlotIsLeftOut) {
  for (const bool pool : {false, true}) {
    for (const bool buffered : {false, true}) {
      needs_.pool = pool;
      needs_.buffered = buffered;
      ASSERT_EQ(Plan(0), KL_OUT_OF_BUDGET);
      for (uint64_t budget = plan_.least_bytes; budget < 2200 * kMiB; budget += 7 * kMiB) {
        ASSERT_EQ(Plan(budget), KL_OK) << error_.message;
        EXPECT_GE(plan_.job_count, 1u);
        EXPECT_GE(plan_.slot_count(), 4u);
        EXPECT_LE(plan_.BytesOf({plan_.slot_count()}), budget);
        if (plan_.slot_count() < 1024) {
          EXPECT_GT(plan_.BytesOf({plan_.slot_count() + 1}), budget);
        }
      }
      EXPECT_EQ(plan_.slot_count(), 1024u);
    }
  }
}

TEST_F(MemoryPlanTest, BuffersTakeLittleOfTheBudget) {
  ASSERT_EQ(Plan(700 * kMiB), KL_OK);
  EXPECT_EQ(plan_.job_count, 11u);
  EXPECT_GT(plan_.slot_count(), 350u);
  ASSERT_EQ(Plan(2000 * kMiB), KL_OK);
  EXPECT_EQ(plan_.job_count, 16u);
  needs_.queue_depth = 3;
  ASSERT_EQ(Plan(700 * kMiB), KL_OK);
  EXPECT_EQ(plan_.job_count, 3u);
}

TEST_F(MemoryPlanTest, FewerRecordsThanLeasesAreFineNoLeaseIsNot) {
  needs_.record_count = layout_.groups[0].record_count = 2;
  ASSERT_EQ(Plan(100 * kMiB), KL_OK);
  EXPECT_EQ(plan_.slot_count(), 2u);
  needs_.min_lease_count = 0;
  EXPECT_EQ(Plan(100 * kMiB), KL_INVALID_ARGUMENT);
}

TEST(RangeTest, BlocksAroundAPiece) {
  const Range range = RangeOf({3, 0, 4096 + 32, 8000});
  EXPECT_EQ(range.file, 3u);
  EXPECT_EQ(range.offset, 4096u);
  EXPECT_EQ(range.lead, 32u);
  EXPECT_EQ(range.needed, 8032u);
  EXPECT_EQ(range.bytes, 8192u);
}

kl_code Ignore(void*, uint64_t, const void* const*, void*, kl_error*) { return KL_OK; }

TEST(LayoutTest, OnlyWhatIsAlignedOrLeftInPlaceIsReadIntoTheSlot) {
  const kl_bank_piece aligned = {0, 0, 8192, 5000};
  const kl_bank_piece apart[2] = {{0, 0, 100, 4000}, {0, 0, 9000, 4000}};
  kl_bank_record record = {&aligned, 1, 0, 0};
  const char* path = "x";
  kl_bank_source source = {};
  source.struct_size = sizeof source;
  source.path_count = 1;
  source.paths = &path;
  source.records = &record;
  source.record_count = 1;
  source.slot_bytes = 8000;
  Layout layout;
  kl_error error = {sizeof error, KL_OK, {}};
  ASSERT_EQ(MakeLayout(source, &layout, &error), KL_OK);
  EXPECT_TRUE(layout.to_slot);
  EXPECT_EQ(layout.groups[0].slot_stride, 8192u);
  EXPECT_EQ(layout.buffer_bytes, 0u);

  source.unpack = &Ignore;
  ASSERT_EQ(MakeLayout(source, &layout, &error), KL_OK);
  EXPECT_FALSE(layout.to_slot);
  EXPECT_EQ(layout.buffer_bytes, 8192u);

  source.unpack = nullptr;
  record = {apart, 2, 0, 0};
  ASSERT_EQ(MakeLayout(source, &layout, &error), KL_OK);
  EXPECT_FALSE(layout.to_slot);
  EXPECT_EQ(layout.buffer_bytes, 4096u * 4);  // two blocks each: 100..4100 and 9000..13000
  source.in_place = 1;
  ASSERT_EQ(MakeLayout(source, &layout, &error), KL_OK);
  EXPECT_TRUE(layout.to_slot);
  EXPECT_EQ(layout.groups[0].slot_stride, 4096u * 4);
}

}  // namespace
}  // namespace record_bank
