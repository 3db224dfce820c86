// op "rope": rotary position embedding of the heads of each token.
//
//   angle(i) = position * scale * base^(-2i/R) / factors[i]                       0 <= i < R/2
//   (y[a], y[b]) = (x[a] c - x[b] s, x[a] s + x[b] c)
//   c = magnitude cos(angle(i)),  s = magnitude sin(angle(i))
//   interleaved = 0: (a, b) = (i, i + R/2), halves rotate;  1: (2i, 2i + 1), pairs rotate.
//   Elements R .. L-1 of a head are copied.
//
//   x          f32  [T, H*L]   in
//   positions  i32  [T]        in
//   factors    f32  [R/2]      in, optional: divisors of the frequencies (Llama 3)
//   y          f32  [T, H*L]   out; may alias x
//
// Attributes: head_length L (int), rotary_length R (int, even, <= L, default L), base (float),
//             interleaved (int, default 0), scale (float, default 1), magnitude (float, default 1).
// Work:    T units.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: angles, cos and sin in double; c and s rounded to f32; the rotation in f32.
// Source:  arXiv 2104.09864; magnitude: arXiv 2309.00071 (YaRN).
#include "plugins/reference/cases.h"
#include "plugins/reference/reference.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kPositions, kFactors, kY };
struct NodeState {
  int64_t head_length;
  int64_t rotary_length;
  bool interleaved;
  double base;
  double scale;
  double magnitude;
};

constexpr kl_operand kOperands[] = {Input("x"), Input("positions"), OptionalInput("factors"),
                                    Result("y", kX)};

constexpr kl_attribute kHalves[] = {IntAttribute("head_length", 64),
                                    FloatAttribute("base", 10000.0)};
constexpr kl_attribute kPairs[] = {IntAttribute("head_length", 64),
                                   FloatAttribute("base", 500000.0),
                                   IntAttribute("interleaved", 1)};
constexpr kl_attribute kPartial[] = {IntAttribute("head_length", 64), FloatAttribute("base", 1.5e6),
                                     IntAttribute("rotary_length", 24)};
constexpr kl_attribute kPartialPairs[] = {
    IntAttribute("head_length", 64), FloatAttribute("base", 10000.0),
    IntAttribute("rotary_length", 40), IntAttribute("interleaved", 1)};
constexpr kl_attribute kScaled[] = {IntAttribute("head_length", 64),
                                    FloatAttribute("base", 10000.0), FloatAttribute("scale", 0.25),
                                    FloatAttribute("magnitude", 1.1)};
constexpr kl_attribute kSmallHead[] = {IntAttribute("head_length", 10),
                                       FloatAttribute("base", 10000.0)};
constexpr kl_attribute kSmallHeadPairs[] = {IntAttribute("head_length", 10),
                                            FloatAttribute("base", 10000.0),
                                            IntAttribute("interleaved", 1)};

constexpr kl_case_operand kStart[] = {Normal({S(0), 3 * 64}), Sequence({S(0)}, 0), Absent(),
                                      Output({S(0), 3 * 64})};
constexpr kl_case_operand kFar[] = {Normal({S(0), 3 * 64}), Integers({S(0)}, 0, 32768), Absent(),
                                    Output({S(0), 3 * 64})};
constexpr kl_case_operand kDivided[] = {Normal({S(0), 2 * 64}), Sequence({S(0)}, 1000),
                                        Uniform({32}, 1.0, 8.0), Output({S(0), 2 * 64})};
constexpr kl_case_operand kOdd[] = {Normal({S(0), 5 * 10}), Sequence({S(0)}, 3), Absent(),
                                    Output({S(0), 5 * 10})};
