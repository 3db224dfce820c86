#include "core/exec/patch/joined_plan.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

namespace kinglet {
namespace {

constexpr int64_t kNobody = -1;
// Operands of quantize_linear and dequantize_linear.
enum { kLinearX, kLinearScale, kLinearZero, kLinearY };
// Of conv2d_quantized.
enum { kConvYScale = 6, kConvYZero = 7, kConvBias = 8, kConvY = 9 };

class Joiner {
 public:
  Joiner(const PinnedPlan& from, const IsExactFunction& is_exact)
      : from_(from),
        plan_(from.plan),
        is_exact_(is_exact),
        makers_(plan_.values.size(), kNobody),
        reader_counts_(plan_.values.size(), 0),
        gone_(plan_.nodes.size(), false) {
    for (size_t n = 0; n < plan_.nodes.size(); ++n) {
      const std::vector<kl_value>& operands = plan_.nodes[n].operands;
      for (size_t i = 0; i + 1 < operands.size(); ++i) {
        if (operands[i] != KL_NO_VALUE) ++reader_counts_[operands[i]];
      }
      if (operands.back() != KL_NO_VALUE) makers_[operands.back()] = static_cast<int64_t>(n);
    }
    for (const kl_value output : plan_.outputs) ++reader_counts_[output];
  }

  PinnedPlan Join(std::vector<size_t>* joined) {
    std::vector<std::optional<PlanNode>> replacements(plan_.nodes.size());
    for (size_t n = 0; n < plan_.nodes.size(); ++n) {
      replacements[n] = JoinAdd(n);
      if (!replacements[n].has_value()) replacements[n] = JoinPool(n);
    }
    PinnedPlan to;
    to.plan.values = plan_.values;
    to.plan.inputs = plan_.inputs;
    to.plan.outputs = plan_.outputs;
    to.plan.facts = plan_.facts;
    for (size_t n = 0; n < plan_.nodes.size(); ++n) {
      if (replacements[n].has_value()) {
        if (joined != nullptr) joined->push_back(to.plan.nodes.size());
        to.plan.nodes.push_back(*std::move(replacements[n]));
        to.kernels.push_back(nullptr);
      } else if (!gone_[n]) {
        PlanNode node;
        node.op = plan_.nodes[n].op;
        node.name = plan_.nodes[n].name;
        node.attributes =
            AttributeSet(plan_.nodes[n].attributes.data(), plan_.nodes[n].attributes.size());
        node.operands = plan_.nodes[n].operands;
        to.plan.nodes.push_back(std::move(node));
        to.kernels.push_back(from_.kernels.empty() ? nullptr : from_.kernels[n]);
      }
    }
    return to;
  }

 private:
  const PlanNode& node(int64_t index) const { return plan_.nodes[static_cast<size_t>(index)]; }

  // The node that makes `value`, if it is of this operator and nobody else reads the value; else
  // kNobody.
  int64_t OnlyExactMaker(kl_value value, const char* op) const {
    const int64_t n = OnlyMaker(value, op);
    return n >= 0 && is_exact_(static_cast<size_t>(n)) ? n : kNobody;
  }
  int64_t OnlyMaker(kl_value value, const char* op) const {
    if (value == KL_NO_VALUE || reader_counts_[value] != 1) return kNobody;
    const int64_t n = makers_[value];
    return n < 0 || gone_[static_cast<size_t>(n)] || node(n).op != op ? kNobody : n;
  }

  bool IsQuantize(size_t n) const { return node(static_cast<int64_t>(n)).op == "quantize_linear"; }

  // One scale and one zero point.
  bool IsPlain(const PlanNode& linear) const {
    if (linear.operands[kLinearScale] == KL_NO_VALUE || linear.operands[kLinearZero] == KL_NO_VALUE)
      return false;
    const PlanValue& scale = plan_.values[linear.operands[kLinearScale]];
    return std::all_of(scale.shape.begin(), scale.shape.end(), [](int64_t d) { return d == 1; });
  }

  bool SameConstant(kl_value a, kl_value b) const {
    if (a == b) return true;
    if (a == KL_NO_VALUE || b == KL_NO_VALUE) return false;
    const PlanValue &x = plan_.values[a], &y = plan_.values[b];
    if (x.type != y.type || x.tensors.size() != 1 || y.tensors.size() != 1) return false;
    const SourceTensor &s = *x.tensors[0], &t = *y.tensors[0];
    return s.bytes == t.bytes && std::memcmp(s.data, t.data, s.bytes) == 0;
  }

  bool AreByteTypes(kl_value a, kl_value b) const {
    const auto is_byte = [](kl_dtype type) { return type == KL_TYPE_I8 || type == KL_TYPE_U8; };
    return is_byte(plan_.values[a].type) && is_byte(plan_.values[b].type);
  }

