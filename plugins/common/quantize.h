// f32 rows to Q4_0 and Q8_0, scalar, for tests and tools: the plain rounding that GGUF's own tools
// use.
//
// Thread safety: pure functions. `elements` is a multiple of 32.
#ifndef KINGLET_PLUGINS_COMMON_QUANTIZE_H_
#define KINGLET_PLUGINS_COMMON_QUANTIZE_H_

#include <float.h>
#include <math.h>
#include <stdint.h>

#include "plugins/common/blocks.h"
#include "plugins/common/f16.h"

namespace kinglet {

// d = (element of largest magnitude) / -8, so that it becomes code 0; q = clamp(round(x / d) + 8,
// 0, 15).
static inline void QuantizeRowQ4_0(const float* x, int64_t elements, BlockQ4_0* blocks) {
  for (int64_t b = 0; b < elements / kSmallBlock; ++b, x += kSmallBlock) {
    float largest = 0.0f;
    for (int j = 0; j < kSmallBlock; ++j) {
      if (fabsf(x[j]) > fabsf(largest)) largest = x[j];
    }
    const float d = largest / -8.0f;
    const float inverse = d != 0.0f ? 1.0f / d : 0.0f;
    blocks[b].d = F32ToF16(d);
    for (int j = 0; j < 16; ++j) {
      const int low = static_cast<int>(x[j] * inverse + 8.5f);
      const int high = static_cast<int>(x[j + 16] * inverse + 8.5f);
      blocks[b].qs[j] = static_cast<uint8_t>((low > 15 ? 15 : low) | (high > 15 ? 15 : high) << 4);
    }
  }
}

// d = absmax / 127; q = round(x / d), halves away from zero. A block of numbers so small that 1 / d
// overflows is zeros.
static inline void QuantizeRowQ8_0(const float* x, int64_t elements, BlockQ8_0* blocks) {
  for (int64_t b = 0; b < elements / kSmallBlock; ++b, x += kSmallBlock) {
    float absmax = 0.0f;
    for (int j = 0; j < kSmallBlock; ++j) absmax = fabsf(x[j]) > absmax ? fabsf(x[j]) : absmax;
    const float d = absmax / 127.0f;
    const float inverse = d >= FLT_MIN ? 1.0f / d : 0.0f;
    blocks[b].d = F32ToF16(d);
    for (int j = 0; j < kSmallBlock; ++j)
      blocks[b].qs[j] = static_cast<int8_t>(roundf(x[j] * inverse));
  }
}

}  // namespace kinglet

#endif  // KINGLET_PLUGINS_COMMON_QUANTIZE_H_
