// Operators over several element types: from a kl_dtype to a C++ type, and index arithmetic over
// shapes.
//
// Numbers: whole numbers are computed in int64 and wrap; floats are computed in double and rounded
// once, which for one f32 addition, product, quotient or root is the f32 operation itself.
// Thread safety: pure functions.
#ifndef KINGLET_PLUGINS_REFERENCE_ELEMENTS_H_
#define KINGLET_PLUGINS_REFERENCE_ELEMENTS_H_

#include <type_traits>

#include "plugins/common/f16.h"
#include "plugins/reference/reference.h"

namespace kinglet {
namespace reference {

// Storage of the two types that C++ has no name for.
struct Half {
  uint16_t bits;
};
struct Bfloat {
  uint16_t bits;
};
struct Bool {
  uint8_t byte;
};

inline double ToDouble(float v) { return static_cast<double>(v); }
inline double ToDouble(double v) { return v; }
inline double ToDouble(Half v) { return static_cast<double>(F16ToF32(v.bits)); }
inline double ToDouble(Bfloat v) { return static_cast<double>(Bf16ToF32(v.bits)); }
inline int64_t ToInt(Bool v) { return v.byte != 0 ? 1 : 0; }
template <typename T>
inline int64_t ToInt(T v) {
  return static_cast<int64_t>(v);
}

template <typename T>
constexpr bool kIsFloat = std::is_floating_point<T>::value || std::is_same<T, Half>::value ||
                          std::is_same<T, Bfloat>::value;

template <typename T>
T FromDouble(double v) {
  if constexpr (std::is_same<T, Half>::value) {
    return {F32ToF16(static_cast<float>(v))};
  } else if constexpr (std::is_same<T, Bfloat>::value) {
    return {F32ToBf16(static_cast<float>(v))};
  } else {
    return static_cast<T>(v);
  }
}

// The low bits of `v`, as C++ narrows.
template <typename T>
T FromInt(int64_t v) {
  if constexpr (std::is_same<T, Bool>::value) {
    return {static_cast<uint8_t>(v != 0 ? 1 : 0)};
  } else {
    return static_cast<T>(static_cast<uint64_t>(v));
  }
}

inline bool IsWholeType(kl_dtype type) {
  return type == KL_TYPE_I8 || type == KL_TYPE_U8 || type == KL_TYPE_I16 || type == KL_TYPE_I32 ||
         type == KL_TYPE_I64 || type == KL_TYPE_BOOL;
}
inline bool IsFloatType(kl_dtype type) {
  return type == KL_TYPE_F32 || type == KL_TYPE_F64 || type == KL_TYPE_F16 || type == KL_TYPE_BF16;
}
inline bool IsElementType(kl_dtype type) { return IsWholeType(type) || IsFloatType(type); }
inline bool IsIndexType(kl_dtype type) { return type == KL_TYPE_I64 || type == KL_TYPE_I32; }
inline bool IsByteType(kl_dtype type) { return type == KL_TYPE_I8 || type == KL_TYPE_U8; }

// Calls function(T()) with the storage type of `type`, an element type.
template <typename Function>
void WithType(kl_dtype type, Function function) {
  switch (type) {
    case KL_TYPE_F32:
      return function(float());
    case KL_TYPE_F64:
      return function(double());
    case KL_TYPE_F16:
      return function(Half());
    case KL_TYPE_BF16:
      return function(Bfloat());
    case KL_TYPE_I64:
      return function(int64_t());
    case KL_TYPE_I32:
      return function(int32_t());
    case KL_TYPE_I16:
      return function(int16_t());
    case KL_TYPE_I8:
      return function(int8_t());
    case KL_TYPE_U8:
      return function(uint8_t());
    default:
      return function(Bool());
  }
}

// Element `i` of a tensor of i64 or i32.
inline int64_t IndexAt(const kl_tensor* tensor, int64_t i) {
  return tensor->type == KL_TYPE_I64 ? static_cast<const int64_t*>(tensor->data)[i]
                                     : static_cast<const int32_t*>(tensor->data)[i];
}

// Element `i` of a tensor of i8, u8, i16 or i32 (zero points, quantised data).
inline int32_t WholeAt(const kl_tensor* tensor, int64_t i) {
  if (tensor->type == KL_TYPE_I8) return static_cast<const int8_t*>(tensor->data)[i];
  if (tensor->type == KL_TYPE_U8) return static_cast<const uint8_t*>(tensor->data)[i];
  if (tensor->type == KL_TYPE_I16) return static_cast<const int16_t*>(tensor->data)[i];
  return static_cast<const int32_t*>(tensor->data)[i];
}

// Distance between neighbours along each dimension, in elements.
inline void StridesOf(const kl_tensor* tensor, int64_t* strides) {
  int64_t stride = 1;
  for (int32_t d = tensor->rank - 1; d >= 0; --d) {
    strides[d] = stride;
    stride *= tensor->shape[d];
  }
}

// `index` of a tensor of this shape, taken apart.
inline void Unravel(int64_t index, const kl_tensor* tensor, int64_t* position) {
  for (int32_t d = tensor->rank - 1; d >= 0; --d) {
    position[d] = index % tensor->shape[d];
    index /= tensor->shape[d];
  }
}

// Units of 1024 elements.
constexpr int64_t kElementsPerUnit = 1024;
inline void ElementWork(const kl_tensor* y, kl_work* work) {
  OnePhase(work, CeilDivide(kl_element_count(y), kElementsPerUnit));
}
inline int64_t FirstElement(const kl_run* run) { return run->begin * kElementsPerUnit; }
inline int64_t EndElement(const kl_run* run, const kl_tensor* y) {
  const int64_t count = kl_element_count(y), end = run->end * kElementsPerUnit;
  return end < count ? end : count;
}

// Copies element `from_index` of x to `to_index` of y, whatever the type of `size` bytes is.
inline void CopyElement(const kl_tensor* x, int64_t from_index, const kl_tensor* y,
                        int64_t to_index, uint32_t size) {
  memcpy(static_cast<uint8_t*>(y->data) + to_index * size,
         static_cast<const uint8_t*>(x->data) + from_index * size, size);
}

}  // namespace reference
}  // namespace kinglet

#endif  // KINGLET_PLUGINS_REFERENCE_ELEMENTS_H_
