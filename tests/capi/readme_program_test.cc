// The C program in README.md compiles without a warning, and answers.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

struct Outcome {
  int status = -1;
  std::string output;  // stdout and stderr
};

Outcome RunCommand(const std::string& command) {
  Outcome outcome;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return outcome;
  std::array<char, 4096> buffer;
  for (size_t count; (count = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    outcome.output.append(buffer.data(), count);
  }
  outcome.status = pclose(pipe);
  return outcome;
}

std::string Folder() {
  char folder[4096] = "";
  return getcwd(folder, sizeof folder) == nullptr ? "." : folder;
}

// The first ```c block of the README.
std::string ReadmeProgram() {
  std::ifstream file("README.md");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::string opening = "\n```c\n";
  const size_t begin = text.find(opening);
  if (begin == std::string::npos) return "";
  const size_t end = text.find("\n```", begin + opening.size());
  return text.substr(begin + opening.size(), end + 1 - begin - opening.size());
}

TEST(ReadmeProgramTest, CompilesWithoutAWarningAndAnswers) {
  const std::string program = ReadmeProgram();
  ASSERT_FALSE(program.empty()) << "README.md has no ```c block";
  EXPECT_LT(std::count(program.begin(), program.end(), '\n'), 60);
  const TempFolder folder;
  const std::string source = folder.Write("hello.c", program);
  const std::string binary = folder.path() + "/hello";
  const std::string root = Folder();
  const Outcome compiled =
      RunCommand("gcc -std=c11 -Wall -Wextra -pedantic -Werror -I" + root + " " + source + " -o " + binary + " -L" +
                 root + " -lkinglet -Wl,-rpath," + root);
  ASSERT_EQ(compiled.status, 0) << compiled.output;
  EXPECT_EQ(compiled.output, "");
  const Outcome ran = RunCommand(binary + " " + root + "/models/kinglet-demo.gguf 'Hello'");
  EXPECT_EQ(ran.status, 0) << ran.output;
  EXPECT_GT(ran.output.size(), 5u) << ran.output;
  const Outcome failed = RunCommand(binary + " " + root + "/no-such-file.gguf 'Hello'");
  EXPECT_NE(failed.status, 0);
  EXPECT_NE(failed.output.find("no-such-file.gguf"), std::string::npos) << failed.output;
}

}  // namespace
}  // namespace kinglet
