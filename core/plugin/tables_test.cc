#include "core/plugin/tables.h"

#include <cmath>

#include "core/base/status.h"
#include "core/plugin/sample_kernels.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

// A correct plugin; each test breaks it in one way.
class TablesTest : public testing::Test {
 protected:
  TablesTest() {
    plugin_.struct_size = sizeof plugin_;
    plugin_.abi_major = KL_ABI_MAJOR;
    plugin_.abi_minor = KL_ABI_MINOR;
    plugin_.name = "sample";
    plugin_.version = "1.0";
    plugin_.ops = ops_;
    plugin_.op_count = 1;
    plugin_.kernels = kernels_;
    plugin_.kernel_count = 1;
    plugin_.planners = planners_;
    plugin_.planner_count = 1;
    plugin_.architectures = architectures_;
    plugin_.architecture_count = 1;
    plugin_.banks = banks_;
    plugin_.bank_count = 1;
  }

  absl::Status Read() {
    tables_ = {};
    return ReadTables(plugin_, "plugin x", &tables_);
  }
  // The plugin is refused, and the message has `text` in it.
  void ExpectRefused(absl::string_view text) {
    const absl::Status status = Read();
    EXPECT_EQ(CodeFromStatus(status), KL_INVALID_ARGUMENT) << status;
    EXPECT_NE(status.message().find(text), absl::string_view::npos) << status;
  }

  kl_operand operands_[3] = {{"a", KL_OPERAND_INPUT, 0, -1},
                             {"b", KL_OPERAND_INPUT, 0, -1},
                             {"y", KL_OPERAND_OUTPUT, 0, 0}};
  kl_op op_ = {sizeof(kl_op), "test_sum", operands_, 3, nullptr, 0};
  const kl_op* ops_[1] = {&op_};
  kl_kernel kernel_ = SampleKernel("test_sum_sample", 1);
  kl_kernel second_ = SampleKernel("test_sum_second", 2);
  const kl_kernel* kernels_[2] = {&kernel_, &second_};
  kl_planner planner_ = {sizeof(kl_planner), "greedy",
                         [](const kl_memory_request*, uint32_t, uint64_t, uint64_t*, uint64_t*,
                            kl_error*) -> kl_code { return KL_OK; }};
  const kl_planner* planners_[1] = {&planner_};
  kl_architecture architecture_ = {sizeof(kl_architecture), "arch",
                                   [](const kl_host*, const kl_model_view*, kl_plan_builder*,
                                      kl_model_facts*, kl_error*) -> kl_code { return KL_OK; }};
  const kl_architecture* architectures_[1] = {&architecture_};
  kl_bank bank_ = {sizeof(kl_bank),
                   "bank",
                   [](const kl_host*, const kl_bank_options*, kl_bank_handle**,
                      kl_error*) -> kl_code { return KL_OK; },
                   [](kl_bank_handle*, const uint64_t*, uint32_t, uint32_t, kl_bank_ticket*,
                      kl_error*) -> kl_code { return KL_OK; },
                   [](kl_bank_handle*, kl_bank_ticket, int64_t, kl_lease*,
                      kl_error*) -> kl_bank_answer { return KL_BANK_DONE; },
                   [](kl_bank_handle*, const kl_lease*) {},
                   [](kl_bank_handle*, kl_bank_ticket) {},
                   [](kl_bank_handle*, uint64_t, uint32_t, kl_error*) -> kl_code { return KL_OK; },
                   [](kl_bank_handle*, kl_bank_stats*) {},
                   [](kl_bank_handle*) {},
                   nullptr,
                   nullptr,
                   nullptr,
                   nullptr,
                   nullptr};
  const kl_bank* banks_[1] = {&bank_};
  kl_plugin_v1 plugin_ = {};
  PluginTables tables_;
};

TEST_F(TablesTest, ACorrectPluginIsReadWhole) {
  ASSERT_TRUE(Read().ok()) << Read();
  EXPECT_EQ(tables_.ops.size(), 1u);
  EXPECT_EQ(tables_.kernels.size(), 1u);
  EXPECT_EQ(tables_.planners.size(), 1u);
  EXPECT_EQ(tables_.architectures.size(), 1u);
  EXPECT_EQ(tables_.banks.size(), 1u);
}

