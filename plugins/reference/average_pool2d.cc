// op "average_pool2d": mean of each window.
//
//   y[n][c][oh][ow] = sum over the window of x[n][c] / count
//   count_include_pad = 0: count = inputs of the window inside x;  1: inside x or its padding
//
//   x  f32, i8, u8    [N, C, H, W]     in
//   y  the same type  [N, C, OH, OW]   out; must not alias x; rounded down, or up (ONNX ceil_mode)
//
// Attributes: kernel [2], strides [2], pads [top, left, bottom, right] (ints);
//             count_include_pad (int, default 0; 1 for f32 only). Of codes: minimum, maximum (int,
//             default the ends of the type), which y stays within.
// Work:    one unit a row of y.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: sums in double, rounded once. A window with nothing to count gives 0. Of codes, the mean
//          of whole numbers, halves away from 0; other kernels may differ by one code.
// Source:  ONNX AveragePool; TFLite AVERAGE_POOL_2D.
#include "plugins/reference/quantized.h"
#include "plugins/reference/window.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kY };
struct NodeState {
  Window window;
  bool count_include_pad;
  CodeRange range;  // of codes
};

constexpr kl_operand kOperands[] = {Input("x"), Result("y")};

constexpr int64_t kTwos[] = {2, 2}, kThrees[] = {3, 3}, kOnes[] = {1, 1}, kEights[] = {8, 8},
                  kThreeTwo[] = {3, 2};
constexpr int64_t kNoPads[] = {0, 0, 0, 0}, kSamePads[] = {1, 1, 1, 1},
                  kUnevenPads[] = {1, 0, 0, 1};
constexpr kl_attribute kHalve[] = {IntsAttribute("kernel", kTwos), IntsAttribute("strides", kTwos),
                                   IntsAttribute("pads", kNoPads)};
constexpr kl_attribute kWhole[] = {IntsAttribute("kernel", kEights),
                                   IntsAttribute("strides", kEights),
                                   IntsAttribute("pads", kNoPads)};
constexpr kl_attribute kPadded[] = {
    IntsAttribute("kernel", kThrees), IntsAttribute("strides", kOnes),
    IntsAttribute("pads", kSamePads), IntAttribute("count_include_pad", 0)};
constexpr kl_attribute kPaddedCounted[] = {
    IntsAttribute("kernel", kThrees), IntsAttribute("strides", kOnes),
    IntsAttribute("pads", kSamePads), IntAttribute("count_include_pad", 1)};
constexpr kl_attribute kUneven[] = {IntsAttribute("kernel", kThreeTwo),
                                    IntsAttribute("strides", kTwos),
                                    IntsAttribute("pads", kUnevenPads)};
constexpr kl_case_operand kHalveShape[] = {Normal({2, S(1), 8, 9}), Output({2, S(1), 4, 4})};
constexpr kl_case_operand kHalveUp[] = {Normal({2, S(1), 8, 9}), Output({2, S(1), 4, 5})};
constexpr kl_case_operand kWholeShape[] = {Normal({1, S(1), 8, 8}), Output({1, S(1), 1, 1})};
constexpr kl_case_operand kSameShape[] = {Normal({1, S(1), 7, 6}), Output({1, S(1), 7, 6})};
constexpr kl_case_operand kUnevenShape[] = {Normal({1, S(1), 7, 7}), Output({1, S(1), 3, 4})};
constexpr int64_t kManyPads[] = {1, 2, 1, 2}, kSevens[] = {7, 7}, kFive[] = {5, 5};
constexpr kl_attribute kCodesPadded[] = {
    IntsAttribute("kernel", kFive), IntsAttribute("strides", kTwos),
    IntsAttribute("pads", kManyPads), IntAttribute("minimum", -20), IntAttribute("maximum", 21)};
constexpr kl_attribute kCodesWhole[] = {IntsAttribute("kernel", kSevens),
                                        IntsAttribute("strides", kOnes),
                                        IntsAttribute("pads", kNoPads)};
