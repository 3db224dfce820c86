#include "tools/quantize/rewrite.h"

#if defined(ONNX_ML)

#include <algorithm>
#include <cmath>
#include <set>

#include "absl/strings/str_cat.h"
#include "tools/quantize/graph.h"

namespace kinglet::tools {
namespace {

bool OneOf(const std::string& op, const std::set<std::string>& ops) { return ops.count(op) > 0; }

bool IsF32(const onnx::TensorProto* tensor, int rank) {
  if (tensor == nullptr || tensor->data_type() != onnx::TensorProto::FLOAT ||
      tensor->dims_size() != rank)
    return false;
  return std::all_of(tensor->dims().begin(), tensor->dims().end(),
                     [](int64_t size) { return size > 0; });
}

bool HasInput(const onnx::NodeProto& node, int index) {
  return index < node.input_size() && !node.input(index).empty();
}

// A constant that is one number for each of `columns` outputs, or there is none.
bool IsBias(const GraphIndex& index, const onnx::NodeProto& node, int input, int64_t columns) {
  if (!HasInput(node, input)) return true;
  const onnx::TensorProto* bias = index.Constant(node.input(input));
  if (bias == nullptr || bias->data_type() != onnx::TensorProto::FLOAT || bias->dims_size() < 1)
    return false;
  int64_t count = 1;
  for (const int64_t size : bias->dims()) count *= size;
  return count == columns && bias->dims(bias->dims_size() - 1) == columns;
}

bool IsLayer(const GraphIndex& index, const onnx::NodeProto& node) {
  if (node.input_size() < 2 || node.output_size() != 1 || index.Constant(node.input(0)) != nullptr)
    return false;
  const onnx::TensorProto* w = index.Constant(node.input(1));
  if (node.op_type() == "Conv") return IsF32(w, 4) && IsBias(index, node, 2, w->dims(0));
  if (node.op_type() == "Gemm") {
    return IsF32(w, 2) && IntOf(node, "transA", 0) == 0 &&
           IsBias(index, node, 2, w->dims(IntOf(node, "transB", 0) != 0 ? 0 : 1));
  }
  return node.op_type() == "MatMul" && IsF32(w, 2);
}

// Whether the range of its codes does the work of Relu or Clip: constant limits around 0.
bool IsClamp(const GraphIndex& index, const onnx::NodeProto& node) {
  if (node.op_type() == "Relu") return true;
  if (node.op_type() != "Clip") return false;
  for (int i = 1; i < node.input_size() && i < 3; ++i) {
    if (!HasInput(node, i)) continue;
    const onnx::TensorProto* limit = index.Constant(node.input(i));
    std::vector<float> values;
    if (limit == nullptr || !FloatsOf(*limit, &values).ok() || values.size() != 1) return false;
    if (i == 1 ? !(values[0] <= 0.0f) : !(values[0] >= 0.0f)) return false;
  }
  return true;
}

}  // namespace

std::vector<Treatment> PlanTreatments(const onnx::GraphProto& graph) {
  const GraphIndex index(graph);
  std::vector<Treatment> treatments;
  std::set<std::string> codes;  // values that have codes
  std::set<const onnx::NodeProto*> absorbed;
  for (const onnx::NodeProto& node : graph.node()) {
    Treatment treatment = Treatment::kFloat;
    const std::string first = node.input_size() > 0 ? node.input(0) : "";
    if (absorbed.count(&node) > 0) {
      treatment = Treatment::kAbsorbed;
    } else if (IsLayer(index, node)) {
      treatment = Treatment::kLayer;
    } else if (node.output_size() == 1 &&
               OneOf(node.op_type(),
                     {"Add", "Sub", "Mul", "AveragePool", "GlobalAveragePool", "Concat"}) &&
               std::any_of(node.input().begin(), node.input().end(),
                           [&](const std::string& input) { return codes.count(input) > 0; })) {
      treatment = Treatment::kAround;
    } else if (node.output_size() == 1 && codes.count(first) > 0 &&
               OneOf(node.op_type(),
                     {"MaxPool", "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze"})) {
      treatment = Treatment::kCodes;
    }
    if (treatment == Treatment::kLayer || treatment == Treatment::kAround) {
      const onnx::NodeProto* next = index.SoleReader(node.output(0));
      if (next != nullptr && next->input(0) == node.output(0) && IsClamp(index, *next))
        absorbed.insert(next);
    }
    if (treatment != Treatment::kFloat) codes.insert(node.output(0));
    treatments.push_back(treatment);
  }
  return treatments;
}

namespace {

// What node `i` writes, the clamp behind it included.
std::string ResultOf(const onnx::GraphProto& graph, const std::vector<Treatment>& treatments,
                     size_t i) {
  const std::string& own = graph.node(static_cast<int>(i)).output(0);
  for (size_t next = i + 1; next < treatments.size(); ++next) {
    const onnx::NodeProto& node = graph.node(static_cast<int>(next));
    if (treatments[next] == Treatment::kAbsorbed && node.input(0) == own) return node.output(0);
  }
  return own;
}

}  // namespace

std::vector<std::string> ValuesToCalibrate(const onnx::GraphProto& graph,
                                           const std::vector<Treatment>& treatments) {
  const GraphIndex index(graph);
  std::vector<std::string> values;
  std::set<std::string> known;
  const auto add = [&](const std::string& name) {
    if (!name.empty() && index.Constant(name) == nullptr && known.insert(name).second)
      values.push_back(name);
  };
  for (size_t i = 0; i < treatments.size(); ++i) {
    const onnx::NodeProto& node = graph.node(static_cast<int>(i));
    if (treatments[i] == Treatment::kLayer) add(node.input(0));
    if (treatments[i] == Treatment::kAround) {
      for (const std::string& input : node.input()) add(input);
    }
    if (treatments[i] == Treatment::kLayer || treatments[i] == Treatment::kAround)
      add(ResultOf(graph, treatments, i));
  }
  return values;
}

namespace {

// Writes the quantised graph, node by node.
class Writer {
 public:
  Writer(const onnx::GraphProto& from, const std::vector<Treatment>& treatments,
         const std::map<std::string, CodeScale>& scales, std::vector<QuantisedValue>* values)
      : from_(from), treatments_(treatments), scales_(scales), values_(values), index_(from) {
    for (const onnx::TensorProto& tensor : from.initializer()) names_.insert(tensor.name());
    for (const onnx::ValueInfoProto& input : from.input()) floats_.insert(input.name());
    for (const onnx::NodeProto& node : from.node()) {
      for (const std::string& output : node.output()) names_.insert(output);
    }
    names_.insert(floats_.begin(), floats_.end());
  }

