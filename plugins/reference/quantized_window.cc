#include "plugins/reference/quantized_window.h"

namespace kinglet {
namespace reference {

void PrepareCodes(const kl_node* node, const CodeOperands& operands, CodeConvolution* convolution,
                  Check* check) {
  check->Rank(operands.x, 4, 4);
  check->Rank(operands.w, 4, 4);
  if (!check->ok()) return;
  const kl_tensor* x = node->operands[operands.x];
  const kl_tensor* w = node->operands[operands.w];
  check->RequireOperand(operands.x, IsByteType(x->type), "i8 or u8");
  check->RequireOperand(operands.w, IsByteType(w->type), "i8 or u8");
  check->Type(operands.x_zero_point, x->type);
  check->Type(operands.w_zero_point, w->type);
  CheckOneOrCount(node, operands.x_zero_point, 1, check);
  CheckOneOrCount(node, operands.w_zero_point, w->shape[0], check);
  ParseWindow(node, true, &convolution->window, check);
  convolution->window.kernel[0] = w->shape[2];
  convolution->window.kernel[1] = w->shape[3];
  const int64_t group = convolution->group = kl_attribute_int(node, "group", 1);
  check->Require(group >= 1 && x->shape[1] % group == 0 && w->shape[0] % group == 0,
                 "attribute group to divide input and output channels", group);
  if (!check->ok()) return;
  check->Shape(operands.w, {kAnyDimension, x->shape[1] / group, kAnyDimension, kAnyDimension});
  check->RequireOperand(operands.w, w->shape[0] > 0 && w->shape[2] > 0 && w->shape[3] > 0,
                        "dimensions above 0");
  CheckWindowOutput(node, operands.x, operands.y, w->shape[0], convolution->window, false, check);
}

int32_t CodeSum(const kl_run* run, const CodeOperands& operands, const CodeConvolution& convolution,
                int64_t n, int64_t m, int64_t oh, int64_t ow) {
  const kl_tensor* x = run->operands[operands.x];
  const kl_tensor* w = run->operands[operands.w];
  const Window& window = convolution.window;
  const int32_t x_zero = ZeroPointAt(run->operands[operands.x_zero_point], 0);
  const int32_t w_zero = ZeroPointAt(run->operands[operands.w_zero_point], m);
  const int64_t height = x->shape[2], width = x->shape[3], channels = w->shape[1];
  const int64_t first = m / (w->shape[0] / convolution.group) * channels;
  const int64_t top = window.First(0, oh), left = window.First(1, ow);
  uint32_t sum = 0;
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t kh = 0; kh < window.kernel[0]; ++kh) {
      const int64_t h = top + kh * window.dilations[0];
      if (h < 0 || h >= height) continue;
      const int64_t row = ((n * x->shape[1] + first + c) * height + h) * width;
      const int64_t weights = ((m * channels + c) * window.kernel[0] + kh) * window.kernel[1];
      for (int64_t kw = 0; kw < window.kernel[1]; ++kw) {
        const int64_t column = left + kw * window.dilations[1];
        if (column < 0 || column >= width) continue;
        sum += static_cast<uint32_t>((WholeAt(x, row + column) - x_zero) *
                                     (WholeAt(w, weights + kw) - w_zero));
      }
    }
  }
  return static_cast<int32_t>(sum);
}

namespace {

CodeOperands OperandsWith(uint32_t y) { return {kQX, kQXZero, kQW, kQWZero, y}; }

}  // namespace

void PrepareCodeLayer(const kl_node* node, uint32_t y, CodeLayer* layer, Check* check) {
  PrepareCodes(node, OperandsWith(y), &layer->convolution, check);
  for (const uint32_t i : {kQXScale, kQWScale, kQYScale}) check->Type(i, KL_TYPE_F32);
  if (!check->ok()) return;
  const kl_dtype type = node->operands[kQYZero]->type;
  const int64_t outputs = node->operands[kQW]->shape[0];
  check->RequireOperand(kQYZero, IsByteType(type), "i8 or u8");
  check->Type(y, type);
  check->Type(kQBias, KL_TYPE_I32);
  check->Shape(kQBias, {outputs});
  for (const uint32_t i : {kQXScale, kQYScale, kQYZero}) CheckOneOrCount(node, i, 1, check);
  CheckOneOrCount(node, kQWScale, outputs, check);
  layer->range = ReadCodeRange(node, type);
  layer->fixed_point = kl_attribute_int(node, "fixed_point", 0) != 0;
}

ChannelScale ChannelScaleOf(const kl_run* run, const CodeLayer& layer, int64_t m) {
  const double x_scale = ScaleAt(run->operands[kQXScale], 0);
  const double y_scale = ScaleAt(run->operands[kQYScale], 0);
  const kl_tensor* bias = run->operands[kQBias];
  return {MakeRequantizer(x_scale * ScaleAt(run->operands[kQWScale], m) / y_scale, layer.fixed_point,
                          ZeroPointAt(run->operands[kQYZero], 0), layer.range),
          IsAbsent(bias) ? 0 : WholeAt(bias, m)};
}

int32_t CodeAt(const kl_run* run, uint32_t y, const CodeLayer& layer, const ChannelScale& scale,
               int64_t n, int64_t m, int64_t oh, int64_t ow) {
  const int32_t sum = CodeSum(run, OperandsWith(y), layer.convolution, n, m, oh, ow);
  const int32_t total =
      static_cast<int32_t>(static_cast<uint32_t>(sum) + static_cast<uint32_t>(scale.bias));
  return Requantize(scale.requantizer, total);
}

}  // namespace reference
}  // namespace kinglet
