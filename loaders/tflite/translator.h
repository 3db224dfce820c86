// From a TFLite graph to Kinglet's operators: the state that the translations of single operators
// share.
//
// TFLite's images are [N, H, W, C], Kinglet's [N, C, H, W]. A tensor of rank 4 therefore has up to
// two values in the graph, one in each order: an operator asks for the order it wants, and a
// transposition is emitted the first time that it is not there (a view where one of the two is a
// single pixel or channel). Elementwise operators work in whichever order their operands have.
// Thread safety: one thread.
#ifndef KINGLET_LOADERS_TFLITE_TRANSLATOR_H_
#define KINGLET_LOADERS_TFLITE_TRANSLATOR_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/model/model_source.h"
#include "loaders/tflite/file.h"

namespace kinglet {

enum class TfliteOrder { kFile, kImage };  // as the file has it; [N, C, H, W] (rank 4 only)

class TfliteTranslator {
 public:
  TfliteTranslator(const TfliteFile& file, ModelSource* source);

  absl::Status Translate();

  const TfliteFile& file() const { return file_; }
  const TfliteTensor& tensor(int32_t index) const {
    return file_.tensors[static_cast<size_t>(index)];
  }

  // Tensor `position` of the operator's inputs; an error when it is absent.
  absl::StatusOr<int32_t> Input(const TfliteOperator& op, size_t position) const;
  // -1 when there is none.
  static int32_t OptionalInput(const TfliteOperator& op, size_t position) {
    return position < op.inputs.size() ? op.inputs[position] : -1;
  }

  // The graph value of a tensor in this order.
  absl::StatusOr<int32_t> Value(int32_t tensor, TfliteOrder order);
  bool HasImageOrder(int32_t tensor) const {
    return values_[static_cast<size_t>(tensor)].image >= 0;
  }
  // The same as f32: dequantised, or widened from f16.
  absl::StatusOr<int32_t> FloatValue(int32_t tensor, TfliteOrder order);
  std::vector<int64_t> Shape(int32_t tensor, TfliteOrder order) const;
  // 8-bit codes with one scale.
  bool IsCodes(int32_t tensor) const;
  // Both are, and equal codes mean equal numbers.
  bool SameCodes(int32_t a, int32_t b) const;
  // Whole numbers of a constant tensor of i32 or i64.
  absl::StatusOr<std::vector<int64_t>> ConstantInts(const TfliteOperator& op, int32_t tensor) const;

  // A value that the emitted node makes; `operands` gets it at its end.
  int32_t Emit(absl::string_view op, const std::string& name,
               std::vector<GraphAttribute> attributes, std::vector<int32_t> operands, kl_dtype type,
               std::vector<int64_t> shape);
  // What the tensor is from now on, in this order. Its shape must be the tensor's.
  absl::Status Define(const TfliteOperator& op, int32_t tensor, TfliteOrder order, int32_t value);
  // The same for an f32 value: quantised if the tensor is, after the clamp of `activation`.
  absl::Status DefineFloat(const TfliteOperator& op, int32_t tensor, TfliteOrder order,
                           int32_t value, tflite::Activation activation = tflite::Activation_NONE);

  int32_t Constant(const std::string& name, kl_dtype type, std::vector<int64_t> shape,
                   std::vector<uint8_t> bytes);
  int32_t FloatConstant(const std::string& name, const std::vector<float>& values,
                        std::vector<int64_t> shape);
  // Scale(s) and zero point(s) of a quantised tensor, as constants.
  std::pair<int32_t, int32_t> Quantisation(int32_t tensor);

  absl::Status Broken(const TfliteOperator& op, absl::string_view expected,
                      absl::string_view found) const;
  absl::Status Unsupported(const TfliteOperator& op, absl::string_view what) const;

 private:
  struct Values {
    int32_t file = -1;
    int32_t image = -1;
  };
  int32_t AddValue(const std::string& name, kl_dtype type, std::vector<int64_t> shape);

  const TfliteFile& file_;
  ModelSource* const source_;
  Graph graph_;
  std::vector<Values> values_;  // by tensor
};

using TfliteTranslation = absl::Status (*)(const TfliteOperator& op, TfliteTranslator* translator);
// NULL when it is not supported.
TfliteTranslation FindTfliteTranslation(int32_t code);
std::string TfliteTranslationNames();

// Permutes a constant of `element_bytes` an element: to.shape[d] = shape[permutation[d]].
std::vector<uint8_t> PermuteConstant(const uint8_t* data, const std::vector<int64_t>& shape,
                                     const std::vector<int64_t>& permutation,
                                     uint32_t element_bytes);

// Appends "minimum" and "maximum": the codes of `y` that the activation keeps it within.
void AppendTfliteClamp(const TfliteTensor& y, tflite::Activation activation,
                       std::vector<GraphAttribute>* attributes);

// min and max that an activation keeps values within; infinite where it does not.
std::pair<double, double> TfliteClamp(tflite::Activation activation);

}  // namespace kinglet

#endif  // KINGLET_LOADERS_TFLITE_TRANSLATOR_H_