  Failure Write(onnx::GraphProto* to) {
    for (size_t i = 0; i < treatments_.size(); ++i) {
      const onnx::NodeProto& node = from_.node(static_cast<int>(i));
      Failure failure;
      switch (treatments_[i]) {
        case Treatment::kLayer:
          failure = WriteLayer(node, ResultOf(from_, treatments_, i));
          break;
        case Treatment::kAround:
          WriteAround(node, ResultOf(from_, treatments_, i));
          break;
        case Treatment::kCodes:
          WriteCodes(node);
          break;
        case Treatment::kFloat:
          WriteFloat(node);
          break;
        case Treatment::kAbsorbed:
          break;
      }
      if (!failure.ok()) return failure;
    }
    for (const onnx::ValueInfoProto& output : from_.output()) FloatName(output.name());
    KeepUsedConstants();
    to->mutable_node()->Swap(to_.mutable_node());
    to->mutable_initializer()->Swap(to_.mutable_initializer());
    to->clear_value_info();
    return Success();
  }

 private:
  std::string Unique(const std::string& wanted) {
    std::string name = wanted;
    for (int i = 2; !names_.insert(name).second; ++i) name = absl::StrCat(wanted, "_", i);
    return name;
  }

  onnx::TensorProto* AddTensor(const std::string& name, int32_t type,
                               const std::vector<int64_t>& shape, const void* data, size_t bytes) {
    onnx::TensorProto* tensor = to_.add_initializer();
    tensor->set_name(Unique(name));
    tensor->set_data_type(type);
    for (const int64_t size : shape) tensor->add_dims(size);
    tensor->set_raw_data(data, bytes);
    return tensor;
  }
  std::string AddFloats(const std::string& name, const std::vector<int64_t>& shape,
                        const std::vector<float>& values) {
    return AddTensor(name, onnx::TensorProto::FLOAT, shape, values.data(),
                     values.size() * sizeof(float))
        ->name();
  }
  std::string AddBytes(const std::string& name, const std::vector<int64_t>& shape,
                       const std::vector<int8_t>& values) {
    return AddTensor(name, onnx::TensorProto::INT8, shape, values.data(), values.size())->name();
  }
  std::string AddShape(const std::string& name, const std::vector<int64_t>& values) {
    return AddTensor(name, onnx::TensorProto::INT64, {static_cast<int64_t>(values.size())},
                     values.data(), values.size() * sizeof(int64_t))
        ->name();
  }