constexpr kl_case_operand kSignedShape[] = {Codes(KL_TYPE_I8, {2, S(1), 9, 6}),
                                            Output({2, S(1), 4, 3}, KL_TYPE_I8)};
constexpr kl_case_operand kUnsignedShape[] = {Codes(KL_TYPE_U8, {1, S(1), 7, 9}),
                                              Output({1, S(1), 1, 3}, KL_TYPE_U8)};
constexpr kl_case_operand kSignedWhole[] = {Codes(KL_TYPE_I8, {2, S(1), 7, 8}),
                                            Output({2, S(1), 1, 2}, KL_TYPE_I8)};
constexpr kl_op_case kCases[] = {
    Case("codes_signed", kCodesWhole, kSignedWhole, {{Fixed(1), Range(1, 40)}}, 2),
    Case("codes_padded", kCodesPadded, kSignedShape, {{Fixed(1), Range(1, 40)}}, 2),
    Case("codes_unsigned", kCodesWhole, kUnsignedShape, {{Fixed(1), Range(1, 40)}}, 2),
    Case("halve", kHalve, kHalveShape, {{Fixed(1), Range(1, 40)}}, 2),
    Case("halve_rounding_up", kHalve, kHalveUp, {{Fixed(1), Range(1, 9)}}, 1),
    Case("whole_image", kWhole, kWholeShape, {{Fixed(1), Range(1, 70)}}, 1),
    Case("padding_not_counted", kPadded, kSameShape, {{Fixed(1), Range(1, 9)}}, 1),
    Case("padding_counted", kPaddedCounted, kSameShape, {{Fixed(1), Range(1, 9)}}, 1),
    Case("uneven_pads", kUneven, kUnevenShape, {{Fixed(1), Range(1, 9)}}, 1),
};
constexpr kl_op kOp = Operator("average_pool2d", kOperands, kCases);

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
  ParseWindow(node, false, &s->window, &check);
  s->count_include_pad = kl_attribute_int(node, "count_include_pad", 0) != 0;
  s->range = ReadCodeRange(node, type);
  check.Require(type == KL_TYPE_F32 || !s->count_include_pad, "count_include_pad 0 for codes", 1);
  CheckWindowOutput(node, kX, kY, node->operands[kX]->shape[1], s->window, true, &check);
  return check.code();
}

void Work(const kl_run* run, kl_work* work) { OnePhase(work, RowCount(run->operands[kY])); }

template <typename T>
T Mean(const kl_tensor* x, const NodeState& s, int64_t plane, int64_t top, int64_t left) {
  const int64_t height = x->shape[2], width = x->shape[3];
  double sum = 0.0;
  int64_t count = 0;
  for (int64_t h = top; h < top + s.window.kernel[0]; ++h) {
    for (int64_t w = left; w < left + s.window.kernel[1]; ++w) {
      if (h >= 0 && h < height && w >= 0 && w < width) {
        sum +=
            static_cast<double>(static_cast<const T*>(x->data)[(plane * height + h) * width + w]);
        ++count;
      } else if (s.count_include_pad && h < height + s.window.pads[2] &&
                 w < width + s.window.pads[3]) {
        ++count;
      }
    }
  }
  const double mean = count == 0 ? 0.0 : sum / static_cast<double>(count);
  if constexpr (std::is_same<T, float>::value) return static_cast<float>(mean);
  return static_cast<T>(ClampCode(std::llround(mean), s.range));
}

template <typename T>
void RunRows(const kl_run* run) {
  const NodeState& s = *static_cast<const NodeState*>(run->state);
  const kl_tensor* y = run->operands[kY];
  const int64_t rows = y->shape[2], columns = y->shape[3];
  for (int64_t unit = run->begin; unit < run->end; ++unit) {
    T* out = static_cast<T*>(y->data) + unit * columns;
    for (int64_t ow = 0; ow < columns; ++ow) {
      out[ow] = Mean<T>(run->operands[kX], s, unit / rows, s.window.First(0, unit % rows),
                        s.window.First(1, ow));
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
    ReferenceKernel(kOp, "average_pool2d_f32_reference", sizeof(NodeState), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, average_pool2d) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1,
                                       nullptr};
