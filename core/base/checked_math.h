// Arithmetic on numbers that come from a file: false instead of a wrap.
#ifndef KINGLET_CORE_BASE_CHECKED_MATH_H_
#define KINGLET_CORE_BASE_CHECKED_MATH_H_

#include <cstdint>

namespace kinglet {

template <typename T>
[[nodiscard]] inline bool CheckedAdd(T a, T b, T* sum) {
  return !__builtin_add_overflow(a, b, sum);
}

template <typename T>
[[nodiscard]] inline bool CheckedMultiply(T a, T b, T* product) {
  return !__builtin_mul_overflow(a, b, product);
}

// `value` rounded up to a multiple of `alignment`, a power of two.
[[nodiscard]] inline bool CheckedAlignUp(uint64_t value, uint64_t alignment, uint64_t* aligned) {
  if (!CheckedAdd(value, alignment - 1, aligned)) return false;
  *aligned &= ~(alignment - 1);
  return true;
}

// For sizes that were checked before: `alignment` is a power of two.
inline uint64_t AlignUp(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

}  // namespace kinglet

#endif  // KINGLET_CORE_BASE_CHECKED_MATH_H_
