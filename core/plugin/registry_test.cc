#include "core/plugin/registry.h"

#include <fstream>

#include "core/base/status.h"
#include "core/plugin/plugin_folder.h"
#include "core/plugin/sample_kernels.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

constexpr char kFolder[] = "core/plugin/testdata";

std::string PathOf(const std::string& name) {
  return std::string(kFolder) + "/libkinglet_" + name + ".so";
}

bool Contains(const absl::Status& status, absl::string_view text) {
  return status.message().find(text) != absl::string_view::npos;
}

class RegistryTest : public testing::Test {
 protected:
  RegistryTest() { options_.use_plugin_folder = false; }

  void Load(const std::vector<std::string>& names) {
    for (const std::string& name : names) options_.extra_plugin_paths.push_back(PathOf(name));
    auto registry = Registry::Create(options_);
    ASSERT_TRUE(registry.ok()) << registry.status();
    registry_ = *std::move(registry);
  }
  absl::Status OnlyFailure() {
    if (registry_->failures().size() != 1) return absl::InternalError("not one failure");
    return registry_->failures()[0].status;
  }

  RegistryOptions options_;
  std::unique_ptr<Registry> registry_;
  SampleNode node_{{KL_TYPE_F32, KL_TYPE_F32, KL_TYPE_F32}};
};

TEST_F(RegistryTest, FindsWhatAPluginOffers) {
  Load({"good"});
  ASSERT_TRUE(registry_->failures().empty()) << registry_->failures()[0].status;
  ASSERT_NE(registry_->FindOp("test_sum"), nullptr);
  EXPECT_EQ(registry_->FindOp("test_su"), nullptr);
  EXPECT_EQ(registry_->FindArchitecture("none"), nullptr);
  const auto kernel = registry_->Resolve(node_);
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  EXPECT_STREQ((*kernel)->name, "test_sum_good");
  EXPECT_EQ(registry_->PluginOf(*kernel), "good");
  EXPECT_EQ(registry_->plugins()[0]->path(), PathOf("good"));
  EXPECT_EQ(registry_->OpNames(), std::vector<std::string>{"test_sum"});
  EXPECT_EQ(registry_->kernels("test_sum"), std::vector<const kl_kernel*>{*kernel});
}

TEST_F(RegistryTest, TheChosenKernelComputes) {
  Load({"good"});
  const auto kernel = registry_->Resolve(node_);
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  float a[] = {1, 2, 3}, b[] = {10, 20, 30}, y[3] = {};
  kl_tensor tensors[3] = {};
  kl_tensor* operands[3];
  float* data[3] = {a, b, y};
  for (int i = 0; i < 3; ++i) {
    tensors[i] = {sizeof(kl_tensor), KL_TYPE_F32, 1, KL_LAYOUT_ROWS, {3}, data[i], nullptr};
    operands[i] = &tensors[i];
  }
  kl_run run = {};
  run.struct_size = sizeof run;
  run.operands = operands;
  run.operand_count = 3;
  kl_work work = {};
  (*kernel)->work(&run, &work);
  ASSERT_EQ(work.phase_count, 1u);
  run.end = work.unit_count[0];
  ASSERT_EQ((*kernel)->run(&run), KL_OK);
  EXPECT_EQ(y[2], 33);
}

TEST_F(RegistryTest, OldAndNewMinorVersionsLoad) {
  Load({"older_minor", "newer_minor", "good"});
  ASSERT_TRUE(registry_->failures().empty()) << registry_->failures()[0].status;
  EXPECT_EQ(registry_->plugins().size(), 3u);
  const auto kernel = registry_->Resolve(node_);
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  EXPECT_EQ(registry_->PluginOf(*kernel), "newer_minor");
}

TEST_F(RegistryTest, APluginThatNeedsANewerHostDeclinesAndTheOthersGoOn) {
  Load({"declining", "good"});
  EXPECT_EQ(CodeFromStatus(OnlyFailure()), KL_VERSION_MISMATCH);
  EXPECT_TRUE(Contains(OnlyFailure(), "needs a host of ABI minor version")) << OnlyFailure();
  EXPECT_TRUE(registry_->Resolve(node_).ok());
}

