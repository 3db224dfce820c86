#include "core/exec/patch/region.h"

#include <algorithm>
#include <cstdint>

#include "gtest/gtest.h"

namespace kinglet {
namespace {

int64_t Outputs(const WindowAxis& window) {
  const int64_t padded = window.size + window.pad_begin + window.pad_end;
  return padded < window.span() ? 0 : (padded - window.span()) / window.stride + 1;
}

// Every window of a small image: which pixels the outputs of a tile touch, and how many places of
// padding.
TEST(RegionTest, ReachIsWhatTheWindowsTouch) {
  int64_t checked = 0;
  for (int64_t kernel = 1; kernel <= 5; ++kernel) {
    for (int64_t stride = 1; stride <= 3; ++stride) {
      for (int64_t dilation = 1; dilation <= 2; ++dilation) {
        for (int64_t pad_begin = 0; pad_begin <= 3; ++pad_begin) {
          for (int64_t pad_end = 0; pad_end <= 2; ++pad_end) {
            const WindowAxis window = {kernel, stride, dilation, pad_begin, pad_end, 9};
            const int64_t outputs = Outputs(window);
            for (int64_t begin = 0; begin < outputs; ++begin) {
              for (int64_t end = begin + 1; end <= outputs; ++end) {
                int64_t first = INT64_MAX,
                        last = INT64_MIN;  // of the places touched, in padding too
                for (int64_t o = begin; o < end; ++o) {
                  for (int64_t i = 0; i < kernel; ++i) {
                    const int64_t place = o * stride - pad_begin + i * dilation;
                    first = std::min(first, place);
                    last = std::max(last, place);
                  }
                }
                const Reach reach = ReachOf(window, {begin, end});
                if (reach.inside.length() == 0) continue;  // padding only: no tile
                ASSERT_EQ(reach.inside.begin, std::max<int64_t>(first, 0));
                ASSERT_EQ(reach.inside.end, std::min<int64_t>(last + 1, 9));
                ASSERT_EQ(reach.pad_begin, std::max<int64_t>(-first, 0));
                ASSERT_EQ(reach.pad_end, std::max<int64_t>(last + 1 - 9, 0));
                // The tile makes exactly the outputs that were asked for.
                const WindowAxis tile = {kernel,          stride,        dilation,
                                         reach.pad_begin, reach.pad_end, reach.inside.length()};
                ASSERT_EQ(Outputs(tile), end - begin);
                ++checked;
              }
            }
          }
        }
      }
    }
  }
  EXPECT_GT(checked, 5000);
}

TEST(RegionTest, PartsCoverTheWholeOnceTheLargerOnesFirst) {
  for (int64_t size = 1; size <= 20; ++size) {
    for (int64_t count = 1; count <= size; ++count) {
      int64_t at = 0, before = size;
      for (int64_t i = 0; i < count; ++i) {
        const Interval part = PartOf(size, count, i);
        ASSERT_EQ(part.begin, at);
        ASSERT_GE(part.length(), 1);
        ASSERT_LE(part.length(), before);
        before = part.length();
        at = part.end;
      }
      ASSERT_EQ(at, size);
    }
  }
}

TEST(RegionTest, NominalSizeIsThatOfAWindowFarFromTheBorder) {
  EXPECT_EQ(NominalInputs({3, 2, 1, 1, 1, 1000}, 7), 15);
  EXPECT_EQ(NominalInputs({3, 1, 1, 1, 1, 1000}, 15), 17);
  EXPECT_EQ(NominalInputs({3, 1, 2, 2, 2, 1000}, 4), 8);
  EXPECT_EQ(ReachOf({3, 2, 1, 1, 1, 1000}, {100, 107}).inside.length(), 15);
}

}  // namespace
}  // namespace kinglet
