// op "moe_ffn": the chosen experts' gated feed-forward networks, summed in router order.
//
//   h[t][i][f] = act(dot(gate_e[f], x[t])) * dot(up_e[f], x[t]),   e = ids[t][i]
//   y[t]       = sum over i = 0 .. k-1, in that order, of weights[t][i] * down_e h[t][i]
//
//   x        f32         [T, D]      in
//   ids      i32         [T, k]      in; 0 <= id < E
//   weights  f32         [T, k]      in
//   gate     any weight  [E, F, D]   in; an expert tensor may come as E parts
//   up       any weight  [E, F, D]   in
//   down     any weight  [E, D, F]   in; with down_transposed = 1: [E, F, D]
//   y        f32         [T, D]      out; must not alias x
//
// Attributes: activation "relu" | "silu" | "gelu"; down_transposed (int, default 0).
// Work:    phase 0 (h): E * ceil(F / 16) units; phase 1 (y): ceil(D / 256) units.
//          relu: the up row and the down column of a neuron whose gate is <= 0 for every token are
//          not read.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() returns it for an id
//          outside the experts.
// Numbers: weights widened to f32; dots in double; h rounded to f32; sums over f and i in double;
//          y rounded once.
// Source:  SmallThinker, arXiv 2507.20984, section 6.2; Mixtral, arXiv 2401.04088.
#include "plugins/reference/cases.h"
#include "plugins/reference/reference.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kIds, kWeights, kGate, kUp, kDown, kY };
constexpr int64_t kNeuronsPerUnit = 16;
constexpr int64_t kColumnsPerUnit = 256;  // a multiple of every block

struct NodeState {
  Activation activation;
  bool down_transposed;
};

constexpr kl_operand kOperands[] = {Input("x"),  Input("ids"),  Input("weights"), Input("gate"),
                                    Input("up"), Input("down"), Result("y")};

constexpr kl_attribute kRelu[] = {StringAttribute("activation", "relu")};
constexpr kl_attribute kSilu[] = {StringAttribute("activation", "silu")};
constexpr kl_attribute kGelu[] = {StringAttribute("activation", "gelu")};
constexpr kl_attribute kReluTransposed[] = {StringAttribute("activation", "relu"),
                                            IntAttribute("down_transposed", 1)};
constexpr kl_attribute kSiluTransposed[] = {StringAttribute("activation", "silu"),
                                            IntAttribute("down_transposed", 1)};

// S(1) = D, S(2) = F.
template <int64_t kExperts, int64_t kChosen>
struct Operands {
  constexpr explicit Operands(bool transposed)
      : list{Normal({S(0), S(1)}),
             Distinct({S(0), kChosen}, 0, kExperts),
             Uniform({S(0), kChosen}, 0.1, 1.0),
             Weight({kExperts, S(2), S(1)}),
             Weight({kExperts, S(2), S(1)}),
             transposed ? Weight({kExperts, S(2), S(1)}) : Weight({kExperts, S(1), S(2)}),
             Output({S(0), S(1)})} {}
  kl_case_operand list[7];
};
constexpr Operands<8, 3> kPlain(false);
constexpr Operands<8, 3> kTransposed(true);
constexpr Operands<1, 1> kDense(false);
constexpr Operands<4, 4> kEvery(false);
constexpr kl_op_case kCases[] = {
    Case("relu_one_token", kRelu, kPlain.list, {{Fixed(1), Range(32, 256, 32), Range(32, 256, 32)}},
         2),
    Case("relu_batch", kRelu, kPlain.list, {{Range(2, 20), Range(32, 256, 32), Range(32, 256, 32)}},
         2),
    Case("relu_transposed_one_token", kReluTransposed, kTransposed.list,
         {{Fixed(1), Range(32, 320, 32), Range(32, 256, 32)}}, 2),
    Case("relu_transposed_batch", kReluTransposed, kTransposed.list,
         {{Range(2, 20), Range(32, 320, 32), Range(32, 256, 32)}}, 2),
    Case("relu_transposed_square", kReluTransposed, kTransposed.list,
         {{Range(1, 4), Fixed(64), Fixed(64)}}, 1),
    Case("silu_one_token", kSilu, kPlain.list, {{Fixed(1), Range(32, 256, 32), Range(32, 256, 32)}},
         1),
    Case("silu_batch", kSilu, kPlain.list, {{Range(2, 20), Range(32, 256, 32), Range(32, 256, 32)}},
         1),
    Case("silu_transposed", kSiluTransposed, kTransposed.list,
         {{Range(1, 4), Range(32, 256, 32), Range(32, 256, 32)}}, 1),
    Case("gelu", kGelu, kPlain.list, {{Range(1, 4), Range(32, 256, 32), Range(32, 256, 32)}}, 1),
    Case("odd_lengths", kRelu, kPlain.list, {{Range(1, 4), Fixed(172), Fixed(77)}}, 1),
    Case("whole_groups_in_up", kRelu, kPlain.list, {{Range(1, 9), Fixed(256), Fixed(96)}}, 1),
    Case("whole_groups_in_down", kRelu, kPlain.list, {{Range(1, 9), Fixed(96), Fixed(256)}}, 1),
    Case("one_expert", kRelu, kDense.list, {{Range(1, 4), Fixed(96), Fixed(64)}}, 1),
    Case("every_expert", kRelu, kEvery.list, {{Range(1, 4), Fixed(64), Fixed(96)}}, 1),
};
constexpr kl_op kOp = Operator("moe_ffn", kOperands, kCases);

