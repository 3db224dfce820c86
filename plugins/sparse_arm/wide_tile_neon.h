// The tile of tile_neon.h for weights of any byte with NEON alone, 16 rows x 2 tokens: all blocks
// of one of the eight sums. Assembly, as in narrow_tile_neon.h. Sixteen bits hold two products, so
// that two steps of four columns go together, then they are added to sums of 32 bits. Registers:
//
//   v0 .. v7, v8 .. v15   sums of the two tokens: two rows each, two columns of 32 bits
//   v16 .. v23            products of eight rows, for both tokens
//   v24, v25; v26, v27    four rows of weights each, in the first step and in the second
//   v28, v29; v30, v31    four columns of a token, repeated, in the first step and in the second
#ifndef PLUGINS_SPARSE_ARM_WIDE_TILE_NEON_H_
#define PLUGINS_SPARSE_ARM_WIDE_TILE_NEON_H_

#include "plugins/sparse_arm/narrow_tile_neon.h"

#if !KL_ARM_DOTPROD

namespace {

#define KL_WIDE_ROWS(op, to, next_to, rows, columns)          \
  KL_LINE(op " v" #to ".8h, v" #rows ".8b, v" #columns ".8b") \
  KL_LINE(op "2 v" #next_to ".8h, v" #rows ".16b, v" #columns ".16b")
#define KL_EIGHT_ROWS(op, rows, next_rows, c0, c1)                           \
  KL_WIDE_ROWS(op, 16, 17, rows, c0)                                         \
  KL_WIDE_ROWS(op, 18, 19, rows, c1) KL_WIDE_ROWS(op, 20, 21, next_rows, c0) \
      KL_WIDE_ROWS(op, 22, 23, next_rows, c1)
#define KL_ADD_PAIRS(op, to, from) KL_LINE(op " v" #to ".4s, v" #from ".8h")
#define KL_ADD_EIGHT_ROWS(op, a, b, c, d, e, f, g, h)                                             \
  KL_ADD_PAIRS(op, a, 16)                                                                         \
  KL_ADD_PAIRS(op, b, 17) KL_ADD_PAIRS(op, c, 20) KL_ADD_PAIRS(op, d, 21) KL_ADD_PAIRS(op, e, 18) \
      KL_ADD_PAIRS(op, f, 19) KL_ADD_PAIRS(op, g, 22) KL_ADD_PAIRS(op, h, 23)
#define KL_LOAD_FROM_W(v, at) KL_LINE("ldr q" #v ", [%[w], #" #at "]")
// Eight rows in two steps, the first 64 bytes before the second.
#define KL_LOAD_EIGHT_ROWS(at) \
  KL_LOAD_FROM_W(24, at)       \
  KL_LOAD_FROM_W(25, at + 16) KL_LOAD_FROM_W(26, at + 64) KL_LOAD_FROM_W(27, at + 80)
#define KL_LOAD_STEP(v, next_v)                                              \
  KL_LINE("ld1r {v" #v ".4s}, [%[q0]]")                                      \
  KL_LINE("ld1r {v" #next_v ".4s}, [%[q1]]") KL_LINE("add %[q0], %[q0], #4") \
      KL_LINE("add %[q1], %[q1], #4")
#define KL_LOAD_TWO_STEPS(at) KL_LOAD_STEP(28, 29) KL_LOAD_EIGHT_ROWS(at) KL_LOAD_STEP(30, 31)

#define KL_TWO_STEPS_OF_EIGHT \
  KL_EIGHT_ROWS("smull", 24, 25, 28, 29) KL_EIGHT_ROWS("smlal", 26, 27, 30, 31)
#define KL_TWO_STEPS(op, at, next)                                               \
  KL_TWO_STEPS_OF_EIGHT KL_LOAD_EIGHT_ROWS(at + 32)                              \
      KL_ADD_EIGHT_ROWS(op, 0, 1, 2, 3, 8, 9, 10, 11) KL_TWO_STEPS_OF_EIGHT next \
      KL_ADD_EIGHT_ROWS(op, 4, 5, 6, 7, 12, 13, 14, 15)

// Four rows in every second register.
#define KL_WIDE_EVERY_SECOND(line) \
  line(0, 1) line(2, 3) line(4, 5) line(6, 7) line(8, 9) line(10, 11) line(12, 13) line(14, 15)
#define KL_WIDE_NEIGHBOURS(v, w) KL_LINE("addp v" #v ".4s, v" #v ".4s, v" #w ".4s")
#define KL_WIDE_CONVERT(v, w) KL_LINE("scvtf v" #v ".4s, v" #v ".4s")
#define KL_Y(op, v, at) KL_LINE(op " q" #v ", [%[y], #" #at "]")
#define KL_ALL_Y(op)                                                                   \
  KL_Y(op, 16, 0)                                                                      \
  KL_Y(op, 17, 16) KL_Y(op, 18, 32) KL_Y(op, 19, 48) KL_Y(op, 20, 64) KL_Y(op, 21, 80) \
      KL_Y(op, 22, 96) KL_Y(op, 23, 112)
#define KL_SCALES_OF(a, b, c, d, lane)                 \
  KL_LINE("fmul v" #a ".4s, v24.4s, v28.s[" #lane "]") \
  KL_LINE("fmul v" #b ".4s, v25.4s, v28.s[" #lane "]") \
  KL_LINE("fmul v" #c ".4s, v26.4s, v28.s[" #lane "]") \
  KL_LINE("fmul v" #d ".4s, v27.4s, v28.s[" #lane "]")
#define KL_WIDE_ADD(y, a, b) KL_LINE("fmla v" #y ".4s, v" #a ".4s, v" #b ".4s")

// y[t][row] of 16 rows and two tokens: one block more. q0, q1: the tokens' columns.
KL_INLINE void AddWideBlock(const int8_t* w, const int8_t* q0, const int8_t* q1,
                            const float* scales, const float* d0, const float* d1, float* y) {
  asm volatile(
      KL_LOAD_TWO_STEPS(0) KL_TWO_STEPS("saddlp", 0, KL_LOAD_TWO_STEPS(128)) KL_TWO_STEPS(
          "sadalp", 128, KL_LOAD_TWO_STEPS(256)) KL_TWO_STEPS("sadalp", 256, KL_LOAD_TWO_STEPS(384))
          KL_TWO_STEPS("sadalp", 384, ) KL_WIDE_EVERY_SECOND(KL_WIDE_NEIGHBOURS)
              KL_LOAD_FOUR("24", "25", "26", "27", "scales", 0) KL_LOAD_TWO("28", "d0", "d1")
                  KL_ALL_Y("ldr") KL_WIDE_EVERY_SECOND(KL_WIDE_CONVERT) KL_SCALES_OF(1, 3, 5, 7, 0)
                      KL_SCALES_OF(9, 11, 13, 15, 1) KL_WIDE_ADD(16, 0, 1) KL_WIDE_ADD(17, 2, 3)
                          KL_WIDE_ADD(18, 4, 5) KL_WIDE_ADD(19, 6, 7) KL_WIDE_ADD(20, 8, 9)
                              KL_WIDE_ADD(21, 10, 11) KL_WIDE_ADD(22, 12, 13)
                                  KL_WIDE_ADD(23, 14, 15) KL_ALL_Y("str")
      : [q0] "+r"(q0), [q1] "+r"(q1)
      : [w] "r"(w), [scales] "r"(scales), [d0] "r"(d0), [d1] "r"(d1), [y] "r"(y)
      : "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13",
        "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26",
        "v27", "v28", "v29", "v30", "v31", "memory");
}

// As SumNarrow (narrow_tile_neon.h).
template <int kTokens>
KL_INLINE void SumWide(const int8_t* w, const float* scales, int64_t first, int64_t blocks,
                       const ActivationGroup* const* tokens, float* sums) {
  const ActivationGroup* a = tokens[0];
  const ActivationGroup* b = tokens[kTokens - 1];
  alignas(16) float y[2 * kPanelRows] = {};
  for (int64_t block = first; block < blocks; block += 8) {
    AddWideBlock(w, a->natural + 32 * first, b->natural + 32 * first, scales, a->d + first,
                 b->d + first, y);
    w += 8 * 512;
    scales += 8 * kFactorsOfBlock;
    ++a;
    ++b;
  }
  memcpy(sums, y, kTokens * kPanelRows * sizeof(float));
}

#undef KL_LINE

}  // namespace

#endif  // !KL_ARM_DOTPROD

#endif  // PLUGINS_SPARSE_ARM_WIDE_TILE_NEON_H_
