// The integer products of one token with 256 columns in the K8 layout (k8_layout.h).
//
// A 32-byte vector of the layout is two registers: blocks 0..3 and 4..7. Four steps of 64 columns:
//   nibbles   w0 w1                 one vector: low halves meet x0 x1, high halves x2 x3
//   bytes     w0 w1 w2 w3           two vectors, which meet x0 x1 and x2 x3
//
// Written in assembly: gcc 12 moves loads next to where they are used and sums one after the other,
// for which a processor in order waits (14 cycles for 32 weights instead of 7 on a Cortex-A55, by
// llvm-mca). Here a load stands beside each product and runs a step ahead, at last into the next
// 256 columns.
#ifndef PLUGINS_SPARSE_ARM_K8_PRODUCTS_NEON_H_
#define PLUGINS_SPARSE_ARM_K8_PRODUCTS_NEON_H_

#include "plugins/sparse_arm/products_neon.h"

namespace {

// Registers that are loaded before they are needed.
struct K8First {
  int8x16_t w[4];
  int8x16_t x[4];
};

// Of eight blocks.
struct K8Sums {
  int32x4_t half[2];
};

#define KL_LINE(text) text "\n\t"
#define KL_LOAD(to, from, at) KL_LINE("ldr %q[" to "], [%[" from "], #" #at "]")

template <bool kNibbles>
struct K8Products;

template <>
struct K8Products<true> {
  static KL_INLINE K8First Load(const uint8_t* w, const int8_t* q) {
    K8First first;
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) {
      first.w[i] = vld1q_s8((const int8_t*)w + 16 * i);
      first.x[i] = vld1q_s8(q + 16 * i);
    }
    return first;
  }