// Scratch: h of all tokens; of a worker: one widened row, and the sums of one unit of phase 1.
uint64_t WorkerScratchBytes(int64_t row_length, int64_t pairs) {
  const uint64_t row_bytes = static_cast<uint64_t>(CeilDivide(row_length, 16) * 16) * sizeof(float);
  return row_bytes + static_cast<uint64_t>(pairs * kColumnsPerUnit) * sizeof(double);
}

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements* requirements,
                kl_error* error) {
  Check check(kOp, node, error);
  check.Type(kX, KL_TYPE_F32);
  check.Rank(kX, 2, 2);
  check.Type(kIds, KL_TYPE_I32);
  check.Rank(kIds, 2, 2);
  check.Type(kWeights, KL_TYPE_F32);
  for (const uint32_t index : {kGate, kUp, kDown}) check.Weight(index);
  check.Rank(kGate, 3, 3);
  check.Type(kY, KL_TYPE_F32);
  if (!check.ok()) return check.code();
  const int64_t tokens = node->operands[kX]->shape[0], length = node->operands[kX]->shape[1];
  const int64_t chosen = node->operands[kIds]->shape[1];
  const int64_t experts = node->operands[kGate]->shape[0],
                neurons = node->operands[kGate]->shape[1];
  NodeState* s = static_cast<NodeState*>(state);
  s->activation = ParseActivation(node, &check);
  s->down_transposed = kl_attribute_int(node, "down_transposed", 0) != 0;
  check.Shape(kIds, {tokens, kAnyDimension});
  check.SameShape(kWeights, kIds);
  check.Shape(kGate, {kAnyDimension, kAnyDimension, length});
  check.SameShape(kUp, kGate);
  if (s->down_transposed) {
    check.Shape(kDown, {experts, neurons, length});
  } else {
    check.Shape(kDown, {experts, length, neurons});
  }
  check.SameShape(kY, kX);
  requirements->scratch_bytes = static_cast<uint64_t>(tokens * chosen * neurons) * sizeof(float);
  requirements->worker_scratch_bytes =
      WorkerScratchBytes(length > neurons ? length : neurons, tokens * chosen);
  return check.code();
}

// Sizes of one run, and where its scratch lies. A pair is a token and one of its experts: t * k +
// i.
struct Shapes {
  explicit Shapes(const kl_run* run)
      : tokens(run->operands[kX]->shape[0]),
        length(run->operands[kX]->shape[1]),
        chosen(run->operands[kIds]->shape[1]),
        experts(run->operands[kGate]->shape[0]),
        neurons(run->operands[kGate]->shape[1]),
        ids(I32Row(run->operands[kIds], 0)),
        h(static_cast<float*>(run->scratch)),
        row(static_cast<float*>(run->worker_scratch)),
        sums(reinterpret_cast<double*>(row +
                                       CeilDivide(length > neurons ? length : neurons, 16) * 16)) {}
  int64_t pairs() const { return tokens * chosen; }

  const int64_t tokens, length, chosen, experts, neurons;
  const int32_t* const ids;
  float* const h;
  float* const row;
  double* const sums;
};

void Work(const kl_run* run, kl_work* work) {
  const kl_tensor* gate = run->operands[kGate];
  const int64_t tokens = run->operands[kX]->shape[0];
  if (tokens == 0) return OnePhase(work, 0);
  work->phase_count = 2;
  work->unit_count[0] = gate->shape[0] * CeilDivide(gate->shape[1], kNeuronsPerUnit);
  work->unit_count[1] = CeilDivide(run->operands[kX]->shape[1], kColumnsPerUnit);
}

// h of neuron `f` of expert `e` for all tokens that chose it.
void ComputeNeuron(const kl_run* run, const Shapes& m, Activation activation, int64_t e,
                   int64_t f) {
  const kl_tensor* gate = run->operands[kGate];
  const kl_tensor* up = run->operands[kUp];
  bool any_active = false;
  bool widened = false;
  for (int64_t pair = 0; pair < m.pairs(); ++pair) {
    if (m.ids[pair] != e) continue;
    if (!widened) DequantizeRow(gate->type, RowPointer(gate, e * m.neurons + f), m.length, m.row);
    widened = true;
    const double sum = Dot(m.row, F32Row(run->operands[kX], pair / m.chosen), m.length);
    const float activated = static_cast<float>(Activate(activation, sum));
    m.h[pair * m.neurons + f] = activated;
    any_active = any_active || activated != 0.0f;
  }
  if (!any_active) return;
  DequantizeRow(up->type, RowPointer(up, e * m.neurons + f), m.length, m.row);
  for (int64_t pair = 0; pair < m.pairs(); ++pair) {
    float* h = &m.h[pair * m.neurons + f];
    if (m.ids[pair] != e || *h == 0.0f) continue;
    *h = static_cast<float>(*h * Dot(m.row, F32Row(run->operands[kX], pair / m.chosen), m.length));
  }
}

