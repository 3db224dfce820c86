// Activations as the quantised kernels read them: 8 bits, one scale per block of 32 columns.
//
//   d = max|x| / 127,  q = round(x / d)  in [-127, 127]
//
// Eight blocks (256 columns) make a group of 384 bytes. Beside q it keeps what removes the weights'
// offset: weights may be multiplied as unsigned numbers u = w + offset, and
//   sum w*q = sum u*q - offset * sum q.
// How that correction is split into `init` and `init_high` depends on how the instruction set adds
// products up: whoever quantises (activations_avx2.h, activations_neon.h) says so.
//
// Order of q inside a group:
//   natural      byte 32*j + c       = column c of block j   (rows as they are in the file)
//   interleaved  byte 32*(c/4) + 4*j + c%4                   (rows in the K8 layout)
// where an instruction set may order the vectors of 32 bytes in its own way.
#ifndef PLUGINS_COMMON_KERNELS_ACTIVATION_GROUP_H_
#define PLUGINS_COMMON_KERNELS_ACTIVATION_GROUP_H_

#include "plugins/common/kernels/scalar.h"

namespace {

struct alignas(64) ActivationGroup {
  int8_t q[256];
  int32_t init[8];       // per block: -offset * sum of q
  float d[8];            // scale
  float d_sum[8];        // scale * sum of q
  int32_t init_high[8];  // as init for columns 16..31, when halved
#if defined(__ARM_NEON)
  int8_t natural[256];  // the numbers of q in natural order, whatever q's: what panels multiply
#endif
};
static_assert(sizeof(ActivationGroup) % 64 == 0, "whole cache lines");

enum ActivationOrder { kNatural = 0, kInterleaved = 1 };

// How a weight type wants its activations.
struct ActivationForm {
  ActivationOrder order;
  int offset;   // of the weights
  bool halved;  // corrections apart for columns 0..15 and 16..31 (types with 16-column scales)
};

KL_INLINE int64_t GroupCount(int64_t columns) { return CeilDivide(columns, 256); }

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_ACTIVATION_GROUP_H_
