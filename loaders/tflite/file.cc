#include "loaders/tflite/file.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/abi/dtype.h"
#include "core/base/checked_math.h"
#include "core/base/status.h"
#include "loaders/common/errors.h"
#include "loaders/common/readable.h"

namespace kinglet {
namespace {

constexpr int kDeepestTable = 16;
constexpr int kMostTables = 1 << 20;
constexpr int64_t kLargestTensorBytes = int64_t{1} << 40;

kl_dtype DtypeOf(tflite::TensorType type) {
  switch (type) {
    case tflite::TensorType_FLOAT32:
      return KL_TYPE_F32;
    case tflite::TensorType_FLOAT16:
      return KL_TYPE_F16;
    case tflite::TensorType_FLOAT64:
      return KL_TYPE_F64;
    case tflite::TensorType_INT64:
      return KL_TYPE_I64;
    case tflite::TensorType_INT32:
      return KL_TYPE_I32;
    case tflite::TensorType_INT16:
      return KL_TYPE_I16;
    case tflite::TensorType_INT8:
      return KL_TYPE_I8;
    case tflite::TensorType_UINT8:
      return KL_TYPE_U8;
    case tflite::TensorType_BOOL:
      return KL_TYPE_BOOL;
    default:
      return KL_TYPE_NONE;
  }
}

absl::Status ReadShape(const tflite::Tensor& tensor, absl::string_view path,
                       absl::string_view where, std::vector<int64_t>* shape) {
  int64_t bytes = 1;
  for (uint32_t d = 0; tensor.shape() != nullptr && d < tensor.shape()->size(); ++d) {
    int64_t size = tensor.shape()->Get(d);
    if (size == -1 && d == 0) size = 1;
    if (size < 0 || !CheckedMultiply<int64_t>(bytes, std::max<int64_t>(size, 1), &bytes) ||
        bytes > kLargestTensorBytes) {
      return Corrupt(path, where, "dimensions of 0 or more, at most 2^40 elements in all",
                     absl::StrCat("dimension ", d, " of ", size));
    }
    shape->push_back(size);
  }
  if (shape->size() > KL_MAX_RANK)
    return Corrupt(path, where, absl::StrCat("at most ", KL_MAX_RANK, " dimensions"),
                   absl::StrCat(shape->size()));
  return absl::OkStatus();
}

absl::Status ReadQuantisation(const tflite::Tensor& tensor, absl::string_view path,
                              absl::string_view where, TfliteTensor* to) {
  const tflite::Quantization* from = tensor.quantization();
  if (from == nullptr || from->scale() == nullptr || from->scale()->size() == 0)
    return absl::OkStatus();
  to->scales.assign(from->scale()->begin(), from->scale()->end());
  if (const auto* zeros = from->zero_point(); zeros != nullptr) {
    // Copied as bytes: a verified vector of 8-byte numbers may still begin at any 4 bytes.
    to->zero_points.resize(zeros->size());
    if (zeros->size() > 0)
      std::memcpy(to->zero_points.data(), zeros->Data(), zeros->size() * sizeof(int64_t));
  }
  to->zero_points.resize(to->scales.size(), 0);
  to->axis = from->quantized_dimension();
  const int64_t rank = static_cast<int64_t>(to->shape.size());
  if (to->scales.size() > 1 &&
      (to->axis < 0 || to->axis >= rank ||
       to->shape[static_cast<size_t>(to->axis)] != static_cast<int64_t>(to->scales.size()))) {
    return Corrupt(path, where, "a scale for each index of the quantised dimension",
                   absl::StrCat(to->scales.size(), " scales, dimension ", to->axis));
  }
  for (const float scale : to->scales) {
    if (!(scale > 0.0f && scale < std::numeric_limits<float>::infinity()))
      return Corrupt(path, where, "scales above 0", absl::StrCat(scale));
  }
  const int64_t low = to->type == KL_TYPE_U8 ? 0 : to->type == KL_TYPE_I8 ? -128 : INT32_MIN;
  const int64_t high = to->type == KL_TYPE_U8 ? 255 : to->type == KL_TYPE_I8 ? 127 : INT32_MAX;
  for (const int64_t zero : to->zero_points) {
    if (zero < low || zero > high)
      return Corrupt(path, where, absl::StrCat("zero points from ", low, " to ", high),
                     absl::StrCat(zero));
  }
  return absl::OkStatus();
}

absl::StatusOr<TfliteTensor> ReadTensor(const tflite::Tensor& tensor, const tflite::Model& model,
                                        size_t index, absl::string_view path) {
  TfliteTensor to;
  to.name = tensor.name() == nullptr ? absl::StrCat("#", index) : tensor.name()->str();
  const std::string where = absl::StrCat("tensor ", index, " ", Quoted(to.name));
  to.type = DtypeOf(tensor.type());
  if (to.type == KL_TYPE_NONE) {
    return absl::UnimplementedError(absl::StrCat(path, ": ", where, ": TFLite element type ",
                                                 tensor.type(), " is not supported"));
  }
  KL_RETURN_IF_ERROR(ReadShape(tensor, path, where, &to.shape));
  KL_RETURN_IF_ERROR(ReadQuantisation(tensor, path, where, &to));
  const auto* buffers = model.buffers();
  if (buffers == nullptr || tensor.buffer() >= buffers->size())
    return Corrupt(path, where, "a buffer that exists", absl::StrCat(tensor.buffer()));
  const tflite::Buffer* buffer = buffers->Get(tensor.buffer());
  // Buffer 0 is empty by convention; an empty one marks a tensor that is computed.
  if (buffer->data() == nullptr || buffer->data()->size() == 0) return to;
  uint64_t count = 1;
  for (const int64_t size : to.shape) count *= static_cast<uint64_t>(size);
  to.bytes = kl_row_bytes(to.type, count);
  if (buffer->data()->size() != to.bytes)
    return Corrupt(path, where,
                   absl::StrCat(to.bytes, " bytes for shape [", absl::StrJoin(to.shape, ", "), "]"),
                   absl::StrCat(buffer->data()->size()));
  to.data = buffer->data()->data();
  return to;
}

absl::Status ReadIndices(const flatbuffers::Vector<int32_t>* from, size_t tensor_count,
                         int32_t lowest, absl::string_view path, absl::string_view where,
                         std::vector<int32_t>* to) {
  if (from == nullptr) return absl::OkStatus();
  to->assign(from->begin(), from->end());
  for (const int32_t index : *to) {
    if (index < lowest || (index >= 0 && static_cast<size_t>(index) >= tensor_count))
      return Corrupt(path, where, absl::StrCat("tensors from 0 to ", tensor_count - 1),
                     absl::StrCat(index));
  }
  return absl::OkStatus();
}

absl::Status ReadOperators(const tflite::Model& model, const tflite::SubGraph& graph,
                           TfliteFile* file) {
  const auto* codes = model.operator_codes();
  // Which tensors exist by now: constants, inputs, what earlier operators made.
  std::vector<bool> known(file->tensors.size());
  for (size_t i = 0; i < known.size(); ++i) known[i] = file->tensors[i].data != nullptr;
  for (const int32_t input : file->inputs) {
    if (known[static_cast<size_t>(input)])
      return Corrupt(file->path, "the graph's inputs", "each once, and no constant",
                     absl::StrCat("tensor ", input));
    known[static_cast<size_t>(input)] = true;
  }
  for (uint32_t i = 0; graph.operators() != nullptr && i < graph.operators()->size(); ++i) {
    const tflite::Operator* from = graph.operators()->Get(i);
    TfliteOperator to;
    to.proto = from;
    to.name = absl::StrCat("#", i);
    if (codes == nullptr || from->opcode_index() >= codes->size())
      return Corrupt(file->path, absl::StrCat("operator ", to.name), "an operator code that exists",
                     absl::StrCat(from->opcode_index()));
    const tflite::OperatorCode* code = codes->Get(from->opcode_index());
    // The byte is all that old files have; new ones have the larger of both.
    to.code = std::max<int32_t>(code->deprecated_builtin_code(), code->builtin_code());
    if (code->custom_code() != nullptr) to.custom = code->custom_code()->str();
    absl::StrAppend(&to.name, " ", TfliteOperatorName(to.code));
    const std::string where = absl::StrCat("operator ", to.name);
    const size_t count = file->tensors.size();
    KL_RETURN_IF_ERROR(ReadIndices(from->inputs(), count, -1, file->path, where, &to.inputs));
    KL_RETURN_IF_ERROR(ReadIndices(from->outputs(), count, 0, file->path, where, &to.outputs));
    for (const int32_t input : to.inputs) {
      if (input >= 0 && !known[static_cast<size_t>(input)])
        return Corrupt(file->path, where, "inputs that earlier operators make",
                       absl::StrCat("tensor ", input, " ",
                                    Quoted(file->tensors[static_cast<size_t>(input)].name)));
    }
    for (const int32_t output : to.outputs) {
      if (known[static_cast<size_t>(output)])
        return Corrupt(file->path, where, "outputs of its own",
                       absl::StrCat("tensor ", output, ", which exists already"));
      known[static_cast<size_t>(output)] = true;
    }
    file->operators.push_back(std::move(to));
  }
  for (const int32_t output : file->outputs) {
    if (!known[static_cast<size_t>(output)])
      return Corrupt(file->path, "the graph's outputs", "tensors that an operator makes",
                     absl::StrCat("tensor ", output));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TfliteFile> ReadTflite(const MappedFile& mapped) {
  TfliteFile file;
  file.path = mapped.path();
  if (mapped.size() > FLATBUFFERS_MAX_BUFFER_SIZE)
    return Corrupt(file.path, 0, "at most 2^31 - 1 bytes, as FlatBuffers are defined",
                   absl::StrCat(mapped.size(), " bytes"));
  KL_RETURN_IF_ERROR(CheckReadable(mapped, 0, mapped.size()));
  flatbuffers::Verifier verifier(mapped.data(), mapped.size(), kDeepestTable, kMostTables);
  if (mapped.size() < 8 || !tflite::ModelBufferHasIdentifier(mapped.data()) ||
      !tflite::VerifyModelBuffer(verifier)) {
    return Corrupt(file.path, 0, "a TFLite model as a FlatBuffer (TFL3) of this many bytes",
                   "offsets that lead elsewhere; is the file complete?");
  }
  const tflite::Model& model = *tflite::GetModel(mapped.data());
  if (model.version() != 3)
    return absl::UnimplementedError(
        absl::StrCat(file.path, ": TFLite schema version ", model.version(), " is not supported"));
  if (model.description() != nullptr) file.description = model.description()->str();
  if (model.subgraphs() == nullptr || model.subgraphs()->size() == 0)
    return Corrupt(file.path, "the model", "a graph", "none");
  if (model.subgraphs()->size() > 1)
    return absl::UnimplementedError(absl::StrCat(file.path, ": ", model.subgraphs()->size(),
                                                 " subgraphs (control flow) are not supported"));
  const tflite::SubGraph& graph = *model.subgraphs()->Get(0);
  for (uint32_t i = 0; graph.tensors() != nullptr && i < graph.tensors()->size(); ++i) {
    KL_ASSIGN_OR_RETURN(TfliteTensor tensor,
                        ReadTensor(*graph.tensors()->Get(i), model, i, file.path));
    file.tensors.push_back(std::move(tensor));
  }
  const size_t count = file.tensors.size();
  KL_RETURN_IF_ERROR(ReadIndices(graph.inputs(), count, 0, file.path, "the inputs", &file.inputs));
  KL_RETURN_IF_ERROR(
      ReadIndices(graph.outputs(), count, 0, file.path, "the outputs", &file.outputs));
  if (file.outputs.empty()) return Corrupt(file.path, "the graph", "an output", "none");
  KL_RETURN_IF_ERROR(ReadOperators(model, graph, &file));
  return file;
}

}  // namespace kinglet
