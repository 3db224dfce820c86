// op "ffn_segments": further neurons of a gated feed-forward network, beside those of the model;
// added to its residual.
//
//   y[t] = h[t] + sum over s, f in order of act(dot(gate_s[f], x[t])) * dot(up_s[f], x[t]) *
//   down_s[f]
//
//   x         f32         [T, D]           in; what the network's own neurons get
//   h         f32         [T, D]           in; the residual, the network's own output in it
//   segments  any weight  [S, 3 * R, D]    in; R = the largest of `neurons`. Segment s begins with
//   its neurons[s] rows of
//                                          gate, then come as many of up, then of down, transposed:
//                                          row f is what neuron f adds. The rest is not read. May
//                                          come as S parts; a part of NULL: no such neurons
//   y         f32         [T, D]           out; may be h, must not alias x
//
// Attributes: activation "relu" | "silu" | "gelu"; neurons (S whole numbers, 1 or more).
// Work:    ceil(T / 8) units.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand or attribute; run() does not
// fail. Numbers: weights widened to f32; dots and sums in double; h rounded to f32; y rounded once.
// Rows of down that are all zero
//          leave h as it is, bit for bit (-0 becomes 0).
// Source:  "Pretraining with hierarchical memories", arXiv 2510.02375: a path of memory blocks, one
// segment a level.
#include "plugins/reference/cases.h"
#include "plugins/reference/reference.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kH, kSegments, kY };
constexpr int64_t kTokensPerUnit = 8;
constexpr uint32_t kMostSegments = 8;

struct NodeState {
  Activation activation;
  int64_t neurons[kMostSegments];
};

constexpr kl_operand kOperands[] = {Input("x"), Input("h"), Input("segments"), Result("y", kH)};

constexpr int64_t kTwoLevels[] = {32, 4};
constexpr int64_t kThreeLevels[] = {77, 64, 5};
constexpr int64_t kOneLevel[] = {40};
constexpr kl_attribute kRelu[] = {StringAttribute("activation", "relu"),
                                  IntsAttribute("neurons", kTwoLevels)};
constexpr kl_attribute kSilu[] = {StringAttribute("activation", "silu"),
                                  IntsAttribute("neurons", kThreeLevels)};
constexpr kl_attribute kGelu[] = {StringAttribute("activation", "gelu"),
                                  IntsAttribute("neurons", kOneLevel)};

// S(1) = D.
constexpr kl_case_operand kTwo[] = {Normal({S(0), S(1)}), Normal({S(0), S(1)}),
                                    Weight({2, 96, S(1)}), Output({S(0), S(1)})};
constexpr kl_case_operand kThree[] = {Normal({S(0), S(1)}), Normal({S(0), S(1)}),
                                      Weight({3, 231, S(1)}), Output({S(0), S(1)})};
constexpr kl_case_operand kOne[] = {Normal({S(0), S(1)}), Normal({S(0), S(1)}),
                                    Weight({1, 120, S(1)}), Output({S(0), S(1)})};
