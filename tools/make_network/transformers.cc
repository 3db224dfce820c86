// Vision transformers. Tokens are [groups, tokens, channels].
#include <cmath>
#include <cstdlib>

#include "tools/make_network/networks.h"

namespace kinglet::tools {
namespace {

// [groups, tokens, channels] -> [groups, heads, tokens, length], or its last two axes exchanged.
Value SplitHeads(NetworkBuilder* b, const Value& x, int64_t heads, bool exchanged) {
  const Value split = b->Reshape(x, {x.shape[0], x.shape[1], heads, x.shape[2] / heads});
  return b->Transpose(
      split, exchanged ? std::vector<int64_t>{0, 2, 3, 1} : std::vector<int64_t>{0, 2, 1, 3});
}

// Attention within each group; `bias` [heads, tokens, tokens] may be NULL.
Value Attention(NetworkBuilder* b, const Value& x, int64_t heads, const Value* bias) {
  const int64_t channels = x.shape[2];
  const Value q = SplitHeads(b, b->TokenLinear(x, channels, Activation::kNone), heads, false);
  const Value k = SplitHeads(b, b->TokenLinear(x, channels, Activation::kNone), heads, true);
  const Value v = SplitHeads(b, b->TokenLinear(x, channels, Activation::kNone), heads, false);
  const double scale = 1.0 / std::sqrt(static_cast<double>(channels / heads));
  Value scores = b->Scale(b->MatMul(q, k), static_cast<float>(scale));
  if (bias != nullptr) scores = b->Add(scores, *bias);
  const Value mixed = b->Transpose(b->MatMul(b->Softmax(scores, -1), v), {0, 2, 1, 3});
  return b->TokenLinear(b->Reshape(mixed, x.shape), channels, Activation::kNone);
}

Value FeedForward(NetworkBuilder* b, const Value& x, int64_t hidden) {
  return b->TokenLinear(b->TokenLinear(x, hidden, Activation::kGelu), x.shape.back(),
                        Activation::kNone);
}

// [1, C, H, W] -> [windows, window * window, C]
Value ToWindows(NetworkBuilder* b, const Value& x, int64_t window) {
  const int64_t c = x.shape[1], rows = x.shape[2] / window, columns = x.shape[3] / window;
  const Value split = b->Reshape(x, {c, rows, window, columns, window});
  return b->Reshape(b->Transpose(split, {1, 3, 2, 4, 0}), {rows * columns, window * window, c});
}

Value FromWindows(NetworkBuilder* b, const Value& x, const std::vector<int64_t>& image,
                  int64_t window) {
  const int64_t rows = image[2] / window, columns = image[3] / window;
  const Value split = b->Reshape(x, {rows, columns, window, window, image[1]});
  return b->Reshape(b->Transpose(split, {4, 0, 2, 1, 3}), image);
}

// A learned bias for each head and distance, gathered for each pair of positions in a window.
Value PositionBias(NetworkBuilder* b, int64_t heads, int64_t window) {
  const int64_t tokens = window * window;
  const Value table = b->Parameter("position_bias", {heads, tokens}, 0.1);
  std::vector<int64_t> distances;
  for (int64_t i = 0; i < tokens; ++i) {
    for (int64_t j = 0; j < tokens; ++j) {
      distances.push_back(std::llabs(i / window - j / window) * window +
                          std::llabs(i % window - j % window));
    }
  }
  return b->GatherLast(table, {tokens, tokens}, distances);
}

Value Down(NetworkBuilder* b, const Value& x, int64_t channels) {
  ConvShape shape;
  shape.channels = channels;
  shape.stride = 2;
  return b->Conv(x, shape);
}

}  // namespace

// Hassani et al., arXiv 2104.05704: CCT-2/3x2.
void Cct2(NetworkBuilder* b) {
  constexpr int64_t kChannels = 128, kHeads = 2;
  Value image = b->Input({1, 3, b->size(), b->size()});
  for (const int64_t channels : {int64_t{64}, kChannels}) {
    ConvShape shape;
    shape.channels = channels;
    shape.activation = Activation::kRelu;
    image = b->MaxPool(b->Conv(image, shape), 3, 2, 1);
  }
  const int64_t tokens = image.shape[2] * image.shape[3];
  Value x = b->Transpose(b->Reshape(image, {1, kChannels, tokens}), {0, 2, 1});
  x = b->Add(x, b->Parameter("positions", {1, tokens, kChannels}, 0.2));
  for (int layer = 0; layer < 2; ++layer) {
    x = b->Add(x, Attention(b, b->LayerNorm(x), kHeads, nullptr));
    x = b->Add(x, FeedForward(b, b->LayerNorm(x), kChannels));
  }
  x = b->LayerNorm(x);
  // Sequence pooling: tokens weighted by the softmax of one linear unit.
  const Value weights = b->Softmax(b->TokenLinear(x, 1, Activation::kNone), 1);
  const Value pooled = b->MatMul(b->Transpose(weights, {0, 2, 1}), x);
  b->Output(b->Linear(b->Reshape(pooled, {1, kChannels}), b->classes()));
}

// Wu et al., arXiv 2207.10666: TinyViT-5M.
void TinyVit5M(NetworkBuilder* b) {
  constexpr struct {
    int64_t channels, depth, heads, window;
  } kStages[] = {{128, 2, 4, 7}, {160, 6, 5, 14}, {320, 2, 10, 7}};
  Value x = b->Activate(Down(b, b->Input({1, 3, b->size(), b->size()}), 32), Activation::kGelu);
  x = Down(b, x, 64);
  for (int i = 0; i < 2; ++i) {
    Value y = b->Pointwise(x, 4 * x.shape[1], Activation::kGelu);
    y = b->Pointwise(b->Depthwise(y, 3, 1, Activation::kGelu), x.shape[1], Activation::kNone);
    x = b->Activate(b->Add(y, x), Activation::kGelu);
  }
  for (const auto& stage : kStages) {
    x = b->Pointwise(x, stage.channels, Activation::kGelu);
    x = b->Pointwise(b->Depthwise(x, 3, 2, Activation::kGelu), stage.channels, Activation::kNone);
    const std::vector<int64_t> image = x.shape;
    for (int64_t i = 0; i < stage.depth; ++i) {
      Value tokens = ToWindows(b, x, stage.window);
      const Value bias = PositionBias(b, stage.heads, stage.window);
      tokens = b->Add(tokens, Attention(b, b->LayerNorm(tokens), stage.heads, &bias));
      x = b->Depthwise(FromWindows(b, tokens, image, stage.window), 3, 1, Activation::kNone);
      const int64_t pixels = image[2] * image[3];
      tokens = b->Transpose(b->Reshape(x, {1, stage.channels, pixels}), {0, 2, 1});
      tokens = b->Add(tokens, FeedForward(b, b->LayerNorm(tokens), 4 * stage.channels));
      x = b->Reshape(b->Transpose(tokens, {0, 2, 1}), image);
    }
  }
  const Value pooled = b->ReduceMean(b->Reshape(x, {1, 320, x.shape[2] * x.shape[3]}), 2);
  b->Output(b->Linear(b->LayerNorm(pooled), b->classes()));
}

}  // namespace kinglet::tools
