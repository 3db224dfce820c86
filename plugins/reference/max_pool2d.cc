// op "max_pool2d": maximum of each window; padding never wins.
//
//   y[n][c][oh][ow] = max over the inputs of the window inside x[n][c]
//
//   x  f32, i8, u8   [N, C, H, W]     in
//   y  the same type  [N, C, OH, OW]   out; must not alias x; rounded down, or up (ONNX ceil_mode)
//
// Attributes: kernel [2], strides [2], pads [top, left, bottom, right], dilations [2] (ints).
// Work:    one unit a row of y.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: exact. A window without inputs gives -inf, or the lowest code.
// Source:  ONNX MaxPool.
#include <limits>

#include "plugins/reference/cases.h"
#include "plugins/reference/elements.h"
#include "plugins/reference/window.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kY };
struct NodeState {
  Window window;
};

constexpr kl_operand kOperands[] = {Input("x"), Result("y")};

constexpr int64_t kOnes[] = {1, 1}, kTwos[] = {2, 2}, kThrees[] = {3, 3};
constexpr int64_t kNoPads[] = {0, 0, 0, 0}, kSamePads[] = {1, 1, 1, 1};
constexpr kl_attribute kHalve[] = {IntsAttribute("kernel", kTwos), IntsAttribute("strides", kTwos),
                                   IntsAttribute("pads", kNoPads),
                                   IntsAttribute("dilations", kOnes)};
constexpr kl_attribute kOverlapping[] = {
    IntsAttribute("kernel", kThrees), IntsAttribute("strides", kTwos),
    IntsAttribute("pads", kSamePads), IntsAttribute("dilations", kOnes)};
constexpr kl_attribute kDilated[] = {
    IntsAttribute("kernel", kTwos), IntsAttribute("strides", kOnes), IntsAttribute("pads", kNoPads),
    IntsAttribute("dilations", kTwos)};
constexpr kl_case_operand kHalveShape[] = {Normal({2, S(1), 8, 9}), Output({2, S(1), 4, 4})};
constexpr kl_case_operand kHalveUp[] = {Normal({2, S(1), 8, 9}), Output({2, S(1), 4, 5})};
// All below zero: padding that counted as 0 would show.
constexpr kl_case_operand kNegative[] = {Uniform({1, S(1), 9, 7}, -5.0, -1.0),
                                         Output({1, S(1), 5, 4})};
constexpr kl_case_operand kDilatedShape[] = {Normal({1, S(1), 7, 6}), Output({1, S(1), 5, 4})};
constexpr kl_case_operand kCodes[] = {
    Fill(KL_TYPE_I8, {2, S(1), 8, 9}, KL_FILL_INTEGERS, -128, 128),
    Output({2, S(1), 4, 4}, KL_TYPE_I8)};
constexpr kl_case_operand kUnsignedCodes[] = {
    Fill(KL_TYPE_U8, {1, S(1), 9, 7}, KL_FILL_INTEGERS, 0, 256),
    Output({1, S(1), 5, 4}, KL_TYPE_U8)};
constexpr kl_op_case kCases[] = {
    Case("unsigned_codes", kOverlapping, kUnsignedCodes, {{Fixed(1), Range(1, 40)}}, 1),
    Case("codes", kHalve, kCodes, {{Fixed(1), Range(1, 9)}}, 1),
    Case("halve", kHalve, kHalveShape, {{Fixed(1), Range(1, 40)}}, 2),
    Case("halve_rounding_up", kHalve, kHalveUp, {{Fixed(1), Range(1, 9)}}, 1),
    Case("padded", kOverlapping, kNegative, {{Fixed(1), Range(1, 9)}}, 1),
    Case("dilated", kDilated, kDilatedShape, {{Fixed(1), Range(1, 9)}}, 1),
};
constexpr kl_op kOp = Operator("max_pool2d", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  Check check(kOp, node, error);
  check.Rank(kX, 4, 4);
  if (!check.ok()) return check.code();
  const kl_dtype type = node->operands[kX]->type;
  check.RequireOperand(kX, type == KL_TYPE_F32 || IsByteType(type), "f32, i8 or u8");
  check.Type(kY, type);
  NodeState* s = static_cast<NodeState*>(state);
  ParseInts(node, "kernel", 2, 1, s->window.kernel, &check);
  ParseWindow(node, true, &s->window, &check);
  CheckWindowOutput(node, kX, kY, node->operands[kX]->shape[1], s->window, true, &check);
  return check.code();
}

void Work(const kl_run* run, kl_work* work) { OnePhase(work, RowCount(run->operands[kY])); }

template <typename T>
T Maximum(const kl_tensor* x, const Window& window, int64_t plane, int64_t top, int64_t left) {
  const int64_t height = x->shape[2], width = x->shape[3];
  T largest = std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity()
                                                   : std::numeric_limits<T>::min();
  for (int64_t kh = 0; kh < window.kernel[0]; ++kh) {
    const int64_t h = top + kh * window.dilations[0];
    if (h < 0 || h >= height) continue;
    const T* row = static_cast<const T*>(x->data) + (plane * height + h) * width;
    for (int64_t kw = 0; kw < window.kernel[1]; ++kw) {
      const int64_t w = left + kw * window.dilations[1];
      if (w >= 0 && w < width && row[w] > largest) largest = row[w];
    }
  }
  return largest;
}

template <typename T>
void RunRows(const kl_run* run) {
  const Window& window = static_cast<const NodeState*>(run->state)->window;
  const kl_tensor* y = run->operands[kY];
  const int64_t rows = y->shape[2], columns = y->shape[3];
  for (int64_t unit = run->begin; unit < run->end; ++unit) {
    T* out = static_cast<T*>(y->data) + unit * columns;
    for (int64_t ow = 0; ow < columns; ++ow) {
      out[ow] = Maximum<T>(run->operands[kX], window, unit / rows, window.First(0, unit % rows),
                           window.First(1, ow));
    }
  }
}

kl_code Run(const kl_run* run) {
  const kl_dtype type = run->operands[kX]->type;
  if (type == KL_TYPE_F32) RunRows<float>(run);
  if (type == KL_TYPE_I8) RunRows<int8_t>(run);
  if (type == KL_TYPE_U8) RunRows<uint8_t>(run);
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "max_pool2d_f32_reference", sizeof(NodeState), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, max_pool2d) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1,
                                   nullptr};
