// Runs one reference operator on numbers written down in a test.
//
//   const auto y = RunOperator("glu", {String("activation", "relu")}, {F32({2}, {-1, 2}), F32({2},
//   {3, 4}), Out({2})});
//
// Thread safety: one thread.
#ifndef KINGLET_PLUGINS_REFERENCE_OPERATOR_RUNNER_H_
#define KINGLET_PLUGINS_REFERENCE_OPERATOR_RUNNER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/abi/kernel.h"

namespace kinglet {
namespace reference {

struct Given {
  kl_dtype type = KL_TYPE_NONE;
  std::vector<int64_t> shape;
  std::vector<double> values;  // empty for outputs
};

inline Given F32(std::vector<int64_t> shape, std::vector<double> values) {
  return {KL_TYPE_F32, shape, values};
}
inline Given F16(std::vector<int64_t> shape, std::vector<double> values) {
  return {KL_TYPE_F16, shape, values};
}
inline Given I32(std::vector<int64_t> shape, std::vector<double> values) {
  return {KL_TYPE_I32, shape, values};
}
inline Given I8(std::vector<int64_t> shape, std::vector<double> values) {
  return {KL_TYPE_I8, shape, values};
}
inline Given U8(std::vector<int64_t> shape, std::vector<double> values) {
  return {KL_TYPE_U8, shape, values};
}
inline Given Out(std::vector<int64_t> shape, kl_dtype type = KL_TYPE_F32) {
  return {type, shape, {}};
}
inline Given None() { return {}; }

// What came out: every operand's values after the run, or why there was none.
struct OperatorRun {
  std::string error;  // empty when it ran
  std::vector<std::vector<double>> operands;
  const std::vector<double>& last() const { return operands.back(); }
};

OperatorRun RunOperator(const std::string& op, const std::vector<kl_attribute>& attributes,
                        const std::vector<Given>& given);

}  // namespace reference
}  // namespace kinglet

#endif  // KINGLET_PLUGINS_REFERENCE_OPERATOR_RUNNER_H_
