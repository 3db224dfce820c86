// The tile of tile_neon.h for narrow weights with NEON alone, 16 rows x 2 tokens: all blocks of one
// of the eight sums.
//
// Assembly: gcc 12 puts loads next to their uses and sums into each other's way, for which a
// processor in order, as those without dotprod are, waits. Registers:
//
//   v0 .. v7, v16 .. v23   products of the two tokens: two rows each, four columns of 16 bits; then
//                          four rows each, in every second register
//   r0 .. r3               four rows of weights each, loaded half a step or a step ahead
//   c0, c1                 four columns of a token, repeated
//   y0, y1                 the sums; register lists, since an asm has at most 30 operands
//
// Sixteen bits hold the products of 8 columns, or of 4 columns twice, of weights within -32..31,
// and twice the products of 8 columns of weights within -16..15. The former have scales for each
// half (kHalved).
#ifndef PLUGINS_SPARSE_ARM_NARROW_TILE_NEON_H_
#define PLUGINS_SPARSE_ARM_NARROW_TILE_NEON_H_

#include "plugins/sparse_arm/activations_neon.h"
#include "plugins/sparse_arm/tile_neon.h"

#if !KL_ARM_DOTPROD

namespace {

alignas(16) constexpr int32_t kFourBiases[4] = {kBias, kBias, kBias, kBias};
alignas(16) constexpr float kSixteenZeros[16] = {};

#define KL_LINE(text) text "\n\t"

// Two products of four columns: `op` is smull where sums begin, smlal where they go on.
#define KL_ROWS(op, v, next_v, rows, columns)                  \
  KL_LINE(op " v" #v ".8h, %[" rows "].8b, %[" columns "].8b") \
  KL_LINE(op "2 v" #next_v ".8h, %[" rows "].16b, %[" columns "].16b")
#define KL_LOAD_ROWS(rows, from, at) KL_LINE("ldr %q[" rows "], [%[" from "], #" #at "]")
#define KL_LOAD_COLUMNS(token, q) KL_LINE("ld1r {%[c" token "].4s}, [%[" q "]]")
#define KL_STEP_ON(token) KL_LINE("add %[q" token "], %[q" token "], #4")
// Four columns of 16 rows and both tokens. What the next step begins with is loaded from `from` +
// at and from q0, q1. Loads and additions come together: one that follows a product waits until
// that is done.
#define KL_TILE_STEP(op, from, at, q0, q1)                                                      \
  KL_ROWS(op, 0, 1, "r0", "c0")                                                                 \
  KL_ROWS(op, 2, 3, "r1", "c0") KL_ROWS(op, 16, 17, "r0", "c1") KL_ROWS(op, 18, 19, "r1", "c1") \
      KL_LOAD_ROWS("r0", from, at) KL_STEP_ON("0") KL_LOAD_ROWS("r1", from, at + 16)            \
          KL_STEP_ON("1") KL_ROWS(op, 4, 5, "r2", "c0") KL_ROWS(op, 6, 7, "r3", "c0")           \
              KL_ROWS(op, 20, 21, "r2", "c1") KL_ROWS(op, 22, 23, "r3", "c1")                   \
                  KL_LOAD_COLUMNS("0", q0) KL_LOAD_COLUMNS("1", q1)                             \
                      KL_LOAD_ROWS("r2", from, at + 32) KL_LOAD_ROWS("r3", from, at + 48)
#define KL_INNER_STEP(op, at) KL_TILE_STEP(op, "w", at, "q0", "q1")
#define KL_FIRST_HALF        \
  KL_INNER_STEP("smull", 64) \
  KL_INNER_STEP("smlal", 128) KL_INNER_STEP("smlal", 192) KL_INNER_STEP("smlal", 256)
// The last step of a block loads what the next block begins with.
#define KL_SECOND_HALF(op)                                \
  KL_INNER_STEP(op, 320)                                  \
  KL_INNER_STEP("smlal", 384) KL_INNER_STEP("smlal", 448) \
      KL_TILE_STEP("smlal", "next", 0, "next_q0", "next_q1")

#define KL_EVERY_SECOND(line) \
  line("0", "1") line("2", "3") line("4", "5") line("6", "7") KL_OF_SECOND_TOKEN(line)
#define KL_OF_SECOND_TOKEN(line) line("16", "17") line("18", "19") line("20", "21") line("22", "23")
#define KL_ADD_NEIGHBOURS(v, w) KL_LINE("addp v" v ".8h, v" v ".8h, v" w ".8h")
#define KL_WIDEN(v, w) KL_LINE("sadalp v" w ".4s, v" v ".8h")
#define KL_TAKE_BIAS_OFF(v, w) KL_LINE("fsub v" w ".4s, v" w ".4s, v0.4s")
#define KL_LOAD_BIAS(v, from, at) KL_LINE("ldr q" #v ", [%[" from "], #" #at "]")
#define KL_LOAD_BIASES(from, at)                                                       \
  KL_LOAD_BIAS(1, from, at)                                                            \
  KL_LOAD_BIAS(3, from, at) KL_LOAD_BIAS(5, from, at) KL_LOAD_BIAS(7, from, at)        \
      KL_LOAD_BIAS(17, from, at) KL_LOAD_BIAS(19, from, at) KL_LOAD_BIAS(21, from, at) \
          KL_LOAD_BIAS(23, from, at)
// Biased sums of four rows in v1, v3 .. v7, v17, v19 .. v23.
#define KL_SUMS(bias, at) \
  KL_EVERY_SECOND(KL_ADD_NEIGHBOURS) KL_LOAD_BIASES(bias, at) KL_EVERY_SECOND(KL_WIDEN)
// Sixteen floats.
#define KL_LOAD_FOUR(a, b, c, d, from, at)              \
  KL_LINE("ldr q" a ", [%[" from "], #" #at "]")        \
  KL_LINE("ldr q" b ", [%[" from "], #" #at "+16]")     \
      KL_LINE("ldr q" c ", [%[" from "], #" #at "+32]") \
          KL_LINE("ldr q" d ", [%[" from "], #" #at "+48]")
// Both tokens' scales.
#define KL_LOAD_TWO(v, first, second) \
  KL_LINE("ldr s" v ", [%[" first "]]") KL_LINE("ld1 {v" v ".s}[1], [%[" second "]]")
// Times one of two lanes.
#define KL_TIMES(to, v, by) KL_LINE("fmul " to ".4s, v" v ".4s, v" by)
#define KL_ADD_PRODUCT(y, list, a, b) KL_LINE("fmla %" list "[" y "].4s, v" a ".4s, " b)
#define KL_ADD_FOUR(y, a, b, c, d, e, f, g, h) \
  KL_ADD_PRODUCT(y, "S", a, e)                 \
  KL_ADD_PRODUCT(y, "T", b, f) KL_ADD_PRODUCT(y, "U", c, g) KL_ADD_PRODUCT(y, "V", d, h)

// From numbers in v1, v3 .. to y.
#define KL_ADD_NUMBERS(bias)                                                                       \
  KL_LOAD_BIAS(0, bias, 0)                                                                         \
  KL_LOAD_FOUR("2", "4", "6", "16", "scales", 0) KL_LOAD_TWO("18", "d0", "d1")                     \
      KL_EVERY_SECOND(KL_TAKE_BIAS_OFF) KL_TIMES("v0", "2", "18.s[1]") KL_TIMES(                   \
          "v22", "4", "18.s[1]") KL_TIMES("v20", "6", "18.s[1]") KL_TIMES("%[t]", "16", "18.s[1]") \
          KL_TIMES("v2", "2", "18.s[0]") KL_TIMES("v4", "4", "18.s[0]")                            \
              KL_TIMES("v6", "6", "18.s[0]") KL_TIMES("v16", "16", "18.s[0]") KL_ADD_FOUR(         \
                  "y1", "17", "19", "21", "23", "v0.4s", "v22.4s", "v20.4s", "%[t].4s")            \
                  KL_ADD_FOUR("y0", "1", "3", "5", "7", "v2.4s", "v4.4s", "v6.4s", "v16.4s")
#define KL_ADD_MINIMA                                                                        \
  KL_LOAD_FOUR("2", "4", "6", "16", "minima", 0)                                             \
  KL_LINE("ldr s18, [%[d0], #32]") KL_LINE("ldr s20, [%[d1], #32]")                          \
      KL_ADD_FOUR("y0", "2", "4", "6", "16", "v18.s[0]", "v18.s[0]", "v18.s[0]", "v18.s[0]") \
          KL_ADD_FOUR("y1", "2", "4", "6", "16", "v20.s[0]", "v20.s[0]", "v20.s[0]", "v20.s[0]")
// The same from numbers in v0, v2 ..
#define KL_ADD_HALVED                                                                           \
  KL_LOAD_FOUR("1", "3", "5", "7", "scales", 0)                                                 \
  KL_LOAD_TWO("17", "d0", "d1") KL_TIMES("v19", "1", "17.s[1]") KL_TIMES("v21", "3", "17.s[1]") \
      KL_TIMES("v23", "5", "17.s[1]") KL_TIMES("%[t]", "7", "17.s[1]")                          \
          KL_TIMES("v1", "1", "17.s[0]") KL_TIMES("v3", "3", "17.s[0]")                         \
              KL_TIMES("v5", "5", "17.s[0]") KL_TIMES("v7", "7", "17.s[0]") KL_ADD_FOUR(        \
                  "y1", "16", "18", "20", "22", "v19.4s", "v21.4s", "v23.4s", "%[t].4s")        \
                  KL_ADD_FOUR("y0", "0", "2", "4", "6", "v1.4s", "v3.4s", "v5.4s", "v7.4s")

// With scales for each half, four rows at a time: v += sums in w * those in t.
#define KL_TIMES_HALF(v, w, next_v, next_w, at) \
  KL_LINE("ldr %q[t], [%[halves], #" #at "]")   \
  KL_LINE("fmla v" v ".4s, v" w ".4s, %[t].4s") \
  KL_LINE("fmla v" next_v ".4s, v" next_w ".4s, %[t].4s")
#define KL_TIMES_HALVES(at)                                                                 \
  KL_TIMES_HALF("0", "1", "16", "17", at)                                                   \
  KL_TIMES_HALF("2", "3", "18", "19", at + 16) KL_TIMES_HALF("4", "5", "20", "21", at + 32) \
      KL_TIMES_HALF("6", "7", "22", "23", at + 48)
#define KL_STORE_FOUR(a, b, c, d, at)                  \
  KL_LINE("str q" a ", [%[numbers], #" #at "]")        \
  KL_LINE("str q" b ", [%[numbers], #" #at "+16]")     \
      KL_LINE("str q" c ", [%[numbers], #" #at "+32]") \
          KL_LINE("str q" d ", [%[numbers], #" #at "+48]")

#define KL_TILE_OUTPUTS                                                                     \
  [y0] "+w"(y0), [y1] "+w"(y1), [r0] "+w"(r0), [r1] "+w"(r1), [r2] "+w"(r2), [r3] "+w"(r3), \
      [c0] "+w"(c0), [c1] "+w"(c1), [q0] "+r"(q0), [q1] "+r"(q1), [t] "=&w"(t)
#define KL_TILE_CLOBBERS                                                                           \
  "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v16", "v17", "v18", "v19", "v20", "v21", "v22", \
      "v23", "memory"

KL_INLINE int8x16_t RepeatFour(const int8_t* columns) {
  return vreinterpretq_s8_s32(vld1q_dup_s32((const int32_t*)columns));
}

// sums[t][row] of kTokens tokens and 16 rows, of block `first`, which exists, and every eighth
// after it. One token is computed twice.
template <bool kMinima, bool kHalved, int kTokens>
KL_INLINE void SumNarrow(const int8_t* w, TileFactors factors, int64_t first, int64_t blocks,
                         const ActivationGroup* const* tokens, float* sums) {
  const ActivationGroup* group[2] = {tokens[0], tokens[kTokens - 1]};
  // Loaded as lists: gcc takes apart what it puts together itself, and moves the parts.
  float32x4x4_t y0 = vld1q_f32_x4(kSixteenZeros);
  float32x4x4_t y1 = vld1q_f32_x4(kSixteenZeros);
  int8x16_t r0 = vld1q_s8(w), r1 = vld1q_s8(w + 16), r2 = vld1q_s8(w + 32), r3 = vld1q_s8(w + 48);
  int8x16_t c0 = RepeatFour(group[0]->natural + 32 * first);
  int8x16_t c1 = RepeatFour(group[1]->natural + 32 * first);
  for (int64_t b = first; b < blocks; b += 8) {
    const int64_t ahead = b + 8 < blocks ? 1 : 0;
    const int8_t* next = w + ahead * 8 * 512;
    const int8_t* q0 = group[0]->natural + 32 * first;
    const int8_t* q1 = group[1]->natural + 32 * first;
    const int8_t* next_q0 = group[0][ahead].natural + 32 * first;
    const int8_t* next_q1 = group[1][ahead].natural + 32 * first;
    const float* d0 = group[0]->d + first;  // and 32 bytes on: d_sum
    const float* d1 = group[1]->d + first;
    float32x4_t t;
#define KL_BLOCK_INPUTS                                                                       \
  [w] "r"(w), [next] "r"(next), [next_q0] "r"(next_q0), [next_q1] "r"(next_q1), [d0] "r"(d0), \
      [d1] "r"(d1), [scales] "r"(factors.scales)
    if (kHalved) {
      alignas(16) int32_t numbers[32 + 4];  // floats, and the biases: one operand for both
      vst1q_s32(numbers + 32, vdupq_n_s32(kBias));
      // (bias + sum) * scale - bias * scale
      asm volatile(
          KL_FIRST_HALF KL_SUMS("numbers", 128) KL_LOAD_FOUR("0", "2", "4", "6", "halves", 128)
              KL_LOAD_FOUR("16", "18", "20", "22", "halves", 128) KL_TIMES_HALVES(0)
                  KL_STORE_FOUR("0", "2", "4", "6", 0) KL_STORE_FOUR("16", "18", "20", "22", 64)
          : KL_TILE_OUTPUTS
          : [w] "r"(w), [halves] "r"(factors.halves), [numbers] "r"(numbers)
          : KL_TILE_CLOBBERS);
      asm volatile(KL_SECOND_HALF("smull") KL_SUMS("numbers", 128) KL_LOAD_BIAS(0, "numbers", 128)
                       KL_EVERY_SECOND(KL_TAKE_BIAS_OFF)
                           KL_LOAD_FOUR("0", "2", "4", "6", "numbers", 0)
                               KL_LOAD_FOUR("16", "18", "20", "22", "numbers", 64)
                                   KL_TIMES_HALVES(64) KL_ADD_HALVED:KL_TILE_OUTPUTS
                   : KL_BLOCK_INPUTS, [halves] "r"(factors.halves), [numbers] "r"(numbers)
                   : KL_TILE_CLOBBERS);
    } else if (kMinima) {
      asm volatile(KL_FIRST_HALF KL_SECOND_HALF("smlal") KL_SUMS("bias", 0) KL_ADD_NUMBERS("bias")
                   KL_ADD_MINIMA:KL_TILE_OUTPUTS
                   : KL_BLOCK_INPUTS, [bias] "r"(kFourBiases), [minima] "r"(factors.minima)
                   : KL_TILE_CLOBBERS);
    } else {
      asm volatile(KL_FIRST_HALF KL_SECOND_HALF("smlal") KL_SUMS("bias", 0) KL_ADD_NUMBERS("bias")
                   : KL_TILE_OUTPUTS
                   : KL_BLOCK_INPUTS, [bias] "r"(kFourBiases)
                   : KL_TILE_CLOBBERS);
    }
    w = next;
    ++group[0];
    ++group[1];
    factors.scales += 8 * kFactorsOfBlock;
    factors.minima += 8 * kFactorsOfBlock;
    factors.halves += 24 * kFactorsOfBlock;
  }
  vst1q_f32_x4(sums, y0);
  if (kTokens == 2) vst1q_f32_x4(sums + 16, y1);
}

}  // namespace

#endif  // !KL_ARM_DOTPROD

#endif  // PLUGINS_SPARSE_ARM_NARROW_TILE_NEON_H_
