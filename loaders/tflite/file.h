// A TFLite file whose structure was verified: every offset of the FlatBuffer lies inside, every
// index of a tensor, buffer or operator code exists, sizes fit shapes.
#ifndef KINGLET_LOADERS_TFLITE_FILE_H_
#define KINGLET_LOADERS_TFLITE_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/abi/types.h"
#include "core/base/mapped_file.h"
#include "loaders/tflite/schema_generated.h"

namespace kinglet {

struct TfliteTensor {
  std::string name;
  kl_dtype type = KL_TYPE_F32;
  std::vector<int64_t> shape;     // in the file's order; a free batch dimension is 1
  const uint8_t* data = nullptr;  // in the file; null: not constant
  uint64_t bytes = 0;
  std::vector<float> scales;  // empty: not quantised; one, or one for each index of axis
  std::vector<int64_t> zero_points;
  int32_t axis = 0;

  bool quantised() const {
    return !scales.empty() && (type == KL_TYPE_I8 || type == KL_TYPE_U8 || type == KL_TYPE_I32);
  }
};

struct TfliteOperator {
  int32_t code = 0;  // of the format's list of built-in operators
  std::string custom;
  std::string name;             // for messages: "#3 CONV_2D"
  std::vector<int32_t> inputs;  // indices of tensors; -1: absent
  std::vector<int32_t> outputs;
  const tflite::Operator* proto = nullptr;  // for its options
};

// Borrows the mapping.
struct TfliteFile {
  std::string path;
  std::string description;
  std::vector<TfliteTensor> tensors;
  std::vector<TfliteOperator> operators;  // in an order in which they can run
  std::vector<int32_t> inputs;
  std::vector<int32_t> outputs;
};

// Errors: DataLoss for a structure that does not hold, Unimplemented for element types and several
// subgraphs that are not read; each names the file and the tensor or operator.
absl::StatusOr<TfliteFile> ReadTflite(const MappedFile& file);

// "CONV_2D", or the number where the name is not known.
std::string TfliteOperatorName(int32_t code);

}  // namespace kinglet

#endif  // KINGLET_LOADERS_TFLITE_FILE_H_
