// op "pad": x with elements added, or cut off, around it.
//
//   y[i_0, ..] = x[j_0, ..]   with j_d = i_d - begin_d, moved into x by the mode where it lies
//                             outside
//
//   x      any type       [..]    in
//   value  the same type  []      in, optional: what "constant" adds, default 0
//   pads   i64 or i32     [2 K]   in, optional: begins, then ends, of the axes, known only in a run
//   y      the same type  [..]    out; must not alias x
//
// Attributes: pads (ints, begins of all dimensions, then ends; negative ones cut off), for the
//             dimensions that `axes` (ints, the K of operand pads; default none) does not name;
//             mode (string): "constant" (default), "reflect", "edge", "wrap".
// Work:    one unit for 1024 elements.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() returns it for pads
//          that do not fit the shape of y.
// Numbers: exact.
// Source:  ONNX Pad.
#include "plugins/reference/cases.h"
#include "plugins/reference/elements.h"

namespace kinglet {
namespace reference {
namespace {

enum { kX, kValue, kPads, kY };
enum class Mode { kConstant, kReflect, kEdge, kWrap };
struct NodeState {
  int64_t begins[KL_MAX_RANK];
  int32_t axes[KL_MAX_RANK];
  int32_t axis_count;
  Mode mode;
};

constexpr kl_operand kOperands[] = {Input("x"), OptionalInput("value"), OptionalInput("pads"),
                                    Result("y")};
constexpr int64_t kAround[] = {1, 2, 3, 0}, kCut[] = {-1, 2, 0, -1}, kNone[] = {0, 0, 0, 0};
constexpr int64_t kFirstAxis[] = {0};
constexpr kl_attribute kConstant[] = {IntsAttribute("pads", kAround)};
constexpr kl_attribute kCutting[] = {IntsAttribute("pads", kCut), StringAttribute("mode", "edge")};
constexpr kl_attribute kReflecting[] = {IntsAttribute("pads", kAround),
                                        StringAttribute("mode", "reflect")};
constexpr kl_attribute kWrapping[] = {IntsAttribute("pads", kAround),
                                      StringAttribute("mode", "wrap")};
constexpr kl_attribute kInARun[] = {IntsAttribute("pads", kNone),
                                    IntsAttribute("axes", kFirstAxis)};
constexpr kl_case_operand kFloats[] = {Normal({5, 4}), Normal({}), Absent(), Output({9, 6})};
constexpr kl_case_operand kNoValue[] = {Integers({5, 4}, -9, 9), Absent(), Absent(),
                                        Output({9, 6}, KL_TYPE_I32)};
constexpr kl_case_operand kCutShape[] = {Normal({5, 4}), Absent(), Absent(), Output({4, 5})};
constexpr kl_case_operand kDynamic[] = {Normal({5, 4}), Absent(), Integers({2}, 1, 2),
                                        Output({7, 4})};
constexpr kl_op_case kCases[] = {
    Case("constant", kConstant, kFloats), Case("zeros", kConstant, kNoValue),
    Case("edge", kCutting, kCutShape),    Case("reflect", kReflecting, kNoValue),
    Case("wrap", kWrapping, kNoValue),    Case("known_in_a_run", kInARun, kDynamic),
};
constexpr kl_op kOp = Operator("pad", kOperands, kCases);

// Modes that take what they add from x need enough of it.
bool CanPad(Mode mode, int64_t size, int64_t begin, int64_t end) {
  if (begin <= 0 && end <= 0) return true;
  const int64_t most = mode == Mode::kReflect ? size - 1 : size;
  return mode == Mode::kConstant || (mode == Mode::kEdge ? size > 0 : begin <= most && end <= most);
}

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                kl_error* error) {
  Check check(kOp, node, error);
  if (!check.ok()) return check.code();
  NodeState* s = static_cast<NodeState*>(state);
  const kl_tensor* x = node->operands[kX];
  const char* mode = kl_attribute_string(node, "mode", "constant");
  s->mode = strcmp(mode, "reflect") == 0 ? Mode::kReflect
            : strcmp(mode, "edge") == 0  ? Mode::kEdge
            : strcmp(mode, "wrap") == 0  ? Mode::kWrap
                                         : Mode::kConstant;
  check.Require(s->mode != Mode::kConstant || strcmp(mode, "constant") == 0,
                "attribute mode constant, reflect, edge or wrap, another", 0);
  check.RequireOperand(kX, IsElementType(x->type), "a type of single elements");
  check.Type(kValue, x->type);
  check.Type(kY, x->type);
  const kl_attribute* pads = kl_find_attribute(node, "pads");
  check.Require(pads != nullptr && pads->kind == KL_ATTRIBUTE_INTS &&
                    pads->count == 2 * static_cast<uint32_t>(x->rank),
                "attribute pads with two numbers for each dimension", 0);
  const kl_attribute* axes = kl_find_attribute(node, "axes");
  s->axis_count = axes == nullptr ? 0 : static_cast<int32_t>(axes->count);
  check.Require((s->axis_count > 0) == !IsAbsent(node->operands[kPads]),
                "operand pads where there are axes, and only there", s->axis_count);
  if (!check.ok()) return check.code();
  if (!IsAbsent(node->operands[kValue])) {
    check.RequireOperand(kValue, kl_element_count(node->operands[kValue]) == 1, "one element");
  }
  if (s->axis_count > 0) {
    check.RequireOperand(kPads, IsIndexType(node->operands[kPads]->type), "i64 or i32");
    check.Shape(kPads, {2 * static_cast<int64_t>(s->axis_count)});
    check.Require(s->axis_count <= x->rank, "at most as many axes as dimensions", s->axis_count);
    if (!check.ok()) return check.code();
  }
  int64_t shape[KL_MAX_RANK];
  for (int32_t d = 0; d < x->rank; ++d) {
    const int64_t begin = pads->ints[d], end = pads->ints[x->rank + d];
    const bool small =
        begin > -INT32_MAX && begin < INT32_MAX && end > -INT32_MAX && end < INT32_MAX;
    check.Require(small && CanPad(s->mode, x->shape[d], begin, end), "pads that x has elements for",
                  begin);
    if (!check.ok()) return check.code();
    s->begins[d] = begin;
    shape[d] = x->shape[d] + begin + end;
    check.Require(shape[d] >= 0, "pads that cut off no more than x has", begin);
  }
  for (int32_t k = 0; k < s->axis_count; ++k) {
    check.Require(axes->ints[k] >= 0 && axes->ints[k] < x->rank, "axes within the rank of x",
                  axes->ints[k]);
    if (!check.ok()) return check.code();
    s->axes[k] = static_cast<int32_t>(axes->ints[k]);
    shape[s->axes[k]] = kAnyDimension;
  }
  check.Shape(kY, x->rank, shape);
  return check.code();
}

void Work(const kl_run* run, kl_work* work) { ElementWork(run->operands[kY], work); }

// Where element `i` of y along one dimension comes from; -1: from nowhere.
int64_t Source(Mode mode, int64_t i, int64_t size) {
  if (i >= 0 && i < size) return i;
  switch (mode) {
    case Mode::kConstant:
      return -1;
    case Mode::kReflect:
      return i < 0 ? -i : 2 * (size - 1) - i;
    case Mode::kEdge:
      return i < 0 ? 0 : size - 1;
    case Mode::kWrap:
      return i < 0 ? i + size : i - size;
  }
  return -1;
}

kl_code Run(const kl_run* run) {
  const NodeState* s = static_cast<const NodeState*>(run->state);
  const kl_tensor* x = run->operands[kX];
  const kl_tensor* y = run->operands[kY];
  const kl_tensor* value = run->operands[kValue];
  int64_t begins[KL_MAX_RANK];
  memcpy(begins, s->begins, sizeof begins);
  for (int32_t k = 0; k < s->axis_count; ++k) {
    const int32_t d = s->axes[k];
    begins[d] = IndexAt(run->operands[kPads], k);
    const int64_t end = IndexAt(run->operands[kPads], s->axis_count + k);
    if (begins[d] > y->shape[d] || begins[d] < -x->shape[d] ||
        end != y->shape[d] - x->shape[d] - begins[d] ||
        !CanPad(s->mode, x->shape[d], begins[d], end)) {
      return KL_INVALID_ARGUMENT;
    }
  }
  const uint32_t size = kl_dtype_info_of(x->type).block_bytes;
  int64_t strides[KL_MAX_RANK], position[KL_MAX_RANK];
  StridesOf(x, strides);
  const int64_t end = EndElement(run, y);
  for (int64_t i = FirstElement(run); i < end; ++i) {
    Unravel(i, y, position);
    int64_t from = 0;
    for (int32_t d = 0; d < x->rank && from >= 0; ++d) {
      const int64_t j = Source(s->mode, position[d] - begins[d], x->shape[d]);
      from = j < 0 ? -1 : from + j * strides[d];
    }
    if (from >= 0) {
      CopyElement(x, from, y, i, size);
    } else if (!IsAbsent(value)) {
      CopyElement(value, 0, y, i, size);
    } else {
      memset(static_cast<uint8_t*>(y->data) + i * size, 0, size);
    }
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "pad_any_reference", sizeof(NodeState), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, pad) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1, nullptr};
