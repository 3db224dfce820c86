#include <pthreadpool.h>

#include <atomic>
#include <cstddef>

#include "gtest/gtest.h"

namespace {

// Atomic, because ThreadSanitizer cannot see how the compiled library synchronises.
struct Sum {
  std::atomic<size_t> value{0};
  std::atomic<size_t> call_count{0};
};

void AddRange(void* context, size_t start, size_t count) {
  Sum* sum = static_cast<Sum*>(context);
  size_t partial = 0;
  for (size_t i = start; i < start + count; i++) partial += i;
  sum->value += partial;
  sum->call_count++;
}

TEST(PthreadpoolTest, EveryElementIsVisitedOnce) {
  pthreadpool_t pool = pthreadpool_create(2);
  ASSERT_NE(pool, nullptr);
  EXPECT_EQ(pthreadpool_get_threads_count(pool), 2u);
  Sum sum;
  pthreadpool_parallelize_1d_tile_1d(pool, AddRange, &sum, 1000, 64, 0);
  EXPECT_EQ(sum.value, 1000u * 999u / 2u);
  EXPECT_EQ(sum.call_count, (1000u + 63u) / 64u);
  pthreadpool_destroy(pool);
}

}  // namespace
