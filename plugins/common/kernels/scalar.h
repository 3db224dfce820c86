// Whole numbers and unaligned loads for kernel files of every instruction set.
//
// Everything under plugins/common/kernels is in an anonymous namespace and uses no template of the
// standard library: it is compiled once for each instruction set, and the linker must not find a
// copy that it could use in baseline code. Thread safety: pure functions.
#ifndef PLUGINS_COMMON_KERNELS_SCALAR_H_
#define PLUGINS_COMMON_KERNELS_SCALAR_H_

#include <stdint.h>
#include <string.h>

#define KL_INLINE inline __attribute__((always_inline))

namespace {

// How memory is read ahead, as measured where a level is the highest: AVX2 on Zen 3, AVX-512 on
// Zen 4 (README.md of sparse_x86 has figures); ARM: not measured.
//
// kPrefetchAhead: bytes ahead of the row being read. Rows follow each other in memory, and one
// thread reads one stream: this reaches into the next rows and pays for DRAM's latency. Every line
// of the stream has to be fetched: one that is left out is waited for, the hardware's own
// prefetching having been put off.
//
// kCoarseAhead: the same for the coarse copy of a head (coarse.h), which is fetched in bursts.
#if defined(__AVX512F__)
constexpr int64_t kPrefetchAhead = 6144;
constexpr int64_t kCoarseAhead = 8192;
#elif defined(__AVX2__)
constexpr int64_t kPrefetchAhead = 1536;
constexpr int64_t kCoarseAhead = 1536;
#else
constexpr int64_t kPrefetchAhead = 4096;
constexpr int64_t kCoarseAhead = 4096;
#endif

KL_INLINE int64_t RoundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}
KL_INLINE int64_t CeilDivide(int64_t value, int64_t divisor) {
  return (value + divisor - 1) / divisor;
}
KL_INLINE int64_t Minimum(int64_t a, int64_t b) { return a < b ? a : b; }
KL_INLINE int64_t Maximum(int64_t a, int64_t b) { return a > b ? a : b; }

KL_INLINE uint16_t LoadU16(const void* p) {
  uint16_t value;
  memcpy(&value, p, sizeof value);
  return value;
}
KL_INLINE uint32_t LoadU32(const void* p) {
  uint32_t value;
  memcpy(&value, p, sizeof value);
  return value;
}
KL_INLINE uint64_t LoadU64(const void* p) {
  uint64_t value;
  memcpy(&value, p, sizeof value);
  return value;
}
KL_INLINE void StoreU16(void* p, uint16_t value) { memcpy(p, &value, sizeof value); }
KL_INLINE void StoreU32(void* p, uint32_t value) { memcpy(p, &value, sizeof value); }

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_SCALAR_H_
