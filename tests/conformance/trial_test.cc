// The conformance test's own test: kernels with one planted fault each, and the message that must
// come of it.
#include "tests/conformance/trial.h"

#include <cstring>
#include <string>
#include <vector>

#include "core/abi/dtype.h"
#include "core/abi/error.h"
#include "core/plugin/host.h"
#include "gtest/gtest.h"
#include "tests/conformance/workload.h"

namespace kinglet {
namespace conformance {
namespace {

// op "scaled_sum": y[t][n] = sum over k of w[n][k] * x[t][k]; memory[t][0] = y[t][0] is state.
enum { kX, kW, kMemory, kY };
const kl_operand kOperands[] = {{"x", KL_OPERAND_INPUT, 0, -1},
                                {"w", KL_OPERAND_INPUT, 0, -1},
                                {"memory", KL_OPERAND_STATE, 0, -1},
                                {"y", KL_OPERAND_OUTPUT, 0, kX}};
constexpr int64_t kSize = 8;
const kl_case_operand kCaseOperands[] = {
    {KL_TYPE_F32, 2, {KL_CASE_SYMBOL(0), kSize}, KL_FILL_NORMAL, 0.0, 1.0},
    {KL_TYPE_ANY, 2, {kSize, kSize}, KL_FILL_NORMAL, 0.0, 1.0},
    {KL_TYPE_F32, 1, {KL_CASE_SYMBOL(0)}, KL_FILL_NORMAL, 0.0, 1.0},
    {KL_TYPE_F32, 2, {KL_CASE_SYMBOL(0), kSize}, KL_FILL_ZERO, 0.0, 0.0}};
const kl_op_case kCases[] = {{"tokens", nullptr, 0, kCaseOperands, 4, {{5, 9, 1}}, 2}};
const kl_op kOp = {sizeof(kl_op), "scaled_sum", kOperands, 4, kCases, 1};

const float* Floats(const kl_run* run, int operand) {
  return static_cast<const float*>(run->operands[operand]->data);
}
float* MutableFloats(const kl_run* run, int operand) {
  return static_cast<float*>(run->operands[operand]->data);
}

void WorkPerToken(const kl_run* run, kl_work* work) {
  work->phase_count = 1;
  work->unit_count[0] = run->operands[kX]->shape[0];
}

// Rows are computed into a copy, because y may lie in x's place.
kl_code RunRight(const kl_run* run) {
  for (int64_t t = run->begin; t < run->end; ++t) {
    float row[kSize];
    for (int64_t n = 0; n < kSize; ++n) {
      row[n] = 0.0f;
      for (int64_t k = 0; k < kSize; ++k)
        row[n] += Floats(run, kW)[n * kSize + k] * Floats(run, kX)[t * kSize + k];
    }
    memcpy(MutableFloats(run, kY) + t * kSize, row, sizeof row);
    MutableFloats(run, kMemory)[t] = row[0];
  }
  return KL_OK;
}

// ---- one fault each ----

kl_code RunWrongValue(const kl_run* run) {
  RunRight(run);
  if (run->begin == 0) MutableFloats(run, kY)[3] += 0.5f;
  return KL_OK;
}

kl_code RunOneElementNan(const kl_run* run) {
  RunRight(run);
  const uint32_t nan = 0x7fc00000;
  if (run->begin == 0) memcpy(MutableFloats(run, kY) + 2, &nan, sizeof nan);
  return KL_OK;
}

kl_code RunLeavesLastColumn(const kl_run* run) {
  for (int64_t t = run->begin; t < run->end; ++t) {
    float before;
    memcpy(&before, MutableFloats(run, kY) + t * kSize + kSize - 1, sizeof before);
    kl_run one = *run;
    one.begin = t;
    one.end = t + 1;
    RunRight(&one);
    memcpy(MutableFloats(run, kY) + t * kSize + kSize - 1, &before, sizeof before);
  }
  return KL_OK;
}

kl_code RunWritesBehindOutput(const kl_run* run) {
  RunRight(run);
  MutableFloats(run, kY)[run->operands[kY]->shape[0] * kSize] = 1.0f;
  return KL_OK;
}

kl_code RunWritesBeforeOutput(const kl_run* run) {
  RunRight(run);
  MutableFloats(run, kY)[-1] = 1.0f;
  return KL_OK;
}

kl_code RunChangesInput(const kl_run* run) {
  RunRight(run);
  MutableFloats(run, kX)[0] += 1.0f;
  return KL_OK;
}

kl_code RunForgetsState(const kl_run* run) {
  std::vector<float> before(Floats(run, kMemory),
                            Floats(run, kMemory) + run->operands[kMemory]->shape[0]);
  RunRight(run);
  memcpy(MutableFloats(run, kMemory), before.data(), before.size() * sizeof(float));
  return KL_OK;
}

kl_code RunDependsOnSplit(const kl_run* run) {
  RunRight(run);
  // The last bit of the first value of a range: far below any tolerance, and not the same in every
  // split.
  float* first = MutableFloats(run, kY) + run->begin * kSize;
  uint32_t bits;
  memcpy(&bits, first, sizeof bits);
  bits ^= 1u;
  memcpy(first, &bits, sizeof bits);
  return KL_OK;
}

kl_code RunReadsItsOutput(const kl_run* run) {
  // Right when y is a buffer of its own; in x's place it overwrites what it still reads.
  for (int64_t t = run->begin; t < run->end; ++t) {
    for (int64_t n = 0; n < kSize; ++n) {
      float sum = 0.0f;
      for (int64_t k = 0; k < kSize; ++k)
        sum += Floats(run, kW)[n * kSize + k] * Floats(run, kX)[t * kSize + k];
      MutableFloats(run, kY)[t * kSize + n] = sum;
    }
    MutableFloats(run, kMemory)[t] = MutableFloats(run, kY)[t * kSize];
  }
  return KL_OK;
}

kl_code RunFails(const kl_run*) { return KL_INTERNAL; }

kl_code PrepareScratch(const kl_host*, const kl_node*, void*, kl_requirements* requirements,
                       kl_error*) {
  requirements->scratch_bytes = 16;
  requirements->worker_scratch_bytes = 16;
  return KL_OK;
}

kl_code RunWritesBehindScratch(const kl_run* run) {
  static_cast<uint8_t*>(run->scratch)[16] = 1;
  return RunRight(run);
}

kl_code RunWritesBehindWorkerScratch(const kl_run* run) {
  static_cast<uint8_t*>(run->worker_scratch)[16] = 1;
  return RunRight(run);
}

kl_code RunSumsInDirtyScratch(const kl_run* run) {
  RunRight(run);
  float* sum = static_cast<float*>(run->worker_scratch);
  *sum += MutableFloats(run, kY)[run->begin * kSize];
  MutableFloats(run, kY)[run->begin * kSize] = *sum;
  return KL_OK;
}

void WorkForPreparedTokens(const kl_run* run, kl_work* work) {
  // Remembers the shape of prepare() instead of looking at the run's.
  work->phase_count = 1;
  memcpy(&work->unit_count[0], run->state, sizeof(int64_t));
}

kl_code PrepareRemembersTokens(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                               kl_error*) {
  memcpy(state, &node->operands[kX]->shape[0], sizeof(int64_t));
  return KL_OK;
}

kl_code PackQueryCopy(const kl_node* node, uint32_t operand, kl_pack* pack, kl_error*) {
  if (operand != kW) return KL_OK;
  pack->bytes = kSize * kSize * sizeof(float);
  pack->unit_count = node->operands[kW]->shape[0];
  pack->layout = "copy";
  return KL_OK;
}

kl_code PackCopy(const kl_node*, uint32_t, const kl_tensor* source, void* destination,
                 int64_t begin, int64_t end) {
  memcpy(static_cast<float*>(destination) + begin * kSize,
         static_cast<const float*>(source->data) + begin * kSize,
         static_cast<size_t>((end - begin) * kSize) * sizeof(float));
  return KL_OK;
}

kl_code PackForgetsFirstValueOfUnit(const kl_node* node, uint32_t operand, const kl_tensor* source,
                                    void* destination, int64_t begin, int64_t end) {
  const kl_code code = PackCopy(node, operand, source, destination, begin, end);
  // Only right when all units are packed at once.
  if (begin > 0) static_cast<float*>(destination)[begin * kSize] = 0.0f;
  return code;
}

kl_code PackWritesBehind(const kl_node* node, uint32_t operand, const kl_tensor* source,
                         void* destination, int64_t begin, int64_t end) {
  static_cast<float*>(destination)[kSize * kSize] = 1.0f;
  return PackCopy(node, operand, source, destination, begin, end);
}

kl_code SupportsNothing(const kl_node*, kl_error* error) {
  return kl_fail(error, KL_UNSUPPORTED, "not this shape");
}

const kl_dtype kF32Types[] = {KL_TYPE_F32, KL_TYPE_F32, KL_TYPE_F32, KL_TYPE_F32};
const kl_dtype kAnyTypes[] = {KL_TYPE_ANY, KL_TYPE_ANY, KL_TYPE_ANY, KL_TYPE_ANY};
const kl_dtype kQ4Types[] = {KL_TYPE_F32, KL_TYPE_Q4_0, KL_TYPE_F32, KL_TYPE_F32};

kl_kernel Kernel(const char* name, kl_code (*run)(const kl_run*)) {
  kl_kernel kernel = {};
  kernel.struct_size = sizeof kernel;
  kernel.op = kOp.name;
  kernel.name = name;
  kernel.operand_types = kF32Types;
  kernel.operand_count = 4;
  kernel.work = WorkPerToken;
  kernel.run = run;
  kernel.tolerance = 1e-5f;
  return kernel;
}

const kl_kernel kOracle = Kernel("scaled_sum_oracle", RunRight);

class TrialTest : public testing::Test {
 protected:
  TrialTest() : host_(HostOptions()) {}