  onnx::NodeProto* AddNode(const std::string& op, const std::string& name,
                           const std::vector<std::string>& inputs, const std::string& output) {
    onnx::NodeProto* node = to_.add_node();
    node->set_op_type(op);
    node->set_name(name);
    for (const std::string& input : inputs) node->add_input(input);
    node->add_output(output);
    return node;
  }

  // The names of a scale and its zero point.
  std::pair<std::string, std::string> Scale(const CodeScale& scale, const std::string& name) {
    const auto known = scale_names_.find(name);
    if (known != scale_names_.end()) return known->second;
    return scale_names_[name] = {
               AddFloats(name + "/scale", {}, {scale.scale}),
               AddBytes(name + "/zero_point", {}, {static_cast<int8_t>(scale.zero_point)})};
  }

  struct Coded {
    std::string name;
    CodeScale scale;
    std::string scale_of;  // the value whose scale it has
  };

  void SetCodes(const std::string& value, const Coded& coded, const std::string& op) {
    codes_[value] = coded;
    values_->push_back({value, coded.name, op, coded.scale});
  }

  // The value as codes.
  const Coded& CodesOfValue(const std::string& value) {
    const auto known = codes_.find(value);
    if (known != codes_.end()) return known->second;
    const Coded coded = {Unique(value + "/codes"), scales_.at(value), value};
    const auto [scale, zero] = Scale(coded.scale, value);
    AddNode("QuantizeLinear", coded.name, {value, scale, zero}, coded.name);
    SetCodes(value, coded, "");
    return codes_[value];
  }

  // The value as f32, under its own name.
  std::string FloatName(const std::string& value) {
    const auto known = codes_.find(value);
    if (known == codes_.end() || !floats_.insert(value).second) return value;
    const auto [scale, zero] = Scale(known->second.scale, known->second.scale_of);
    AddNode("DequantizeLinear", value + "/real", {known->second.name, scale, zero}, value);
    return value;
  }

  void WriteFloat(const onnx::NodeProto& node) {
    for (const std::string& input : node.input()) FloatName(input);
    *to_.add_node() = node;
    for (const std::string& output : node.output()) floats_.insert(output);
  }

  // f32 operators between codes: a reader that knows the pattern computes with codes.
  void WriteAround(const onnx::NodeProto& node, const std::string& result) {
    onnx::NodeProto copy = node;
    for (int i = 0; i < node.input_size(); ++i) {
      if (node.input(i).empty() || index_.Constant(node.input(i)) != nullptr) continue;
      const Coded coded = CodesOfValue(node.input(i));
      const auto [scale, zero] = Scale(coded.scale, coded.scale_of);
      const std::string real = Unique(node.output(0) + "/real");
      AddNode("DequantizeLinear", real, {coded.name, scale, zero}, real);
      copy.set_input(i, real);
    }
    const std::string exact = Unique(result + "/exact");
    copy.set_output(0, exact);
    *to_.add_node() = copy;
    Coded coded = {Unique(result + "/codes"), scales_.at(result), result};
    if (node.op_type() == "AveragePool") {
      // Means of codes: readers that know it need no other scale.
      const Coded& from = codes_.at(node.input(0));
      coded.scale = from.scale;
      coded.scale_of = from.scale_of;
    }
    const auto [scale, zero] = Scale(coded.scale, coded.scale_of);
    AddNode("QuantizeLinear", coded.name, {exact, scale, zero}, coded.name);
    SetCodes(result, coded, node.op_type());
  }