constexpr kl_op_case kCases[] = {
    Case("one_token", kHalves, kFar, {{Fixed(1)}}, 2),
    Case("batch", kHalves, kStart, {{Range(2, 20)}}, 2),
    Case("pairs", kPairs, kFar, {{Range(1, 20)}}, 2),
    Case("factors", kHalves, kDivided, {{Range(1, 9)}}, 1),
    Case("partial", kPartial, kFar, {{Range(1, 9)}}, 1),
    Case("partial_pairs", kPartialPairs, kFar, {{Range(1, 9)}}, 1),
    Case("scaled", kScaled, kFar, {{Range(1, 9)}}, 1),
    Case("small_head", kSmallHead, kOdd, {{Range(1, 9)}}, 1),
    Case("small_head_pairs", kSmallHeadPairs, kOdd, {{Range(1, 9)}}, 1),
};
constexpr kl_op kOp = Operator("rope", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements* requirements,
                kl_error* error) {
  Check check(kOp, node, error);
  check.Type(kX, KL_TYPE_F32);
  check.Rank(kX, 2, 2);
  check.Type(kPositions, KL_TYPE_I32);
  check.Type(kFactors, KL_TYPE_F32);
  check.Type(kY, KL_TYPE_F32);
  check.SameShape(kY, kX);
  if (!check.ok()) return check.code();
  check.Shape(kPositions, {node->operands[kX]->shape[0]});
  NodeState* s = static_cast<NodeState*>(state);
  s->head_length = kl_attribute_int(node, "head_length", 0);
  s->rotary_length = kl_attribute_int(node, "rotary_length", s->head_length);
  s->interleaved = kl_attribute_int(node, "interleaved", 0) != 0;
  s->base = kl_attribute_float(node, "base", 0.0);
  s->scale = kl_attribute_float(node, "scale", 1.0);
  s->magnitude = kl_attribute_float(node, "magnitude", 1.0);
  check.Require(s->head_length > 0, "attribute head_length above 0", s->head_length);
  if (!check.ok()) return check.code();
  check.Require(
      s->rotary_length > 0 && s->rotary_length % 2 == 0 && s->rotary_length <= s->head_length,
      "attribute rotary_length even and at most head_length", s->rotary_length);
  check.RequireOperand(kX, RowElements(node->operands[kX]) % s->head_length == 0,
                       "whole heads along each row");
  check.Require(s->base > 0.0, "attribute base above 0", static_cast<int64_t>(s->base));
  check.Shape(kFactors, {s->rotary_length / 2});
  requirements->worker_scratch_bytes = static_cast<uint64_t>(s->rotary_length) * sizeof(float);
  return check.code();
}

void Work(const kl_run* run, kl_work* work) { OnePhase(work, run->operands[kX]->shape[0]); }

kl_code Run(const kl_run* run) {
  const NodeState* s = static_cast<const NodeState*>(run->state);
  const kl_tensor* factors = run->operands[kFactors];
  const int64_t half = s->rotary_length / 2;
  float* cosines = static_cast<float*>(run->worker_scratch);
  float* sines = cosines + half;
  for (int64_t t = run->begin; t < run->end; ++t) {
    const double position = I32Row(run->operands[kPositions], 0)[t] * s->scale;
    for (int64_t i = 0; i < half; ++i) {
      const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(s->rotary_length);
      double angle = position * std::pow(s->base, exponent);
      if (!IsAbsent(factors)) angle /= F32Row(factors, 0)[i];
      cosines[i] = static_cast<float>(std::cos(angle) * s->magnitude);
      sines[i] = static_cast<float>(std::sin(angle) * s->magnitude);
    }
    const int64_t heads = RowElements(run->operands[kX]) / s->head_length;
    for (int64_t h = 0; h < heads; ++h) {
      const float* x = F32Row(run->operands[kX], t) + h * s->head_length;
      float* y = MutableF32Row(run->operands[kY], t) + h * s->head_length;
      for (int64_t i = 0; i < half; ++i) {
        const int64_t a = s->interleaved ? 2 * i : i;
        const int64_t b = s->interleaved ? 2 * i + 1 : i + half;
        const float xa = x[a], xb = x[b];
        y[a] = xa * cosines[i] - xb * sines[i];
        y[b] = xa * sines[i] + xb * cosines[i];
      }
      for (int64_t i = s->rotary_length; i < s->head_length; ++i) y[i] = x[i];
    }
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "rope_f32_reference", sizeof(NodeState), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, rope) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
