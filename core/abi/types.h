// Plain types that cross the boundary between the host and a plugin.
//
// C11, standard headers only. A struct that may grow starts with struct_size: its writer sets it to sizeof,
// minor versions only append fields, and a reader checks KL_HAS_FIELD before it reads an appended one.
// Arrays of such structs are passed as arrays of pointers, so that a struct can grow without moving its neighbours.
#ifndef KINGLET_CORE_ABI_TYPES_H_
#define KINGLET_CORE_ABI_TYPES_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KL_ABI_MAJOR 1u
// 1: banks read records that the host describes (bank.h); counted weight bytes, wanted logits (kernel.h)
// 2: caches of keys and of values are told apart (architecture.h)
// 3: records of different sizes, records that are never read, where a lease came from (bank.h); memory segments of a plan,
//    text encoders (architecture.h)
// 4: kernels that work in place, kernels whose bits do not depend on the place (kernel.h)
// 5: weights that are packed into one copy (kernel.h)
#define KL_ABI_MINOR 5u

// True when the struct that `pointer` points to, as its writer knew it, contains `field`.
#define KL_HAS_FIELD(pointer, type, field) \
  ((pointer)->struct_size >= offsetof(type, field) + sizeof((pointer)->field))

// Result of a call. Zero is success; the numbers are stable.
typedef int32_t kl_code;
enum {
  KL_OK = 0,
  KL_INVALID_ARGUMENT = 1,   // the caller broke the contract
  KL_UNSUPPORTED = 2,        // correct, but this kernel, plugin or build cannot do it
  KL_NOT_FOUND = 3,          // a file, tensor, key, kernel or plugin does not exist
  KL_DATA_CORRUPT = 4,       // file content that breaks its format
  KL_IO_ERROR = 5,           // the operating system refused a read, write or map
  KL_OUT_OF_MEMORY = 6,      // an allocation failed
  KL_OUT_OF_BUDGET = 7,      // the memory budget is too small; the message says what would do
  KL_VERSION_MISMATCH = 8,   // an ABI, file or session version that this build does not read
  KL_CANCELLED = 9,          // stopped on request
  KL_FAILED_PRECONDITION = 10,  // the call does not fit the object's present state
  KL_INTERNAL = 11           // a defect in Kinglet
};

// Where a set-up call says what went wrong: expected, found, where, what to do.
typedef struct kl_error {
  uint32_t struct_size;
  kl_code code;
  char message[256];  // UTF-8, always terminated; cut if longer
} kl_error;

// Element and block types. 0..30 and 34, 35 are the numbers of the GGUF format.
typedef int32_t kl_dtype;
enum {
  KL_TYPE_F32 = 0,
  KL_TYPE_F16 = 1,
  KL_TYPE_Q4_0 = 2,
  KL_TYPE_Q4_1 = 3,
  KL_TYPE_Q5_0 = 6,
  KL_TYPE_Q5_1 = 7,
  KL_TYPE_Q8_0 = 8,
  KL_TYPE_Q2_K = 10,
  KL_TYPE_Q3_K = 11,
  KL_TYPE_Q4_K = 12,
  KL_TYPE_Q5_K = 13,
  KL_TYPE_Q6_K = 14,
  KL_TYPE_IQ4_NL = 20,
  KL_TYPE_IQ4_XS = 23,
  KL_TYPE_I8 = 24,
  KL_TYPE_I16 = 25,
  KL_TYPE_I32 = 26,
  KL_TYPE_I64 = 27,
  KL_TYPE_F64 = 28,
  KL_TYPE_BF16 = 30,
  KL_TYPE_TQ1_0 = 34,
  KL_TYPE_TQ2_0 = 35,
  // Types that GGUF does not have.
  KL_TYPE_U8 = 256,
  KL_TYPE_BOOL = 257,
  KL_TYPE_NONE = -1,  // an optional operand that is absent
  KL_TYPE_ANY = -2    // in signatures and test cases: whatever is there
};

#define KL_MAX_RANK 6

// How the bytes of a tensor are arranged.
enum {
  KL_LAYOUT_ROWS = 0,   // dense, outermost dimension first, blocks of the type along the innermost
  KL_LAYOUT_PACKED = 1  // what the kernel's own pack() wrote
};

// A dense array. The viewer never owns data; whoever hands the struct out says how long data lives.
typedef struct kl_tensor {
  uint32_t struct_size;
  kl_dtype type;
  int32_t rank;                // 0..KL_MAX_RANK
  uint32_t layout;             // KL_LAYOUT_*
  int64_t shape[KL_MAX_RANK];  // outermost first; shape[rank - 1] is contiguous
  void* data;                  // 32-byte aligned for activations; weights may be aligned to 4 only
  // When not NULL: shape[0] pointers, one to each outermost slice (an expert, say), and data is NULL.
  const void* const* parts;
} kl_tensor;

// Name and value of a node's constant parameter.
typedef int32_t kl_attribute_kind;
enum { KL_ATTRIBUTE_INT = 0, KL_ATTRIBUTE_FLOAT = 1, KL_ATTRIBUTE_STRING = 2, KL_ATTRIBUTE_INTS = 3, KL_ATTRIBUTE_FLOATS = 4 };

typedef struct kl_attribute {
  const char* name;
  kl_attribute_kind kind;
  uint32_t count;  // elements of ints or floats
  int64_t i;
  double f;
  const char* s;
  const int64_t* ints;
  const float* floats;
} kl_attribute;

#ifdef __cplusplus
}
#endif

#endif  // KINGLET_CORE_ABI_TYPES_H_
