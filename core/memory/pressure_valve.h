// How large an elastic cache may be, from readings of memory pressure. Pure: no files, no clock.
//
//   used above limit - reserve          shrink by what is above limit - 2 reserves
//   stalled for more than 10 %          shrink by an eighth
//   neither, for some seconds           grow by an eighth, as far as it stays below limit - 2 reserves
//
// Between the two marks nothing changes. Whenever pressure comes back soon after growing, the wait before the next growth
// doubles, from 5 s up to 5 minutes: a cache that pumps costs more than a small one.
#ifndef KINGLET_CORE_MEMORY_PRESSURE_VALVE_H_
#define KINGLET_CORE_MEMORY_PRESSURE_VALVE_H_

#include <cstdint>

#include "core/memory/memory_pressure.h"

namespace kinglet {

// One thread at a time.
class PressureValve {
 public:
  // The cache never has to be smaller than least_bytes, and never is larger than most_bytes.
  PressureValve(uint64_t least_bytes, uint64_t most_bytes);

  // `held_bytes`: what the cache takes now. Returns what it may take at most: least_bytes..most_bytes.
  uint64_t Update(const PressureReading& reading, uint64_t held_bytes, int64_t now_ns);

  uint64_t cap_bytes() const { return cap_bytes_; }
  bool is_open() const { return cap_bytes_ == most_bytes_; }
  uint64_t shrink_count() const { return shrink_count_; }
  uint64_t grow_count() const { return grow_count_; }

 private:
  uint64_t Step() const;

  const uint64_t least_bytes_;
  const uint64_t most_bytes_;
  uint64_t cap_bytes_;
  uint64_t shrink_count_ = 0;
  uint64_t grow_count_ = 0;
  int64_t calm_since_ns_ = 0;  // neither pressure nor a growth since
  int64_t grown_ns_ = 0;       // when it last grew
  int64_t wait_ns_;            // calm that a growth needs
};

}  // namespace kinglet

#endif  // KINGLET_CORE_MEMORY_PRESSURE_VALVE_H_
