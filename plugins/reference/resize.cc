// op "resize": x sampled on another grid.
//
//   y[o_0, o_1, ..] = sum over taps of weight_0 weight_1 .. x[i_0, i_1, ..]
//
//   Along dimension d, output o lies at coordinate c(o) of x; the mode gives its taps: "nearest"
//   one, "linear" two, "cubic" four (Keys' kernel with cubic_a); taps outside x take its edge.
//
//   coordinate         c(o), with scale s, I inputs, O outputs
//   half_pixel         (o + 0.5) / s - 0.5                      (default)
//   pytorch_half_pixel the same; 0 where O = 1
//   half_pixel_symmetric  the same about the middle of x when s I is no whole number
//   tf_half_pixel      (o + 0.5) / s
//   asymmetric         o / s
//   align_corners      o (I - 1) / (O - 1); 0 where O = 1
//   crop               from roi_begin (I - 1) to roi_end (I - 1); outside x: the extrapolation
//   value
//
//   x  floats or whole numbers  [..]   in
//   y  the same type            [..]   out, of the same rank
//
// Attributes: mode, coordinate, nearest (strings; nearest: floor, ceil, prefer_floor (default),
//             prefer_ceil); scales (floats, one a dimension, default O / I); roi (floats, begins
//             then ends); cubic_a (float, default -0.75); exclude_outside (int): weights of taps
//             outside x are 0 and the others grow to a sum of 1; extrapolation (float).
// Work:    one unit for 1024 elements.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: in double, rounded once; whole numbers to the nearest, kept within the type's ends.
// Source:  ONNX Resize, Upsample; TFLite RESIZE_BILINEAR, RESIZE_NEAREST_NEIGHBOR.
#include <limits>

#include "plugins/reference/cases.h"
#include "plugins/reference/elements.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kY };
enum class Mode { kNearest, kLinear, kCubic };
enum class Coordinate {
  kHalfPixel,
  kPytorch,
  kSymmetric,
  kTfHalfPixel,
  kAsymmetric,
  kAlignCorners,
  kCrop
};
enum class Nearest { kPreferFloor, kPreferCeil, kFloor, kCeil };
struct NodeState {
  Mode mode;
  Coordinate coordinate;
  Nearest nearest;
  double scales[KL_MAX_RANK];
  double roi[2 * KL_MAX_RANK];
  double cubic_a;
  double extrapolation;
  bool exclude_outside;
};

constexpr kl_operand kOperands[] = {Input("x"), Result("y")};
constexpr kl_attribute kNearest[] = {StringAttribute("mode", "nearest"),
                                     StringAttribute("coordinate", "asymmetric"),
                                     StringAttribute("nearest", "floor")};
constexpr kl_attribute kLinear[] = {StringAttribute("mode", "linear")};
constexpr kl_attribute kCorners[] = {StringAttribute("mode", "linear"),
                                     StringAttribute("coordinate", "align_corners")};
constexpr kl_attribute kCubic[] = {StringAttribute("mode", "cubic"),
                                   IntAttribute("exclude_outside", 1)};
constexpr kl_case_operand kUp[] = {Normal({1, S(1), 5, 4}), Output({1, S(1), 10, 12})};
constexpr kl_case_operand kDown[] = {Normal({1, S(1), 9, 8}), Output({1, S(1), 4, 5})};
constexpr kl_case_operand kBytes[] = {Fill(KL_TYPE_U8, {1, S(1), 5, 4}, KL_FILL_INTEGERS, 0, 256),
                                      Output({1, S(1), 10, 8}, KL_TYPE_U8)};
constexpr kl_attribute kAsymmetric[] = {StringAttribute("mode", "linear"),
                                        StringAttribute("coordinate", "asymmetric")};
constexpr kl_case_operand kCodes[] = {
    Fill(KL_TYPE_I8, {2, S(1), S(2), 5}, KL_FILL_INTEGERS, -128, 128),
    Output({2, S(1), 8, 13}, KL_TYPE_I8)};
constexpr kl_case_operand kAnySize[] = {Normal({1, S(1), S(2), S(3)}), Output({1, S(1), 9, 12})};
constexpr kl_op_case kCases[] = {
    Case("codes", kCorners, kCodes, {{Fixed(1), Range(1, 40), Range(2, 20)}}, 2),
    Case("asymmetric", kAsymmetric, kAnySize, {{Fixed(1), Range(1, 9), Range(1, 30), Range(1, 30)}},
         2),
    Case("nearest", kNearest, kUp, {{Fixed(1), Range(1, 9)}}, 1),
    Case("linear_up", kLinear, kUp, {{Fixed(1), Range(1, 9)}}, 1),
    Case("linear_down", kLinear, kDown, {{Fixed(1), Range(1, 9)}}, 1),
    Case("align_corners", kCorners, kUp, {{Fixed(1), Range(1, 9)}}, 1),
    Case("cubic", kCubic, kUp, {{Fixed(1), Range(1, 9)}}, 1),
    Case("bytes", kLinear, kBytes, {{Fixed(1), Range(1, 9)}}, 1),
};
constexpr kl_op kOp = Operator("resize", kOperands, kCases);