  // w: 128 bytes of nibbles; q: 256 activations; init: what the sums start from.
  static KL_INLINE K8Sums Multiply(const uint8_t* w, const int8_t* q, const uint8_t* next_w,
                                   const int8_t* next_q, const int32_t* init, K8First* first) {
    const int8x16_t low_half = vdupq_n_s8(15);
    int8x16_t t0, t1, x2, x3;
#if KL_ARM_DOTPROD
    K8Sums sums = {{ vld1q_s32(init), vld1q_s32(init + 4) }};
#define KL_STEP(high, x, w, at_x, at_w)                                                          \
  KL_LINE("and %[t0].16b, %[w0].16b, %[low].16b")                                                \
  KL_LOAD("x2", "q", high) KL_LINE("and %[t1].16b, %[w1].16b, %[low].16b")                       \
      KL_LOAD("x3", "q", high + 16) KL_LINE("sdot %[s0].4s, %[t0].16b, %[x0].16b")               \
          KL_LINE("sdot %[s1].4s, %[t1].16b, %[x1].16b") KL_LOAD("x0", x, at_x)                  \
              KL_LINE("ushr %[t0].16b, %[w0].16b, #4") KL_LOAD("x1", x, at_x + 16)               \
                  KL_LINE("ushr %[t1].16b, %[w1].16b, #4") KL_LOAD("w0", w, at_w)                \
                      KL_LINE("sdot %[s0].4s, %[t0].16b, %[x2].16b") KL_LOAD("w1", w, at_w + 16) \
                          KL_LINE("sdot %[s1].4s, %[t1].16b, %[x3].16b")
    asm volatile(
        KL_STEP(32, "q", "w", 64, 32) KL_STEP(96, "q", "w", 128, 64) KL_STEP(160, "q", "w", 192, 96)
            KL_STEP(224, "next_q", "next_w", 0, 0)
        : [s0] "+w"(sums.half[0]), [s1] "+w"(sums.half[1]), [w0] "+w"(first->w[0]),
          [w1] "+w"(first->w[1]), [x0] "+w"(first->x[0]), [x1] "+w"(first->x[1]), [t0] "=&w"(t0),
          [t1] "=&w"(t1), [x2] "=&w"(x2), [x3] "=&w"(x3)
        : [low] "w"(low_half), [w] "r"(w), [q] "r"(q), [next_w] "r"(next_w), [next_q] "r"(next_q)
        : "memory");
#undef KL_STEP
    return sums;
#else
    // Eight products of a nibble fit 16 bits (8 * 15 * 127 = 15,240), and so do those of two lanes.
    int8x16_t u0, u1;
    int16x8_t n0 = vdupq_n_s16(0), n1 = n0, n2 = n0, n3 = n0;
#define KL_STEP(high, x, w, at_x, at_w)                                                 \
  KL_LINE("and %[t0].16b, %[w0].16b, %[low].16b")                                       \
  KL_LOAD("x2", "q", high) KL_LINE("and %[t1].16b, %[w1].16b, %[low].16b")              \
      KL_LOAD("x3", "q", high + 16) KL_LINE("ushr %[u0].16b, %[w0].16b, #4")            \
          KL_LOAD("w0", w, at_w) KL_LINE("smlal %[n0].8h, %[t0].8b, %[x0].8b")          \
              KL_LINE("smlal2 %[n1].8h, %[t0].16b, %[x0].16b") KL_LOAD("x0", x, at_x)   \
                  KL_LINE("ushr %[u1].16b, %[w1].16b, #4") KL_LOAD("w1", w, at_w + 16)  \
                      KL_LINE("smlal %[n2].8h, %[t1].8b, %[x1].8b")                     \
                          KL_LINE("smlal2 %[n3].8h, %[t1].16b, %[x1].16b")              \
                              KL_LOAD("x1", x, at_x + 16)                               \
                                  KL_LINE("smlal %[n0].8h, %[u0].8b, %[x2].8b")         \
                                      KL_LINE("smlal2 %[n1].8h, %[u0].16b, %[x2].16b")  \
                                          KL_LINE("smlal %[n2].8h, %[u1].8b, %[x3].8b") \
                                              KL_LINE("smlal2 %[n3].8h, %[u1].16b, %[x3].16b")
    asm volatile(
        KL_STEP(32, "q", "w", 64, 32) KL_STEP(96, "q", "w", 128, 64) KL_STEP(160, "q", "w", 192, 96)
            KL_STEP(224, "next_q", "next_w", 0, 0)
        : [n0] "+w"(n0), [n1] "+w"(n1), [n2] "+w"(n2), [n3] "+w"(n3), [w0] "+w"(first->w[0]),
          [w1] "+w"(first->w[1]), [x0] "+w"(first->x[0]), [x1] "+w"(first->x[1]), [t0] "=&w"(t0),
          [t1] "=&w"(t1), [u0] "=&w"(u0), [u1] "=&w"(u1), [x2] "=&w"(x2), [x3] "=&w"(x3)
        : [low] "w"(low_half), [w] "r"(w), [q] "r"(q), [next_w] "r"(next_w), [next_q] "r"(next_q)
        : "memory");
#undef KL_STEP
    return {{vpadalq_s16(vld1q_s32(init), vpaddq_s16(n0, n1)),
             vpadalq_s16(vld1q_s32(init + 4), vpaddq_s16(n2, n3))}};
#endif
  }
};

