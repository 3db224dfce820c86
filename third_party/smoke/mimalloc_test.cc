#include <mimalloc.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "gtest/gtest.h"

namespace {

TEST(MimallocTest, ServesMallocAndNew) {
  void* from_malloc = std::malloc(1000);
  auto from_new = std::make_unique<int[]>(100);
  const std::string from_library(1000, 'x');
  EXPECT_TRUE(mi_is_in_heap_region(from_malloc));
  EXPECT_TRUE(mi_is_in_heap_region(from_new.get()));
  EXPECT_TRUE(mi_is_in_heap_region(from_library.data()));
  int on_the_stack = 0;
  EXPECT_FALSE(mi_is_in_heap_region(&on_the_stack));
  std::free(from_malloc);
}

TEST(MimallocTest, AlignsAsAsked) {
  void* memory = std::aligned_alloc(64, 640);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % 64, 0u);
  EXPECT_TRUE(mi_is_in_heap_region(memory));
  std::free(memory);
}

}  // namespace
