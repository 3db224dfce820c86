// op "global_average_pool": mean of each image plane.
//
//   y[n][c][0][0] = mean over h, w of x[n][c][h][w]
//
//   x  f32  [N, C, H, W]   in
//   y  f32  [N, C, 1, 1]   out; must not alias x
//
// Work:    N * C units.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: the sum in double, rounded once.
// Source:  ONNX GlobalAveragePool.
#include "plugins/reference/cases.h"
#include "plugins/reference/reference.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kY };

constexpr kl_operand kOperands[] = {Input("x"), Result("y")};

constexpr kl_case_operand kPlanes[] = {Normal({S(3), S(1), S(2), 5}), Output({S(3), S(1), 1, 1})};
constexpr kl_op_case kCases[] = {
    Case("planes", kPlanes, {{Fixed(1), Range(1, 70), Range(1, 12), Range(1, 3)}}, 2),
    Case("one_row", kPlanes, {{Fixed(1), Range(1, 9), Fixed(1), Fixed(1)}}, 1),
};
constexpr kl_op kOp = Operator("global_average_pool", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void*, kl_requirements*, kl_error* error) {
  Check check(kOp, node, error);
  check.Type(kX, KL_TYPE_F32);
  check.Type(kY, KL_TYPE_F32);
  check.Rank(kX, 4, 4);
  if (!check.ok()) return check.code();
  const int64_t* shape = node->operands[kX]->shape;
  check.RequireOperand(kX, shape[2] > 0 && shape[3] > 0, "an image that is not empty");
  check.Shape(kY, {shape[0], shape[1], 1, 1});
  return check.code();
}

void Work(const kl_run* run, kl_work* work) { OnePhase(work, kl_element_count(run->operands[kY])); }

kl_code Run(const kl_run* run) {
  const kl_tensor* x = run->operands[kX];
  const int64_t pixels = x->shape[2] * x->shape[3];
  float* y = static_cast<float*>(run->operands[kY]->data);
  for (int64_t unit = run->begin; unit < run->end; ++unit) {
    const float* plane = static_cast<const float*>(x->data) + unit * pixels;
    double sum = 0.0;
    for (int64_t i = 0; i < pixels; ++i) sum += plane[i];
    y[unit] = static_cast<float>(sum / static_cast<double>(pixels));
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "global_average_pool_f32_reference", 0, Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, global_average_pool) = {&kinglet::reference::kOp, kinglet::reference::kKernels,
                                            1, nullptr};