// Index of the attribute's text among `names`; a failure when it is none of them.
int Choose(const kl_node* node, const char* attribute, const char* const* names, int count,
           Check* check) {
  const char* text = kl_attribute_string(node, attribute, names[0]);
  for (int i = 0; i < count; ++i) {
    if (strcmp(text, names[i]) == 0) return i;
  }
  char expected[96];
  snprintf(expected, sizeof expected, "attribute %s that is known ('%.24s' is not), a choice",
           attribute, text);
  check->Require(false, expected, 0);
  return 0;
}

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  constexpr const char* kModes[] = {"nearest", "linear", "cubic"};
  constexpr const char* kCoordinates[] = {
      "half_pixel",    "pytorch_half_pixel", "half_pixel_symmetric",
      "tf_half_pixel", "asymmetric",         "align_corners",
      "crop"};
  constexpr const char* kNearestNames[] = {"prefer_floor", "prefer_ceil", "floor", "ceil"};
  Check check(kOp, node, error);
  if (!check.ok()) return check.code();
  NodeState* s = static_cast<NodeState*>(state);
  const kl_tensor* x = node->operands[kX];
  const kl_tensor* y = node->operands[kY];
  check.RequireOperand(kX, IsElementType(x->type), "floats or whole numbers");
  check.Type(kY, x->type);
  check.Rank(kY, x->rank, x->rank);
  s->mode = static_cast<Mode>(Choose(node, "mode", kModes, 3, &check));
  s->coordinate = static_cast<Coordinate>(Choose(node, "coordinate", kCoordinates, 7, &check));
  s->nearest = static_cast<Nearest>(Choose(node, "nearest", kNearestNames, 4, &check));
  s->cubic_a = kl_attribute_float(node, "cubic_a", -0.75);
  s->extrapolation = kl_attribute_float(node, "extrapolation", 0.0);
  s->exclude_outside = kl_attribute_int(node, "exclude_outside", 0) != 0;
  if (!check.ok()) return check.code();
  const uint32_t rank = static_cast<uint32_t>(x->rank);
  const kl_attribute* scales = kl_find_attribute(node, "scales");
  const bool has_scales =
      scales != nullptr && scales->kind == KL_ATTRIBUTE_FLOATS && scales->count == rank;
  check.Require(scales == nullptr || has_scales, "attribute scales with one a dimension", 0);
  const kl_attribute* roi = kl_find_attribute(node, "roi");
  const bool has_roi = roi != nullptr && roi->kind == KL_ATTRIBUTE_FLOATS && roi->count == 2 * rank;
  check.Require(s->coordinate != Coordinate::kCrop || has_roi, "attribute roi for crop", 0);
  for (int32_t d = 0; d < x->rank && check.ok(); ++d) {
    check.RequireOperand(kY, x->shape[d] > 0 || y->shape[d] == 0, "no outputs of no inputs");
    s->scales[d] = has_scales ? static_cast<double>(scales->floats[d])
                              : static_cast<double>(y->shape[d]) / static_cast<double>(x->shape[d]);
    check.Require(y->shape[d] == 0 || (s->scales[d] > 0.0 && s->scales[d] < 1e9),
                  "scales above 0, another", 0);
    s->roi[d] = has_roi ? static_cast<double>(roi->floats[d]) : 0.0;
    s->roi[KL_MAX_RANK + d] = has_roi ? static_cast<double>(roi->floats[x->rank + d]) : 1.0;
  }
  return check.code();
}

void Work(const kl_run* run, kl_work* work) { ElementWork(run->operands[kY], work); }

double CoordinateOf(const NodeState& s, int32_t d, int64_t o, int64_t inputs, int64_t outputs) {
  const double scale = s.scales[d], size = static_cast<double>(inputs);
  const double at = static_cast<double>(o), last = static_cast<double>(outputs - 1);
  switch (s.coordinate) {
    case Coordinate::kPytorch:
      return outputs > 1 ? (at + 0.5) / scale - 0.5 : 0.0;
    case Coordinate::kSymmetric: {
      const double adjusted = static_cast<double>(outputs) / (scale * size);
      return size / 2.0 * (1.0 - adjusted) + (at + 0.5) / scale - 0.5;
    }
    case Coordinate::kTfHalfPixel:
      return (at + 0.5) / scale;
    case Coordinate::kAsymmetric:
      return at / scale;
    case Coordinate::kAlignCorners:
      return outputs > 1 ? at * (size - 1.0) / last : 0.0;
    case Coordinate::kCrop: {
      const double begin = s.roi[d], end = s.roi[KL_MAX_RANK + d];
      return outputs > 1 ? begin * (size - 1.0) + at * (end - begin) * (size - 1.0) / last
                         : 0.5 * (begin + end) * (size - 1.0);
    }
    default:
      return (at + 0.5) / scale - 0.5;
  }
}

