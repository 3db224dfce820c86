// Constant tensors of an ONNX file: initialisers, Constant nodes, results of folding.
#ifndef KINGLET_LOADERS_ONNX_CONSTANT_H_
#define KINGLET_LOADERS_ONNX_CONSTANT_H_

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/abi/types.h"

namespace kinglet {

struct OnnxConstant {
  kl_dtype type = KL_TYPE_F32;
  std::vector<int64_t> shape;
  std::vector<uint8_t> bytes;  // dense, native byte order

  const float* floats() const { return reinterpret_cast<const float*>(bytes.data()); }
  float* floats() { return reinterpret_cast<float*>(bytes.data()); }
};

// The kl_dtype of an ONNX element type; KL_TYPE_NONE when Kinglet has none.
kl_dtype DtypeOfOnnx(int onnx_type);

// Elements of a shape. False when a dimension is negative, or the tensor would exceed 2^40 bytes
// (which nothing here can use, and which keeps later products from overflowing).
bool OnnxElementCount(const std::vector<int64_t>& shape, kl_dtype type, int64_t* count);

// "[1, 3, 224, 224]", for messages.
std::string ShapeText(const std::vector<int64_t>& shape);

// A constant of whole numbers.
OnnxConstant IntConstant(const std::vector<int64_t>& values, const std::vector<int64_t>& shape);

// Whole numbers out of an i64 or i32 constant; false for another type.
bool ReadInts(const OnnxConstant& constant, std::vector<int64_t>* values);

// Reads a TensorProto with its data inside, or in a file beside the model (`path`), which must not
// leave the model's folder. Errors name the tensor, what was expected and what was found.
absl::StatusOr<OnnxConstant> ReadOnnxTensor(const onnx::TensorProto& tensor,
                                            absl::string_view path);

}  // namespace kinglet

#endif  // KINGLET_LOADERS_ONNX_CONSTANT_H_
