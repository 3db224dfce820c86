#include "tools/quantize/graph.h"

#if defined(ONNX_ML)

#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include "absl/strings/str_cat.h"

namespace kinglet::tools {
namespace {

constexpr int64_t kOpset = 12;  // the first with MaxPool of i8

bool IsDefaultDomain(const std::string& domain) { return domain.empty() || domain == "ai.onnx"; }

// Operators that mean the same from operator set 7 to 12, Clip with its attributes aside.
bool MeansTheSame(const std::string& op) {
  static const std::set<std::string> kOps = {"Add",           "AveragePool", "BatchNormalization",
                                             "Clip",          "Concat",      "Constant",
                                             "Conv",          "Div",         "Dropout",
                                             "Elu",           "Erf",         "Exp",
                                             "Flatten",       "Gemm",        "GlobalAveragePool",
                                             "GlobalMaxPool", "HardSigmoid", "Identity",
                                             "LeakyRelu",     "MatMul",      "MaxPool",
                                             "Mul",           "Pow",         "PRelu",
                                             "ReduceMax",     "ReduceMean",  "ReduceSum",
                                             "Relu",          "Reshape",     "Shape",
                                             "Sigmoid",       "Softmax",     "Sqrt",
                                             "Squeeze",       "Sub",         "Tanh",
                                             "Transpose",     "Unsqueeze"};
  return kOps.count(op) > 0;
}

void SetFloats(const std::vector<float>& values, onnx::TensorProto* tensor) {
  tensor->clear_float_data();
  tensor->set_raw_data(values.data(), values.size() * sizeof(float));
}

// Clip had its limits as attributes before operator set 11.
void GiveClipInputs(onnx::GraphProto* graph) {
  for (onnx::NodeProto& node : *graph->mutable_node()) {
    if (node.op_type() != "Clip" || node.input_size() != 1) continue;
    const double limits[2] = {FloatOf(node, "min", std::numeric_limits<float>::lowest()),
                              FloatOf(node, "max", std::numeric_limits<float>::max())};
    for (int i = 0; i < 2; ++i) {
      onnx::TensorProto* limit = graph->add_initializer();
      limit->set_name(absl::StrCat(node.output(0), "/limit_", i));
      limit->set_data_type(onnx::TensorProto::FLOAT);
      SetFloats({static_cast<float>(limits[i])}, limit);
      node.add_input(limit->name());
    }
    node.clear_attribute();
  }
}

Failure RaiseOpset(const std::string& path, onnx::ModelProto* model) {
  const int64_t opset = OpsetOf(*model);
  if (opset >= kOpset) return Success();
  if (opset < 7) {
    return {kExitBadData, absl::StrCat(path, ": expected operator set 7 or newer, found ", opset)};
  }
  for (const onnx::NodeProto& node : model->graph().node()) {
    if (MeansTheSame(node.op_type())) continue;
    return {kExitBadData,
            absl::StrCat(path, ": node ", node.name(), ": ", node.op_type(), " of operator set ",
                         opset, " may mean something else in set ", kOpset,
                         ", which 8-bit operators need; convert the network to it first")};
  }
  GiveClipInputs(model->mutable_graph());
  for (onnx::OperatorSetIdProto& import : *model->mutable_opset_import()) {
    if (IsDefaultDomain(import.domain())) import.set_version(kOpset);
  }
  // From IR version 4 on, initialisers need not be inputs.
  if (model->ir_version() < 7) model->set_ir_version(7);
  return Success();
}

// Constant nodes with a tensor become initialisers.
void GatherConstants(onnx::GraphProto* graph) {
  onnx::GraphProto rest;
  for (const onnx::NodeProto& node : graph->node()) {
    const onnx::AttributeProto* value = FindAttribute(node, "value");
    if (node.op_type() == "Constant" && value != nullptr && value->has_t() &&
        node.output_size() == 1) {
      onnx::TensorProto* tensor = graph->add_initializer();
      *tensor = value->t();
      tensor->set_name(node.output(0));
    } else {
      *rest.add_node() = node;
    }
  }
  graph->mutable_node()->Swap(rest.mutable_node());
  // What has a value is no input.
  std::set<std::string> constants;
  for (const onnx::TensorProto& tensor : graph->initializer()) constants.insert(tensor.name());
  for (const onnx::ValueInfoProto& input : graph->input()) {
    if (constants.count(input.name()) == 0) *rest.add_input() = input;
  }
  graph->mutable_input()->Swap(rest.mutable_input());
}

// gamma (x - mean) / sqrt(variance + epsilon) + beta of the convolution's output channels.
Failure FoldInto(const GraphIndex& index, const onnx::NodeProto& norm, onnx::NodeProto* conv,
                 onnx::GraphProto* graph, bool* folded) {
  std::vector<float> parameters[4];
  for (int i = 0; i < 4; ++i) {
    const onnx::TensorProto* tensor =
        norm.input_size() == 5 ? index.Constant(norm.input(1 + i)) : nullptr;
    if (tensor == nullptr) return Success();
    const Failure failure = FloatsOf(*tensor, &parameters[i]);
    if (!failure.ok()) return failure;
  }
  const onnx::TensorProto* w = index.Constant(conv->input(1));
  if (w == nullptr || w->dims_size() < 1 || index.Uses(w->name()) != 1) return Success();
  std::vector<float> weights, bias;
  Failure failure = FloatsOf(*w, &weights);
  if (!failure.ok()) return failure;
  const size_t channels = static_cast<size_t>(w->dims(0));
  if (conv->input_size() > 2 && !conv->input(2).empty()) {
    const onnx::TensorProto* b = index.Constant(conv->input(2));
    if (b == nullptr) return Success();
    failure = FloatsOf(*b, &bias);
    if (!failure.ok()) return failure;
  }
  bias.resize(channels, 0.0f);
  for (const std::vector<float>& values : parameters) {
    if (values.size() != channels || channels == 0) return Success();
  }
  const double epsilon = FloatOf(norm, "epsilon", 1e-5);
  const size_t size = weights.size() / channels;
  for (size_t m = 0; m < channels; ++m) {
    const double factor = static_cast<double>(parameters[0][m]) /
                          std::sqrt(static_cast<double>(parameters[3][m]) + epsilon);
    for (size_t i = 0; i < size; ++i) {
      float& weight = weights[m * size + i];
      weight = static_cast<float>(static_cast<double>(weight) * factor);
    }
    bias[m] = static_cast<float>(
        (static_cast<double>(bias[m]) - static_cast<double>(parameters[2][m])) * factor +
        static_cast<double>(parameters[1][m]));
  }
  for (onnx::TensorProto& tensor : *graph->mutable_initializer()) {
    if (tensor.name() == conv->input(1)) SetFloats(weights, &tensor);
  }
  onnx::TensorProto* tensor = graph->add_initializer();
  tensor->set_name(absl::StrCat(norm.output(0), "/bias"));
  tensor->set_data_type(onnx::TensorProto::FLOAT);
  tensor->add_dims(static_cast<int64_t>(channels));
  SetFloats(bias, tensor);
  while (conv->input_size() < 3) conv->add_input();
  conv->set_input(2, tensor->name());
  conv->set_output(0, norm.output(0));
  *folded = true;
  return Success();
}

Failure FoldNormalisations(onnx::GraphProto* graph) {
  std::set<std::string> gone;  // outputs of folded normalisations' inputs
  for (int i = 0; i < graph->node_size(); ++i) {
    if (graph->node(i).op_type() != "Conv" || graph->node(i).output_size() != 1 ||
        graph->node(i).input_size() < 2)
      continue;
    const GraphIndex index(*graph);
    const std::string between = graph->node(i).output(0);
    const onnx::NodeProto* norm = index.SoleReader(between);
    if (norm == nullptr || norm->op_type() != "BatchNormalization" || norm->input(0) != between ||
        norm->output_size() != 1)
      continue;
    bool folded = false;
    const onnx::NodeProto copy = *norm;
    const Failure failure = FoldInto(index, copy, graph->mutable_node(i), graph, &folded);
    if (!failure.ok()) return failure;
    if (folded) gone.insert(between);
  }
  onnx::GraphProto rest;
  for (const onnx::NodeProto& node : graph->node()) {
    const bool dropped = node.op_type() == "BatchNormalization" && node.input_size() > 0 &&
                         gone.count(node.input(0)) > 0;
    if (!dropped) *rest.add_node() = node;
  }
  graph->mutable_node()->Swap(rest.mutable_node());
  return Success();
}

}  // namespace

const onnx::AttributeProto* FindAttribute(const onnx::NodeProto& node, const std::string& name) {
  for (const onnx::AttributeProto& attribute : node.attribute()) {
    if (attribute.name() == name) return &attribute;
  }
  return nullptr;
}

int64_t IntOf(const onnx::NodeProto& node, const std::string& name, int64_t otherwise) {
  const onnx::AttributeProto* attribute = FindAttribute(node, name);
  return attribute == nullptr ? otherwise : attribute->i();
}

double FloatOf(const onnx::NodeProto& node, const std::string& name, double otherwise) {
  const onnx::AttributeProto* attribute = FindAttribute(node, name);
  return attribute == nullptr ? otherwise : static_cast<double>(attribute->f());
}

int64_t OpsetOf(const onnx::ModelProto& model) {
  for (const onnx::OperatorSetIdProto& import : model.opset_import()) {
    if (IsDefaultDomain(import.domain())) return import.version();
  }
  return 0;
}

Failure FloatsOf(const onnx::TensorProto& tensor, std::vector<float>* values) {
  if (tensor.data_location() == onnx::TensorProto::EXTERNAL) {
    return {kExitBadData, absl::StrCat("tensor ", tensor.name(),
                                       ": its data lie in another file; save the network with its "
                                       "tensors inside")};
  }
  if (tensor.data_type() != onnx::TensorProto::FLOAT) {
    return {kExitBadData, absl::StrCat("tensor ", tensor.name(), ": expected f32, found type ",
                                       tensor.data_type())};
  }
  if (tensor.has_raw_data()) {
    values->resize(tensor.raw_data().size() / sizeof(float));
    std::memcpy(values->data(), tensor.raw_data().data(), values->size() * sizeof(float));
  } else {
    values->assign(tensor.float_data().begin(), tensor.float_data().end());
  }
  double expected = 1.0;
  for (const int64_t size : tensor.dims()) expected *= static_cast<double>(size);
  if (static_cast<double>(values->size()) != expected) {
    return {kExitBadData, absl::StrCat("tensor ", tensor.name(), ": expected ", expected,
                                       " numbers, found ", values->size())};
  }
  return Success();
}

Failure Simplify(const std::string& path, onnx::ModelProto* model) {
  const Failure failure = RaiseOpset(path, model);
  if (!failure.ok()) return failure;
  GatherConstants(model->mutable_graph());
  return FoldNormalisations(model->mutable_graph());
}

GraphIndex::GraphIndex(const onnx::GraphProto& graph) {
  for (const onnx::TensorProto& tensor : graph.initializer()) constants_[tensor.name()] = &tensor;
  for (const onnx::NodeProto& node : graph.node()) {
    for (const std::string& input : node.input()) readers_[input].push_back(&node);
  }
  for (const onnx::ValueInfoProto& output : graph.output()) ++outputs_[output.name()];
}

const onnx::TensorProto* GraphIndex::Constant(const std::string& name) const {
  const auto found = constants_.find(name);
  return found == constants_.end() ? nullptr : found->second;
}

int GraphIndex::Uses(const std::string& name) const {
  const auto found = readers_.find(name);
  return (found == readers_.end() ? 0 : static_cast<int>(found->second.size())) +
         (IsOutput(name) ? 1 : 0);
}

bool GraphIndex::IsOutput(const std::string& name) const { return outputs_.count(name) > 0; }

const onnx::NodeProto* GraphIndex::SoleReader(const std::string& name) const {
  const auto found = readers_.find(name);
  return Uses(name) == 1 && found != readers_.end() ? found->second[0] : nullptr;
}

}  // namespace kinglet::tools

#endif  // defined(ONNX_ML)
