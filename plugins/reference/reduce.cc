// op "reduce": one number for all elements along some axes.
//
//   y[..] = kind over the elements of x that agree with it outside the axes
//
//   kind  sum, mean, max, min, prod, l1 (sum |x|), l2 (root of sum x^2), sum_square (sum x^2),
//         log_sum (ln sum x), log_sum_exp (ln sum e^x, without overflow)
//
//   x  floats or whole numbers  [..]   in
//   y  the same type            [..]   out; as x, with 1 for each of the axes; must not alias x
//
// Attributes: kind (string); axes (ints, from 0 to rank - 1, each once; none: y is x, kind applied
//             to single elements).
// Work:    one unit for 64 elements of y.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() does not fail.
// Numbers: in double, in the order of x, rounded once; whole numbers: sum, prod, max, min, mean
// (cut
//          towards zero), l1 and sum_square in int64. Of no elements: the sum's 0, the product's 1,
//          max and min the ends of the type.
// Source:  ONNX ReduceSum, ReduceMean, ..
#include <limits>

#include "plugins/reference/cases.h"
#include "plugins/reference/reduction.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kY };
constexpr int64_t kOutputsPerUnit = 64;
enum class Kind { kSum, kMean, kMax, kMin, kProd, kL1, kL2, kSumSquare, kLogSum, kLogSumExp };
struct KindName {
  const char* name;
  Kind kind;
  bool whole;  // has a meaning for whole numbers
};
constexpr KindName kKinds[] = {
    {"sum", Kind::kSum, true},         {"mean", Kind::kMean, true},
    {"max", Kind::kMax, true},         {"min", Kind::kMin, true},
    {"prod", Kind::kProd, true},       {"l1", Kind::kL1, true},
    {"l2", Kind::kL2, false},          {"sum_square", Kind::kSumSquare, true},
    {"log_sum", Kind::kLogSum, false}, {"log_sum_exp", Kind::kLogSumExp, false}};
struct NodeState {
  Kind kind;
  uint32_t reduced;  // bit d: dimension d is one of the axes
};

constexpr kl_operand kOperands[] = {Input("x"), Result("y")};
constexpr int64_t kSpatial[] = {2, 3}, kLast[] = {1}, kFirst[] = {0};
#define KL_REDUCE_CASE(name) \
  constexpr kl_attribute k_##name[] = {StringAttribute("kind", #name), IntsAttribute("axes", kLast)}
KL_REDUCE_CASE(sum);
KL_REDUCE_CASE(max);
KL_REDUCE_CASE(min);
KL_REDUCE_CASE(l1);
KL_REDUCE_CASE(l2);
KL_REDUCE_CASE(sum_square);
KL_REDUCE_CASE(log_sum_exp);
#undef KL_REDUCE_CASE
constexpr kl_attribute kMeans[] = {StringAttribute("kind", "mean"),
                                   IntsAttribute("axes", kSpatial)};
constexpr kl_attribute kProducts[] = {StringAttribute("kind", "prod"),
                                      IntsAttribute("axes", kFirst)};
constexpr kl_case_operand kImage[] = {Normal({2, S(1), 7, 5}), Output({2, S(1), 1, 1})};
constexpr kl_case_operand kRows[] = {Normal({S(1), S(2)}), Output({S(1), 1})};
constexpr kl_case_operand kWhole[] = {Integers({3, S(1)}, -9, 9), Output({1, S(1)}, KL_TYPE_I32)};
constexpr kl_op_case kCases[] = {
    Case("mean_of_planes", kMeans, kImage, {{Fixed(1), Range(4, 30)}}, 2),
    Case("sum", k_sum, kRows, {{Fixed(1), Range(4, 90), Range(1, 90)}}, 1),
    Case("max", k_max, kRows, {{Fixed(1), Range(4, 90), Range(1, 90)}}, 1),
    Case("min", k_min, kRows, {{Fixed(1), Range(4, 90), Range(1, 90)}}, 1),
    Case("l1", k_l1, kRows, {{Fixed(1), Range(4, 90), Range(1, 90)}}, 1),
    Case("l2", k_l2, kRows, {{Fixed(1), Range(4, 90), Range(1, 90)}}, 1),
    Case("sum_square", k_sum_square, kRows, {{Fixed(1), Range(4, 90), Range(1, 90)}}, 1),
    Case("log_sum_exp", k_log_sum_exp, kRows, {{Fixed(1), Range(4, 90), Range(1, 90)}}, 1),
    Case("product_of_whole_numbers", kProducts, kWhole, {{Fixed(1), Range(1, 90)}}, 1),
};
constexpr kl_op kOp = Operator("reduce", kOperands, kCases);

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  Check check(kOp, node, error);
  if (!check.ok()) return check.code();
  NodeState* s = static_cast<NodeState*>(state);
  const kl_tensor* x = node->operands[kX];
  const char* name = kl_attribute_string(node, "kind", "");
  const KindName* found = nullptr;
  for (const KindName& row : kKinds) {
    if (strcmp(name, row.name) == 0) found = &row;
  }
  check.Require(found != nullptr, "attribute kind that is known, another", 0);
  if (!check.ok()) return check.code();
  s->kind = found->kind;
  check.RequireOperand(kX, IsElementType(x->type) && (found->whole || IsFloatType(x->type)),
                       found->whole ? "floats or whole numbers" : "floats");
  check.Type(kY, x->type);
  s->reduced = ReadReducedAxes(node, kX, kY, &check);
  return check.code();
}