  void WriteCodes(const onnx::NodeProto& node) {
    const Coded from = codes_.at(node.input(0));
    onnx::NodeProto copy = node;
    copy.set_input(0, from.name);
    const Coded coded = {Unique(node.output(0) + "/codes"), from.scale, from.scale_of};
    copy.set_output(0, coded.name);
    *to_.add_node() = copy;
    SetCodes(node.output(0), coded, node.op_type());
  }

  // Weights [M, ..] as codes and their scales; bias codes in units of x_scale * w_scale[m].
  struct LayerConstants {
    std::string weights, scales, zeros, bias;
  };

  Failure ReadBias(const onnx::NodeProto& node, double factor, size_t channels,
                   std::vector<float>* bias) {
    bias->assign(channels, 0.0f);
    if (!HasInput(node, 2)) return Success();
    const Failure failure = FloatsOf(*index_.Constant(node.input(2)), bias);
    for (float& value : *bias) value = static_cast<float>(static_cast<double>(value) * factor);
    return failure;
  }

  std::string AddBias(const std::string& name, const std::vector<float>& bias, double x_scale,
                      const std::vector<float>& scales) {
    std::vector<int32_t> codes;
    for (size_t m = 0; m < bias.size(); ++m) {
      const double code = static_cast<double>(bias[m]) / (x_scale * static_cast<double>(scales[m]));
      codes.push_back(static_cast<int32_t>(std::nearbyint(code)));
    }
    return AddTensor(name, onnx::TensorProto::INT32, {static_cast<int64_t>(codes.size())},
                     codes.data(), codes.size() * sizeof(int32_t))
        ->name();
  }

  // A bias that is large beside the weights of its channel needs a coarser scale.
  static void FitBias(const std::vector<float>& bias, double x_scale, std::vector<float>* scales) {
    constexpr double kLargest = 1 << 30;
    for (size_t m = 0; m < bias.size(); ++m) {
      const double least = std::fabs(static_cast<double>(bias[m])) / (x_scale * kLargest);
      (*scales)[m] = std::max((*scales)[m], static_cast<float>(least));
    }
  }

