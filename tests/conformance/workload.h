// Concrete operands for a case of an operator: types, shapes and data.
//
//   kl_op_case + kernel's types + seed  ->  symbols drawn, shapes, buffers filled
//
// Operands without the token symbol S(0), the first input excepted, are constants: the host knows
// their data when it prepares a kernel. Constants lie at 4 bytes behind a 64-byte boundary and
// everything else at 32, as unaligned as the contract allows.
// Ownership: buffers are shared between workloads of the same data. Thread safety: as plain data.
#ifndef KINGLET_TESTS_CONFORMANCE_WORKLOAD_H_
#define KINGLET_TESTS_CONFORMANCE_WORKLOAD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/abi/kernel.h"
#include "tests/conformance/guarded_buffer.h"
#include "tests/conformance/outcome.h"

namespace kinglet {
namespace conformance {

struct WorkloadOperand {
  kl_tensor tensor = {};  // data points into buffer; type NONE: absent, no buffer
  uint32_t role = KL_OPERAND_INPUT;
  bool constant = false;
  bool weight = false;  // a case operand of type ANY
  std::shared_ptr<GuardedBuffer> buffer;
  std::vector<uint8_t> original;  // the bytes it was filled with
};

struct Workload {
  const kl_op* op = nullptr;
  const kl_op_case* op_case = nullptr;
  int64_t symbols[KL_CASE_SYMBOLS] = {};
  std::vector<WorkloadOperand> operands;

  // Inputs shared, state restored and outputs filled with NaN bytes in buffers of their own.
  Workload Fresh() const;
  std::string Describe() const;  // "S0=3 S1=64: x f32 [3, 64], w q4_0 ..."
};

// Whether the case fits the kernel's signature; `any_type` stands in where both case and kernel say
// ANY. Skipped with the reason when it does not.
Outcome ResolveTypes(const kl_op& op, const kl_kernel& kernel, const kl_op_case& op_case,
                     kl_dtype any_type, std::vector<kl_dtype>* types);

// Whether some operand is ANY in both, so that a case is worth running for several types.
bool HasFreeType(const kl_kernel& kernel, const kl_op_case& op_case);

// Draws symbols and fills operands; equal seeds give equal workloads. Failed when the case cannot
// be filled.
Outcome DrawWorkload(const kl_op& op, const kl_op_case& op_case, const std::vector<kl_dtype>& types,
                     uint64_t seed, Workload* workload);

// The same constants with fewer tokens: S(0) = `tokens`, operands that depend on it drawn anew.
Outcome DrawFewerTokens(const Workload& from, int64_t tokens, uint64_t seed, Workload* workload);

// Whether S(0) occurs in the case's shapes.
bool HasTokens(const kl_op_case& op_case);

// "q4_0 [64, 128]"
std::string DescribeTensor(const kl_tensor& tensor);

}  // namespace conformance
}  // namespace kinglet

#endif  // KINGLET_TESTS_CONFORMANCE_WORKLOAD_H_