struct Taps {
  int count;
  int64_t index[4];
  double weight[4];
};

Taps TapsOf(const NodeState& s, double c, int64_t inputs) {
  Taps taps = {};
  const double last = static_cast<double>(inputs - 1);
  // Far outside, only the edge matters; this keeps the numbers small.
  c = c < -4.0 ? -4.0 : c > last + 4.0 ? last + 4.0 : c;
  double first = std::floor(c);
  if (s.mode == Mode::kNearest) {
    const double chosen = s.nearest == Nearest::kFloor         ? std::floor(c)
                          : s.nearest == Nearest::kCeil        ? std::ceil(c)
                          : s.nearest == Nearest::kPreferFloor ? std::ceil(c - 0.5)
                                                               : std::floor(c + 0.5);
    taps.count = 1;
    taps.weight[0] = 1.0;
    first = chosen;
  } else if (s.mode == Mode::kLinear) {
    taps.count = 2;
    taps.weight[1] = c - first;
    taps.weight[0] = 1.0 - taps.weight[1];
  } else {
    const double a = s.cubic_a, t = c - first;
    const auto near = [a](double v) { return ((a + 2.0) * v - (a + 3.0)) * v * v + 1.0; };
    const auto far = [a](double v) { return ((a * v - 5.0 * a) * v + 8.0 * a) * v - 4.0 * a; };
    taps.count = 4;
    taps.weight[0] = far(t + 1.0);
    taps.weight[1] = near(t);
    taps.weight[2] = near(1.0 - t);
    taps.weight[3] = far(2.0 - t);
    first -= 1.0;
  }
  double sum = 0.0;
  for (int i = 0; i < taps.count; ++i) {
    const int64_t index = static_cast<int64_t>(first) + i;
    if (s.exclude_outside && (index < 0 || index >= inputs)) taps.weight[i] = 0.0;
    taps.index[i] = index < 0 ? 0 : index >= inputs ? inputs - 1 : index;
    sum += taps.weight[i];
  }
  for (int i = 0; s.exclude_outside && i < taps.count; ++i) taps.weight[i] /= sum;
  return taps;
}

template <typename T>
T Rounded(double v) {
  if constexpr (kIsFloat<T>) {
    return FromDouble<T>(v);
  } else if constexpr (std::is_same<T, Bool>::value) {
    return FromInt<Bool>(v >= 0.5 ? 1 : 0);
  } else {
    const double low = static_cast<double>(std::numeric_limits<T>::min());
    const double high = static_cast<double>(std::numeric_limits<T>::max());
    const double rounded = std::nearbyint(v);
    if (!(rounded > low)) return std::numeric_limits<T>::min();
    return rounded >= high ? std::numeric_limits<T>::max() : static_cast<T>(rounded);
  }
}

kl_code Run(const kl_run* run) {
  const NodeState& s = *static_cast<const NodeState*>(run->state);
  const kl_tensor* x = run->operands[kX];
  const kl_tensor* y = run->operands[kY];
  const int32_t rank = x->rank;
  int64_t strides[KL_MAX_RANK], position[KL_MAX_RANK];
  StridesOf(x, strides);
  const int64_t end = EndElement(run, y);
  for (int64_t i = FirstElement(run); i < end; ++i) {
    Unravel(i, y, position);
    Taps taps[KL_MAX_RANK];
    int64_t combinations = 1;
    bool outside = false;
    for (int32_t d = 0; d < rank; ++d) {
      if (x->shape[d] == y->shape[d] && s.scales[d] == 1.0 && s.coordinate != Coordinate::kCrop) {
        taps[d] = {1, {position[d]}, {1.0}};
        continue;
      }
      const double c = CoordinateOf(s, d, position[d], x->shape[d], y->shape[d]);
      outside = outside || c < 0.0 || c > static_cast<double>(x->shape[d] - 1);
      taps[d] = TapsOf(s, c, x->shape[d]);
      combinations *= taps[d].count;
    }
    outside = outside && s.coordinate == Coordinate::kCrop;
    WithType(x->type, [&](auto zero) {
      using T = decltype(zero);
      double sum = outside ? s.extrapolation : 0.0;
      for (int64_t k = 0; k < combinations && !outside; ++k) {
        int64_t rest = k, at = 0;
        double weight = 1.0;
        for (int32_t d = rank - 1; d >= 0; --d) {
          const int64_t tap = rest % taps[d].count;
          rest /= taps[d].count;
          weight *= taps[d].weight[tap];
          at += taps[d].index[tap] * strides[d];
        }
        if (weight == 0.0) continue;
        const T from = static_cast<const T*>(x->data)[at];
        if constexpr (kIsFloat<T>)
          sum += weight * ToDouble(from);
        else
          sum += weight * static_cast<double>(ToInt(from));
      }
      static_cast<T*>(y->data)[i] = Rounded<T>(sum);
    });
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "resize_any_reference", sizeof(NodeState), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, resize) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
