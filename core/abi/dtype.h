// Size and name of every element and block type, for both sides of the boundary.
//
// Source: the GGUF format document's type list; sizes as in its block definitions.
#ifndef KINGLET_CORE_ABI_DTYPE_H_
#define KINGLET_CORE_ABI_DTYPE_H_

#include "core/abi/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kl_dtype_info {
  const char* name;          // lower case, as in GGUF tools: "q4_0"
  uint32_t block_elements;   // elements along the innermost dimension in one block
  uint32_t block_bytes;      // bytes of one block
} kl_dtype_info;

// Facts about `type`; name is NULL for a type that does not exist.
static inline kl_dtype_info kl_dtype_info_of(kl_dtype type) {
#define KL_DTYPE_ROW(id, text, elements, bytes) \
  case id: {                                    \
    kl_dtype_info info = {text, elements, bytes}; \
    return info;                                \
  }
  switch (type) {
    KL_DTYPE_ROW(KL_TYPE_F32, "f32", 1, 4)
    KL_DTYPE_ROW(KL_TYPE_F16, "f16", 1, 2)
    KL_DTYPE_ROW(KL_TYPE_BF16, "bf16", 1, 2)
    KL_DTYPE_ROW(KL_TYPE_F64, "f64", 1, 8)
    KL_DTYPE_ROW(KL_TYPE_I8, "i8", 1, 1)
    KL_DTYPE_ROW(KL_TYPE_U8, "u8", 1, 1)
    KL_DTYPE_ROW(KL_TYPE_BOOL, "bool", 1, 1)
    KL_DTYPE_ROW(KL_TYPE_I16, "i16", 1, 2)
    KL_DTYPE_ROW(KL_TYPE_I32, "i32", 1, 4)
    KL_DTYPE_ROW(KL_TYPE_I64, "i64", 1, 8)
    KL_DTYPE_ROW(KL_TYPE_Q4_0, "q4_0", 32, 18)
    KL_DTYPE_ROW(KL_TYPE_Q4_1, "q4_1", 32, 20)
    KL_DTYPE_ROW(KL_TYPE_Q5_0, "q5_0", 32, 22)
    KL_DTYPE_ROW(KL_TYPE_Q5_1, "q5_1", 32, 24)
    KL_DTYPE_ROW(KL_TYPE_Q8_0, "q8_0", 32, 34)
    KL_DTYPE_ROW(KL_TYPE_Q2_K, "q2_k", 256, 84)
    KL_DTYPE_ROW(KL_TYPE_Q3_K, "q3_k", 256, 110)
    KL_DTYPE_ROW(KL_TYPE_Q4_K, "q4_k", 256, 144)
    KL_DTYPE_ROW(KL_TYPE_Q5_K, "q5_k", 256, 176)
    KL_DTYPE_ROW(KL_TYPE_Q6_K, "q6_k", 256, 210)
    KL_DTYPE_ROW(KL_TYPE_IQ4_NL, "iq4_nl", 32, 18)
    KL_DTYPE_ROW(KL_TYPE_IQ4_XS, "iq4_xs", 256, 136)
    KL_DTYPE_ROW(KL_TYPE_TQ1_0, "tq1_0", 256, 54)
    KL_DTYPE_ROW(KL_TYPE_TQ2_0, "tq2_0", 256, 66)
    default: {
      kl_dtype_info none = {NULL, 0, 0};
      return none;
    }
  }
#undef KL_DTYPE_ROW
}

// Bytes of one row of `elements`, which must be a multiple of the block; 0 for a type that does not exist.
static inline uint64_t kl_row_bytes(kl_dtype type, uint64_t elements) {
  const kl_dtype_info info = kl_dtype_info_of(type);
  return info.name == NULL ? 0 : elements / info.block_elements * info.block_bytes;
}

static inline int64_t kl_element_count(const kl_tensor* tensor) {
  int64_t count = 1;
  for (int32_t d = 0; d < tensor->rank; ++d) count *= tensor->shape[d];
  return count;
}

static inline uint64_t kl_tensor_bytes(const kl_tensor* tensor) {
  const int64_t count = kl_element_count(tensor);
  return kl_row_bytes(tensor->type, (uint64_t)count);
}

#ifdef __cplusplus
}
#endif

#endif  // KINGLET_CORE_ABI_DTYPE_H_
