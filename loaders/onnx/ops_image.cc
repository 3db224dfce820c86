// Resize, Upsample, DepthToSpace, SpaceToDepth.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/abi/dtype.h"
#include "core/base/status.h"
#include "loaders/onnx/fold.h"
#include "loaders/onnx/ops.h"

namespace kinglet {
namespace {

struct Target {
  OnnxShape shape;
  std::vector<float> scales;
  std::vector<float> roi;  // begins, then ends
};

// An optional constant list of numbers; empty when there is none, or an empty one.
absl::StatusOr<std::vector<double>> Numbers(const OnnxNode& node, OnnxTranslator* translator,
                                            int index) {
  if (!node.HasInput(index)) return std::vector<double>();
  KL_ASSIGN_OR_RETURN(const int32_t id, translator->Input(node, index));
  const OnnxConstant* constant = translator->value(id).constant.get();
  if (constant == nullptr)
    return node.Unsupported(absl::StrCat("its input ", index, " must be constant"));
  return Reals(*constant);
}

absl::StatusOr<int64_t> Scaled(const OnnxNode& node, int64_t size, double scale) {
  const double result = std::floor(static_cast<double>(size) * scale);
  if (!(scale > 0.0) || !(result >= 0.0 && result < 1e9))
    return node.Broken("scales above 0 that lead to sizes below 10^9", absl::StrCat(scale));
  return static_cast<int64_t>(result);
}

// Fills `axes` from the attribute (operator set 18), default all.
absl::StatusOr<std::vector<size_t>> AxesOf(const OnnxNode& node, size_t rank) {
  std::vector<size_t> axes;
  KL_ASSIGN_OR_RETURN(const OnnxShape listed, node.Ints("axes", -1, 0));
  for (const int64_t axis : listed) {
    KL_ASSIGN_OR_RETURN(const int64_t d, OnnxAxis(node, axis, static_cast<int64_t>(rank)));
    axes.push_back(static_cast<size_t>(d));
  }
  for (size_t d = 0; listed.empty() && d < rank; ++d) axes.push_back(d);
  return axes;
}

absl::StatusOr<Target> FindTarget(const OnnxNode& node, OnnxTranslator* translator,
                                  const OnnxShape& from) {
  Target target;
  target.shape = from;
  target.scales.assign(from.size(), 1.0f);
  KL_ASSIGN_OR_RETURN(const std::vector<size_t> axes, AxesOf(node, from.size()));
  const int scales_at = translator->opset() == 10 ? 1 : 2;
  const bool open = (node.HasInput(scales_at) && !translator->IsConstantInput(node, scales_at)) ||
                    (node.HasInput(3) && !translator->IsConstantInput(node, 3));
  std::vector<double> scales, sizes;
  if (!open) {
    KL_ASSIGN_OR_RETURN(scales, Numbers(node, translator, scales_at));
    KL_ASSIGN_OR_RETURN(sizes, Numbers(node, translator, 3));
  } else {
    // The file states the result; the scales are what leads there.
    KL_ASSIGN_OR_RETURN(target.shape, translator->StatedShape(node, 0, scales_at));
    if (target.shape.size() != from.size())
      return node.Broken("a result of the input's rank", "another");
    for (const size_t d : axes) sizes.push_back(static_cast<double>(target.shape[d]));
  }
  KL_ASSIGN_OR_RETURN(const std::string policy, node.String("keep_aspect_ratio_policy", "stretch"));
  if (!sizes.empty()) {
    if (sizes.size() != axes.size())
      return node.Broken(absl::StrCat(axes.size(), " sizes"), absl::StrCat(sizes.size()));
    for (size_t i = 0; i < axes.size(); ++i) {
      if (!(sizes[i] >= 0 && sizes[i] < 1e9) || from[axes[i]] == 0)
        return node.Broken("sizes below 10^9 of inputs that are not empty", absl::StrCat(sizes[i]));
      scales.resize(axes.size());
      scales[i] = sizes[i] / static_cast<double>(from[axes[i]]);
    }
    if (policy != "stretch") {
      const bool larger = policy == "not_smaller";
      if (!larger && policy != "not_larger") return node.Broken("a known policy", policy);
      const double scale = larger ? *std::max_element(scales.begin(), scales.end())
                                  : *std::min_element(scales.begin(), scales.end());
      std::fill(scales.begin(), scales.end(), scale);
    }
  }
  if (scales.size() != axes.size())
    return node.Broken(absl::StrCat("scales or sizes of ", axes.size(), " dimensions"),
                       absl::StrCat(scales.size()));
  for (size_t i = 0; i < axes.size(); ++i) {
    const size_t d = axes[i];
    target.scales[d] = static_cast<float>(scales[i]);
    if (!sizes.empty() && policy == "stretch") {
      target.shape[d] = static_cast<int64_t>(sizes[i]);
    } else if (!sizes.empty()) {
      target.shape[d] =
          static_cast<int64_t>(std::nearbyint(scales[i] * static_cast<double>(from[d])));
    } else {
      KL_ASSIGN_OR_RETURN(target.shape[d], Scaled(node, from[d], scales[i]));
    }
  }
  if (scales_at == 2 && node.HasInput(1) && translator->IsConstantInput(node, 1)) {
    KL_ASSIGN_OR_RETURN(const std::vector<double> roi, Numbers(node, translator, 1));
    if (roi.size() == 2 * axes.size()) {
      target.roi.assign(2 * from.size(), 0.0f);
      std::fill(target.roi.begin() + static_cast<std::ptrdiff_t>(from.size()), target.roi.end(),
                1.0f);
      for (size_t i = 0; i < axes.size(); ++i) {
        target.roi[axes[i]] = static_cast<float>(roi[i]);
        target.roi[from.size() + axes[i]] = static_cast<float>(roi[axes.size() + i]);
      }
    }
  }
  return target;
}

absl::Status EmitResize(const OnnxNode& node, OnnxTranslator* translator, int32_t x,
                        std::vector<GraphAttribute> attributes, const Target& target) {
  attributes.push_back({"scales", target.scales});
  if (!target.roi.empty()) attributes.push_back({"roi", target.roi});
  return translator->Emit(node, "resize", std::move(attributes), {x}, translator->value(x).type,
                          target.shape);
}

}  // namespace

KL_ONNX_TRANSLATION(Resize) {
  KL_ASSIGN_OR_RETURN(int32_t x, translator->Input(node, 0));
  if (IsOnnxFloat(translator->value(x).type)) {
    KL_ASSIGN_OR_RETURN(x, translator->AsFloat(node, x));
  }
  const OnnxShape from = translator->value(x).shape;
  KL_ASSIGN_OR_RETURN(std::string mode, node.String("mode", "nearest"));
  if (mode == "bilinear") mode = "linear";
  Target target;
  if (translator->opset() < 10) {
    // Upsample: asymmetric, nearest by floor. Its scales were an attribute before operator set 9.
    std::vector<double> scales;
    if (translator->opset() < 9) {
      KL_ASSIGN_OR_RETURN(const std::vector<float> listed, node.Floats("scales"));
      scales.assign(listed.begin(), listed.end());
    } else {
      KL_ASSIGN_OR_RETURN(scales, Numbers(node, translator, 1));
    }
    if (scales.size() != from.size())
      return node.Broken(absl::StrCat(from.size(), " scales"), absl::StrCat(scales.size()));
    target.shape = from;
    for (size_t d = 0; d < from.size(); ++d) {
      target.scales.push_back(static_cast<float>(scales[d]));
      KL_ASSIGN_OR_RETURN(target.shape[d], Scaled(node, from[d], scales[d]));
    }
  } else {
    KL_ASSIGN_OR_RETURN(target, FindTarget(node, translator, from));
  }
  if (translator->opset() <= 10) {
    return EmitResize(node, translator, x,
                      {{"mode", mode},
                       {"coordinate", std::string("asymmetric")},
                       {"nearest", std::string("floor")}},
                      target);
  }
  KL_ASSIGN_OR_RETURN(std::string coordinate,
                      node.String("coordinate_transformation_mode", "half_pixel"));
  KL_ASSIGN_OR_RETURN(std::string nearest, node.String("nearest_mode", "round_prefer_floor"));
  KL_ASSIGN_OR_RETURN(const double cubic_a, node.Float("cubic_coeff_a", -0.75));
  KL_ASSIGN_OR_RETURN(const int64_t exclude, node.Int("exclude_outside", 0));
  KL_ASSIGN_OR_RETURN(const double extrapolation, node.Float("extrapolation_value", 0.0));
  KL_ASSIGN_OR_RETURN(const int64_t antialias, node.Int("antialias", 0));
  if (antialias != 0) return node.Unsupported("antialias");
  if (coordinate == "tf_crop_and_resize") coordinate = "crop";
  if (coordinate == "tf_half_pixel_for_nn") coordinate = "tf_half_pixel";
  if (nearest.rfind("round_", 0) == 0) nearest = nearest.substr(6);
  return EmitResize(node, translator, x,
                    {{"mode", mode},
                     {"coordinate", coordinate},
                     {"nearest", nearest},
                     {"cubic_a", cubic_a},
                     {"exclude_outside", int64_t{exclude != 0 ? 1 : 0}},
                     {"extrapolation", extrapolation}},
                    target);
}

// Both move blocks of pixels between channels and the plane: a transposition of six dimensions.
KL_ONNX_TRANSLATION(DepthToSpace) {
  KL_ASSIGN_OR_RETURN(const int32_t x, translator->Input(node, 0));
  const OnnxShape from = translator->value(x).shape;
  const kl_dtype type = translator->value(x).type;
  KL_ASSIGN_OR_RETURN(const int64_t b, node.Int("blocksize", 0));
  KL_ASSIGN_OR_RETURN(const std::string mode, node.String("mode", "DCR"));
  if (from.size() != 4 || b < 1 || b > 1024)
    return node.Broken("an image and a blocksize", "others");
  const int64_t n = from[0], c = from[1], h = from[2], w = from[3];
  OnnxShape view, permutation, shape;
  if (node.op_type() == "SpaceToDepth") {
    if (h % b != 0 || w % b != 0) return node.Broken("sizes that blocks divide", "others");
    view = {n, c, h / b, b, w / b, b};
    permutation = {0, 3, 5, 1, 2, 4};
    shape = {n, c * b * b, h / b, w / b};
  } else {
    if (c % (b * b) != 0) return node.Broken("channels that blocks divide", absl::StrCat(c));
    const bool depth_first = mode == "DCR";
    if (!depth_first && mode != "CRD") return node.Broken("mode DCR or CRD", mode);
    const int64_t out = c / (b * b);
    view = depth_first ? OnnxShape{n, b, b, out, h, w} : OnnxShape{n, out, b, b, h, w};
    permutation = depth_first ? OnnxShape{0, 3, 4, 1, 5, 2} : OnnxShape{0, 1, 4, 2, 5, 3};
    shape = {n, out, h * b, w * b};
  }
  OnnxShape turned;
  for (const int64_t d : permutation) turned.push_back(view[static_cast<size_t>(d)]);
  KL_ASSIGN_OR_RETURN(const int32_t blocks,
                      translator->EmitInner(node, "reshape", {}, {x}, view, type));
  KL_ASSIGN_OR_RETURN(const int32_t moved,
                      translator->EmitInner(node, "transpose", {{"permutation", permutation}},
                                            {blocks}, turned, type));
  return translator->Emit(node, "reshape", {}, {moved}, type, shape);
}

}  // namespace kinglet