template <>
struct K8Products<false> {
  static KL_INLINE K8First Load(const uint8_t* w, const int8_t* q) {
    K8First first;
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      first.w[i] = vld1q_s8((const int8_t*)w + 16 * i);
      first.x[i] = vld1q_s8(q + 16 * i);
    }
    return first;
  }

  // w: 256 bytes.
  static KL_INLINE K8Sums Multiply(const uint8_t* w, const int8_t* q, const uint8_t* next_w,
                                   const int8_t* next_q, const int32_t* init, K8First* first) {
#define KL_POINTERS [w] "r"(w), [q] "r"(q), [next_w] "r"(next_w), [next_q] "r"(next_q)
#if KL_ARM_DOTPROD
    K8Sums sums = {{ vld1q_s32(init), vld1q_s32(init + 4) }};
#define KL_STEP(x, w, at)                                                                  \
  KL_LINE("sdot %[s0].4s, %[w0].16b, %[x0].16b")                                           \
  KL_LOAD("w0", w, at) KL_LOAD("x0", x, at) KL_LINE("sdot %[s1].4s, %[w1].16b, %[x1].16b") \
      KL_LOAD("w1", w, at + 16) KL_LOAD("x1", x, at + 16)                                  \
          KL_LINE("sdot %[s0].4s, %[w2].16b, %[x2].16b") KL_LOAD("w2", w, at + 32)         \
              KL_LOAD("x2", x, at + 32) KL_LINE("sdot %[s1].4s, %[w3].16b, %[x3].16b")     \
                  KL_LOAD("w3", w, at + 48) KL_LOAD("x3", x, at + 48)
    asm volatile(KL_STEP("q", "w", 64) KL_STEP("q", "w", 128) KL_STEP("q", "w", 192)
                     KL_STEP("next_q", "next_w", 0)
                 : [s0] "+w"(sums.half[0]), [s1] "+w"(sums.half[1]), [w0] "+w"(first->w[0]),
                   [w1] "+w"(first->w[1]), [w2] "+w"(first->w[2]), [w3] "+w"(first->w[3]),
                   [x0] "+w"(first->x[0]), [x1] "+w"(first->x[1]), [x2] "+w"(first->x[2]),
                   [x3] "+w"(first->x[3])
                 : KL_POINTERS
                 : "memory");
#undef KL_STEP
    return sums;
#else
    // Two products of any bytes fit 16 bits: 2 * 128 * 127.
    int16x8_t m0, m1, m2, m3;
    int32x4_t n0 = vdupq_n_s32(0), n1 = n0, n2 = n0, n3 = n0;  // two lanes each of two blocks
    int8x16_t w3, x3;  // of this step: an asm has no room for more operands
#define KL_STEP(now, x, w, at)                                                                     \
  KL_LINE("smull %[m0].8h, %[w0].8b, %[x0].8b")                                                    \
  KL_LOAD("w3", "w", now) KL_LINE("smull2 %[m1].8h, %[w0].16b, %[x0].16b") KL_LOAD("x3", "q", now) \
      KL_LINE("smull %[m2].8h, %[w1].8b, %[x1].8b") KL_LOAD("w0", w, at)                           \
          KL_LINE("smull2 %[m3].8h, %[w1].16b, %[x1].16b") KL_LOAD("x0", x, at)                    \
              KL_LINE("smlal %[m0].8h, %[w2].8b, %[x2].8b") KL_LOAD("w1", w, at + 16)              \
                  KL_LINE("smlal2 %[m1].8h, %[w2].16b, %[x2].16b") KL_LOAD("x1", x, at + 16)       \
                      KL_LINE("smlal %[m2].8h, %[w3].8b, %[x3].8b") KL_LOAD("w2", w, at + 32)      \
                          KL_LINE("smlal2 %[m3].8h, %[w3].16b, %[x3].16b")                         \
                              KL_LOAD("x2", x, at + 32) KL_LINE("sadalp %[n0].4s, %[m0].8h")       \
                                  KL_LINE("sadalp %[n1].4s, %[m1].8h")                             \
                                      KL_LINE("sadalp %[n2].4s, %[m2].8h")                         \
                                          KL_LINE("sadalp %[n3].4s, %[m3].8h")
    asm volatile(KL_STEP(48, "q", "w", 64) KL_STEP(112, "q", "w", 128) KL_STEP(176, "q", "w", 192)
                     KL_STEP(240, "next_q", "next_w", 0)
                 : [n0] "+w"(n0), [n1] "+w"(n1), [n2] "+w"(n2), [n3] "+w"(n3), [m0] "=&w"(m0),
                   [m1] "=&w"(m1), [m2] "=&w"(m2), [m3] "=&w"(m3), [w0] "+w"(first->w[0]),
                   [w1] "+w"(first->w[1]), [w2] "+w"(first->w[2]), [x0] "+w"(first->x[0]),
                   [x1] "+w"(first->x[1]), [x2] "+w"(first->x[2]), [w3] "=&w"(w3), [x3] "=&w"(x3)
                 : KL_POINTERS
                 : "memory");
#undef KL_STEP
    return {{vaddq_s32(vld1q_s32(init), vpaddq_s32(n0, n1)),
             vaddq_s32(vld1q_s32(init + 4), vpaddq_s32(n2, n3))}};
#endif
#undef KL_POINTERS
  }
};

#undef KL_LOAD
#undef KL_LINE

}  // namespace

#endif  // PLUGINS_SPARSE_ARM_K8_PRODUCTS_NEON_H_
