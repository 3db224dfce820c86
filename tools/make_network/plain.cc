// Networks of ordinary convolutions, and the keyword spotter of MLPerf Tiny.
#include "tools/make_network/networks.h"

namespace kinglet::tools {
namespace {

Value Square(NetworkBuilder* b, const Value& x, int64_t channels, int64_t kernel, int64_t stride,
             Activation activation) {
  ConvShape shape;
  shape.channels = channels;
  shape.kernel = kernel;
  shape.stride = stride;
  shape.activation = activation;
  return b->Conv(x, shape);
}

// VanillaNet's series activation as it is deployed: ReLU, then a 7x7 depthwise convolution.
Value SeriesActivation(NetworkBuilder* b, const Value& x) {
  return b->Depthwise(b->Activate(x, Activation::kRelu), 7, 1, Activation::kNone);
}

}  // namespace

// Chen et al., arXiv 2305.12972, with its pairs of convolutions merged: one 1x1 convolution a
// stage.
void VanillaNet5(NetworkBuilder* b) {
  ConvShape stem;
  stem.channels = b->Channels(512);
  stem.kernel = stem.stride = 4;
  stem.pad = 0;
  Value x = SeriesActivation(b, b->Conv(b->Input({1, 3, b->size(), b->size()}), stem));
  for (const int64_t channels : {1024, 2048, 4096}) {
    x = b->Pointwise(x, b->Channels(channels), Activation::kNone);
    x = SeriesActivation(b, b->MaxPool(x, 2, 2));
  }
  b->Output(b->Linear(b->Flatten(b->GlobalAveragePool(x)), b->classes()));
}

// Hasanpour et al., arXiv 1608.06037: thirteen layers, the tenth and eleventh of them 1x1.
void SimpleNet(NetworkBuilder* b) {
  const auto conv = [&](const Value& x, int64_t channels, int64_t kernel) {
    return Square(b, x, b->Channels(channels), kernel, 1, Activation::kRelu);
  };
  Value x = b->Input({1, 3, b->size(), b->size()});
  for (const int64_t channels : {64, 128, 128, 128}) x = conv(x, channels, 3);
  x = b->MaxPool(x, 2, 2);
  for (const int64_t channels : {128, 128, 256}) x = conv(x, channels, 3);
  x = b->MaxPool(x, 2, 2);
  for (const int64_t channels : {256, 256}) x = conv(x, channels, 3);
  x = b->MaxPool(x, 2, 2);
  x = b->MaxPool(conv(x, 512, 3), 2, 2);
  x = conv(conv(x, 2048, 1), 256, 1);
  x = conv(b->MaxPool(x, 2, 2), 256, 3);
  b->Output(b->Linear(b->Flatten(b->GlobalAveragePool(x)), b->classes()));
}

// Image classification of MLPerf Tiny (Banbury et al., arXiv 2106.07597).
void ResNet8(NetworkBuilder* b) {
  const auto conv = [&](const Value& x, int64_t channels, int64_t kernel, int64_t stride,
                        Activation activation) {
    return Square(b, x, b->Channels(channels), kernel, stride, activation);
  };
  Value x = conv(b->Input({1, 3, b->size(), b->size()}), 16, 3, 1, Activation::kRelu);
  for (const int64_t channels : {16, 32, 64}) {
    const int64_t stride = channels == 16 ? 1 : 2;
    const Value first = conv(x, channels, 3, stride, Activation::kRelu);
    const Value y = conv(first, channels, 3, 1, Activation::kNone);
    const Value shortcut = stride == 1 ? x : conv(x, channels, 1, stride, Activation::kNone);
    x = b->Activate(b->Add(y, shortcut), Activation::kRelu);
  }
  b->Output(b->Linear(b->Flatten(b->GlobalAveragePool(x)), b->classes()));
}

// Keyword spotting of MLPerf Tiny: 49 frames of 10 coefficients.
void DsCnn(NetworkBuilder* b) {
  ConvShape stem;
  stem.channels = b->Channels(64);
  stem.kernel = 10;
  stem.kernel_width = 4;
  stem.stride = 2;
  stem.pads = {4, 1, 5, 1};
  stem.activation = Activation::kRelu;
  Value x = b->Conv(b->Input({1, 1, b->size(), 10}), stem);
  for (int i = 0; i < 4; ++i) {
    x = b->Depthwise(x, 3, 1, Activation::kRelu);
    x = b->Pointwise(x, b->Channels(64), Activation::kRelu);
  }
  b->Output(b->Linear(b->Flatten(b->GlobalAveragePool(x)), b->classes()));
}

}  // namespace kinglet::tools
