// Folding a batch normalisation into the layer before it.
//
//   f[c] = scale[c] / sqrt(variance[c] + epsilon)
//   w'[c] = w[c] * f[c]      b'[c] = (b[c] - mean[c]) * f[c] + bias[c]
//
// Source: arXiv 1712.05877, section 3.2.
#ifndef KINGLET_LOADERS_ONNX_BATCH_NORM_H_
#define KINGLET_LOADERS_ONNX_BATCH_NORM_H_

#include "loaders/onnx/translator.h"

namespace kinglet {

// Vectors of `channels` elements, borrowed.
struct OnnxBatchNorm {
  int64_t channels = 0;
  double epsilon = 0;
  const float* scale = nullptr;
  const float* bias = nullptr;
  const float* mean = nullptr;
  const float* variance = nullptr;
};

// Changes weights and bias of the emitted conv2d or gemm that makes value x. False, and nothing
// changed, when x comes from elsewhere, is read elsewhere, or the weights are not constant.
bool FoldBatchNorm(const OnnxBatchNorm& norm, int32_t x, OnnxTranslator* translator);

}  // namespace kinglet

#endif  // KINGLET_LOADERS_ONNX_BATCH_NORM_H_
