// Seeded random numbers that do not depend on the order in which parts of a file are written.
#ifndef KINGLET_TOOLS_COMMON_RANDOM_H_
#define KINGLET_TOOLS_COMMON_RANDOM_H_

#include <cmath>
#include <cstdint>
#include <string>

namespace kinglet::tools {

inline uint64_t SplitMix64(uint64_t* state) {
  uint64_t z = (*state += 0x9E3779B97F4A7C15ull);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

// xoshiro256++ (Blackman and Vigna): fast enough for billions of weights.
class Random {
 public:
  // The stream of one part of one tensor.
  Random(uint64_t seed, const std::string& name, uint64_t part) {
    uint64_t hash = 0xCBF29CE484222325ull;  // FNV-1a
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
    uint64_t state = seed * 0xD1342543DE82EF95ull + hash;
    state = SplitMix64(&state) + part;
    for (uint64_t& word : state_) word = SplitMix64(&state);
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

  // In (0, 1).
  double Uniform() { return (static_cast<double>(Next() >> 11) + 0.5) * 0x1.0p-53; }

  // Mean 0, standard deviation 1 (Box and Muller, the cosine half).
  double Gaussian() {
    const double radius = std::sqrt(-2.0 * std::log(Uniform()));
    return radius * std::cos(6.283185307179586 * Uniform());
  }

 private:
  static uint64_t Rotate(uint64_t value, int bits) { return value << bits | value >> (64 - bits); }

  uint64_t state_[4];
};

// The z below which a standard normal variable falls with the given probability in (0, 1).
inline double NormalQuantile(double probability) {
  double low = -9.0;
  double high = 9.0;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (0.5 * std::erfc(-middle * 0.7071067811865476) < probability ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_COMMON_RANDOM_H_
