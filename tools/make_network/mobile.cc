// Networks of depthwise and 1x1 convolutions.
#include <algorithm>
#include <cmath>

#include "tools/make_network/networks.h"

namespace kinglet::tools {
namespace {

Value Image(NetworkBuilder* b) { return b->Input({1, 3, b->size(), b->size()}); }

Value Stem(NetworkBuilder* b, int64_t channels, Activation activation) {
  ConvShape shape;
  shape.channels = channels;
  shape.stride = 2;
  shape.activation = activation;
  return b->Conv(Image(b), shape);
}

void Classifier(NetworkBuilder* b, const Value& x) {
  b->Output(b->Linear(b->Flatten(b->GlobalAveragePool(x)), b->classes()));
}

// Squeeze and excitation: channels times a sigmoid of their means.
Value Squeeze(NetworkBuilder* b, const Value& x, int64_t channels) {
  const Value hidden = b->Pointwise(b->GlobalAveragePool(x), channels, Activation::kSwish);
  return b->Mul(x, b->Sigmoid(b->Pointwise(hidden, x.shape[1], Activation::kNone)));
}

struct Block {
  int64_t expand;  // 1: no expanding convolution
  int64_t kernel;
  int64_t stride;
  int64_t channels;
};

// MobileNetV2's block: expand, depthwise, project, add where the shape stays.
// squeeze: hidden channels of a squeeze and excitation, 0 for none.
Value InvertedResidual(NetworkBuilder* b, const Value& x, const Block& block, Activation activation,
                       int64_t squeeze = 0) {
  Value y = x;
  if (block.expand > 1) y = b->Pointwise(y, x.shape[1] * block.expand, activation);
  y = b->Depthwise(y, block.kernel, block.stride, activation);
  if (squeeze > 0) y = Squeeze(b, y, squeeze);
  y = b->Pointwise(y, block.channels, Activation::kNone);
  return y.shape == x.shape ? b->Add(y, x) : y;
}

struct Stage {
  int64_t count;
  Block block;  // stride: of the first one
};

}  // namespace

// Howard et al., arXiv 1704.04861, table 1.
void MobileNetV1(NetworkBuilder* b) {
  constexpr struct {
    int64_t channels, stride;
  } kBlocks[] = {{64, 1},  {128, 2}, {128, 1}, {256, 2}, {256, 1},  {512, 2}, {512, 1},
                 {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1}};
  Value x = Stem(b, b->Channels(32), Activation::kRelu6);
  for (const auto& block : kBlocks) {
    x = b->Depthwise(x, 3, block.stride, Activation::kRelu6);
    x = b->Pointwise(x, b->Channels(block.channels), Activation::kRelu6);
  }
  Classifier(b, x);
}

// Sandler et al., arXiv 1801.04381, table 2.
void MobileNetV2(NetworkBuilder* b) {
  constexpr Stage kStages[] = {{1, {1, 3, 1, 16}}, {2, {6, 3, 2, 24}}, {3, {6, 3, 2, 32}},
                               {4, {6, 3, 2, 64}}, {3, {6, 3, 1, 96}}, {3, {6, 3, 2, 160}},
                               {1, {6, 3, 1, 320}}};
  Value x = Stem(b, b->Channels(32), Activation::kRelu6);
  for (const Stage& stage : kStages) {
    for (int64_t i = 0; i < stage.count; ++i) {
      Block block = stage.block;
      block.channels = b->Channels(block.channels);
      if (i > 0) block.stride = 1;
      x = InvertedResidual(b, x, block, Activation::kRelu6);
    }
  }
  // The last layer does not shrink with the width.
  Classifier(b, b->Pointwise(x, std::max<int64_t>(1280, b->Channels(1280)), Activation::kRelu6));
}

// In the manner of MCUNet (Lin et al., arXiv 2007.10319): kernels of 3, 5 and 7, expansions of 3 to
// 6, few channels. Not one of its published networks.
void McuNet(NetworkBuilder* b) {
  constexpr Block kBlocks[] = {{1, 3, 1, 8},  {3, 7, 2, 16}, {3, 3, 1, 16}, {5, 5, 1, 16},
                               {5, 7, 2, 24}, {4, 5, 1, 24}, {5, 3, 1, 24}, {5, 7, 2, 40},
                               {6, 7, 1, 40}, {5, 3, 1, 48}, {4, 5, 1, 48}, {6, 5, 2, 96},
                               {5, 7, 1, 96}, {4, 3, 1, 96}, {6, 7, 1, 160}};
  Value x = Stem(b, b->Channels(16), Activation::kRelu6);
  for (Block block : kBlocks) {
    block.channels = b->Channels(block.channels);
    x = InvertedResidual(b, x, block, Activation::kRelu6);
  }
  Classifier(b, x);
}

// Han et al., arXiv 2010.14819: EfficientNet-B0 with 0.51 of the channels and 0.6 of the depth. The
// stem and the last layer keep theirs.
void TinyNetE(NetworkBuilder* b) {
  constexpr double kWidth = 0.51, kDepth = 0.6;
  constexpr Stage kStages[] = {{1, {1, 3, 1, 16}}, {2, {6, 3, 2, 24}},  {2, {6, 5, 2, 40}},
                               {3, {6, 3, 2, 80}}, {3, {6, 5, 1, 112}}, {4, {6, 5, 2, 192}},
                               {1, {6, 3, 1, 320}}};
  Value x = Stem(b, b->Channels(32), Activation::kSwish);
  for (const Stage& stage : kStages) {
    const int64_t count =
        std::max<int64_t>(1, std::llround(static_cast<double>(stage.count) * kDepth));
    for (int64_t i = 0; i < count; ++i) {
      Block block = stage.block;
      block.channels = b->Channels(NetworkBuilder::RoundChannels(block.channels, kWidth));
      if (i > 0) block.stride = 1;
      x = InvertedResidual(b, x, block, Activation::kSwish, std::max<int64_t>(1, x.shape[1] / 4));
    }
  }
  Classifier(b, b->Pointwise(x, b->Channels(1280), Activation::kSwish));
}

}  // namespace kinglet::tools