struct BadPlugin {
  const char* name;
  kl_code code;
  const char* text;
};

class BadPluginTest : public RegistryTest, public testing::WithParamInterface<BadPlugin> {};

TEST_P(BadPluginTest, IsReportedAndTheOthersGoOn) {
  Load({GetParam().name, "good"});
  const absl::Status failure = OnlyFailure();
  EXPECT_EQ(CodeFromStatus(failure), GetParam().code) << failure;
  EXPECT_TRUE(Contains(failure, PathOf(GetParam().name))) << failure;
  EXPECT_TRUE(Contains(failure, GetParam().text)) << failure;
  EXPECT_EQ(registry_->failures()[0].path, PathOf(GetParam().name));
  EXPECT_TRUE(registry_->Resolve(node_).ok());
}

INSTANTIATE_TEST_SUITE_P(
    All, BadPluginTest,
    testing::Values(BadPlugin{"wrong_major", KL_VERSION_MISMATCH, "ABI major version 2"},
                    BadPlugin{"wrong_isa", KL_UNSUPPORTED, "found one for vax"},
                    BadPlugin{"wrong_name", KL_INVALID_ARGUMENT, "right_name"},
                    BadPlugin{"missing_entry", KL_NOT_FOUND, "kl_plugin_query_v1"},
                    BadPlugin{"missing_manifest", KL_NOT_FOUND, "KL_PLUGIN_MANIFEST"},
                    BadPlugin{"not_there", KL_NOT_FOUND, "No such file"}),
    [](const testing::TestParamInfo<BadPlugin>& info) { return std::string(info.param.name); });

