#include "tests/conformance/trial.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "core/abi/dtype.h"
#include "core/base/status.h"
#include "plugins/common/dequantize.h"
#include "tests/conformance/prepared_kernel.h"
#include "tests/conformance/workload.h"

namespace kinglet {
namespace conformance {
namespace {

// Every type that a weight may have in a file.
constexpr kl_dtype kWeightTypes[] = {
    KL_TYPE_F32,  KL_TYPE_F16,    KL_TYPE_BF16,   KL_TYPE_Q4_0,  KL_TYPE_Q4_1, KL_TYPE_Q5_0,
    KL_TYPE_Q5_1, KL_TYPE_Q8_0,   KL_TYPE_Q2_K,   KL_TYPE_Q3_K,  KL_TYPE_Q4_K, KL_TYPE_Q5_K,
    KL_TYPE_Q6_K, KL_TYPE_IQ4_NL, KL_TYPE_IQ4_XS, KL_TYPE_TQ1_0, KL_TYPE_TQ2_0};

// Whose stacked weights a bank may hold expert by expert (core/abi/kernel.h).
constexpr char kExpertOp[] = "moe_ffn";

// The same for every run of the test: FNV-1a of the trial's name.
uint64_t SeedOf(const Trial& trial, uint32_t repetition) {
  uint64_t hash = 1469598103934665603ull;
  for (const char c : trial.name) hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211ull;
  return hash + repetition;
}

bool IsFloat(kl_dtype type) {
  return type == KL_TYPE_F32 || type == KL_TYPE_F16 || type == KL_TYPE_BF16;
}

std::vector<float> FloatsOf(const WorkloadOperand& operand) {
  std::vector<float> values(static_cast<size_t>(kl_element_count(&operand.tensor)));
  DequantizeRow(operand.tensor.type, operand.buffer->data(), static_cast<int64_t>(values.size()),
                values.data());
  return values;
}

double RootMeanSquare(const std::vector<float>& values) {
  double sum = 0.0;
  for (const float v : values) sum += static_cast<double>(v) * v;
  return values.empty() ? 0.0 : std::sqrt(sum / static_cast<double>(values.size()));
}

Outcome CompareFloats(const std::string& where, const WorkloadOperand& found,
                      const WorkloadOperand& expected, double tolerance, double typical) {
  const std::vector<float> a = FloatsOf(found), b = FloatsOf(expected);
  const double allowed = tolerance * std::max(RootMeanSquare(b), typical);
  for (size_t i = 0; i < b.size(); ++i) {
    const double difference = std::fabs(static_cast<double>(a[i]) - b[i]);
    if (difference <= allowed) continue;
    char text[160];
    snprintf(text, sizeof text,
             ": element %zu: expected %.9g within %.3g, found %.9g (off by %.3g)", i, b[i], allowed,
             a[i], difference);
    return Outcome::Failed(where + text);
  }
  return Outcome::Passed();
}

// 8-bit codes: the tolerance is a number of codes.
bool IsCode(kl_dtype type) { return type == KL_TYPE_I8 || type == KL_TYPE_U8; }

Outcome CompareCodes(const std::string& where, const WorkloadOperand& found,
                     const WorkloadOperand& expected, float tolerance) {
  const auto code = [](const WorkloadOperand& operand, uint64_t i) {
    const uint8_t byte = operand.buffer->data()[i];
    return operand.tensor.type == KL_TYPE_I8 ? static_cast<int>(static_cast<int8_t>(byte))
                                             : static_cast<int>(byte);
  };
  for (uint64_t i = 0; i < expected.buffer->bytes(); ++i) {
    const int difference = std::abs(code(found, i) - code(expected, i));
    if (static_cast<float>(difference) <= tolerance) continue;
    return Outcome::Failed(where + ": element " + std::to_string(i) + ": expected code " +
                           std::to_string(code(expected, i)) + ", found " +
                           std::to_string(code(found, i)));
  }
  return Outcome::Passed();
}

// All of b, and as much of a: an output may lie in the place of a larger input.
bool SameBytes(const WorkloadOperand& a, const WorkloadOperand& b) {
  return b.buffer->bytes() == 0 ||
         memcmp(a.buffer->data(), b.buffer->data(), b.buffer->bytes()) == 0;
}

// Outputs and state of two runs of the same workload. `typical`, if there is one, is a larger run
// of the same kind: a handful of outputs may all be small by chance.
Outcome CompareWithOracle(const Workload& found, const Workload& expected, float tolerance,
                          const Workload* typical) {
  for (size_t i = 0; i < found.operands.size(); ++i) {
    const WorkloadOperand& operand = found.operands[i];
    if (operand.buffer == nullptr || operand.role == KL_OPERAND_INPUT) continue;
    const std::string where = std::string("operand ") + found.op->operands[i].name;
    if (IsFloat(operand.tensor.type)) {
      const double size = typical == nullptr ? 0.0 : RootMeanSquare(FloatsOf(typical->operands[i]));
      KL_RETURN_UNLESS_PASSED(CompareFloats(where, operand, expected.operands[i],
                                            static_cast<double>(tolerance), size));
    } else if (IsCode(operand.tensor.type)) {
      KL_RETURN_UNLESS_PASSED(CompareCodes(where, operand, expected.operands[i], tolerance));
    } else if (!SameBytes(operand, expected.operands[i])) {
      return Outcome::Failed(where + ": differs from the oracle's");
    }
  }
  return Outcome::Passed();
}

// Bits of outputs and state; outputs that took an input's place, as `aliased` (NULL: nobody) does,
// are read there.
Outcome CompareBits(const Workload& found, const Workload& expected, const PreparedKernel* aliased,
                    const std::string& what) {
  for (size_t i = 0; i < found.operands.size(); ++i) {
    const WorkloadOperand* operand = &found.operands[i];
    if (operand->buffer == nullptr || operand->role == KL_OPERAND_INPUT) continue;
    const int32_t input = aliased == nullptr ? -1 : aliased->InputTakenOver(found, i);
    if (input >= 0) operand = &found.operands[static_cast<size_t>(input)];
    if (!SameBytes(*operand, expected.operands[i])) {
      return Outcome::Failed(std::string("operand ") + found.op->operands[i].name +
                             ": other bits with " + what + " than with all units at once");
    }
  }
  return Outcome::Passed();
}

Outcome RunOracle(const Trial& trial, const Workload& workload, Workload* result) {
  std::unique_ptr<PreparedKernel> oracle;
  *result = workload.Fresh();
  const Outcome created = PreparedKernel::Create(trial.host, *trial.oracle, workload, {}, &oracle);
  if (!created.passed()) return Outcome::Failed("the oracle refuses the case: " + created.message);
  return oracle->Run(*result, Split::kAtOnce);
}

// Prepares with `options`, runs in `split`, and demands the bits of `base`. A refusal by supports()
// is fine here: the kernel left the case in this form to others.
Outcome RunVariant(const Trial& trial, const Workload& workload, const Workload& base,
                   const PrepareOptions& options, const std::vector<Split>& splits,
                   const std::string& what) {
  std::unique_ptr<PreparedKernel> kernel;
  const Outcome created =
      PreparedKernel::Create(trial.host, *trial.kernel, workload, options, &kernel);
  if (created.kind == Outcome::kSkipped) return Outcome::Passed();
  KL_RETURN_UNLESS_PASSED(created);
  for (const Split split : splits) {
    const Workload run = workload.Fresh();
    KL_RETURN_UNLESS_PASSED(kernel->Run(run, split));
    KL_RETURN_UNLESS_PASSED(CompareBits(run, base, nullptr, what + SplitName(split)));
  }
  return Outcome::Passed();
}

bool HasWeightOfRank3(const Workload& workload) {
  return std::any_of(
      workload.operands.begin(), workload.operands.end(),
      [](const WorkloadOperand& o) { return o.weight && o.constant && o.tensor.rank == 3; });
}

bool HasOtherConstants(const Workload& workload) {
  return std::any_of(workload.operands.begin(), workload.operands.end(),
                     [](const WorkloadOperand& o) { return o.constant && !o.weight; });
}

// The workload with private copies of all inputs, for runs that overwrite them.
Workload WithOwnInputs(const Workload& workload) {
  Workload own = workload.Fresh();
  for (WorkloadOperand& operand : own.operands) {
    if (operand.buffer == nullptr || operand.role != KL_OPERAND_INPUT || operand.constant) continue;
    const uint64_t offset = reinterpret_cast<uintptr_t>(operand.buffer->data()) % 64;
    operand.buffer = std::make_shared<GuardedBuffer>(operand.original.size(), offset, uint8_t{0});
    if (!operand.original.empty())
      memcpy(operand.buffer->data(), operand.original.data(), operand.original.size());
    operand.tensor.data = operand.buffer->data();
  }
  return own;
}

Outcome RunFewerTokens(const Trial& trial, PreparedKernel* kernel, const Workload& workload,
                       const Workload& typical, uint64_t seed) {
  if (!HasTokens(*trial.op_case) || workload.symbols[0] < 2) return Outcome::Passed();
  Workload fewer, expected;
  const int64_t tokens =
      1 + static_cast<int64_t>(seed % static_cast<uint64_t>(workload.symbols[0] - 1));
  KL_RETURN_UNLESS_PASSED(DrawFewerTokens(workload, tokens, seed, &fewer));
  KL_RETURN_UNLESS_PASSED(RunOracle(trial, fewer, &expected));
  const Workload run = fewer.Fresh();
  KL_RETURN_UNLESS_PASSED(kernel->Run(run, Split::kOddChunks));
  const Outcome compared = CompareWithOracle(run, expected, trial.kernel->tolerance, &typical);
  if (compared.passed()) return compared;
  return Outcome::Failed("with " + std::to_string(tokens) + " tokens after preparing for " +
                         std::to_string(workload.symbols[0]) + ": " + compared.message);
}

Outcome RunOnce(const Trial& trial, const Workload& workload, uint64_t seed) {
  Workload expected;
  std::unique_ptr<PreparedKernel> kernel;
  KL_RETURN_UNLESS_PASSED(PreparedKernel::Create(trial.host, *trial.kernel, workload, {}, &kernel));
  KL_RETURN_UNLESS_PASSED(RunOracle(trial, workload, &expected));
  const Workload base = workload.Fresh();
  KL_RETURN_UNLESS_PASSED(kernel->Run(base, Split::kAtOnce));
  KL_RETURN_UNLESS_PASSED(CompareWithOracle(base, expected, trial.kernel->tolerance, nullptr));

  const Workload threaded = workload.Fresh();
  KL_RETURN_UNLESS_PASSED(kernel->Run(threaded, Split::kThreads));
  KL_RETURN_UNLESS_PASSED(CompareBits(threaded, base, nullptr, SplitName(Split::kThreads)));
  const Workload aliased = WithOwnInputs(workload);
  KL_RETURN_UNLESS_PASSED(kernel->Run(aliased, Split::kOddChunks, true));
  KL_RETURN_UNLESS_PASSED(
      CompareBits(aliased, base, kernel.get(), "outputs in the place of inputs"));
  KL_RETURN_UNLESS_PASSED(RunFewerTokens(trial, kernel.get(), workload, expected, seed));

  PrepareOptions options;
  options.pack_reversed = true;
  KL_RETURN_UNLESS_PASSED(RunVariant(trial, workload, base, options,
                                     {Split::kReversed, Split::kOddChunks}, "reverse packing, "));
  if (HasOtherConstants(workload)) {
    options = PrepareOptions();
    options.constants_known = false;
    KL_RETURN_UNLESS_PASSED(
        RunVariant(trial, workload, base, options, {Split::kAtOnce}, "constants not known, "));
  }
  if (HasWeightOfRank3(workload)) {
    options = PrepareOptions();
    options.weights_in_parts = true;
    KL_RETURN_UNLESS_PASSED(
        RunVariant(trial, workload, base, options, {Split::kAtOnce}, "weights in parts, "));
  }
  if (std::string(trial.op->name) == kExpertOp && HasWeightOfRank3(workload)) {
    options = PrepareOptions();
    options.experts_apart = true;
    KL_RETURN_UNLESS_PASSED(RunVariant(trial, workload, base, options,
                                       {Split::kAtOnce, Split::kThreads}, "experts apart, "));
  }
  return Outcome::Passed();
}

Outcome CheckProcessor(const Trial& trial) {
  const uint64_t missing = trial.kernel->cpu_features & ~trial.host->cpu->features;
  if (missing == 0) return Outcome::Passed();
  char text[96];
  snprintf(text, sizeof text, "this processor lacks the features 0x%llx",
           static_cast<unsigned long long>(missing));
  return Outcome::Skipped(text);
}

}  // namespace

std::vector<Trial> TrialsOf(const kl_host* host, const kl_op& op, const kl_kernel& oracle,
                            const kl_kernel& kernel) {
  std::vector<Trial> trials;
  for (uint32_t c = 0; c < op.case_count; ++c) {
    Trial trial = {host, &op, &oracle, &kernel, &op.cases[c], KL_TYPE_F32, ""};
    trial.name = std::string(kernel.name) + "__" + op.cases[c].name;
    if (!HasFreeType(kernel, op.cases[c])) {
      trials.push_back(trial);
      continue;
    }
    const std::string name = trial.name;
    for (const kl_dtype type : kWeightTypes) {
      trial.any_type = type;
      trial.name = name + "__" + kl_dtype_info_of(type).name;
      trials.push_back(trial);
    }
  }
  return trials;
}

Outcome RunTrial(const Trial& trial) {
  KL_RETURN_UNLESS_PASSED(CheckProcessor(trial));
  std::vector<kl_dtype> types;
  KL_RETURN_UNLESS_PASSED(
      ResolveTypes(*trial.op, *trial.kernel, *trial.op_case, trial.any_type, &types));
  std::string why_skipped;
  bool ran = false;
  const uint32_t repetitions = std::max<uint32_t>(1, trial.op_case->repetitions);
  for (uint32_t r = 0; r < repetitions; ++r) {
    Workload workload;
    const uint64_t seed = SeedOf(trial, r);
    KL_RETURN_UNLESS_PASSED(DrawWorkload(*trial.op, *trial.op_case, types, seed, &workload));
    const Outcome outcome = RunOnce(trial, workload, seed);
    if (outcome.kind == Outcome::kFailed) {
      return Outcome::Failed(trial.name + ", repetition " + std::to_string(r) + ": " +
                             outcome.message + "\n  on " + workload.Describe());
    }
    if (outcome.passed()) {
      ran = true;
    } else {
      why_skipped = outcome.message;
    }
  }
  return ran ? Outcome::Passed() : Outcome::Skipped(why_skipped);
}

Outcome ProbeTrial(const Trial& trial) {
  KL_RETURN_UNLESS_PASSED(CheckProcessor(trial));
  std::vector<kl_dtype> types;
  KL_RETURN_UNLESS_PASSED(
      ResolveTypes(*trial.op, *trial.kernel, *trial.op_case, trial.any_type, &types));
  Workload workload;
  KL_RETURN_UNLESS_PASSED(
      DrawWorkload(*trial.op, *trial.op_case, types, SeedOf(trial, 0), &workload));
  std::unique_ptr<PreparedKernel> kernel;
  return PreparedKernel::Create(trial.host, *trial.kernel, workload, {}, &kernel);
}

}  // namespace conformance
}  // namespace kinglet
