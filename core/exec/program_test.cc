#include "core/exec/program.h"

#include <cstring>

#include "core/base/status.h"
#include "core/exec/fake_plugin.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr int kThreads = 3;
constexpr int64_t kWidth = 5;
const Extents kLargest = {8, 4, 16};

class ProgramTest : public testing::Test {
 protected:
  ProgramTest() : registry_(plugin_.MakeRegistry()), scheduler_(kThreads) {}

  kl_value Value(ValueKind kind, kl_dtype type, std::vector<int64_t> shape) {
    PlanValue value;
    value.kind = kind;
    value.type = type;
    value.shape = std::move(shape);
    plan_.values.push_back(std::move(value));
    return static_cast<kl_value>(plan_.values.size()) - 1;
  }
  kl_value Hidden() { return Value(ValueKind::kActivation, KL_TYPE_F32, {KL_DIM_TOKENS, kWidth}); }
  kl_value Input() { return Value(ValueKind::kInput, KL_TYPE_F32, {KL_DIM_TOKENS, kWidth}); }
  void Node(const char* op, const char* name, std::vector<kl_value> operands) {
    PlanNode node;
    node.op = op;
    node.name = name;
    node.operands = std::move(operands);
    plan_.nodes.push_back(std::move(node));
  }
  absl::StatusOr<std::unique_ptr<Program>> Make(const Extents& largest = kLargest) {
    auto prepared = PreparedPlan::Create(plan_, *registry_, kLargest, kThreads);
    if (!prepared.ok()) return prepared.status();
    prepared_ = *std::move(prepared);
    return Program::Create(*prepared_, GreedyPlanner(), largest, [](kl_value) { return kl_tensor(); });
  }
  absl::Status Run(Program* program, int64_t tokens, int64_t outputs) {
    return program->Run(&scheduler_, tokens, outputs, /*wanted_count=*/0, nullptr);
  }

  FakePlugin plugin_;
  std::unique_ptr<Registry> registry_;
  FakeScheduler scheduler_;
  Plan plan_;
  std::unique_ptr<PreparedPlan> prepared_;
};

TEST_F(ProgramTest, OutputTakesOverAnInputThatDiesThere) {
  const kl_value x = Input(), a = Hidden(), b = Hidden(), c = Hidden();
  Node("fake_double", "first", {x, a});
  Node("fake_double", "second", {a, b});
  Node("fake_double", "third", {b, c});
  plan_.outputs = {c};
  const auto program = Make();
  ASSERT_TRUE(program.ok()) << program.status();
  float* in = static_cast<float*>((*program)->tensor(x).data);
  in[0] = 3;
  ASSERT_TRUE(Run(program->get(), 8, 1).ok());
  const Fake::Log& log = Fake::log();
  EXPECT_NE(log.double_in[0], log.double_out[0]) << "the caller's input is kept";
  EXPECT_EQ(log.double_in[1], log.double_out[1]);
  EXPECT_EQ(log.double_in[2], log.double_out[2]);
  EXPECT_EQ(static_cast<float*>((*program)->tensor(c).data)[0], 24);
  EXPECT_EQ(in[0], 3);
}

TEST_F(ProgramTest, InputThatIsReadLaterIsNotTakenOver) {
  const kl_value x = Input(), a = Hidden(), b = Hidden(), c = Hidden();
  Node("fake_double", "first", {x, a});
  Node("fake_double", "second", {a, b});
  Node("fake_sum", "sum", {a, b, c});
  plan_.outputs = {c};
  const auto program = Make();
  ASSERT_TRUE(program.ok()) << program.status();
  static_cast<float*>((*program)->tensor(x).data)[0] = 1;
  ASSERT_TRUE(Run(program->get(), 1, 1).ok());
  EXPECT_NE(Fake::log().double_in[1], Fake::log().double_out[1]);
  EXPECT_EQ(static_cast<float*>((*program)->tensor(c).data)[0], 2 + 4);
}

