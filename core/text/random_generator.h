// The random numbers of sampling: the same on every processor and compiler for the same seed.
//
// Source: xoshiro256++ and splitmix64 of Blackman and Vigna (public domain), prng.di.unimi.it.
#ifndef KINGLET_CORE_TEXT_RANDOM_GENERATOR_H_
#define KINGLET_CORE_TEXT_RANDOM_GENERATOR_H_

#include <array>
#include <cstdint>

namespace kinglet {

class RandomGenerator {
 public:
  using State = std::array<uint64_t, 4>;  // not all zero

  explicit RandomGenerator(uint64_t seed) {
    for (uint64_t& word : state_) {
      seed += 0x9E3779B97F4A7C15u;
      uint64_t mixed = seed;
      mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
      mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
      word = mixed ^ (mixed >> 31);
    }
  }

  uint64_t Next() {
    const uint64_t result = Rotate(state_[0] + state_[3], 23) + state_[0];
    const uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = Rotate(state_[3], 45);
    return result;
  }

  // Evenly spread over [0, 1), in steps of 2^-53.
  double NextUnit() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

  const State& state() const { return state_; }
  void set_state(const State& state) { state_ = state; }

 private:
  static uint64_t Rotate(uint64_t value, int count) {
    return value << count | value >> (64 - count);
  }

  State state_;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_TEXT_RANDOM_GENERATOR_H_
