// op "batch_norm": normalisation with stored statistics, one set a channel.
//
//   y[n][c][..] = (x[n][c][..] - mean[c]) / sqrt(variance[c] + epsilon) * scale[c] + bias[c]
//
//   x                           f32  [N, C, ..]   in
//   scale, bias, mean, variance f32  [C]          in
//   y                           f32  like x       out; may alias x
//
// Attributes: epsilon (float, default 1e-5).
// Work:    N * C units.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: in double, rounded once.
// Source:  ONNX BatchNormalization in inference mode; arXiv 1502.03167.
#include "plugins/reference/cases.h"
#include "plugins/reference/reference.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kScale, kBias, kMean, kVariance, kY };
struct NodeState {
  double epsilon;
};

constexpr kl_operand kOperands[] = {Input("x"),    Input("scale"),    Input("bias"),
                                    Input("mean"), Input("variance"), Result("y", kX)};

constexpr kl_attribute kEpsilon[] = {FloatAttribute("epsilon", 1e-3)};
constexpr kl_case_operand kImage[] = {Normal({2, S(1), S(2), 5}),
                                      Normal({S(1)}),
                                      Normal({S(1)}),
                                      Normal({S(1)}),
                                      Uniform({S(1)}, 0.1, 2.0),
                                      Output({2, S(1), S(2), 5})};
constexpr kl_case_operand kFlat[] = {
    Normal({S(2), S(1)}),      Normal({S(1)}),      Normal({S(1)}), Normal({S(1)}),
    Uniform({S(1)}, 0.1, 2.0), Output({S(2), S(1)})};
constexpr kl_op_case kCases[] = {
    Case("image", kEpsilon, kImage, {{Fixed(1), Range(1, 40), Range(1, 9)}}, 2),
    Case("rank_2", kFlat, {{Fixed(1), Range(1, 40), Range(1, 9)}}, 1),
};
constexpr kl_op kOp = Operator("batch_norm", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  Check check(kOp, node, error);
  for (uint32_t index = kX; index <= kY; ++index) check.Type(index, KL_TYPE_F32);
  check.Rank(kX, 2, KL_MAX_RANK);
  check.SameShape(kY, kX);
  if (!check.ok()) return check.code();
  for (uint32_t index = kScale; index <= kVariance; ++index)
    check.Shape(index, {node->operands[kX]->shape[1]});
  static_cast<NodeState*>(state)->epsilon = kl_attribute_float(node, "epsilon", 1e-5);
  return check.code();
}

void Work(const kl_run* run, kl_work* work) {
  const kl_tensor* x = run->operands[kX];
  OnePhase(work, kl_element_count(x) == 0 ? 0 : x->shape[0] * x->shape[1]);
}

kl_code Run(const kl_run* run) {
  const double epsilon = static_cast<const NodeState*>(run->state)->epsilon;
  const int64_t channels = run->operands[kX]->shape[1];
  const int64_t pixels =
      kl_element_count(run->operands[kX]) / (run->operands[kX]->shape[0] * channels);
  for (int64_t unit = run->begin; unit < run->end; ++unit) {
    const int64_t c = unit % channels;
    const double mean = F32Row(run->operands[kMean], 0)[c];
    const double factor = F32Row(run->operands[kScale], 0)[c] /
                          std::sqrt(F32Row(run->operands[kVariance], 0)[c] + epsilon);
    const double bias = F32Row(run->operands[kBias], 0)[c];
    const float* x = static_cast<const float*>(run->operands[kX]->data) + unit * pixels;
    float* y = static_cast<float*>(run->operands[kY]->data) + unit * pixels;
    for (int64_t i = 0; i < pixels; ++i) y[i] = static_cast<float>((x[i] - mean) * factor + bias);
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "batch_norm_f32_reference", sizeof(NodeState), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, batch_norm) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1,
                                   nullptr};
