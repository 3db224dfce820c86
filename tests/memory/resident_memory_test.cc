// Packed weights replace the mapped file, they do not come on top: resident memory stays within 2 % of the file plus the
// KV cache and what a process needs anyway, while loading and while computing. For a model of 2.3 GB that is 1.05 times the
// file.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/emulator.h"
#include "tests/support/kinglet_test.h"
#include "tests/support/start_command.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

// What the process needs whatever the model: its code, the plugins and their libraries, activations.
constexpr uint64_t kFixedBytes = 30 << 20;

class ResidentMemoryTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    KL_SKIP_UNDER_EMULATOR("what is resident is the emulator's as well");
    const std::string make =
        StartCommand("./kinglet") + std::string(" make-model --arch smallthinker --preset 4b --layers 3 --experts 32 --vocab 8192 --type ") +
        GetParam() + " --seed 1 -o " + path_;
    ASSERT_EQ(system(make.c_str()), 0) << make;
    ASSERT_GT(std::filesystem::file_size(path_), 150u << 20) << "too small to tell the file from the rest of the process";
    std::ofstream("/proc/self/clear_refs") << "5" << std::flush;  // the peak starts anew, where the kernel allows it
  }
  Handle<kl_model> Load(kl_runtime* runtime, bool packed_cache) const {
    kl_model_options options = {};
    options.struct_size = sizeof options;
    kl_model_default_options(&options);
    options.packed_cache = packed_cache;
    kl_model* model = nullptr;
    Error error;
    EXPECT_EQ(kl_model_load(runtime, path_.c_str(), &options, &model, &error), KL_OK) << error.message;
    return Handle<kl_model>(model);
  }
  void RunAndCheck(kl_model* model) const {
    const Handle<kl_session> session = MakeGreedySession(model, {512, 64});
    std::vector<int32_t> prompt;
    for (int32_t i = 0; i < 100; ++i) prompt.push_back(i * 37 % 8192);
    Continue(session.get(), prompt, 8);
    kl_session_info info = {};
    info.struct_size = sizeof info;
    ASSERT_EQ(kl_session_describe(session.get(), &info), KL_OK);
    const uint64_t file_bytes = std::filesystem::file_size(path_);
    const uint64_t allowed_bytes = file_bytes + file_bytes / 100 * 2 + info.cache_bytes + kFixedBytes;
    printf("%s: file %llu MiB, peak resident %llu MiB, allowed %llu MiB\n", GetParam(),
           static_cast<unsigned long long>(file_bytes >> 20),
           static_cast<unsigned long long>(info.peak_resident_bytes >> 20),
           static_cast<unsigned long long>(allowed_bytes >> 20));
    EXPECT_LE(info.peak_resident_bytes, allowed_bytes);
  }

  const TempFolder folder_;
  const std::string path_ = folder_.path() + "/model.gguf";
};

TEST_P(ResidentMemoryTest, StaysWithinTwoPercentOfFileAndCache) {
  const Handle<kl_runtime> runtime = MakeRuntime(WithThreads(2));
  const Handle<kl_model> model = Load(runtime.get(), false);
  ASSERT_NE(model, nullptr);
  RunAndCheck(model.get());
}

TEST_P(ResidentMemoryTest, StaysWithinTheSameWithAPackedCache) {
  const Handle<kl_runtime> runtime = MakeRuntime(WithThreads(2));
  for (const bool from_cache : {false, true}) {
    const Handle<kl_model> model = Load(runtime.get(), true);
    ASSERT_NE(model, nullptr);
    kl_model_info info = {};
    info.struct_size = sizeof info;
    ASSERT_EQ(kl_model_describe(model.get(), &info), KL_OK);
    EXPECT_EQ(info.packed_from_cache, from_cache && info.packed_bytes > 0);
    RunAndCheck(model.get());
  }
}

// The larger file last: the peak is the process's.
INSTANTIATE_TEST_SUITE_P(Types, ResidentMemoryTest, testing::Values("q4_0", "q8_0"));

}  // namespace
}  // namespace kinglet
