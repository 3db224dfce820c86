// op "lstm": a long short-term memory over sequences, one direction or both.
//
//   i, o, f, c~ = gates of x_t w^T + h r^T + b_w + b_r        (order of rows: i, o, f, c)
//   i = f1(i + p_i c)   f = f1(f + p_f c)   c' = f c + i f2(c~)   o = f1(o + p_o c')   h' = o
//   f3(c')
//
//   x        f32  [S, B, I]        in; S steps of B sequences
//   w        f32  [D, 4 H, I]      in; D: 1, or 2 for both directions
//   r        f32  [D, 4 H, H]      in
//   b        f32  [D, 8 H]         in, optional: b_w, then b_r
//   lengths  i32  [B]              in, optional: steps of each sequence; later ones give y = 0
//   h0, c0   f32  [D, B, H]        in, optional, default 0
//   p        f32  [D, 3 H]         in, optional: peepholes i, o, f
//   y        f32  [S, D, B, H]     out
//   y_h, y_c f32  [D, B, H]        out: after the last step of each sequence
//
// Attributes: direction (string): forward (default), reverse, bidirectional; clip (float, default
//             0: none) of what goes into the activations; input_forget (int, default 0; 1: f = 1 -
//             i). activations (string): one or two times "f1,f2,f3;", each sigmoid, tanh or relu;
//             default sigmoid, tanh, tanh.
// Work:    one unit for each sequence and direction; 5 H f32 of scratch a worker.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() returns it for
// lengths
//          outside [0, S].
// Numbers: gates in double, c and h rounded to f32 after each step.
// Source:  ONNX LSTM.
#include "plugins/reference/cases.h"
#include "plugins/reference/elements.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kW, kR, kB, kLengths, kH0, kC0, kP, kY, kYh, kYc };
enum class Gate { kSigmoid, kTanh, kRelu };
struct NodeState {
  Gate activations[2][3];
  double clip;
  bool reverse;
  bool input_forget;
};

constexpr kl_operand kOperands[] = {Input("x"),
                                    Input("w"),
                                    Input("r"),
                                    OptionalInput("b"),
                                    OptionalInput("lengths"),
                                    OptionalInput("h0"),
                                    OptionalInput("c0"),
                                    OptionalInput("p"),
                                    Result("y"),
                                    Result("y_h"),
                                    Result("y_c")};
// S(1) = B, S(2) = I; H = 5, S = 4.
constexpr kl_case_operand kPlain[] = {Normal({4, S(1), S(2)}),
                                      Normal({1, 20, S(2)}, 0.5),
                                      Normal({1, 20, 5}, 0.5),
                                      Absent(),
                                      Absent(),
                                      Absent(),
                                      Absent(),
                                      Absent(),
                                      Output({4, 1, S(1), 5}),
                                      Output({1, S(1), 5}),
                                      Output({1, S(1), 5})};
constexpr kl_case_operand kFull[] = {
    Normal({4, S(1), S(2)}), Normal({2, 20, S(2)}, 0.5), Normal({2, 20, 5}, 0.5),
    Normal({2, 40}, 0.3),    Integers({S(1)}, 0, 5),     Normal({2, S(1), 5}),
    Normal({2, S(1), 5}),    Normal({2, 15}, 0.3),       Output({4, 2, S(1), 5}),
    Output({2, S(1), 5}),    Output({2, S(1), 5})};
constexpr kl_attribute kBoth[] = {StringAttribute("direction", "bidirectional"),
                                  FloatAttribute("clip", 3.0)};
constexpr kl_op_case kCases[] = {
    Case("plain", kPlain, {{Fixed(1), Range(1, 4), Range(1, 9)}}, 2),
    Case("all_operands", kBoth, kFull, {{Fixed(1), Range(1, 4), Range(1, 9)}}, 2),
};
constexpr kl_op kOp = Operator("lstm", kOperands, kCases);

// Reads "a,b,c;" from `text` and moves on; false when a name is unknown.
bool ParseGates(const char** text, Gate* gates) {
  constexpr const char* kNames[] = {"sigmoid", "tanh", "relu"};
  for (int g = 0; g < 3; ++g) {
    bool found = false;
    for (int n = 0; n < 3 && !found; ++n) {
      const size_t length = strlen(kNames[n]);
      if (strncmp(*text, kNames[n], length) != 0) continue;
      if ((*text)[length] != (g < 2 ? ',' : ';')) continue;
      gates[g] = static_cast<Gate>(n);
      *text += length + 1;
      found = true;
    }
    if (!found) return false;
  }
  return true;
}

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements* requirements,
                kl_error* error) {
  Check check(kOp, node, error);
  for (const uint32_t i : {kX, kW, kR, kB, kH0, kC0, kP, kY, kYh, kYc}) check.Type(i, KL_TYPE_F32);
  check.Type(kLengths, KL_TYPE_I32);
  check.Rank(kX, 3, 3);
  check.Rank(kR, 3, 3);
  if (!check.ok()) return check.code();
  NodeState* s = static_cast<NodeState*>(state);
  const kl_tensor* x = node->operands[kX];
  const int64_t steps = x->shape[0], batch = x->shape[1], inputs = x->shape[2];
  const int64_t hidden = node->operands[kR]->shape[2];
  const char* direction = kl_attribute_string(node, "direction", "forward");
  const int64_t directions = strcmp(direction, "bidirectional") == 0 ? 2 : 1;
  s->reverse = strcmp(direction, "reverse") == 0;
  check.Require(directions == 2 || s->reverse || strcmp(direction, "forward") == 0,
                "attribute direction forward, reverse or bidirectional, another", 0);
  check.Shape(kW, {directions, 4 * hidden, inputs});
  check.Shape(kR, {directions, 4 * hidden, hidden});
  check.Shape(kB, {directions, 8 * hidden});
  check.Shape(kLengths, {batch});
  for (const uint32_t i : {kH0, kC0, kYh, kYc}) check.Shape(i, {directions, batch, hidden});
  check.Shape(kP, {directions, 3 * hidden});
  check.Shape(kY, {steps, directions, batch, hidden});
  s->clip = kl_attribute_float(node, "clip", 0.0);
  s->input_forget = kl_attribute_int(node, "input_forget", 0) != 0;
  const char* text =
      kl_attribute_string(node, "activations", "sigmoid,tanh,tanh;sigmoid,tanh,tanh;");
  for (int64_t d = 0; d < directions; ++d) {
    check.Require(ParseGates(&text, s->activations[d]),
                  "attribute activations of sigmoid, tanh and relu, others", d);
  }
  requirements->worker_scratch_bytes = static_cast<uint64_t>(5 * hidden) * sizeof(float);
  return check.code();
}

