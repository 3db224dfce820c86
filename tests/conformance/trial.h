// One kernel on one case of its operator, against the oracle.
//
// A trial prepares the kernel as the host does and runs it on random data
//   - in four splits of its units, which must give equal bits;
//   - with weights packed in two orders over different garbage, in parts, and with constants known
//     or unknown;
//   - of moe_ffn: with every expert packed alone, which must give its share of the whole packing;
//   - with outputs in the place of inputs where the operator allows it;
//   - for fewer tokens than it was prepared for;
// and compares outputs and state with those of the oracle within kernel.tolerance * rms(oracle's
// output).
#ifndef KINGLET_TESTS_CONFORMANCE_TRIAL_H_
#define KINGLET_TESTS_CONFORMANCE_TRIAL_H_

#include <string>
#include <vector>

#include "core/abi/host.h"
#include "core/abi/kernel.h"
#include "tests/conformance/outcome.h"

namespace kinglet {
namespace conformance {

struct Trial {
  const kl_host* host = nullptr;
  const kl_op* op = nullptr;
  const kl_kernel* oracle = nullptr;
  const kl_kernel* kernel = nullptr;
  const kl_op_case* op_case = nullptr;
  kl_dtype any_type = KL_TYPE_F32;  // where kernel and case both say ANY
  std::string name;  // "matmul_q4_0_avx2__odd_rows", "embed_any_reference__batch__q6_k"
};

// Every case of the operator for the kernel, once for each weight type where the type is free.
std::vector<Trial> TrialsOf(const kl_host* host, const kl_op& op, const kl_kernel& oracle,
                            const kl_kernel& kernel);

// Skipped: the processor lacks a feature, the case does not fit the kernel's signature, or
// supports() refuses it.
Outcome RunTrial(const Trial& trial);

// Whether RunTrial would run: passed or skipped, as far as signature and supports() tell. Runs
// nothing.
Outcome ProbeTrial(const Trial& trial);

}  // namespace conformance
}  // namespace kinglet

#endif  // KINGLET_TESTS_CONFORMANCE_TRIAL_H_