TEST_F(TablesTest, AnOlderTableHasNoneOfWhatWasAddedLater) {
  plugin_.struct_size = offsetof(kl_plugin_v1, architectures);
  plugin_.architecture_count = 99;
  plugin_.planner_count = 99;
  ASSERT_TRUE(Read().ok()) << Read();
  EXPECT_EQ(tables_.kernels.size(), 1u);
  EXPECT_TRUE(tables_.architectures.empty());
  EXPECT_TRUE(tables_.planners.empty());
}

TEST_F(TablesTest, ANewerTableIsReadAsFarAsItIsKnown) {
  plugin_.struct_size += 64;
  plugin_.abi_minor += 3;
  kernel_.struct_size += 16;
  op_.struct_size += 16;
  EXPECT_TRUE(Read().ok()) << Read();
}

TEST_F(TablesTest, AnotherMajorVersionIsRefused) {
  plugin_.abi_major = KL_ABI_MAJOR + 1;
  EXPECT_EQ(CodeFromStatus(Read()), KL_VERSION_MISMATCH);
}

TEST_F(TablesTest, StructsSmallerThanVersionOneAreRefused) {
  plugin_.struct_size = 8;
  ExpectRefused("kl_plugin_v1 has struct_size 8");
  plugin_.struct_size = sizeof plugin_;
  kernel_.struct_size = offsetof(kl_kernel, run);
  ExpectRefused("kernel 0 has struct_size");
}

TEST_F(TablesTest, NamesMustBeThere) {
  plugin_.version = nullptr;
  ExpectRefused("name or version");
  plugin_.version = "1";
  kernel_.name = "";
  ExpectRefused("kernel 0 has no name");
  kernel_.name = "k";
  kernel_.op = nullptr;
  ExpectRefused("op is NULL");
}

TEST_F(TablesTest, FunctionsMustBeThere) {
  kernel_.run = nullptr;
  ExpectRefused("work or run is NULL");
  kernel_ = SampleKernel("k", 1);
  kernel_.pack = [](const kl_node*, uint32_t, const kl_tensor*, void*, int64_t,
                    int64_t) -> kl_code { return KL_OK; };
  ExpectRefused("pack_query and pack");
  kernel_ = SampleKernel("k", 1);
  planner_.plan = nullptr;
  ExpectRefused("planner greedy: plan is NULL");
  planner_ = {sizeof planner_, "greedy",
              [](const kl_memory_request*, uint32_t, uint64_t, uint64_t*, uint64_t*,
                 kl_error*) -> kl_code { return KL_OK; }};
  architecture_.build = nullptr;
  ExpectRefused("architecture arch: build is NULL");
}

TEST_F(TablesTest, EveryFunctionOfABankMustBeThere) {
  bank_.cancel = nullptr;
  ExpectRefused("bank bank: one of its functions is NULL");
}

TEST_F(TablesTest, DuplicateNamesAreRefused) {
  plugin_.kernel_count = 2;
  ASSERT_TRUE(Read().ok()) << Read();
  second_.name = "test_sum_sample";
  ExpectRefused("kernel test_sum_sample: the name is there twice");
}

TEST_F(TablesTest, ImpossibleCountsAreRefusedBeforeTheyAreFollowed) {
  plugin_.kernel_count = 1u << 30;
  ExpectRefused("expected at most 4096 kernels");
  plugin_.kernel_count = 1;
  plugin_.kernels = nullptr;
  ExpectRefused("found 1 at NULL");
  plugin_.kernels = kernels_;
  kernel_.operand_count = 1u << 20;
  ExpectRefused("operand types");
  kernel_ = SampleKernel("k", 1);
  kernels_[0] = nullptr;
  ExpectRefused("kernel 0 is NULL");
}

TEST_F(TablesTest, UnknownTypesRolesAndAliasesAreRefused) {
  static const kl_dtype kUnknown[] = {KL_TYPE_F32, 99, KL_TYPE_F32};
  kernel_.operand_types = kUnknown;
  ExpectRefused("operand 1 has type 99");
  kernel_ = SampleKernel("k", 1);
  operands_[2].may_alias = 2;
  ExpectRefused("output y may alias operand 2");
  operands_[2].may_alias = 17;
  ExpectRefused("output y may alias operand 17");
  operands_[2].may_alias = -1;
  operands_[0].role = 9;
  ExpectRefused("operand a has role 9");
}

TEST_F(TablesTest, AToleranceIsAFiniteNumber) {
  kernel_.tolerance = NAN;
  ExpectRefused("tolerance");
  kernel_.tolerance = -1;
  ExpectRefused("tolerance");
}

}  // namespace
}  // namespace kinglet
