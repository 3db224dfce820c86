// From an f32 ONNX graph to one of 8-bit codes.
//
//   Conv                          QLinearConv, a scale for each output channel, bias in i32
//   Gemm (B constant)             Reshape, QLinearConv of single pixels, Reshape
//   MatMul (B a constant matrix)  QLinearMatMul, a scale for each column
//   Add, Sub, Mul, AveragePool,   the same between DequantizeLinear and QuantizeLinear
//   GlobalAveragePool, Concat
//   MaxPool, Reshape, Transpose,  the same, of codes
//   Flatten, Squeeze, Unsqueeze
//   Relu, Clip behind one of the first rows: its range decides; codes saturate
//   everything else               stays f32, between DequantizeLinear and QuantizeLinear
//
// All codes are i8; weights lie around 0. Builds with ONNX's protocol buffers only. Not thread
// safe.
#ifndef KINGLET_TOOLS_QUANTIZE_REWRITE_H_
#define KINGLET_TOOLS_QUANTIZE_REWRITE_H_
#if defined(ONNX_ML)

#include <onnx/onnx_pb.h>

#include <map>
#include <string>
#include <vector>

#include "tools/common/report.h"
#include "tools/quantize/ranges.h"

namespace kinglet::tools {

// What becomes of a node.
enum class Treatment {
  kFloat,    // stays
  kLayer,    // a product with constant weights
  kAround,   // f32 between codes
  kCodes,    // moves codes
  kAbsorbed  // Relu or Clip whose work the codes' range does
};

// One for each node of the graph, in order. A kLayer or kAround node whose result an absorbed node
// reads writes that node's result.
std::vector<Treatment> PlanTreatments(const onnx::GraphProto& graph);

// Values that need a scale: what kLayer and kAround nodes read and write, in order.
std::vector<std::string> ValuesToCalibrate(const onnx::GraphProto& graph,
                                           const std::vector<Treatment>& treatments);

// A value of the quantised graph that has codes.
struct QuantisedValue {
  std::string name;   // in the f32 graph
  std::string codes;  // in the quantised one
  std::string op;     // what wrote it: the f32 operator; "" for an input
  CodeScale scale;
};

// Replaces the model's graph. `scales` has all ValuesToCalibrate(). Outputs keep their names and
// stay f32. `values` gets what was quantised, in the order of computation.
Failure Rewrite(const std::vector<Treatment>& treatments,
                const std::map<std::string, CodeScale>& scales, onnx::ModelProto* model,
                std::vector<QuantisedValue>* values);

}  // namespace kinglet::tools

#endif  // defined(ONNX_ML)
#endif  // KINGLET_TOOLS_QUANTIZE_REWRITE_H_
