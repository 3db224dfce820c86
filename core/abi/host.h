// What the host offers to a plugin. One kl_host lives longer than every plugin it was given to.
#ifndef KINGLET_CORE_ABI_HOST_H_
#define KINGLET_CORE_ABI_HOST_H_

#include "core/abi/types.h"

#ifdef __cplusplus
extern "C" {
#endif

// CPU features, probed once by the host (the operating system's support of the registers included).
// Plugins never probe. Bits of the two families may overlap in meaning, never in number.
#define KL_CPU_SSE41 (1ull << 0)
#define KL_CPU_AVX2 (1ull << 1)         // with FMA, F16C and BMI2
#define KL_CPU_AVX_VNNI (1ull << 2)
#define KL_CPU_AVX512 (1ull << 3)       // F, BW, DQ, VL, CD
#define KL_CPU_AVX512_VNNI (1ull << 4)
#define KL_CPU_AVX512_BF16 (1ull << 5)
#define KL_CPU_AMX_INT8 (1ull << 6)
#define KL_CPU_NEON (1ull << 32)
#define KL_CPU_FP16 (1ull << 33)
#define KL_CPU_DOTPROD (1ull << 34)
#define KL_CPU_I8MM (1ull << 35)
#define KL_CPU_SVE (1ull << 36)

typedef struct kl_cpu {
  uint32_t struct_size;
  uint32_t physical_core_count;
  uint64_t features;  // KL_CPU_*
  uint64_t l1d_bytes;
  uint64_t l2_bytes;
  uint64_t l3_bytes;
  uint32_t cache_line_bytes;
} kl_cpu;

typedef int32_t kl_log_level;
enum { KL_LOG_ERROR = 0, KL_LOG_WARNING = 1, KL_LOG_INFO = 2, KL_LOG_DEBUG = 3 };

typedef void (*kl_parallel_body)(void* context, int64_t begin, int64_t end);

// Every call is thread safe. `host` is the pointer that the plugin was given.
typedef struct kl_host {
  uint32_t struct_size;
  uint32_t abi_major;
  uint32_t abi_minor;
  void* context;  // the host's own
  const kl_cpu* cpu;

  // `alignment` is a power of two. NULL when out of memory. Released with release(), nothing else.
  void* (*allocate)(const struct kl_host* host, uint64_t bytes, uint64_t alignment);
  void (*release)(const struct kl_host* host, void* memory);
  void (*log)(const struct kl_host* host, kl_log_level level, const char* message);
  int64_t (*now_ns)(const struct kl_host* host);  // monotonic
  // The value of an option for this plugin ("plugin.key"), or NULL. Valid as long as the host.
  const char* (*option)(const struct kl_host* host, const char* key);
  // Runs body over [0, count) on the host's threads and returns when all is done. Set-up only: never from run().
  void (*parallel_for)(const struct kl_host* host, int64_t count, kl_parallel_body body, void* body_context);
} kl_host;

#ifdef __cplusplus
}
#endif

#endif  // KINGLET_CORE_ABI_HOST_H_