TEST_F(ProgramTest, InputOfAnotherSizeIsNotTakenOver) {
  const kl_value x = Input(), a = Hidden(),
                 small = Value(ValueKind::kActivation, KL_TYPE_F32, {KL_DIM_OUTPUTS, kWidth});
  Node("fake_double", "first", {x, a});
  Node("fake_double", "second", {a, small});
  plan_.outputs = {small};
  const auto program = Make();
  ASSERT_TRUE(program.ok()) << program.status();
  EXPECT_NE((*program)->tensor(a).data, (*program)->tensor(small).data);
}

TEST_F(ProgramTest, OpenDimensionsFollowTheRun) {
  const kl_value x = Input(), a = Hidden();
  Node("fake_double", "n", {x, a});
  plan_.outputs = {a};
  const auto program = Make();
  ASSERT_TRUE(program.ok()) << program.status();
  for (int64_t tokens : {8, 1, 5}) {
    ASSERT_TRUE(Run(program->get(), tokens, 1).ok());
    EXPECT_EQ((*program)->tensor(a).shape[0], tokens);
  }
}

TEST_F(ProgramTest, WithoutOutputsTheTailThatMakesLogitsIsLeftOut) {
  const kl_value x = Input(), a = Hidden(),
                 rows = Value(ValueKind::kOutputRows, KL_TYPE_I32, {KL_DIM_OUTPUTS}),
                 z = Value(ValueKind::kActivation, KL_TYPE_F32, {KL_DIM_OUTPUTS, kWidth}),
                 l = Value(ValueKind::kActivation, KL_TYPE_F32, {KL_DIM_OUTPUTS, kWidth});
  Node("fake_double", "hidden", {x, a});
  Node("fake_select", "select", {a, rows, z});
  Node("fake_sum", "logits", {z, KL_NO_VALUE, l});
  plan_.outputs = {l};
  const auto program = Make();
  ASSERT_TRUE(program.ok()) << program.status();
  ASSERT_TRUE(Run(program->get(), 4, 0).ok());
  EXPECT_THAT(Fake::log().ran, ElementsAre("fake_double"));
  (*program)->output_rows()[0] = 3;
  ASSERT_TRUE(Run(program->get(), 4, 1).ok());
  EXPECT_THAT(Fake::log().ran, ElementsAre("fake_double", "fake_double", "fake_select", "fake_sum"));
}

TEST_F(ProgramTest, ScratchIsAlignedAndEachWorkerHasItsOwn) {
  Fake::log().scratch_bytes = 3;
  Fake::log().worker_scratch_bytes = 65;
  const kl_value x = Input(), a = Hidden();
  Node("fake_double", "n", {x, a});
  plan_.outputs = {a};
  const auto program = Make();
  ASSERT_TRUE(program.ok()) << program.status();
  ASSERT_TRUE(Run(program->get(), 8, 1).ok());
  const std::vector<kl_run>& runs = Fake::log().double_runs;
  ASSERT_EQ(runs.size(), static_cast<size_t>(kThreads));
  struct Range {
    uintptr_t begin, end;
  };
  std::vector<Range> ranges;
  const auto add = [&](const void* data, uintptr_t bytes) {
    const uintptr_t begin = reinterpret_cast<uintptr_t>(data);
    EXPECT_EQ(begin % 64, 0u);
    ranges.push_back({begin, begin + bytes});
  };
  add(runs[0].scratch, 3);
  for (const kl_run& run : runs) {
    EXPECT_EQ(run.scratch, runs[0].scratch) << "shared";
    add(run.worker_scratch, 65);
  }
  add((*program)->tensor(x).data, 8 * kWidth * 4);
  add((*program)->tensor(a).data, 8 * kWidth * 4);
  for (size_t i = 0; i < ranges.size(); ++i) {
    for (size_t j = i + 1; j < ranges.size(); ++j) {
      EXPECT_TRUE(ranges[i].end <= ranges[j].begin || ranges[j].end <= ranges[i].begin) << i << ", " << j;
    }
  }
}

TEST_F(ProgramTest, KernelThatWantsNoScratchGetsNone) {
  const kl_value x = Input(), a = Hidden();
  Node("fake_double", "n", {x, a});
  plan_.outputs = {a};
  const auto program = Make();
  ASSERT_TRUE(program.ok()) << program.status();
  ASSERT_TRUE(Run(program->get(), 1, 1).ok());
  EXPECT_EQ(Fake::log().double_runs[0].scratch, nullptr);
  EXPECT_EQ(Fake::log().double_runs[0].worker_scratch, nullptr);
}