TEST_F(RegistryTest, TruncatedAndDamagedFilesAreReportedAndTheOthersGoOn) {
  std::ifstream in(PathOf("good"), std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  ASSERT_GT(bytes.size(), 4096u);
  const std::string cut_path = testing::TempDir() + "/libkinglet_cut.so";
  const std::string damaged_path = testing::TempDir() + "/libkinglet_damaged.so";
  std::ofstream(cut_path, std::ios::binary) << bytes.substr(0, bytes.size() / 2);
  bytes[bytes.size() / 2] ^= 0x10;
  std::ofstream(damaged_path, std::ios::binary) << bytes;

  options_.extra_plugin_paths = {cut_path, damaged_path};
  Load({"rival"});
  ASSERT_EQ(registry_->failures().size(), 2u);
  EXPECT_TRUE(Contains(registry_->failures()[0].status, "the file is cut short"));
  EXPECT_TRUE(Contains(registry_->failures()[1].status, "expected checksum"));
  EXPECT_TRUE(registry_->Resolve(node_).ok());
}

TEST_F(RegistryTest, EqualPrioritiesAreATie) {
  Load({"good", "rival"});
  ASSERT_TRUE(registry_->failures().empty());
  const auto kernel = registry_->Resolve(node_);
  EXPECT_EQ(CodeFromStatus(kernel.status()), KL_FAILED_PRECONDITION);
  EXPECT_TRUE(Contains(kernel.status(), "test_sum_good (plugin good")) << kernel.status();
  EXPECT_TRUE(Contains(kernel.status(), "test_sum_rival (plugin rival")) << kernel.status();
}

TEST_F(RegistryTest, APinSettlesATie) {
  options_.pinned_kernels["test_sum"] = "test_sum_rival";
  Load({"good", "rival"});
  const auto kernel = registry_->Resolve(node_);
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  EXPECT_EQ(registry_->PluginOf(*kernel), "rival");
}

TEST_F(RegistryTest, APinnedKernelMustExist) {
  options_.extra_plugin_paths = {PathOf("good")};
  options_.pinned_kernels["test_sum"] = "test_sum_fast";
  const auto registry = Registry::Create(options_);
  EXPECT_EQ(CodeFromStatus(registry.status()), KL_NOT_FOUND);
  EXPECT_TRUE(Contains(registry.status(), "its kernels are: test_sum_good")) << registry.status();
}

TEST_F(RegistryTest, APinnedKernelMustRunOnThisProcessor) {
  kl_kernel wide = SampleKernel("test_sum_wide", 100);
  wide.cpu_features = KL_CPU_AVX512;
  const kl_kernel* kernels[] = {&wide};
  kl_plugin_v1 plugin = {};
  plugin.struct_size = sizeof plugin;
  plugin.abi_major = KL_ABI_MAJOR;
  plugin.name = "wide";
  plugin.version = "1.0";
  plugin.kernels = kernels;
  plugin.kernel_count = 1;
  options_.adopted_plugins = {&plugin};
  options_.pinned_kernels["test_sum"] = "test_sum_wide";
  options_.cpu.features = KL_CPU_AVX2;
  const auto registry = Registry::Create(options_);
  EXPECT_EQ(CodeFromStatus(registry.status()), KL_UNSUPPORTED);
  EXPECT_TRUE(Contains(registry.status(), "this processor lacks avx512")) << registry.status();

  options_.cpu.features |= KL_CPU_AVX512;
  Load({"good"});
  const auto kernel = registry_->Resolve(node_);
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  EXPECT_EQ(*kernel, &wide);
  EXPECT_EQ(registry_->PluginOf(&wide), "wide");
}

TEST_F(RegistryTest, AKernelNameThatIsTakenKeepsThePluginOut) {
  Load({"good", "same_kernel"});
  EXPECT_TRUE(Contains(OnlyFailure(), "kernel test_sum_good is already there from plugin good"))
      << OnlyFailure();
  EXPECT_EQ(registry_->plugins().size(), 1u);
}

TEST_F(RegistryTest, TheSamePluginTwiceIsAFailureOfTheSecond) {
  Load({"good", "good"});
  EXPECT_TRUE(Contains(OnlyFailure(), "a plugin named good is already loaded")) << OnlyFailure();
}

TEST_F(RegistryTest, DisabledPluginsAreNotLoaded) {
  options_.disabled_plugins = {"rival"};
  Load({"good", "rival"});
  EXPECT_TRUE(registry_->failures().empty());
  EXPECT_EQ(registry_->plugins().size(), 1u);
}

TEST_F(RegistryTest, OptionsAndLogReachThePlugin) {
  std::vector<std::string> lines;
  Log log(KL_LOG_INFO, [&](kl_log_level, absl::string_view text) { lines.emplace_back(text); });
  options_.log = &log;
  options_.plugin_options["good.greeting"] = "hello";
  Load({"good"});
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines[0], "plugin good: hello");
  const kl_host* host = registry_->HostOf(registry_->FindOp("test_sum"));
  EXPECT_STREQ(host->option(host, "greeting"), "hello");
}

TEST_F(RegistryTest, ABareFileNameIsNeverSearchedFor) {
  options_.extra_plugin_paths = {"libkinglet_good.so"};
  Load({});
  EXPECT_EQ(registry_->failures().size(), 1u);
  HostServices host({});
  PluginManifest manifest;
  manifest.name = "good";
  const auto plugin = Plugin::Load("libkinglet_good.so", manifest, &host);
  EXPECT_EQ(CodeFromStatus(plugin.status()), KL_INVALID_ARGUMENT);
}

TEST_F(RegistryTest, ANamedFolderIsReadInTheOrderOfItsPaths) {
  options_.use_plugin_folder = true;
  options_.plugin_folder = kFolder;
  Load({});
  EXPECT_EQ(registry_->plugins()[0]->name(), "good");
  EXPECT_EQ(registry_->plugins().size() + registry_->failures().size(), 11u);
  EXPECT_EQ(registry_->plugins().size(), 4u);  // good, newer_minor, older_minor, rival
}

TEST_F(RegistryTest, ANamedFolderMustExist) {
  options_.use_plugin_folder = true;
  options_.plugin_folder = "core/plugin/no_such_folder";
  EXPECT_EQ(CodeFromStatus(Registry::Create(options_).status()), KL_NOT_FOUND);
}

TEST(PluginFolderTest, OwnFolderIsBesideTheProgram) {
  const auto folder = OwnPluginFolder();
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ((*folder)[0], '/');
  EXPECT_EQ(folder->substr(folder->rfind('/')), "/plugins");
}

}  // namespace
}  // namespace kinglet