void Work(const kl_run* run, kl_work* work) {
  const kl_tensor* y_h = run->operands[kYh];
  OnePhase(work, y_h->shape[0] * y_h->shape[1]);
}

double Apply(Gate gate, double clip, double v) {
  if (clip > 0.0) v = v > clip ? clip : v < -clip ? -clip : v;
  if (gate == Gate::kSigmoid) return 1.0 / (1.0 + std::exp(-v));
  if (gate == Gate::kTanh) return std::tanh(v);
  return v > 0.0 ? v : 0.0;
}

const float* Floats(const kl_run* run, int operand, int64_t offset) {
  return static_cast<const float*>(run->operands[operand]->data) + offset;
}

// One step: `h` and `c` become those after it. `old` holds h while the new one is written.
void Step(const kl_run* run, int64_t d, const float* x, float* old, float* gates, float* h,
          float* c) {
  const NodeState* s = static_cast<const NodeState*>(run->state);
  const int64_t hidden = run->operands[kR]->shape[2], inputs = run->operands[kX]->shape[2];
  const Gate* f = s->activations[d];
  memcpy(old, h, static_cast<size_t>(hidden) * sizeof(float));
  for (int64_t g = 0; g < 4 * hidden; ++g) {
    double sum = Dot(Floats(run, kW, (d * 4 * hidden + g) * inputs), x, inputs) +
                 Dot(Floats(run, kR, (d * 4 * hidden + g) * hidden), old, hidden);
    if (!IsAbsent(run->operands[kB])) {
      const float* b = Floats(run, kB, d * 8 * hidden);
      sum += static_cast<double>(b[g]) + static_cast<double>(b[4 * hidden + g]);
    }
    gates[g] = static_cast<float>(sum);
  }
  const bool peepholes = !IsAbsent(run->operands[kP]);
  for (int64_t j = 0; j < hidden; ++j) {
    const float* p = peepholes ? Floats(run, kP, d * 3 * hidden + j) : nullptr;
    const double before = c[j];
    const double i = Apply(f[0], s->clip, gates[j] + (p != nullptr ? p[0] * before : 0.0));
    const double forget =
        s->input_forget
            ? 1.0 - i
            : Apply(f[0], s->clip,
                    gates[2 * hidden + j] + (p != nullptr ? p[2 * hidden] * before : 0.0));
    const double cell = forget * before + i * Apply(f[1], s->clip, gates[3 * hidden + j]);
    const double o =
        Apply(f[0], s->clip, gates[hidden + j] + (p != nullptr ? p[hidden] * cell : 0.0));
    c[j] = static_cast<float>(cell);
    h[j] = static_cast<float>(o * Apply(f[2], 0.0, cell));
  }
}

void Begin(const kl_tensor* from, int64_t offset, int64_t count, float* to) {
  if (count == 0) return;
  if (IsAbsent(from)) {
    memset(to, 0, static_cast<size_t>(count) * sizeof(float));
  } else {
    memcpy(to, static_cast<const float*>(from->data) + offset,
           static_cast<size_t>(count) * sizeof(float));
  }
}

kl_code Run(const kl_run* run) {
  const NodeState* s = static_cast<const NodeState*>(run->state);
  const kl_tensor* x = run->operands[kX];
  const int64_t steps = x->shape[0], batch = x->shape[1], inputs = x->shape[2];
  const int64_t hidden = run->operands[kR]->shape[2], directions = run->operands[kR]->shape[0];
  for (int64_t unit = run->begin; unit < run->end; ++unit) {
    const int64_t d = unit / batch, sequence = unit % batch;
    const bool backwards = s->reverse || d == 1;
    const int64_t length =
        IsAbsent(run->operands[kLengths]) ? steps : IndexAt(run->operands[kLengths], sequence);
    if (length < 0 || length > steps) return KL_INVALID_ARGUMENT;
    float* h = static_cast<float*>(run->operands[kYh]->data) + unit * hidden;
    float* c = static_cast<float*>(run->operands[kYc]->data) + unit * hidden;
    float* old = static_cast<float*>(run->worker_scratch);
    Begin(run->operands[kH0], unit * hidden, hidden, h);
    Begin(run->operands[kC0], unit * hidden, hidden, c);
    for (int64_t i = 0; i < steps; ++i) {
      const int64_t t = backwards && i < length ? length - 1 - i : i;
      float* y = static_cast<float*>(run->operands[kY]->data) +
                 ((t * directions + d) * batch + sequence) * hidden;
      if (i < length)
        Step(run, d, Floats(run, kX, (t * batch + sequence) * inputs), old, old + hidden, h, c);
      for (int64_t j = 0; j < hidden; ++j) y[j] = i < length ? h[j] : 0.0f;
    }
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "lstm_f32_reference", sizeof(NodeState), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, lstm) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