TEST_F(ProgramTest, EveryPreparedKernelIsReleasedOnce) {
  const kl_value x = Input(), a = Hidden(), b = Hidden();
  Node("fake_double", "first", {x, a});
  Node("fake_sum", "second", {a, KL_NO_VALUE, b});
  plan_.outputs = {b};
  {
    const auto program = Make();
    ASSERT_TRUE(program.ok()) << program.status();
    EXPECT_EQ(Fake::log().prepared, 2);
    EXPECT_EQ(Fake::log().released, 0);
  }
  EXPECT_EQ(Fake::log().released, 2);
}

TEST_F(ProgramTest, RefusalNamesNodeAndKernelAndReleasesThoseBefore) {
  Fake::log().refuse_node = "blk.7.third";
  const kl_value x = Input(), a = Hidden(), b = Hidden(), c = Hidden();
  Node("fake_double", "first", {x, a});
  Node("fake_double", "second", {a, b});
  Node("fake_sum", "blk.7.third", {b, KL_NO_VALUE, c});
  plan_.outputs = {c};
  const absl::Status status = Make().status();
  EXPECT_EQ(CodeFromStatus(status), KL_UNSUPPORTED);
  EXPECT_THAT(std::string(status.message()), HasSubstr("node blk.7.third, kernel fake_sum_1"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("does not like the shape"));
  EXPECT_EQ(Fake::log().prepared, 2);
  EXPECT_EQ(Fake::log().released, 2);
}

TEST_F(ProgramTest, SizesThatWrapAreRefused) {
  const kl_value x = Value(ValueKind::kInput, KL_TYPE_F32, {KL_DIM_TOKENS, int64_t{1} << 31}),
                 y = Value(ValueKind::kActivation, KL_TYPE_F32, {KL_DIM_TOKENS, int64_t{1} << 31});
  Node("fake_double", "n", {x, y});
  plan_.outputs = {y};
  // 2^31 * 2^31 elements of 4 bytes: 0 in 64 bits.
  const absl::Status status = Make({int64_t{1} << 31, 1, int64_t{1} << 31}).status();
  EXPECT_EQ(CodeFromStatus(status), KL_OUT_OF_BUDGET) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("smaller batch"));
}

TEST_F(ProgramTest, ProfilingCountsRunsTimeAndBytesOfEachNode) {
  const kl_value x = Input(), a = Hidden(), b = Hidden();
  Node("fake_double", "first", {x, a});
  Node("fake_double", "second", {a, b});
  plan_.outputs = {b};
  kl_kernel* kernel = nullptr;
  for (kl_kernel& candidate : plugin_.kernels) {
    if (std::string(candidate.op) == "fake_double") kernel = &candidate;
  }
  ASSERT_NE(kernel, nullptr);
  kernel->flags |= KL_KERNEL_COUNTS_WEIGHT_BYTES;
  kernel->run = [](const kl_run* run) {
    kl_count_weight_bytes(run, run->worker == 0 ? 100 : 10);
    return kl_code{KL_OK};
  };
  const auto program = Make();
  ASSERT_TRUE(program.ok()) << program.status();
  ASSERT_TRUE(Run(program->get(), 8, 1).ok());
  EXPECT_TRUE((*program)->profile().empty()) << "off unless asked for";

  (*program)->SetProfiling(true);
  for (int run = 0; run < 3; ++run) ASSERT_TRUE(Run(program->get(), 8, 1).ok());
  ASSERT_EQ((*program)->profile().size(), 2u);
  for (const NodeProfile& node : (*program)->profile()) {
    EXPECT_EQ(node.run_count, 3u);
    EXPECT_GT(node.ns, 0);
    EXPECT_EQ(node.weight_bytes, 3u * (100 + (kThreads - 1) * 10)) << "the sum over the workers";
  }
  (*program)->SetProfiling(true);
  EXPECT_EQ((*program)->profile()[0].run_count, 0u) << "begun anew";
  (*program)->SetProfiling(false);
  ASSERT_TRUE(Run(program->get(), 8, 1).ok());
  EXPECT_TRUE((*program)->profile().empty());
}

}  // namespace
}  // namespace kinglet