void Work(const kl_run* run, kl_work* work) {
  OnePhase(work, CeilDivide(kl_element_count(run->operands[kY]), kOutputsPerUnit));
}

template <typename Visit>
void ForEachReduced(const kl_run* run, int64_t output, Visit visit) {
  VisitReduced(run->operands[kX], run->operands[kY],
               static_cast<const NodeState*>(run->state)->reduced, output, visit);
}

template <typename T>
T ReduceFloats(const kl_run* run, Kind kind, int64_t output) {
  const T* x = static_cast<const T*>(run->operands[kX]->data);
  double largest = -INFINITY;
  if (kind == Kind::kLogSumExp) {
    ForEachReduced(run, output, [&](int64_t at) { largest = std::fmax(largest, ToDouble(x[at])); });
    if (std::isinf(largest)) return FromDouble<T>(largest);
  }
  double result = kind == Kind::kMax    ? -INFINITY
                  : kind == Kind::kMin  ? INFINITY
                  : kind == Kind::kProd ? 1.0
                                        : 0.0;
  int64_t count = 0;
  ForEachReduced(run, output, [&](int64_t at) {
    const double v = ToDouble(x[at]);
    ++count;
    switch (kind) {
      case Kind::kMax:
        result = std::isnan(v) || v > result ? v : result;
        break;
      case Kind::kMin:
        result = std::isnan(v) || v < result ? v : result;
        break;
      case Kind::kProd:
        result *= v;
        break;
      case Kind::kL1:
        result += std::fabs(v);
        break;
      case Kind::kL2:
      case Kind::kSumSquare:
        result += v * v;
        break;
      case Kind::kLogSumExp:
        result += std::exp(v - largest);
        break;
      default:
        result += v;
    }
  });
  if (kind == Kind::kMean) result /= static_cast<double>(count);
  if (kind == Kind::kL2) result = std::sqrt(result);
  if (kind == Kind::kLogSum) result = std::log(result);
  if (kind == Kind::kLogSumExp) result = std::log(result) + largest;
  return FromDouble<T>(result);
}

template <typename T>
T ReduceWhole(const kl_run* run, Kind kind, int64_t output) {
  const T* x = static_cast<const T*>(run->operands[kX]->data);
  uint64_t sum = kind == Kind::kProd ? 1 : 0;
  int64_t count = 0, largest = INT64_MIN, smallest = INT64_MAX;
  ForEachReduced(run, output, [&](int64_t at) {
    const int64_t v = ToInt(x[at]);
    const uint64_t u = static_cast<uint64_t>(v);
    ++count;
    largest = v > largest ? v : largest;
    smallest = v < smallest ? v : smallest;
    if (kind == Kind::kProd)
      sum *= u;
    else
      sum += kind == Kind::kSumSquare ? u * u : kind == Kind::kL1 && v < 0 ? 0 - u : u;
  });
  if (kind == Kind::kMax) return FromInt<T>(largest);
  if (kind == Kind::kMin) return FromInt<T>(smallest);
  if (kind == Kind::kMean) return FromInt<T>(count == 0 ? 0 : static_cast<int64_t>(sum) / count);
  return FromInt<T>(static_cast<int64_t>(sum));
}

kl_code Run(const kl_run* run) {
  const Kind kind = static_cast<const NodeState*>(run->state)->kind;
  const kl_tensor* y = run->operands[kY];
  const int64_t count = kl_element_count(y);
  const int64_t end = run->end * kOutputsPerUnit < count ? run->end * kOutputsPerUnit : count;
  WithType(y->type, [&](auto zero) {
    using T = decltype(zero);
    T* out = static_cast<T*>(y->data);
    for (int64_t i = run->begin * kOutputsPerUnit; i < end; ++i) {
      if constexpr (kIsFloat<T>)
        out[i] = ReduceFloats<T>(run, kind, i);
      else
        out[i] = ReduceWhole<T>(run, kind, i);
    }
  });
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "reduce_any_reference", sizeof(NodeState), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, reduce) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