constexpr kl_op_case kCases[] = {
    Case("relu_one_token", kRelu, kTwo, {{Fixed(1), Range(32, 512, 32)}}, 3),
    Case("relu_batch", kRelu, kTwo, {{Range(2, 70), Range(32, 512, 32)}}, 3),
    Case("silu_one_token", kSilu, kThree, {{Fixed(1), Range(32, 1024, 32)}}, 2),
    Case("silu_batch", kSilu, kThree, {{Range(2, 40), Range(32, 512, 32)}}, 2),
    Case("long_rows", kSilu, kThree, {{Range(1, 3), Fixed(2048)}}, 1),
    Case("gelu", kGelu, kOne, {{Range(1, 6), Range(32, 512, 32)}}, 1),
    Case("odd_length", kRelu, kTwo, {{Range(1, 20), Fixed(172)}}, 1),
};
constexpr kl_op kOp = Operator("ffn_segments", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements* requirements,
                kl_error* error) {
  Check check(kOp, node, error);
  check.Type(kX, KL_TYPE_F32);
  check.Rank(kX, 2, 2);
  check.Type(kH, KL_TYPE_F32);
  check.SameShape(kH, kX);
  check.Weight(kSegments);
  check.Rank(kSegments, 3, 3);
  check.Type(kY, KL_TYPE_F32);
  check.SameShape(kY, kX);
  if (!check.ok()) return check.code();
  const kl_tensor* segments = node->operands[kSegments];
  NodeState* s = static_cast<NodeState*>(state);
  s->activation = ParseActivation(node, &check);
  check.RequireOperand(kSegments, segments->shape[0] >= 1 && segments->shape[0] <= kMostSegments,
                       "1 to 8 segments");
  if (!check.ok()) return check.code();
  ParseInts(node, "neurons", static_cast<uint32_t>(segments->shape[0]), 1, s->neurons, &check);
  int64_t most = 0;
  for (int64_t i = 0; i < segments->shape[0] && check.ok(); ++i)
    most = s->neurons[i] > most ? s->neurons[i] : most;
  check.Shape(kSegments, {segments->shape[0], 3 * most, node->operands[kX]->shape[1]});
  // A widened row, and sums.
  requirements->worker_scratch_bytes =
      static_cast<uint64_t>(node->operands[kX]->shape[1]) * (sizeof(float) + sizeof(double)) +
      sizeof(double);
  return check.code();
}

void Work(const kl_run* run, kl_work* work) {
  OnePhase(work, CeilDivide(run->operands[kX]->shape[0], kTokensPerUnit));
}

const uint8_t* SegmentAt(const kl_tensor* segments, int64_t s, uint64_t row_bytes) {
  if (segments->parts != nullptr) return static_cast<const uint8_t*>(segments->parts[s]);
  return static_cast<const uint8_t*>(segments->data) +
         static_cast<uint64_t>(s * segments->shape[1]) * row_bytes;
}

kl_code Run(const kl_run* run) {
  const NodeState* state = static_cast<const NodeState*>(run->state);
  const kl_tensor* segments = run->operands[kSegments];
  const int64_t tokens = run->operands[kX]->shape[0], length = run->operands[kX]->shape[1];
  const uint64_t row_bytes = kl_row_bytes(segments->type, static_cast<uint64_t>(length));
  double* sums = static_cast<double*>(run->worker_scratch);
  float* row = reinterpret_cast<float*>(sums + length);
  for (int64_t t = run->begin * kTokensPerUnit; t < run->end * kTokensPerUnit && t < tokens; ++t) {
    const float* x = F32Row(run->operands[kX], t);
    for (int64_t c = 0; c < length; ++c) sums[c] = 0.0;
    for (int64_t s = 0; s < segments->shape[0]; ++s) {
      const uint8_t* gate = SegmentAt(segments, s, row_bytes);
      if (gate == nullptr) continue;
      const uint64_t matrix_bytes = static_cast<uint64_t>(state->neurons[s]) * row_bytes;
      for (int64_t f = 0; f < state->neurons[s]; ++f) {
        const uint8_t* at = gate + static_cast<uint64_t>(f) * row_bytes;
        DequantizeRow(segments->type, at, length, row);
        const float activated =
            static_cast<float>(Activate(state->activation, Dot(row, x, length)));
        if (activated == 0.0f) continue;
        DequantizeRow(segments->type, at + matrix_bytes, length, row);
        const double hidden = static_cast<float>(activated * Dot(row, x, length));
        DequantizeRow(segments->type, at + 2 * matrix_bytes, length, row);
        for (int64_t c = 0; c < length; ++c) sums[c] += hidden * row[c];
      }
    }
    const float* h = F32Row(run->operands[kH], t);
    float* y = MutableF32Row(run->operands[kY], t);
    for (int64_t c = 0; c < length; ++c) y[c] = static_cast<float>(h[c] + sums[c]);
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "ffn_segments_any_reference", sizeof(NodeState), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, ffn_segments) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1,
                                     nullptr};
