#include "core/exec/patch/joined_plan.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

namespace kinglet {
namespace {

constexpr int64_t kNobody = -1;
// Of add_quantized.
enum {
  kAddX = 0,
  kAddScale = 1,
  kAddZero = 2,
  kAddSide = 3,
  kAddYScale = 6,
  kAddYZero = 7,
  kAddY = 8
};
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
    }
    PinnedPlan to = WithoutNodes(from_);
    for (size_t n = 0; n < plan_.nodes.size(); ++n) {
      if (replacements[n].has_value()) {
        if (joined != nullptr) joined->push_back(to.plan.nodes.size());
        to.plan.nodes.push_back(*std::move(replacements[n]));
        to.kernels.push_back(nullptr);
      } else if (!gone_[n]) {
        to.plan.nodes.push_back(plan_.nodes[n]);
        to.kernels.push_back(from_.kernels.empty() ? nullptr : from_.kernels[n]);
      }
    }
    return to;
  }

 private:
  const PlanNode& node(int64_t index) const { return plan_.nodes[static_cast<size_t>(index)]; }

  // The node that makes `value` with exact arithmetic, if it is of this operator and nobody else
  // reads the value; else kNobody.
  int64_t OnlyExactMaker(kl_value value, const char* op) const {
    if (value == KL_NO_VALUE || reader_counts_[value] != 1) return kNobody;
    const int64_t n = makers_[value];
    if (n < 0 || gone_[static_cast<size_t>(n)] || node(n).op != op) return kNobody;
    return is_exact_(static_cast<size_t>(n)) ? n : kNobody;
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

  // An addition in float without a clamp of its own.
  std::optional<PlanNode> JoinAdd(size_t n) {
    const PlanNode& add = node(static_cast<int64_t>(n));
    if (add.op != "add_quantized" || add.attributes.size() != 0 || !is_exact_(n))
      return std::nullopt;
    Side terms[2];
    for (size_t i = 0; i < 2; ++i) {
      const kl_value* side = add.operands.data() + i * kAddSide;
      terms[i] = {side[kAddX], side[kAddScale], side[kAddZero]};
    }
    const kl_value y = add.operands[kAddY];
    const int64_t conv = LaterConvolution(terms, y);
    if (conv < 0) return std::nullopt;
    gone_[n] = true;
    return Joined(conv, terms, add.operands[kAddYScale], add.operands[kAddYZero], y);
  }

  // A term of an addition: codes and what they mean.
  struct Side {
    kl_value x, scale, zero;
  };

  // The convolution whose sums can take in the other term; where both terms come from one, the
  // later: the other's result is there by then. kNobody without any.
  int64_t LaterConvolution(const Side (&terms)[2], kl_value y) const {
    int64_t best = kNobody;
    for (int i = 0; i < 2; ++i) {
      const Side &mine = terms[i], &residual = terms[1 - i];
      const int64_t conv = OnlyExactMaker(mine.x, "conv2d_quantized");
      if (conv <= best || !AreByteTypes(residual.x, y)) continue;
      const PlanValue& result = plan_.values[y];
      const auto is_like_y = [&](kl_value value) {
        return plan_.values[value].type == result.type && plan_.values[value].shape == result.shape;
      };
      if (!is_like_y(residual.x) || !is_like_y(mine.x)) continue;
      if (!SameConstant(mine.scale, node(conv).operands[kConvYScale]) ||
          !SameConstant(mine.zero, node(conv).operands[kConvYZero])) {
        continue;
      }
      best = conv;
    }
    return best;
  }

  PlanNode Joined(int64_t convolution, const Side (&terms)[2], kl_value y_scale, kl_value y_zero,
                  kl_value y) {
    const PlanNode& conv = node(convolution);
    const Side& residual = terms[0].x == conv.operands[kConvY] ? terms[1] : terms[0];
    PlanNode joined;
    joined.op = "conv2d_quantized_add";
    joined.name = conv.name;
    joined.attributes = conv.attributes;
    joined.operands.assign(conv.operands.begin(), conv.operands.begin() + kConvBias + 1);
    for (const kl_value value : {residual.x, residual.scale, residual.zero, y_scale, y_zero, y})
      joined.operands.push_back(value);
    gone_[static_cast<size_t>(convolution)] = true;
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
