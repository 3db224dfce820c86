#include <pthreadpool.h>

#include <atomic>
#include <cstddef>

#include "gtest/gtest.h"

namespace {

// The library comes compiled, so ThreadSanitizer does not see how it hands work to its threads and
// takes it back; these two say it.
#if defined(__SANITIZE_THREAD__)
extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);
#else
void __tsan_acquire(void*) {}
void __tsan_release(void*) {}
#endif

struct Squares {
  size_t values[1000] = {};
  std::atomic<size_t> call_count{0};
};

void SquareRange(void* context, size_t start, size_t count) {
  __tsan_acquire(context);
  Squares* squares = static_cast<Squares*>(context);
  for (size_t i = start; i < start + count; i++) squares->values[i] += i * i;
  squares->call_count++;
  __tsan_release(context);
}

TEST(PthreadpoolTest, EveryElementIsVisitedOnce) {
  pthreadpool_t pool = pthreadpool_create(2);
  ASSERT_NE(pool, nullptr);
  EXPECT_EQ(pthreadpool_get_threads_count(pool), 2u);
  Squares squares;
  __tsan_release(&squares);
  pthreadpool_parallelize_1d_tile_1d(pool, SquareRange, &squares, 1000, 64, 0);
  __tsan_acquire(&squares);
  for (size_t i = 0; i < 1000; i++) EXPECT_EQ(squares.values[i], i * i);
  EXPECT_EQ(squares.call_count, (1000u + 63u) / 64u);
  pthreadpool_destroy(pool);
}

}  // namespace
