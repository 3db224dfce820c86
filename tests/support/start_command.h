// How a test starts a program of this build: by a shell command that works under qemu as well.
#ifndef TESTS_SUPPORT_START_COMMAND_H_
#define TESTS_SUPPORT_START_COMMAND_H_

#include <cstdlib>
#include <string>

namespace kinglet {

// `program` with the emulator in front that this test itself runs in, if any: the kernel cannot
// start a program of another processor (third_party/toolchains/run_aarch64.sh sets KL_RUN_UNDER).
inline std::string StartCommand(const std::string& program) {
  const char* emulator = getenv("KL_RUN_UNDER");
  return emulator == nullptr ? program : std::string(emulator) + " " + program;
}

}  // namespace kinglet

#endif  // TESTS_SUPPORT_START_COMMAND_H_
