// Eight f32 lanes, the width in which every float sum of Kinglet's kernels is defined.
//
// One type and one set of functions for all instruction sets: a kernel written with them adds in
// the same order on each, so that equal inputs give equal bits on x86 and on ARM. F8 has + - * /
// and
//
//   Zero8() Splat8(v) Load8(p) Store8(p, v)            no alignment needed
//   LoadFirst(p, n) StoreFirst(p, n, v)                lanes from n on: 0, not stored; any n
//   MultiplyAdd(a, b, c)        a * b + c, rounded once
//   MultiplySubtract(a, b, c)   a * b - c, rounded once
//   Minimum(a, b) Maximum(a, b) Absolute(v) Round(v)   Round: to nearest, ties to even
//   SquareRoot(v)
//   SumAcross(v)                ((0+4)+(2+6)) + ((1+5)+(3+7))
//   MaximumAcross(v)
//   SumEach8(v[8])              lane j: sum of vector j, ((0+1)+(2+3)) + ((4+5)+(6+7))
//   LoadHalf8(p) StoreHalf8(p, v) LoadBrain8(p)        f16 (to nearest even) and bf16 in memory
//   FloatToHalf(x) HalfToFloat(h)                      one number
//   StoreBytes16(p, a, b)       sixteen numbers within -128..127 as signed bytes, rounded as Round
//                               does
//   LoadBytes8(p)               eight signed bytes
//   StoreTruncated32(p, v[4])   numbers within -128..127 as signed bytes, rounded towards zero
//   CopySign(a, v)              a >= 0 with the sign of v
//   Below8(a, b) NotZero8(v) FirstLanes8(n)            masks: all ones or all zeros
//   Select(mask, a, b) Keep(mask, v)                   a or b; v or 0
//   MaskBits(mask) FirstLane(v)                        bit i: lane i of a mask; lane 0
//   TwoToThe(n)                                        2^n of whole numbers n in [-127, 127]
//   LoadTwice4(p) SwapPairs(v) NegateEven(v)
//                               p0 p0 p1 p1 ..; v1 v0 v3 v2 ..; -v0 v1 -v2 v3 ..
//   KeepInRegisters(&v)         the compiler then does not repeat its load
//   Prefetch(p)                 the line at p, into the L1 cache
//   PrefetchLater(p)            the line at p, into the L2 cache
//   PrefetchStreamed(p)         a line of weights that are read once, kPrefetchAhead bytes later,
//                               into the cache that fills faster
//   PrefetchGathered(p)         the same for rows here and there
//
// F4 is half of an F8, for sums of four vectors: it has *, and
//
//   SumEach4(a, b, c, d)        lane j: sum of vector j, in the order of SumEach8
//   SplatF4(v) StoreF4(p, v) StoreLow2(p, v) StoreHigh2(p, v)
//
// Thread safety: pure functions.
#ifndef PLUGINS_COMMON_KERNELS_F32X8_H_
#define PLUGINS_COMMON_KERNELS_F32X8_H_

#if defined(__AVX2__)
#include "plugins/common/kernels/f32x8_avx2.h"
#elif defined(__ARM_NEON)
#include "plugins/common/kernels/f32x8_neon.h"
#else
#error "an instruction set that plugins/common/kernels does not know"
#endif

namespace {

// Where lanes never meet it does not matter how many there are: FWide has kWideLanes, as many as
// the level gives.
#if defined(__AVX512F__)
using FWide = __m512;
constexpr int kWideLanes = 16;
KL_INLINE FWide LoadWide(const float* p) { return _mm512_loadu_ps(p); }
KL_INLINE void StoreWide(float* p, FWide v) { _mm512_storeu_ps(p, v); }
KL_INLINE FWide SplatWide(float value) { return _mm512_set1_ps(value); }
KL_INLINE FWide MultiplyAddWide(FWide a, FWide b, FWide c) { return _mm512_fmadd_ps(a, b, c); }
#else
using FWide = F8;
constexpr int kWideLanes = 8;
KL_INLINE FWide LoadWide(const float* p) { return Load8(p); }
KL_INLINE void StoreWide(float* p, FWide v) { Store8(p, v); }
KL_INLINE FWide SplatWide(float value) { return Splat8(value); }
KL_INLINE FWide MultiplyAddWide(FWide a, FWide b, FWide c) { return MultiplyAdd(a, b, c); }
#endif

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_F32X8_H_