// Whether a pair of expert `e` has a neuron `f` that is not zero.
bool IsActive(const Shapes& m, int64_t e, int64_t f) {
  for (int64_t pair = 0; pair < m.pairs(); ++pair) {
    if (m.ids[pair] == e && m.h[pair * m.neurons + f] != 0.0f) return true;
  }
  return false;
}

bool IsChosen(const Shapes& m, int64_t e) {
  for (int64_t pair = 0; pair < m.pairs(); ++pair) {
    if (m.ids[pair] == e) return true;
  }
  return false;
}

// sums[pair][c] for the columns [first, first + count), from down [E, D, F].
void SumRows(const kl_run* run, const Shapes& m, int64_t e, int64_t first, int64_t count) {
  const kl_tensor* down = run->operands[kDown];
  for (int64_t c = 0; c < count; ++c) {
    DequantizeRow(down->type, RowPointer(down, e * m.length + first + c), m.neurons, m.row);
    for (int64_t pair = 0; pair < m.pairs(); ++pair) {
      if (m.ids[pair] != e) continue;
      m.sums[pair * kColumnsPerUnit + c] = Dot(m.row, m.h + pair * m.neurons, m.neurons);
    }
  }
}

// The same from down [E, F, D]: a row of each active neuron.
void SumTransposed(const kl_run* run, const Shapes& m, int64_t e, int64_t first, int64_t count) {
  const kl_tensor* down = run->operands[kDown];
  const uint64_t offset = kl_row_bytes(down->type, static_cast<uint64_t>(first));
  for (int64_t f = 0; f < m.neurons; ++f) {
    if (!IsActive(m, e, f)) continue;
    const void* row = static_cast<const uint8_t*>(RowPointer(down, e * m.neurons + f)) + offset;
    DequantizeRow(down->type, row, count, m.row);
    for (int64_t pair = 0; pair < m.pairs(); ++pair) {
      if (m.ids[pair] != e) continue;
      const double h = m.h[pair * m.neurons + f];
      for (int64_t c = 0; c < count; ++c) m.sums[pair * kColumnsPerUnit + c] += h * m.row[c];
    }
  }
}

void ComputeColumns(const kl_run* run, const Shapes& m, bool transposed, int64_t unit) {
  const int64_t first = unit * kColumnsPerUnit;
  const int64_t count = m.length - first < kColumnsPerUnit ? m.length - first : kColumnsPerUnit;
  for (int64_t i = 0; i < m.pairs() * kColumnsPerUnit; ++i) m.sums[i] = 0.0;
  for (int64_t e = 0; e < m.experts; ++e) {
    if (!IsChosen(m, e)) continue;
    if (transposed) {
      SumTransposed(run, m, e, first, count);
    } else {
      SumRows(run, m, e, first, count);
    }
  }
  for (int64_t t = 0; t < m.tokens; ++t) {
    const float* weights = F32Row(run->operands[kWeights], t);
    float* y = MutableF32Row(run->operands[kY], t) + first;
    for (int64_t c = 0; c < count; ++c) {
      double sum = 0.0;
      for (int64_t i = 0; i < m.chosen; ++i)
        sum += weights[i] * m.sums[(t * m.chosen + i) * kColumnsPerUnit + c];
      y[c] = static_cast<float>(sum);
    }
  }
}

kl_code Run(const kl_run* run) {
  const NodeState* s = static_cast<const NodeState*>(run->state);
  const Shapes m(run);
  for (int64_t pair = 0; pair < m.pairs(); ++pair) {
    if (m.ids[pair] < 0 || m.ids[pair] >= m.experts) return KL_INVALID_ARGUMENT;
  }
  const int64_t units_per_expert = CeilDivide(m.neurons, kNeuronsPerUnit);
  for (int64_t unit = run->begin; unit < run->end; ++unit) {
    if (run->phase == 1) {
      ComputeColumns(run, m, s->down_transposed, unit);
      continue;
    }
    const int64_t e = unit / units_per_expert;
    if (!IsChosen(m, e)) continue;
    const int64_t first = unit % units_per_expert * kNeuronsPerUnit;
    for (int64_t f = first; f < first + kNeuronsPerUnit && f < m.neurons; ++f) {
      ComputeNeuron(run, m, s->activation, e, f);
    }
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "moe_ffn_any_reference", sizeof(NodeState), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, moe_ffn) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
