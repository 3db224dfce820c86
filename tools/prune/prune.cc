// kinglet prune: zeros in the weights of an ONNX network, by magnitude.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/common/command.h"
#include "tools/common/files.h"
#include "tools/common/format.h"
#include "tools/common/options.h"
#include "tools/common/report.h"
#include "tools/prune/magnitude.h"

#if defined(ONNX_ML)
#include <onnx/onnx_pb.h>
#endif

namespace kinglet::tools {
namespace {

constexpr char kName[] = "prune";

struct Settings {
  std::vector<std::string> files;
  double zeros = 0.9;
  int64_t block = 1;
  std::vector<std::string> kept;
};

#if defined(ONNX_ML)

// How a node uses a weight.
struct Use {
  std::string weight;
  bool outputs_first;  // [outputs, inputs, ..], else [inputs, outputs]
};

int64_t IntAttribute(const onnx::NodeProto& node, const std::string& name, int64_t otherwise) {
  for (const onnx::AttributeProto& attribute : node.attribute()) {
    if (attribute.name() == name) return attribute.i();
  }
  return otherwise;
}

// The weights of 1x1 convolutions and fully connected layers. Convolutions of groups, larger
// windows and everything else keep theirs.
std::vector<Use> PrunableWeights(const onnx::GraphProto& graph) {
  std::vector<Use> uses;
  for (const onnx::NodeProto& node : graph.node()) {
    if (node.input_size() < 2) continue;
    if (node.op_type() == "Conv" && IntAttribute(node, "group", 1) == 1) {
      uses.push_back({node.input(1), true});
    } else if (node.op_type() == "Gemm") {
      uses.push_back({node.input(1), IntAttribute(node, "transB", 0) != 0});
    } else if (node.op_type() == "MatMul") {
      uses.push_back({node.input(1), false});
    }
  }
  return uses;
}

// Whether the tensor is a matrix of weights: f32, [a, b] or [a, b, 1, ..].
bool IsMatrix(const onnx::TensorProto& tensor) {
  if (tensor.data_type() != onnx::TensorProto::FLOAT || tensor.dims_size() < 2) return false;
  for (int d = 0; d < tensor.dims_size(); ++d) {
    if (tensor.dims(d) < 1 || (d >= 2 && tensor.dims(d) != 1)) return false;
  }
  return true;
}

Failure ReadFloats(const onnx::TensorProto& tensor, std::vector<float>* values) {
  if (tensor.data_location() == onnx::TensorProto::EXTERNAL) {
    return {kExitBadData, absl::StrCat("tensor ", tensor.name(),
                                       ": its data lie in another file; save the network with its "
                                       "tensors inside")};
  }
  if (tensor.has_raw_data()) {
    values->resize(tensor.raw_data().size() / sizeof(float));
    std::memcpy(values->data(), tensor.raw_data().data(), values->size() * sizeof(float));
  } else {
    values->assign(tensor.float_data().begin(), tensor.float_data().end());
  }
  const double expected = static_cast<double>(tensor.dims(0)) * static_cast<double>(tensor.dims(1));
  if (static_cast<double>(values->size()) != expected) {
    return {kExitBadData, absl::StrCat("tensor ", tensor.name(), ": expected ", tensor.dims(0),
                                       " x ", tensor.dims(1), " numbers, found ", values->size())};
  }
  return Success();
}

Failure PruneTensor(const Settings& settings, bool outputs_first, onnx::TensorProto* tensor,
                    int64_t* zeros, int64_t* count) {
  std::vector<float> values;
  const Failure failure = ReadFloats(*tensor, &values);
  if (!failure.ok()) return failure;
  const int64_t a = tensor->dims(0), b = tensor->dims(1);
  const WeightMatrix matrix = outputs_first ? WeightMatrix{values.data(), a, b, b, 1}
                                            : WeightMatrix{values.data(), b, a, 1, b};
  *zeros += PruneByMagnitude(settings.zeros, settings.block, matrix);
  *count += a * b;
  tensor->clear_float_data();
  tensor->set_raw_data(values.data(), values.size() * sizeof(float));
  return Success();
}

Failure Prune(const Settings& settings) {
  std::string bytes;
  Failure failure = ReadWholeFile(settings.files[0], &bytes);
  if (!failure.ok()) return failure;
  onnx::ModelProto model;
  if (!model.ParseFromString(bytes) || !model.has_graph()) {
    return {kExitBadData, absl::StrCat(settings.files[0],
                                       ": expected an ONNX ModelProto with a graph, found bytes "
                                       "that are none")};
  }
  std::set<std::string> kept(settings.kept.begin(), settings.kept.end());
  std::set<std::string> known, done;
  int64_t zeros = 0, count = 0;
  for (const Use& use : PrunableWeights(model.graph())) {
    for (onnx::TensorProto& tensor : *model.mutable_graph()->mutable_initializer()) {
      if (tensor.name() != use.weight || !IsMatrix(tensor)) continue;
      known.insert(use.weight);
      if (kept.count(use.weight) > 0 || !done.insert(use.weight).second) continue;
      failure = PruneTensor(settings, use.outputs_first, &tensor, &zeros, &count);
      if (!failure.ok()) return failure;
    }
  }
  for (const std::string& name : kept) {
    if (known.count(name) == 0) {
      return {kExitUsage, absl::StrCat("--keep ", name, ": ", settings.files[0],
                                       " has no such weight of a 1x1 convolution or a fully "
                                       "connected layer")};
    }
  }
  if (done.empty()) {
    return {kExitBadData, absl::StrCat(settings.files[0],
                                       ": no f32 weights of 1x1 convolutions or fully connected "
                                       "layers to prune")};
  }
  const std::string pruned = model.SerializeAsString();
  AtomicFile file;
  failure = file.Open(settings.files[1]);
  if (failure.ok()) failure = file.Append(pruned.data(), pruned.size());
  if (failure.ok()) failure = file.Commit();
  if (!failure.ok()) return failure;
  std::fprintf(stderr, "%s: %zu tensors pruned, %.2f %% of %s weights zero\n",
               settings.files[1].c_str(), done.size(),
               100.0 * static_cast<double>(zeros) / static_cast<double>(count),
               FormatCount(static_cast<uint64_t>(count)).c_str());
  return failure;
}

#else

Failure Prune(const Settings&) {
  return {kExitUsage, "this build reads no ONNX files: prune on an x86-64 machine"};
}

#endif

int Run(int argc, char** argv) {
  Settings settings;
  OptionTable options(kName,
                      "Sets the smallest weights of an ONNX network's 1x1 convolutions and fully "
                      "connected layers to 0. No fine-tuning: expect lower accuracy.");
  options.Example("kinglet prune dense.onnx sparse.onnx --zeros 0.8 --block 4");
  options.Positional("INPUT OUTPUT", &settings.files, 2, 2,
                     "the network, and where the pruned one goes");
  options.Real({"--zeros"}, "SHARE", &settings.zeros, {0, 1}, "of each tensor's weights");
  options.Integer({"--block"}, "N", &settings.block, {1, 64},
                  "zeros come for N neighbouring output channels at once, by their sum of squares");
  options.Texts({"--keep"}, "TENSOR", &settings.kept, "a weight that stays as it is");
  int status = 0;
  if (!options.Parse(argc, argv, &status)) return status;
  const Failure failure = Prune(settings);
  return failure.ok() ? kExitOk : Report(kName, failure);
}

}  // namespace

extern const Command kCommand_prune;
const Command kCommand_prune = {kName, "zeros in a network's weights, by magnitude", Run};

}  // namespace kinglet::tools
