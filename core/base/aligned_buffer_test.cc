#include "core/base/aligned_buffer.h"

#include <cstring>
#include <utility>

#include "core/base/process_memory.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

TEST(AlignedBufferTest, IsAlignedAndZeroed) {
  auto buffer = AlignedBuffer::Allocate(100001);
  ASSERT_TRUE(buffer.ok()) << buffer.status();
  EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer->data()) % AlignedBuffer::kAlignmentBytes, 0u);
  for (uint64_t i = 0; i < buffer->size(); i++) ASSERT_EQ(buffer->data()[i], 0) << i;
}

TEST(AlignedBufferTest, ZeroBytesAreAnEmptyBuffer) {
  auto buffer = AlignedBuffer::Allocate(0);
  ASSERT_TRUE(buffer.ok()) << buffer.status();
  EXPECT_TRUE(buffer->empty());
  EXPECT_EQ(buffer->data(), nullptr);
}

TEST(AlignedBufferTest, ImpossibleSizesAreAnErrorThatNamesThem) {
  for (const uint64_t bytes : {UINT64_MAX, UINT64_MAX / 2, uint64_t{1} << 62}) {
    const auto buffer = AlignedBuffer::Allocate(bytes);
    ASSERT_FALSE(buffer.ok());
    EXPECT_EQ(buffer.status().code(), absl::StatusCode::kResourceExhausted);
    EXPECT_NE(buffer.status().message().find(std::to_string(bytes)), absl::string_view::npos);
  }
}

TEST(AlignedBufferTest, MovingKeepsTheAddressAndEmptiesTheSource) {
  auto buffer = AlignedBuffer::Allocate(10);
  ASSERT_TRUE(buffer.ok());
  uint8_t* const data = buffer->data();
  AlignedBuffer first = *std::move(buffer);
  AlignedBuffer second;
  second = std::move(first);
  EXPECT_EQ(second.data(), data);
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): this is the point
}

TEST(AlignedBufferTest, DiscardZeroesTheContents) {
  auto buffer = AlignedBuffer::Allocate(1 << 20, AlignedBuffer::HugePages::kAdvise);
  ASSERT_TRUE(buffer.ok());
  std::memset(buffer->data(), 7, buffer->size());
  buffer->Discard();
  EXPECT_EQ(buffer->data()[0], 0);
  EXPECT_EQ(buffer->data()[buffer->size() - 1], 0);
}

TEST(AlignedBufferTest, PagesBecomeResidentWhenTheyAreWrittenAndGoBackAtOnce) {
  constexpr uint64_t kBytes = 64 << 20;
  const uint64_t before = ReadProcessMemory()->resident_bytes;
  auto buffer = AlignedBuffer::Allocate(kBytes);
  ASSERT_TRUE(buffer.ok());
  EXPECT_LT(ReadProcessMemory()->resident_bytes, before + kBytes / 2);
  std::memset(buffer->data(), 1, kBytes);
  EXPECT_GT(ReadProcessMemory()->resident_bytes, before + kBytes / 2);
  *buffer = AlignedBuffer();
  EXPECT_LT(ReadProcessMemory()->resident_bytes, before + kBytes / 2);
}

}  // namespace
}  // namespace kinglet