  std::optional<PlanNode> JoinAdd(size_t n) {
    if (!IsQuantize(n) || !is_exact_(n)) return std::nullopt;
    const PlanNode& quantize = node(static_cast<int64_t>(n));
    const int64_t add = OnlyExactMaker(quantize.operands[kLinearX], "add");
    if (add < 0 || !IsPlain(quantize)) return std::nullopt;
    int64_t sides[2];
    for (int i = 0; i < 2; ++i) {
      sides[i] = OnlyExactMaker(node(add).operands[static_cast<size_t>(i)], "dequantize_linear");
      if (sides[i] < 0 || !IsPlain(node(sides[i]))) return std::nullopt;
    }
    const kl_value y = quantize.operands[kLinearY];
    // Where both sides are convolutions, the later one: the other's result is there by then.
    int64_t best = kNobody;
    int best_side = 0;
    for (int i = 0; i < 2; ++i) {
      const PlanNode& mine = node(sides[i]);
      const kl_value r = node(sides[1 - i]).operands[kLinearX];
      const int64_t conv = OnlyExactMaker(mine.operands[kLinearX], "conv2d_quantized");
      if (conv <= best || plan_.values[r].type != plan_.values[y].type ||
          plan_.values[r].shape != plan_.values[y].shape)
        continue;
      if (plan_.values[mine.operands[kLinearX]].type != plan_.values[y].type || !AreByteTypes(r, y))
        continue;
      if (plan_.values[mine.operands[kLinearX]].shape != plan_.values[y].shape) continue;
      if (!SameConstant(mine.operands[kLinearScale], node(conv).operands[kConvYScale]) ||
          !SameConstant(mine.operands[kLinearZero], node(conv).operands[kConvYZero])) {
        continue;
      }
      best = conv;
      best_side = i;
    }
    if (best < 0) return std::nullopt;
    const PlanNode& conv = node(best);
    const PlanNode& residual = node(sides[1 - best_side]);
    PlanNode joined;
    joined.op = "conv2d_quantized_add";
    joined.name = conv.name;
    joined.attributes = AttributeSet(conv.attributes.data(), conv.attributes.size());
    joined.operands.assign(conv.operands.begin(), conv.operands.begin() + kConvBias + 1);
    for (const PlanNode* linear : {&residual, &quantize}) {
      if (linear == &residual) joined.operands.push_back(linear->operands[kLinearX]);
      joined.operands.push_back(linear->operands[kLinearScale]);
      joined.operands.push_back(linear->operands[kLinearZero]);
    }
    joined.operands.push_back(y);
    for (const int64_t gone : {best, sides[0], sides[1], add, static_cast<int64_t>(n)})
      gone_[static_cast<size_t>(gone)] = true;
    return joined;
  }

  std::optional<PlanNode> JoinPool(size_t n) {
    if (!IsQuantize(n)) return std::nullopt;
    const PlanNode& quantize = node(static_cast<int64_t>(n));
    const int64_t pool = OnlyMaker(quantize.operands[kLinearX], "global_average_pool");
    if (pool < 0 || !IsPlain(quantize)) return std::nullopt;
    const int64_t dequantize = OnlyMaker(node(pool).operands[0], "dequantize_linear");
    if (dequantize < 0 || !IsPlain(node(dequantize))) return std::nullopt;
    const std::vector<kl_value>& x = node(dequantize).operands;
    if (!AreByteTypes(x[kLinearX], quantize.operands[kLinearY])) return std::nullopt;
    PlanNode joined;
    joined.op = "global_average_pool_quantized";
    joined.name = node(pool).name;
    joined.operands = {x[kLinearX],
                       x[kLinearScale],
                       x[kLinearZero],
                       quantize.operands[kLinearScale],
                       quantize.operands[kLinearZero],
                       quantize.operands[kLinearY]};
    for (const int64_t gone : {pool, dequantize, static_cast<int64_t>(n)})
      gone_[static_cast<size_t>(gone)] = true;
    return joined;
  }

  const PinnedPlan& from_;
  const Plan& plan_;
  const IsExactFunction& is_exact_;
  std::vector<int64_t> makers_;     // by value: the node that writes it
  std::vector<int> reader_counts_;  // by value; what is handed out has a reader more
  std::vector<bool> gone_;          // by node
};

}  // namespace

PinnedPlan MakeJoinedPlan(const PinnedPlan& from, const IsExactFunction& is_exact,
                          std::vector<size_t>* joined) {
  return Joiner(from, is_exact).Join(joined);
}

}  // namespace kinglet
