// The units of one worker: it takes them from the front, others steal from the back.
//
//   begin                                    end
//     [ owner takes -->          <-- thieves take ]
//
// Contiguous ranges keep a worker's reads of its weights one sequential stream; both ends take a
// quarter of what is left at a time, so that there are few exchanges and small pieces at the end.
#ifndef KINGLET_SCHEDULERS_UNIT_RANGE_H_
#define KINGLET_SCHEDULERS_UNIT_RANGE_H_

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace kinglet {

// Thread safe, but for Set(). On its own cache lines (two: processors fetch pairs).
class alignas(128) UnitRange {
 public:
  // Requires begin <= end. While nobody takes.
  void Set(uint32_t begin, uint32_t end) {
    bounds_.store(Pack(begin, end), std::memory_order_relaxed);
  }

  bool TakeFront(uint32_t* begin, uint32_t* end) { return Take<true>(begin, end); }
  bool TakeBack(uint32_t* begin, uint32_t* end) { return Take<false>(begin, end); }

 private:
  static uint64_t Pack(uint32_t begin, uint32_t end) { return uint64_t{end} << 32 | begin; }

  template <bool kFront>
  bool Take(uint32_t* begin, uint32_t* end) {
    uint64_t bounds = bounds_.load(std::memory_order_relaxed);
    for (;;) {
      const uint32_t first = static_cast<uint32_t>(bounds);
      const uint32_t last = static_cast<uint32_t>(bounds >> 32);
      if (first >= last) return false;
      const uint32_t count = std::max<uint32_t>(1, (last - first) / 4);
      *begin = kFront ? first : last - count;
      *end = kFront ? first + count : last;
      const uint64_t left = kFront ? Pack(first + count, last) : Pack(first, last - count);
      // Relaxed: who may take at all, and what the units work on, is ordered by the pool.
      if (bounds_.compare_exchange_weak(bounds, left, std::memory_order_relaxed)) return true;
    }
  }

  std::atomic<uint64_t> bounds_{0};
};

}  // namespace kinglet

#endif  // KINGLET_SCHEDULERS_UNIT_RANGE_H_