  std::vector<Trial> Trials(const kl_kernel& kernel) {
    return TrialsOf(host_.general(), kOp, kOracle, kernel);
  }
  Outcome RunFirst(const kl_kernel& kernel) { return RunTrial(Trials(kernel)[0]); }
  void ExpectFailure(const kl_kernel& kernel, const std::string& message) {
    const Outcome outcome = RunFirst(kernel);
    EXPECT_EQ(outcome.kind, Outcome::kFailed) << kernel.name;
    EXPECT_NE(outcome.message.find(message), std::string::npos)
        << kernel.name << ": " << outcome.message;
    EXPECT_NE(outcome.message.find(kernel.name), std::string::npos) << outcome.message;
  }

  HostServices host_;
};

TEST_F(TrialTest, PassesARightKernel) {
  kl_kernel kernel = Kernel("right", RunRight);
  EXPECT_TRUE(RunFirst(kernel).passed()) << RunFirst(kernel).message;
  kernel.pack_query = PackQueryCopy;
  kernel.pack = PackCopy;
  EXPECT_TRUE(RunFirst(kernel).passed()) << RunFirst(kernel).message;
  kernel.tolerance = 0.0f;
  EXPECT_TRUE(RunFirst(kernel).passed()) << "equal bits need no tolerance";
}

TEST_F(TrialTest, FindsWrongValues) {
  ExpectFailure(Kernel("wrong", RunWrongValue), "operand y: element 3: expected");
  ExpectFailure(Kernel("nan", RunOneElementNan), "operand y: element 2: expected");
  ExpectFailure(Kernel("unwritten", RunLeavesLastColumn), "operand y: element 7: expected");
}

TEST_F(TrialTest, FindsStateThatWasNotWritten) {
  ExpectFailure(Kernel("forgets", RunForgetsState), "operand memory: element");
}

TEST_F(TrialTest, FindsChangedInputs) {
  ExpectFailure(Kernel("changes", RunChangesInput), "changed its input x");
}

TEST_F(TrialTest, FindsDependenceOnTheSplit) {
  ExpectFailure(Kernel("split", RunDependsOnSplit), "other bits with");
}

TEST_F(TrialTest, FindsOutputsThatCannotTakeTheirInputsPlace) {
  ExpectFailure(Kernel("in_place", RunReadsItsOutput), "outputs in the place of inputs");
}

TEST_F(TrialTest, FindsARunThatFails) {
  ExpectFailure(Kernel("fails", RunFails), "run() returned 11");
}

// AddressSanitizer stops at these writes itself.
#if !defined(__SANITIZE_ADDRESS__)
TEST_F(TrialTest, FindsWritesOutsideOperandsAndScratch) {
  ExpectFailure(Kernel("behind", RunWritesBehindOutput), "wrote outside operand y");
  ExpectFailure(Kernel("before", RunWritesBeforeOutput), "wrote outside operand y");
  kl_kernel kernel = Kernel("scratch", RunWritesBehindScratch);
  kernel.prepare = PrepareScratch;
  ExpectFailure(kernel, "wrote outside its scratch");
  kernel = Kernel("worker_scratch", RunWritesBehindWorkerScratch);
  kernel.prepare = PrepareScratch;
  ExpectFailure(kernel, "wrote outside its worker scratch");
}

TEST_F(TrialTest, FindsPackingOutsideItsDestination) {
  kl_kernel kernel = Kernel("pack_behind", RunRight);
  kernel.pack_query = PackQueryCopy;
  kernel.pack = PackWritesBehind;
  ExpectFailure(kernel, "pack() of w wrote outside its destination");
}

TEST_F(TrialTest, FindsAKernelThatRemembersTheShapeOfPrepare) {
  kl_kernel kernel = Kernel("remembers", RunRight);
  kernel.prepare = PrepareRemembersTokens;
  kernel.work = WorkForPreparedTokens;
  kernel.state_bytes = sizeof(int64_t);
  ExpectFailure(kernel, "wrote outside operand");
}
#endif

TEST_F(TrialTest, FindsScratchThatWasTakenForZero) {
  kl_kernel kernel = Kernel("dirty", RunSumsInDirtyScratch);
  kernel.prepare = PrepareScratch;
  ExpectFailure(kernel, "operand y: element 0: expected");
}

TEST_F(TrialTest, FindsPackingThatDependsOnItsSplit) {
  kl_kernel kernel = Kernel("pack_split", RunRight);
  kernel.pack_query = PackQueryCopy;
  kernel.pack = PackForgetsFirstValueOfUnit;
  ExpectFailure(kernel, "other bits with reverse packing");
}

// ---- experts that a bank holds one by one ----

// op "moe_ffn" as far as packing goes: y[t][n] = sum over e, k of w[e][n][k] * x[t][k].
constexpr int64_t kExperts = 3;
const kl_operand kMoeOperands[] = {{"x", KL_OPERAND_INPUT, 0, -1},
                                   {"w", KL_OPERAND_INPUT, 0, -1},
                                   {"y", KL_OPERAND_OUTPUT, 0, -1}};
const kl_case_operand kMoeCaseOperands[] = {
    {KL_TYPE_F32, 2, {KL_CASE_SYMBOL(0), kSize}, KL_FILL_NORMAL, 0.0, 1.0},
    {KL_TYPE_ANY, 3, {kExperts, kSize, kSize}, KL_FILL_NORMAL, 0.0, 1.0},
    {KL_TYPE_F32, 2, {KL_CASE_SYMBOL(0), kSize}, KL_FILL_ZERO, 0.0, 0.0}};
const kl_op_case kMoeCases[] = {{"tokens", nullptr, 0, kMoeCaseOperands, 3, {{5, 9, 1}}, 1}};
const kl_op kMoe = {sizeof(kl_op), "moe_ffn", kMoeOperands, 3, kMoeCases, 1};

// Packed or not, whole or in parts: expert after expert, rows in order.
kl_code RunMoe(const kl_run* run) {
  const kl_tensor& w = *run->operands[kW];
  for (int64_t t = run->begin; t < run->end; ++t) {
    for (int64_t n = 0; n < kSize; ++n) {
      float sum = 0.0f;
      for (int64_t e = 0; e < kExperts; ++e) {
        const float* expert = w.parts != nullptr
                                  ? static_cast<const float*>(w.parts[e])
                                  : static_cast<const float*>(w.data) + e * kSize * kSize;
        for (int64_t k = 0; k < kSize; ++k) {
          sum += expert[n * kSize + k] * Floats(run, kX)[t * kSize + k];
        }
      }
      MutableFloats(run, 2)[t * kSize + n] = sum;
    }
  }
  return KL_OK;
}

kl_code PackQueryMoe(const kl_node* node, uint32_t operand, kl_pack* pack, kl_error*) {
  if (operand != kW) return KL_OK;
  pack->bytes = kl_tensor_bytes(node->operands[kW]);
  pack->unit_count = node->operands[kW]->shape[0] * kSize;
  pack->layout = "copy";
  return KL_OK;
}

// Breaks the rule: room for all of them whatever the node's number of experts.
kl_code PackQueryMoeRounds(const kl_node* node, uint32_t operand, kl_pack* pack, kl_error* error) {
  const kl_code code = PackQueryMoe(node, operand, pack, error);
  if (operand == kW) pack->bytes += 64;
  return code;
}

const float* RowOf(const kl_tensor* source, int64_t row) {
  const int64_t expert = row / kSize;
  const float* of = source->parts != nullptr
                        ? static_cast<const float*>(source->parts[expert])
                        : static_cast<const float*>(source->data) + expert * kSize * kSize;
  return of + row % kSize * kSize;
}

kl_code PackMoe(const kl_node*, uint32_t, const kl_tensor* source, void* destination, int64_t begin,
                int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    memcpy(static_cast<float*>(destination) + row * kSize, RowOf(source, row),
           kSize * sizeof(float));
  }
  return KL_OK;
}

// Breaks the rule, and packs three experts as well as the right one: the last row tells how many
// there are.
kl_code PackMoeTogether(const kl_node* node, uint32_t operand, const kl_tensor* source,
                        void* destination, int64_t begin, int64_t end) {
  const kl_code code = PackMoe(node, operand, source, destination, begin, end);
  const int64_t rows = source->shape[0] * kSize;
  if (source->shape[0] == 1 && end == rows) static_cast<float*>(destination)[rows * kSize - 1] = 0;
  return code;
}

Outcome RunMoeTrial(const kl_host* host,
                    kl_code (*query)(const kl_node*, uint32_t, kl_pack*, kl_error*),
                    kl_code (*pack)(const kl_node*, uint32_t, const kl_tensor*, void*, int64_t,
                                    int64_t)) {
  kl_kernel kernel = Kernel("moe", RunMoe);
  kernel.op = kMoe.name;
  kernel.operand_count = 3;
  kernel.pack_query = query;
  kernel.pack = pack;
  kl_kernel oracle = kernel;
  oracle.pack_query = nullptr;
  oracle.pack = nullptr;
  return RunTrial(TrialsOf(host, kMoe, oracle, kernel)[0]);
}

TEST_F(TrialTest, HoldsExpertsToThePackingRule) {
  const Outcome right = RunMoeTrial(host_.general(), PackQueryMoe, PackMoe);
  EXPECT_TRUE(right.passed()) << right.message;
  const Outcome together = RunMoeTrial(host_.general(), PackQueryMoe, PackMoeTogether);
  EXPECT_NE(together.message.find("expert 0 of w, packed alone, differs from its share"),
            std::string::npos)
      << together.message;
  const Outcome rounds = RunMoeTrial(host_.general(), PackQueryMoeRounds, PackMoe);
  EXPECT_NE(rounds.message.find("packed alone, has 320 bytes; all 3 have 832"), std::string::npos)
      << rounds.message;
}

// Breaks the rule: there is no copy before that of the only weight.
kl_code PackQueryIntoNothing(const kl_node* node, uint32_t operand, kl_pack* pack,
                             kl_error* error) {
  const kl_code code = PackQueryMoe(node, operand, pack, error);
  if (operand == kW) pack->within = 1;
  return code;
}

TEST_F(TrialTest, RefusesACopyThatIsNotThere) {
  const Outcome outcome = RunMoeTrial(host_.general(), PackQueryIntoNothing, PackMoe);
  EXPECT_NE(outcome.message.find("operand 1 into the copy of operand 0"), std::string::npos)
      << outcome.message;
}

TEST_F(TrialTest, SkipsWhatAKernelDoesNotSupport) {
  kl_kernel kernel = Kernel("nothing", RunRight);
  kernel.supports = SupportsNothing;
  EXPECT_EQ(RunFirst(kernel).kind, Outcome::kSkipped);
  EXPECT_EQ(ProbeTrial(Trials(kernel)[0]).kind, Outcome::kSkipped);
  EXPECT_NE(RunFirst(kernel).message.find("not this shape"), std::string::npos);
}

TEST_F(TrialTest, SkipsKernelsForOtherProcessors) {
  kl_kernel kernel = Kernel("other_processor", RunWrongValue);
  kernel.cpu_features = KL_CPU_SVE;  // the host of this test has no features at all
  EXPECT_EQ(RunFirst(kernel).kind, Outcome::kSkipped);
}

TEST_F(TrialTest, RunsAKernelOfAnyTypeOnEveryWeightType) {
  kl_kernel kernel = Kernel("any", RunRight);
  kernel.operand_types = kAnyTypes;
  const std::vector<Trial> trials = Trials(kernel);
  EXPECT_EQ(trials.size(), 17u);
  EXPECT_EQ(trials[0].name, "any__tokens__f32");
  EXPECT_EQ(Trials(kOracle).size(), 1u);
}

TEST_F(TrialTest, DrawsWholeBlocksForBlockTypes) {
  kl_kernel kernel = Kernel("q4_0", RunRight);
  kernel.operand_types = kQ4Types;
  std::vector<kl_dtype> types;
  ASSERT_TRUE(ResolveTypes(kOp, kernel, kCases[0], KL_TYPE_F32, &types).passed());
  EXPECT_EQ(types, std::vector<kl_dtype>(kQ4Types, kQ4Types + 4));
  Workload workload;
  ASSERT_TRUE(DrawWorkload(kOp, kCases[0], types, 1, &workload).passed());
  EXPECT_EQ(DescribeTensor(workload.operands[kW].tensor), "q4_0 [8, 32]");
  EXPECT_GE(workload.symbols[0], 5);
  EXPECT_LE(workload.symbols[0], 9);
}

TEST_F(TrialTest, DrawsTheSameWorkloadForTheSameSeed) {
  const std::vector<kl_dtype> types(kF32Types, kF32Types + 4);
  Workload first, second, other;
  ASSERT_TRUE(DrawWorkload(kOp, kCases[0], types, 7, &first).passed());
  ASSERT_TRUE(DrawWorkload(kOp, kCases[0], types, 7, &second).passed());
  ASSERT_TRUE(DrawWorkload(kOp, kCases[0], types, 8, &other).passed());
  EXPECT_EQ(first.operands[kX].original, second.operands[kX].original);
  EXPECT_NE(first.operands[kX].original, other.operands[kX].original);
}

TEST_F(TrialTest, FillsOperandsAsTheCaseSays) {
  const kl_operand operands[] = {{"a", KL_OPERAND_INPUT, 0, -1}, {"b", KL_OPERAND_INPUT, 0, -1}};
  const kl_case_operand filled[] = {{KL_TYPE_I32, 2, {50, 4}, KL_FILL_DISTINCT, 10, 16},
                                    {KL_TYPE_I32, 1, {6}, KL_FILL_SEQUENCE, 40, 0}};
  const kl_op_case fill_case = {"fill", nullptr, 0, filled, 2, {}, 1};
  const kl_op op = {sizeof(kl_op), "fill", operands, 2, &fill_case, 1};
  Workload workload;
  ASSERT_TRUE(DrawWorkload(op, fill_case, {KL_TYPE_I32, KL_TYPE_I32}, 3, &workload).passed());
  const int32_t* rows = static_cast<const int32_t*>(workload.operands[0].tensor.data);
  for (int r = 0; r < 50; ++r) {
    uint32_t seen = 0;
    for (int i = 0; i < 4; ++i) {
      ASSERT_GE(rows[r * 4 + i], 10);
      ASSERT_LT(rows[r * 4 + i], 16);
      seen |= 1u << rows[r * 4 + i];
    }
    EXPECT_EQ(__builtin_popcount(seen), 4) << "row " << r;
  }
  const int32_t* sequence = static_cast<const int32_t*>(workload.operands[1].tensor.data);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(sequence[i], 40 + i);
}

}  // namespace
}  // namespace conformance
}  // namespace kinglet
