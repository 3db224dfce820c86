// The figures of the paper on storage tiers come out of the bank's own placement and cache.
#include <cstdio>

#include "gtest/gtest.h"
#include "plugins/memory_bank/throttled_store.h"

namespace memory_bank {
namespace {

class PaperFiguresTest : public testing::Test {
 protected:
  PaperFiguresTest() {
    folder_ = testing::TempDir() + "/paper_figures_" + std::to_string(getpid());
    mkdir(folder_.c_str(), S_IRWXU);
    store_ = std::make_unique<ThrottledStore>(folder_);
  }
  ~PaperFiguresTest() override {
    store_.reset();
    rmdir(folder_.c_str());
  }

  std::string folder_;
  std::unique_ptr<ThrottledStore> store_;
};

TEST_F(PaperFiguresTest, FlatOnDiskAndOnThreeTiers) {
  ASSERT_TRUE(store_->ok()) << "a file of 24 GB that is one hole could not be made";
  const StorageFigures figures = MeasureStorage(store_.get());
  printf(
      "flat: %.1f ms; levels on disk, the upper one re-used: %.1f ms; levels on RAM, flash and "
      "disk: %.1f ms (%.1f ms side by side; %.1f ms for the first prompt)\n",
      figures.flat_ms, figures.on_disk_ms, figures.on_three_tiers_ms, figures.slowest_tier_ms,
      figures.first_prompt_ms);
  EXPECT_NEAR(figures.flat_ms, 198, 198 * 0.05) << store_->error();
  EXPECT_NEAR(figures.on_disk_ms, 47, 47 * 0.05) << store_->error();
  EXPECT_NEAR(figures.on_three_tiers_ms, 38, 38 * 0.05) << store_->error();
  // Nothing is anywhere but in its own file at first.
  EXPECT_NEAR(figures.first_prompt_ms, figures.flat_ms, 1);
  // What was asked for came from where its level belongs, and nothing else was read.
  const StoreClock& clock = store_->clock();
  EXPECT_EQ(clock.bytes(StoreClock::kRam), ThrottledStore::kBytes[0]);
  EXPECT_EQ(clock.bytes(StoreClock::kFlash), ThrottledStore::kBytes[1]);
  EXPECT_EQ(clock.bytes(StoreClock::kDisk), ThrottledStore::kBytes[2]);
}

}  // namespace
}  // namespace memory_bank
