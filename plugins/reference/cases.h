// Short ways to write an operator's conformance cases.
//
// Shapes hold numbers or symbols S(0) .. S(5). By convention S(0) is the number of tokens, wherever
// a case has tokens: the conformance test prepares a kernel for the drawn number and runs it for
// fewer as well. Networks of fixed shape use S(1) and up. A symbol that is the innermost dimension
// of a block type is rounded up to whole blocks.
#ifndef KINGLET_PLUGINS_REFERENCE_CASES_H_
#define KINGLET_PLUGINS_REFERENCE_CASES_H_

#include <cstdint>

#include "core/abi/kernel.h"

namespace kinglet {
namespace reference {

constexpr int64_t S(int symbol) { return -1 - symbol; }

struct CaseShape {
  template <typename... Dimensions>
  constexpr CaseShape(Dimensions... dimensions)  // NOLINT: a list of numbers is a shape
      : rank(sizeof...(dimensions)), dimension{static_cast<int64_t>(dimensions)...} {}
  int32_t rank;
  int64_t dimension[KL_MAX_RANK];
};

constexpr kl_case_operand Fill(kl_dtype type, CaseShape shape, uint32_t fill, double low,
                               double high) {
  kl_case_operand operand = {};
  operand.type = type;
  operand.rank = shape.rank;
  for (int32_t d = 0; d < shape.rank; ++d) operand.shape[d] = shape.dimension[d];
  operand.fill = fill;
  operand.low = low;
  operand.high = high;
  return operand;
}

constexpr kl_case_operand Normal(CaseShape shape, double deviation = 1.0, double mean = 0.0,
                                 kl_dtype type = KL_TYPE_F32) {
  return Fill(type, shape, KL_FILL_NORMAL, mean, deviation);
}
// Pruned f32 weights: a share of zeros, in blocks of `block` (1, 2, 4) outermost neighbours.
constexpr kl_case_operand Sparse(CaseShape shape, double zeros, int block = 1,
                                 double deviation = 0.3) {
  return Fill(KL_TYPE_F32, shape,
              block == 4   ? KL_FILL_SPARSE_4
              : block == 2 ? KL_FILL_SPARSE_2
                           : KL_FILL_SPARSE,
              zeros, deviation);
}
constexpr kl_case_operand Uniform(CaseShape shape, double low, double high) {
  return Fill(KL_TYPE_F32, shape, KL_FILL_UNIFORM, low, high);
}
// A weight of the type that the kernel under test declares.
constexpr kl_case_operand Weight(CaseShape shape, double deviation = 0.1) {
  return Fill(KL_TYPE_ANY, shape, KL_FILL_NORMAL, 0.0, deviation);
}
constexpr kl_case_operand Integers(CaseShape shape, double low, double high) {
  return Fill(KL_TYPE_I32, shape, KL_FILL_INTEGERS, low, high);
}
constexpr kl_case_operand Distinct(CaseShape shape, double low, double high) {
  return Fill(KL_TYPE_I32, shape, KL_FILL_DISTINCT, low, high);
}
constexpr kl_case_operand Sequence(CaseShape shape, double low) {
  return Fill(KL_TYPE_I32, shape, KL_FILL_SEQUENCE, low, 0.0);
}
constexpr kl_case_operand Output(CaseShape shape, kl_dtype type = KL_TYPE_F32) {
  return Fill(type, shape, KL_FILL_ZERO, 0.0, 0.0);
}
constexpr kl_case_operand Absent() {
  return Fill(KL_TYPE_NONE, CaseShape(), KL_FILL_ZERO, 0.0, 0.0);
}

constexpr kl_attribute IntAttribute(const char* name, int64_t value) {
  kl_attribute attribute = {};
  attribute.name = name;
  attribute.kind = KL_ATTRIBUTE_INT;
  attribute.i = value;
  return attribute;
}
constexpr kl_attribute FloatAttribute(const char* name, double value) {
  kl_attribute attribute = {};
  attribute.name = name;
  attribute.kind = KL_ATTRIBUTE_FLOAT;
  attribute.f = value;
  return attribute;
}
constexpr kl_attribute StringAttribute(const char* name, const char* value) {
  kl_attribute attribute = {};
  attribute.name = name;
  attribute.kind = KL_ATTRIBUTE_STRING;
  attribute.s = value;
  return attribute;
}
// `values` lives as long as the attribute.
template <uint32_t kCount>
constexpr kl_attribute IntsAttribute(const char* name, const int64_t (&values)[kCount]) {
  kl_attribute attribute = {};
  attribute.name = name;
  attribute.kind = KL_ATTRIBUTE_INTS;
  attribute.count = kCount;
  attribute.ints = values;
  return attribute;
}

struct Symbols {
  kl_case_symbol symbol[KL_CASE_SYMBOLS];
};
constexpr kl_case_symbol Fixed(int64_t value) { return {value, value, 1}; }
constexpr kl_case_symbol Range(int64_t low, int64_t high, int64_t multiple = 1) {
  return {low, high, multiple};
}

constexpr kl_op_case CaseOf(const char* name, const kl_attribute* attributes,
                            uint32_t attribute_count, const kl_case_operand* operands,
                            uint32_t operand_count, Symbols symbols, uint32_t repetitions) {
  kl_op_case c = {};
  c.name = name;
  c.attributes = attributes;
  c.attribute_count = attribute_count;
  c.operands = operands;
  c.operand_count = operand_count;
  for (int s = 0; s < KL_CASE_SYMBOLS; ++s) c.symbols[s] = symbols.symbol[s];
  c.repetitions = repetitions;
  return c;
}

template <uint32_t kAttributes, uint32_t kOperands>
constexpr kl_op_case Case(const char* name, const kl_attribute (&attributes)[kAttributes],
                          const kl_case_operand (&operands)[kOperands], Symbols symbols = {},
                          uint32_t repetitions = 1) {
  return CaseOf(name, attributes, kAttributes, operands, kOperands, symbols, repetitions);
}
template <uint32_t kOperands>
constexpr kl_op_case Case(const char* name, const kl_case_operand (&operands)[kOperands],
                          Symbols symbols = {}, uint32_t repetitions = 1) {
  return CaseOf(name, nullptr, 0, operands, kOperands, symbols, repetitions);
}

constexpr kl_operand Input(const char* name) { return {name, KL_OPERAND_INPUT, 0, -1}; }
constexpr kl_operand OptionalInput(const char* name) { return {name, KL_OPERAND_INPUT, 1, -1}; }
constexpr kl_operand State(const char* name) { return {name, KL_OPERAND_STATE, 0, -1}; }
constexpr kl_operand Result(const char* name, int32_t may_alias = -1) {
  return {name, KL_OPERAND_OUTPUT, 0, may_alias};
}

template <uint32_t kOperands, uint32_t kCases>
constexpr kl_op Operator(const char* name, const kl_operand (&operands)[kOperands],
                         const kl_op_case (&cases)[kCases]) {
  kl_op op = {};
  op.struct_size = sizeof(kl_op);
  op.name = name;
  op.operands = operands;
  op.operand_count = kOperands;
  op.cases = cases;
  op.case_count = kCases;
  return op;
}

}  // namespace reference
}  // namespace kinglet

#endif  // KINGLET_PLUGINS_REFERENCE_CASES_H_
