// From an ONNX graph to Kinglet's operators: the state that the translations of single operators
// (ops_*.cc) share.
//
//   nodes in order --Translate()--> one function per operator type (op_table.cc)
//        value names --> Values (shape, type, constant or not)      EmittedNodes --> Graph
//
// Every shape is known: a free batch dimension is 1, and what ONNX computes from shapes (Shape,
// Gather, Concat, ..) is computed here. Thread safety: one thread.
#ifndef KINGLET_LOADERS_ONNX_TRANSLATOR_H_
#define KINGLET_LOADERS_ONNX_TRANSLATOR_H_

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/model/model_source.h"
#include "loaders/onnx/constant.h"
#include "loaders/onnx/graph_order.h"

namespace kinglet {

using OnnxShape = std::vector<int64_t>;
constexpr int32_t kNoOnnxValue = -1;

// Zero padding that a Pad node asked for, not yet part of a window.
struct OnnxPadding {
  int32_t value = kNoOnnxValue;    // what is padded; kNoOnnxValue: this value is not a padded one
  int64_t pads[4] = {0, 0, 0, 0};  // top, left, bottom, right
};

struct OnnxValue {
  std::string name;
  kl_dtype type = KL_TYPE_F32;
  OnnxShape shape;
  std::shared_ptr<const OnnxConstant> constant;  // null: computed when the network runs
  int producer = -1;                             // index of the emitted node that writes it
  int uses = 0;                                  // readers in the file's graph
  OnnxPadding padding;
};

// One node of the file, as a translation sees it. Borrows the file's message.
class OnnxNode {
 public:
  OnnxNode(const onnx::NodeProto& node, std::string name, std::string path)
      : node_(node), name_(std::move(name)), path_(std::move(path)) {}

  const std::string& name() const { return name_; }
  const std::string& op_type() const { return node_.op_type(); }
  int input_count() const { return node_.input_size(); }
  bool HasInput(int i) const { return i < node_.input_size() && !node_.input(i).empty(); }
  const std::string& input(int i) const { return node_.input(i); }
  const onnx::NodeProto& proto() const { return node_; }

  // Attributes; the fallback when there is none of that name. An error when it has another kind.
  bool Has(absl::string_view name) const { return Find(name) != nullptr; }
  absl::StatusOr<int64_t> Int(absl::string_view name, int64_t otherwise) const;
  absl::StatusOr<double> Float(absl::string_view name, double otherwise) const;
  absl::StatusOr<std::string> String(absl::string_view name, absl::string_view otherwise) const;
  // Of `count` elements (-1: any number); `otherwise` in each of them when there is none.
  absl::StatusOr<OnnxShape> Ints(absl::string_view name, int count, int64_t otherwise) const;
  absl::StatusOr<std::vector<float>> Floats(absl::string_view name) const;
  absl::StatusOr<std::vector<std::string>> Strings(absl::string_view name) const;
  absl::StatusOr<const onnx::TensorProto*> Tensor(absl::string_view name) const;

  // The file is wrong.
  absl::Status Broken(absl::string_view expected, absl::string_view found) const;
  // The file is right, Kinglet does not do it.
  absl::Status Unsupported(absl::string_view what) const;

 private:
  const onnx::AttributeProto* Find(absl::string_view name) const;

  const onnx::NodeProto& node_;
  const std::string name_;
  const std::string path_;
};

class OnnxTranslator;
using OnnxTranslation = absl::Status (*)(const OnnxNode& node, OnnxTranslator* translator);

// One output of an emitted node.
struct OnnxResult {
  kl_dtype type = KL_TYPE_F32;
  OnnxShape shape;
  bool optional = false;  // absent in the plan when the file gives it no name
};

class OnnxTranslator {
 public:
  OnnxTranslator(const onnx::GraphProto& graph, int64_t opset, std::string path)
      : graph_(graph), opset_(opset), path_(std::move(path)) {}

  // Translates all of the graph. One call.
  absl::Status Translate();
  // The result: graph and constants move into the source.
  absl::Status Finish(ModelSource* source);

  int64_t opset() const { return opset_; }
  const std::string& path() const { return path_; }

