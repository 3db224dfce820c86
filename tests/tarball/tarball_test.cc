// What //:kinglet_tarball unpacks to answers a question by itself: its own plugins, model,
// libraries.
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <sstream>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/start_command.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

namespace fs = std::filesystem;

// Standard output of a shell command that has to succeed.
std::string OutputOf(const std::string& command) {
  std::string output;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) {
    ADD_FAILURE() << "cannot start " << command;
    return output;
  }
  char buffer[4096];
  size_t count;
  while ((count = fread(buffer, 1, sizeof buffer, pipe)) > 0) output.append(buffer, count);
  const int status = pclose(pipe);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << command << " failed:\n" << output;
  return output;
}

class TarballTest : public testing::Test {
 protected:
  void SetUp() override {
    OutputOf("tar -C '" + folder_.path() + "' -xzf kinglet.tar.gz");
    top_ = (fs::path(folder_.path()).lexically_normal() / "kinglet").string();
  }
  // From a folder that has nothing to do with it.
  std::string Kinglet(const std::string& arguments) {
    return OutputOf("cd / && " + StartCommand(top_ + "/bin/kinglet") + " " + arguments);
  }

  TempFolder folder_;
  std::string top_;
};

TEST_F(TarballTest, AnswersAQuestion) {
  EXPECT_TRUE(fs::exists(top_ + "/README.md"));
  EXPECT_TRUE(fs::exists(top_ + "/LICENSE"));
  const std::string answer = Kinglet("chat --temp 0 -n 40 -p 'Who are you?'");
  EXPECT_NE(answer.find("Kinglet"), std::string::npos) << answer;
}

TEST_F(TarballTest, BringsTheKernelsOfTheProcessor) {
#if defined(__aarch64__)
  const std::string plugin = "sparse_arm";
#else
  const std::string plugin = "sparse_x86";
#endif
  EXPECT_TRUE(fs::exists(top_ + "/bin/plugins/" + plugin + "/libkinglet_" + plugin + ".so"));
  const std::string plan = Kinglet("inspect --plan " + top_ + "/bin/models/kinglet-demo.gguf");
  const char* played = getenv("QEMU_AARCH64_CPU");
  if (played == nullptr) GTEST_SKIP() << "no QEMU_AARCH64_CPU says which processor this should be";
  const std::string level = std::string(played) == "cortex-a53"   ? "neon"
                            : std::string(played) == "cortex-a76" ? "dotprod"
                                                                  : "i8mm";
  EXPECT_NE(plan.find("matmul_q8_0_" + level), std::string::npos) << plan;
}

// Every library is the folder's own but those of C and C++, which are the machine's.
TEST_F(TarballTest, BringsItsLibraries) {
  // The loader then lists what it would load. qemu must not obey this itself.
  const char* emulated = getenv("KL_RUN_UNDER") != nullptr ? "QEMU_SET_ENV=" : "";
  std::istringstream list(OutputOf(std::string("export ") + emulated +
                                   "LD_TRACE_LOADED_OBJECTS=1; " +
                                   StartCommand(top_ + "/bin/kinglet")));
  const std::set<std::string> of_the_machine = {"libc",  "libm",      "libpthread", "libdl",
                                                "librt", "libstdc++", "libgcc_s"};
  int own = 0;
  for (std::string line; std::getline(list, line);) {
    const size_t arrow = line.find(" => ");
    if (arrow == std::string::npos) continue;  // the loader itself, the kernel's
    const size_t start = line.find_first_not_of(" \t");
    const std::string name = line.substr(start, line.find('.', start) - start);
    if (of_the_machine.count(name) != 0) continue;
    ++own;
    const std::string path = fs::path(line.substr(arrow + 4)).lexically_normal().string();
    EXPECT_EQ(path.rfind(top_ + "/lib/", 0), 0u) << line;
  }
  EXPECT_GT(own, 5) << list.str();
}

}  // namespace
}  // namespace kinglet
