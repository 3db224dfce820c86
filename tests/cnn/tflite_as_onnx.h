// A TFLite network written as ONNX, as converters do it: images [N, C, H, W], with a Transpose
// behind inputs and before outputs, which keep the file's order; f32 operators as they are,
// convolutions of codes as QLinearConv, other operators of codes between DequantizeLinear and
// QuantizeLinear.
#ifndef KINGLET_TESTS_CNN_TFLITE_AS_ONNX_H_
#define KINGLET_TESTS_CNN_TFLITE_AS_ONNX_H_

#include <string>

#include "loaders/tflite/schema_generated.h"

namespace kinglet {

// The bytes of the file. CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, ADD, AVERAGE_POOL_2D,
// RESHAPE, SQUEEZE, SOFTMAX; others fail the test.
std::string TfliteAsOnnx(const tflite::ModelT& model);

}  // namespace kinglet

#endif  // KINGLET_TESTS_CNN_TFLITE_AS_ONNX_H_
