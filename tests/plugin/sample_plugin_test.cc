// A third party's plugin: compiled from one file and the headers of core/abi with plain gcc, loaded
// beside the library's own, picked for its operator; and what happens when it is broken.
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/kinglet_test.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

constexpr char kModel[] = "tests/golden/sigmoid_hybrid.gguf";
const std::vector<int32_t> kTokens = {1, 5, 9, 2, 7, 3};

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
}

// Both ends of a command: status 0, or its output as a test failure.
void RunOrFail(const std::string& command) {
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  ASSERT_NE(pipe, nullptr) << command;
  std::string output;
  std::array<char, 4096> buffer;
  for (size_t count; (count = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    output.append(buffer.data(), count);
  }
  ASSERT_EQ(pclose(pipe), 0) << command << "\n" << output;
}

class SamplePluginTest : public testing::Test {
 protected:
  // What a third party has: a folder with core/abi in it and nothing else of Kinglet.
  void SetUp() override {
    for (const auto& entry : std::filesystem::directory_iterator("core/abi")) {
      if (entry.path().extension() != ".h") continue;
      const std::string name = "core/abi/" + entry.path().filename().string();
      folder_.Write("sdk/" + name, ReadFile(name));
    }
  }

  // Compiles the sample against the headers in `sdk` with more compiler flags; returns the file.
  std::string Compile(const std::string& name, const std::string& flags = "",
                      const std::string& sdk = "sdk") {
    const std::string path = folder_.path() + "/libkinglet_" + name + ".so";
#if defined(__aarch64__)
    const char* compiler = "aarch64-linux-gnu-gcc";
#else
    const char* compiler = "gcc";
#endif
    RunOrFail(std::string(compiler) +
              " -std=c11 -O2 -Wall -Wextra -pedantic -Werror -shared -fPIC " + flags + " -I" +
              folder_.path() + "/" + sdk + " tests/plugin/sample/sample_add.c -o " + path);
    return path;
  }

  void Start(const std::vector<std::string>& plugin_paths) {
    RuntimeSettings settings = WithThreads(2);
    settings.plugin_paths = plugin_paths;
    runtime_ = MakeRuntime(settings);
    ASSERT_NE(runtime_, nullptr);
  }

  // Why the plugin at `path` was left out; empty when it was loaded.
  std::string FailureOf(const std::string& path) {
    for (uint32_t i = 0; i < kl_runtime_plugin_count(runtime_.get()); ++i) {
      kl_plugin_facts facts = {};
      facts.struct_size = sizeof facts;
      EXPECT_EQ(kl_runtime_plugin(runtime_.get(), i, &facts), KL_OK);
      if (path == facts.path) return facts.failure == nullptr ? "" : facts.failure;
    }
    return "not listed";
  }

  // The plugin is reported with its path and this reason; the model loads and computes all the
  // same.
  void ExpectLeftOut(const std::string& path, const std::string& reason) {
    Start({path});
    const std::string failure = FailureOf(path);
    EXPECT_NE(failure.find(path), std::string::npos) << failure;
    EXPECT_NE(failure.find(reason), std::string::npos) << failure;
    EXPECT_EQ(PlanText().find("sample"), std::string::npos);
    EXPECT_EQ(Logits().size(), kTokens.size());
  }

  std::string PlanText() {
    const Handle<kl_model> model = LoadModel(runtime_.get(), kModel);
    return model == nullptr ? "" : kl_model_plan_text(model.get());
  }

  std::vector<std::vector<float>> Logits() {
    const Handle<kl_model> model = LoadModel(runtime_.get(), kModel);
    if (model == nullptr) return {};
    const Handle<kl_session> session = MakeGreedySession(model.get(), {64, 8});
    return session == nullptr ? std::vector<std::vector<float>>()
                              : AllLogits(session.get(), kTokens);
  }

  const TempFolder folder_;
  Handle<kl_runtime> runtime_;
};

TEST_F(SamplePluginTest, ItsKernelIsPickedAndComputes) {
  Start({});
  const std::vector<std::vector<float>> without = Logits();
  ASSERT_EQ(without.size(), kTokens.size());

  const std::string path = Compile("sample");
  Start({path});
  EXPECT_EQ(FailureOf(path), "");
  EXPECT_NE(PlanText().find("add_f32_sample (sample)"), std::string::npos) << PlanText();
  EXPECT_EQ(LargestDifference(without, Logits()), 0.0);  // one addition has one right answer
}

TEST_F(SamplePluginTest, AnotherAbiVersionIsLeftOut) {
  std::string header = ReadFile("core/abi/types.h");
  const std::string current = "#define KL_ABI_MAJOR 1u";
  ASSERT_NE(header.find(current), std::string::npos);
  header.replace(header.find(current), current.size(), "#define KL_ABI_MAJOR 2u");
  std::filesystem::copy(folder_.path() + "/sdk", folder_.path() + "/sdk2",
                        std::filesystem::copy_options::recursive);
  folder_.Write("sdk2/core/abi/types.h", header);
  ExpectLeftOut(Compile("future", "", "sdk2"), "built for ABI major version 2");
}

TEST_F(SamplePluginTest, AMissingEntryIsLeftOut) {
  ExpectLeftOut(Compile("entry", "-Dkl_plugin_query_v1=kl_plugin_query_v0"),
                "expected the exported function kl_plugin_query_v1");
}

TEST_F(SamplePluginTest, AnUndefinedSymbolIsLeftOut) {
  ExpectLeftOut(Compile("symbol",
                        "-Dmemcmp=kl_no_such_function -fno-builtin "
                        "-Wno-implicit-function-declaration -Wno-nested-externs"),
                "undefined symbol: kl_no_such_function");
}

TEST_F(SamplePluginTest, ATruncatedFileIsLeftOut) {
  const std::string whole = ReadFile(Compile("sample"));
  const std::string path = folder_.Write("libkinglet_cut.so", whole.substr(0, whole.size() / 2));
  ExpectLeftOut(path, "the file is cut short");
}

TEST_F(SamplePluginTest, AFileThatIsNoPluginIsLeftOut) {
  ExpectLeftOut(folder_.Write("libkinglet_text.so", std::string(1000, 'x')),
                "expected an ELF shared library");
}

TEST_F(SamplePluginTest, ABrokenPluginKeepsNoOtherOut) {
  const std::string good = Compile("sample");
  const std::string cut = folder_.Write("libkinglet_cut.so", ReadFile(good).substr(0, 5000));
  Start({cut, good});
  EXPECT_NE(FailureOf(cut), "");
  EXPECT_EQ(FailureOf(good), "");
  EXPECT_NE(PlanText().find("add_f32_sample (sample)"), std::string::npos);
}

}  // namespace
}  // namespace kinglet