  // ---- values ----
  const OnnxValue& value(int32_t id) const { return values_[static_cast<size_t>(id)]; }
  // The node's input, which must be there. A padding that a window could have taken becomes a node
  // of its own here: Conv and AveragePool use PaddedInput().
  absl::StatusOr<int32_t> Input(const OnnxNode& node, int index);
  // kNoOnnxValue when the optional input is absent.
  absl::StatusOr<int32_t> OptionalInput(const OnnxNode& node, int index);
  // An input as f32, computed or constant. One of f16, bf16 or f64 is converted, and what the node
  // then emits as f32 is converted back.
  absl::StatusOr<int32_t> FloatInput(const OnnxNode& node, int index);
  absl::StatusOr<int32_t> AsFloat(const OnnxNode& node, int32_t id);
  // An input of f32 to which a window belongs, and what Pad put around it.
  absl::StatusOr<OnnxPadding> PaddedInput(const OnnxNode& node, int index);
  // The whole numbers of an input that must be constant.
  absl::StatusOr<std::vector<int64_t>> ConstantInts(const OnnxNode& node, int index);
  bool IsConstantInput(const OnnxNode& node, int index);
  // The shape that the file states for the node's output `index`: where it follows from data that
  // are not constant. An error that names input `from` when the file states none.
  absl::StatusOr<OnnxShape> StatedShape(const OnnxNode& node, int index, int from) const;

  // ---- results: each names the node's first output ----
  // A node that computes it from `operands`; the output operand is appended.
  absl::Status Emit(const OnnxNode& node, absl::string_view op,
                    std::vector<GraphAttribute> attributes, std::vector<int32_t> operands,
                    kl_dtype type, OnnxShape shape);
  // The same with several results, in the order of the node's outputs.
  absl::Status EmitMany(const OnnxNode& node, absl::string_view op,
                        std::vector<GraphAttribute> attributes, std::vector<int32_t> operands,
                        const std::vector<OnnxResult>& results);
  // Output `index` alone, for operators that become a node an output.
  absl::Status EmitOutput(const OnnxNode& node, int index, absl::string_view op,
                          std::vector<GraphAttribute> attributes, std::vector<int32_t> operands,
                          kl_dtype type, OnnxShape shape);
  bool IsUsed(const OnnxNode& node, int index) const;
  absl::Status SetConstant(const OnnxNode& node, OnnxConstant constant);
  absl::Status SetPadded(const OnnxNode& node, const OnnxPadding& padding, OnnxShape shape);

  // A node between, whose result has no name in the file.
  absl::StatusOr<int32_t> EmitInner(const OnnxNode& node, absl::string_view op,
                                    std::vector<GraphAttribute> attributes,
                                    std::vector<int32_t> operands, OnnxShape shape,
                                    kl_dtype type = KL_TYPE_F32);
  // Optional outputs that the node emitted last does not have.
  void AddAbsentOperands(int count) {
    nodes_.back().operands.resize(nodes_.back().operands.size() + static_cast<size_t>(count),
                                  kNoOnnxValue);
  }
  // A constant that is not in the file; its name begins with `name`.
  int32_t AddConstant(absl::string_view name, OnnxConstant constant);

  // ---- fusion: the emitted node that makes `id`, if this node is its only reader ----
  // NULL when there is none, when it is another op, or when its result is read elsewhere.
  GraphNode* SoleProducer(int32_t id, absl::string_view op);
  // The node's first output is what that emitted node now computes in place of value `id`.
  absl::Status Replace(const OnnxNode& node, int32_t id);

 private:
  absl::Status AddInputs();
  absl::Status AddInitialisers();
  absl::Status TranslateNode(int index);
  absl::Status MaterialiseOutputs();
  absl::StatusOr<int32_t> Find(const OnnxNode& node, int index) const;
  absl::StatusOr<int32_t> Define(const OnnxNode& node, int index, kl_dtype type, OnnxShape shape);
  absl::Status Materialise(absl::string_view node_name, int32_t id);
  int32_t AddInner(const OnnxNode& node, kl_dtype type, OnnxShape shape);
  absl::Status CheckShape(const OnnxNode& node, kl_dtype type, const OnnxShape& shape) const;
  int32_t Add(OnnxValue value);

  const onnx::GraphProto& graph_;
  const int64_t opset_;
  const std::string path_;
  OnnxOrder order_;
  std::deque<OnnxValue> values_;  // a deque: adding one moves none
  absl::flat_hash_map<std::string, int32_t> by_name_;
  std::vector<GraphNode> nodes_;
  std::vector<int32_t> inputs_;
  std::vector<int32_t> outputs_;
  absl::flat_hash_map<int32_t, int32_t> as_float_;  // values of other floats: their f32 copies
  kl_dtype float_type_ = KL_TYPE_F32;               // of the present node's results
};

// How one operator type of the default domain is translated.
struct OnnxOperator {
  const char* op_type;
  OnnxTranslation translation;
  int output_count;  // how many outputs can be computed
};
// NULL when it is not supported.
const OnnxOperator* FindOnnxOperator(absl::string_view op_type);
// "Add, AveragePool, .."
std::string OnnxOperatorNames();

}  // namespace kinglet

#endif  // KINGLET_LOADERS_ONNX_TRANSLATOR_H_