  Failure WriteLayer(const onnx::NodeProto& node, const std::string& result) {
    const bool conv = node.op_type() == "Conv", product = node.op_type() == "MatMul";
    const onnx::TensorProto& w = *index_.Constant(node.input(1));
    std::vector<float> weights;
    Failure failure = FloatsOf(w, &weights);
    if (!failure.ok()) return failure;
    for (const float weight : weights) {
      if (!std::isfinite(weight))
        return {kExitBadData,
                absl::StrCat("tensor ", w.name(), ": expected finite weights, found others")};
    }
    // [M, ..]: outputs first, alpha multiplied in.
    const bool inputs_first = product || (!conv && IntOf(node, "transB", 0) == 0);
    const int64_t outputs = w.dims(inputs_first ? 1 : 0);
    const size_t depth = weights.size() / static_cast<size_t>(outputs);
    if (inputs_first) weights = Transposed(weights, depth, static_cast<size_t>(outputs));
    const double alpha = conv || product ? 1.0 : FloatOf(node, "alpha", 1.0);
    for (float& weight : weights) weight = static_cast<float>(static_cast<double>(weight) * alpha);
    const Coded x = CodesOfValue(node.input(0));
    const double x_scale = static_cast<double>(x.scale.scale);
    std::vector<float> scales, bias;
    QuantizeChannels(weights, outputs, &scales);
    if (!product) {
      failure = ReadBias(node, conv ? 1.0 : FloatOf(node, "beta", 1.0),
                         static_cast<size_t>(outputs), &bias);
      if (!failure.ok()) return failure;
      FitBias(bias, x_scale, &scales);
    }
    std::vector<int8_t> codes = CodesOf(weights, scales);
    const Coded y = {Unique(result + "/codes"), scales_.at(result), result};
    const auto [x_scale_name, x_zero] = Scale(x.scale, x.scale_of);
    const auto [y_scale, y_zero] = Scale(y.scale, result);
    const std::string name = node.name().empty() ? result : node.name();
    const std::string w_scales = AddFloats(w.name() + "/scales", {outputs}, scales);
    const std::string w_zeros = AddBytes(w.name() + "/zero_points", {outputs},
                                         std::vector<int8_t>(static_cast<size_t>(outputs), 0));
    if (product) {
      codes = Transposed(codes, static_cast<size_t>(outputs), depth);
      const std::string w_codes = AddBytes(w.name() + "/codes", {w.dims(0), outputs}, codes);
      AddNode("QLinearMatMul", name,
              {x.name, x_scale_name, x_zero, w_codes, w_scales, w_zeros, y_scale, y_zero}, y.name);
    } else {
      const std::string own_bias = AddBias(result + "/bias_codes", bias, x_scale, scales);
      std::vector<int64_t> shape = {outputs, static_cast<int64_t>(depth), 1, 1};
      if (conv) shape.assign(w.dims().begin(), w.dims().end());
      const std::string w_codes = AddBytes(w.name() + "/codes", shape, codes);
      std::string from = x.name, to = y.name;
      if (!conv) {
        from = Unique(result + "/pixels");
        to = Unique(result + "/pixel_codes");
        AddNode("Reshape", from,
                {x.name, AddShape(from + "/shape", {-1, static_cast<int64_t>(depth), 1, 1})}, from);
      }
      onnx::NodeProto* layer = AddNode(
          "QLinearConv", name,
          {from, x_scale_name, x_zero, w_codes, w_scales, w_zeros, y_scale, y_zero, own_bias}, to);
      if (conv) {
        *layer->mutable_attribute() = node.attribute();
      } else {
        AddNode("Reshape", y.name, {to, AddShape(to + "/shape", {-1, outputs})}, y.name);
      }
    }
    SetCodes(result, y, node.op_type());
    return Success();
  }

  template <typename T>
  static std::vector<T> Transposed(const std::vector<T>& from, size_t rows, size_t columns) {
    std::vector<T> to(from.size());
    for (size_t r = 0; r < rows; ++r) {
      for (size_t c = 0; c < columns; ++c) to[c * rows + r] = from[r * columns + c];
    }
    return to;
  }

  void KeepUsedConstants() {
    std::set<std::string> used;
    for (const onnx::NodeProto& node : to_.node())
      used.insert(node.input().begin(), node.input().end());
    for (const onnx::ValueInfoProto& output : from_.output()) used.insert(output.name());
    for (const onnx::TensorProto& tensor : from_.initializer()) {
      if (used.count(tensor.name()) > 0) *to_.add_initializer() = tensor;
    }
  }

  const onnx::GraphProto& from_;
  const std::vector<Treatment>& treatments_;
  const std::map<std::string, CodeScale>& scales_;
  std::vector<QuantisedValue>* const values_;
  const GraphIndex index_;
  onnx::GraphProto to_;
  std::set<std::string> names_;   // taken
  std::set<std::string> floats_;  // values that exist as f32
  std::map<std::string, Coded> codes_;
  std::map<std::string, std::pair<std::string, std::string>> scale_names_;
};

}  // namespace

Failure Rewrite(const std::vector<Treatment>& treatments,
                const std::map<std::string, CodeScale>& scales, onnx::ModelProto* model,
                std::vector<QuantisedValue>* values) {
  const onnx::GraphProto from = model->graph();
  Writer writer(from, treatments, scales, values);
  return writer.Write(model->mutable_graph());
}

}  // namespace kinglet::tools

#endif  // defined(ONNX_ML)
