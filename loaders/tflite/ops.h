// The translations of single operators.
#ifndef KINGLET_LOADERS_TFLITE_OPS_H_
#define KINGLET_LOADERS_TFLITE_OPS_H_

#include "loaders/tflite/translator.h"

namespace kinglet {

#define KL_TFLITE_TRANSLATION(Name) \
  absl::Status TranslateTflite##Name(const TfliteOperator& op, TfliteTranslator* translator)

// ops_window.cc
KL_TFLITE_TRANSLATION(Conv);
KL_TFLITE_TRANSLATION(Pool);
KL_TFLITE_TRANSLATION(FullyConnected);
KL_TFLITE_TRANSLATION(Resize);
// ops_elementwise.cc
KL_TFLITE_TRANSLATION(Binary);
KL_TFLITE_TRANSLATION(Unary);
KL_TFLITE_TRANSLATION(Softmax);
KL_TFLITE_TRANSLATION(Quantize);
// ops_shape.cc
KL_TFLITE_TRANSLATION(Reshape);
KL_TFLITE_TRANSLATION(Transpose);
KL_TFLITE_TRANSLATION(Pad);
KL_TFLITE_TRANSLATION(Concatenation);
KL_TFLITE_TRANSLATION(Reduce);

}  // namespace kinglet

#endif  // KINGLET_LOADERS_TFLITE_OPS_H_
