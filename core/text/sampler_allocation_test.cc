// In a program of its own, because it replaces operator new.
#include <atomic>
#include <cstdlib>
#include <new>
#include <vector>

#include "core/text/sampler.h"
#include "gtest/gtest.h"

namespace {
std::atomic<int> allocation_count{0};
}  // namespace

void* operator new(size_t size) {
  allocation_count++;
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace kinglet {
namespace {

TEST(SamplerAllocationTest, OnlyTheFirstCallAllocates) {
  SamplerOptions options;
  options.seed = 1;
  options.top_k = 0;
  options.repeat_penalty = 1.2f;
  auto sampler = Sampler::Create(options);
  ASSERT_TRUE(sampler.ok());
  std::vector<float> logits(5000);
  for (size_t i = 0; i < logits.size(); i++) logits[i] = static_cast<float>(i % 97) / 30.0f;

  int before = allocation_count;
  ASSERT_TRUE(sampler->Sample(logits.data(), 5000).ok());
  EXPECT_GT(allocation_count, before);

  before = allocation_count;
  for (int i = 0; i < 200; i++) {
    auto id = sampler->Sample(logits.data(), 5000);
    ASSERT_TRUE(id.ok());
    sampler->Accept(*id);
  }
  EXPECT_EQ(before, allocation_count);
}

}  // namespace
}  // namespace kinglet
