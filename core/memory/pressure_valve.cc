#include "core/memory/pressure_valve.h"

#include <algorithm>

namespace kinglet {
namespace {

constexpr int64_t kSecondNs = 1000000000;
constexpr int64_t kFirstWaitNs = 5 * kSecondNs;
constexpr int64_t kMostWaitNs = 300 * kSecondNs;
// Pressure this soon after a growth is that growth's doing.
constexpr int64_t kSoonNs = 60 * kSecondNs;
// After this much calm the past is forgotten.
constexpr int64_t kForgetNs = 600 * kSecondNs;
// A group swaps, or the system looks for pages, well before this; a busy system is often at 1 or 2 %.
constexpr double kStalled = 0.10;
constexpr double kCalm = 0.02;
constexpr uint64_t kSteps = 8;

// How much of a limit stays free: what a process takes between two readings, and a budget that is as large as its group's
// limit leaves free by itself.
uint64_t ReserveOf(uint64_t limit_bytes) {
  return std::min(limit_bytes / 8, std::clamp<uint64_t>(limit_bytes / 64, 16 << 20, 256 << 20));
}

}  // namespace

PressureValve::PressureValve(uint64_t least_bytes, uint64_t most_bytes)
    : least_bytes_(std::min(least_bytes, most_bytes)),
      most_bytes_(most_bytes),
      cap_bytes_(most_bytes),
      wait_ns_(kFirstWaitNs) {}

uint64_t PressureValve::Step() const { return (most_bytes_ - least_bytes_ + kSteps - 1) / kSteps; }

uint64_t PressureValve::Update(const PressureReading& reading, uint64_t held_bytes, int64_t now_ns) {
  uint64_t excess = 0;
  uint64_t headroom = UINT64_MAX;
  if (reading.limit_bytes != UINT64_MAX) {
    const uint64_t reserve = ReserveOf(reading.limit_bytes);
    const uint64_t goal = reading.limit_bytes - 2 * reserve;
    if (reading.used_bytes > goal + reserve) excess = reading.used_bytes - goal;
    headroom = goal - std::min(goal, reading.used_bytes);
  }
  if (reading.stalled > kStalled) excess = std::max(excess, Step());
  if (excess > 0) {
    if (grow_count_ > 0 && now_ns - grown_ns_ < kSoonNs) wait_ns_ = std::min(2 * wait_ns_, kMostWaitNs);
    calm_since_ns_ = now_ns;
    const uint64_t held = std::clamp(held_bytes, least_bytes_, cap_bytes_);
    const uint64_t cap = held - std::min(held - least_bytes_, excess);
    if (cap < held) ++shrink_count_;
    cap_bytes_ = cap;
    return cap_bytes_;
  }
  if (reading.stalled > kCalm) {
    calm_since_ns_ = now_ns;
    return cap_bytes_;
  }
  const int64_t calm_ns = now_ns - calm_since_ns_;
  if (calm_ns >= kForgetNs) wait_ns_ = kFirstWaitNs;
  // What the cache may already take, and has not taken, comes out of the headroom first.
  const uint64_t promised = cap_bytes_ - std::min(cap_bytes_, held_bytes);
  const uint64_t room = headroom - std::min(headroom, promised);
  if (cap_bytes_ == most_bytes_ || calm_ns < wait_ns_ || room == 0) return cap_bytes_;
  cap_bytes_ += std::min({Step(), room, most_bytes_ - cap_bytes_});
  ++grow_count_;
  grown_ns_ = now_ns;
  // The steps of one recovery follow each other quickly; each is looked at for a second.
  calm_since_ns_ = now_ns - wait_ns_ + kSecondNs;
  return cap_bytes_;
}

}  // namespace kinglet
