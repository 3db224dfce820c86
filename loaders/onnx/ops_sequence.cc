// LSTM.
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "loaders/onnx/ops.h"

namespace kinglet {

KL_ONNX_TRANSLATION(LSTM) {
  KL_ASSIGN_OR_RETURN(int32_t x, translator->FloatInput(node, 0));
  KL_ASSIGN_OR_RETURN(const int32_t w, translator->FloatInput(node, 1));
  KL_ASSIGN_OR_RETURN(const int32_t r, translator->FloatInput(node, 2));
  KL_ASSIGN_OR_RETURN(const std::string direction, node.String("direction", "forward"));
  KL_ASSIGN_OR_RETURN(const double clip, node.Float("clip", 0.0));
  KL_ASSIGN_OR_RETURN(const int64_t input_forget, node.Int("input_forget", 0));
  KL_ASSIGN_OR_RETURN(const int64_t batch_first, node.Int("layout", 0));
  if (batch_first != 0) return node.Unsupported("layout 1 (the batch first)");
  if (node.Has("activation_alpha") || node.Has("activation_beta"))
    return node.Unsupported("parameters of activations");
  const int64_t directions = direction == "bidirectional" ? 2 : 1;
  const OnnxShape x_shape = translator->value(x).shape, r_shape = translator->value(r).shape;
  if (x_shape.size() != 3 || r_shape.size() != 3)
    return node.Broken("inputs of three dimensions", "others");
  const int64_t hidden = r_shape[2];
  std::string activations = "sigmoid,tanh,tanh;sigmoid,tanh,tanh;";
  if (node.Has("activations")) {
    KL_ASSIGN_OR_RETURN(const std::vector<std::string> names, node.Strings("activations"));
    if (static_cast<int64_t>(names.size()) != 3 * directions)
      return node.Broken(absl::StrCat(3 * directions, " activations"), absl::StrCat(names.size()));
    activations.clear();
    for (size_t i = 0; i < names.size(); ++i) {
      const std::string name = absl::AsciiStrToLower(names[i]);
      if (name != "sigmoid" && name != "tanh" && name != "relu")
        return node.Unsupported(absl::StrCat("activation ", names[i]));
      absl::StrAppend(&activations, name, i % 3 == 2 ? ";" : ",");
    }
  }
  // b, lengths, h0, c0, p. The plugin checks their shapes.
  std::vector<int32_t> operands = {x, w, r};
  for (int i = 3; i < 8; ++i) {
    int32_t id = kNoOnnxValue;
    if (node.HasInput(i)) {
      KL_ASSIGN_OR_RETURN(id,
                          i == 4 ? translator->Input(node, i) : translator->FloatInput(node, i));
    }
    operands.push_back(id);
  }
  const OnnxShape state = {directions, x_shape[1], hidden};
  return translator->EmitMany(node, "lstm",
                              {{"direction", direction},
                               {"clip", clip},
                               {"input_forget", int64_t{input_forget != 0 ? 1 : 0}},
                               {"activations", activations}},
                              std::move(operands),
                              {{KL_TYPE_F32, {x_shape[0], directions, x_shape[1], hidden}},
                               {KL_TYPE_F32, state},
                               {KL_TYPE_F32, state}});
}

}  // namespace kinglet
