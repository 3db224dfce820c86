#include "plugins/reference/operator_runner.h"

#include <cstring>
#include <memory>
#include <utility>

#include "core/abi/dtype.h"
#include "core/plugin/registry.h"
#include "plugins/common/dequantize.h"
#include "tests/conformance/prepared_kernel.h"

namespace kinglet {
namespace reference {
namespace {

using conformance::GuardedBuffer;
using conformance::Outcome;
using conformance::PreparedKernel;
using conformance::Split;
using conformance::Workload;
using conformance::WorkloadOperand;

void Store(kl_dtype type, double value, uint8_t* out) {
  if (type == KL_TYPE_I32) {
    const int32_t whole = static_cast<int32_t>(value);
    memcpy(out, &whole, sizeof whole);
  } else if (type == KL_TYPE_I8 || type == KL_TYPE_U8) {
    *out = static_cast<uint8_t>(static_cast<int32_t>(value));
  } else if (type == KL_TYPE_F16) {
    const uint16_t half = F32ToF16(static_cast<float>(value));
    memcpy(out, &half, sizeof half);
  } else {
    const float single = static_cast<float>(value);
    memcpy(out, &single, sizeof single);
  }
}

double Load(kl_dtype type, const uint8_t* from) {
  if (type == KL_TYPE_I32) {
    int32_t whole;
    memcpy(&whole, from, sizeof whole);
    return whole;
  }
  if (type == KL_TYPE_U8) return *from;
  if (type == KL_TYPE_I8) return static_cast<int8_t>(*from);
  float single;
  DequantizeRow(type, from, 1, &single);
  return single;
}

WorkloadOperand OperandOf(const kl_operand& declared, const Given& given) {
  WorkloadOperand operand;
  operand.role = declared.role;
  operand.tensor.struct_size = sizeof operand.tensor;
  operand.tensor.type = given.type;
  if (given.type == KL_TYPE_NONE) return operand;
  operand.tensor.rank = static_cast<int32_t>(given.shape.size());
  for (size_t d = 0; d < given.shape.size(); ++d) operand.tensor.shape[d] = given.shape[d];
  operand.buffer =
      std::make_shared<GuardedBuffer>(kl_tensor_bytes(&operand.tensor), 32, uint8_t{0xFF});
  operand.tensor.data = operand.buffer->data();
  const uint64_t step = kl_dtype_info_of(given.type).block_bytes;
  for (size_t i = 0; i < given.values.size() && (i + 1) * step <= operand.buffer->bytes(); ++i) {
    Store(given.type, given.values[i], operand.buffer->data() + i * step);
  }
  operand.original.assign(operand.buffer->data(), operand.buffer->data() + operand.buffer->bytes());
  return operand;
}

std::vector<double> ValuesOf(const WorkloadOperand& operand) {
  std::vector<double> values;
  if (operand.buffer == nullptr) return values;
  const uint64_t step = kl_dtype_info_of(operand.tensor.type).block_bytes;
  for (uint64_t at = 0; at < operand.buffer->bytes(); at += step) {
    values.push_back(Load(operand.tensor.type, operand.buffer->data() + at));
  }
  return values;
}

}  // namespace

OperatorRun RunOperator(const std::string& op, const std::vector<kl_attribute>& attributes,
                        const std::vector<Given>& given) {
  RegistryOptions options;
  options.use_plugin_folder = false;
  options.extra_plugin_paths = {"./plugins/reference/libkinglet_reference.so"};
  const absl::StatusOr<std::unique_ptr<Registry>> registry = Registry::Create(options);
  if (!registry.ok() || (*registry)->FindOp(op) == nullptr) return {"no operator " + op, {}};
  const kl_op* definition = (*registry)->FindOp(op);
  const kl_kernel* kernel = (*registry)->kernels(op)[0];

  kl_op_case op_case = {};
  op_case.name = "node";
  op_case.attributes = attributes.data();
  op_case.attribute_count = static_cast<uint32_t>(attributes.size());
  Workload workload;
  workload.op = definition;
  workload.op_case = &op_case;
  for (size_t i = 0; i < given.size() && i < definition->operand_count; ++i) {
    workload.operands.push_back(OperandOf(definition->operands[i], given[i]));
  }
  std::unique_ptr<PreparedKernel> prepared;
  Outcome outcome =
      PreparedKernel::Create((*registry)->HostOf(kernel), *kernel, workload, {}, &prepared);
  if (outcome.passed()) outcome = prepared->Run(workload, Split::kReversed);
  if (!outcome.passed()) return {outcome.message, {}};
  OperatorRun result;
  for (const WorkloadOperand& operand : workload.operands)
    result.operands.push_back(ValuesOf(operand));
  return result;
}

}  // namespace reference
}  // namespace kinglet
