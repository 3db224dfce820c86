// Tests with a small model that the program itself made.
#ifndef TESTS_CLI_MODEL_FIXTURE_H_
#define TESTS_CLI_MODEL_FIXTURE_H_

#include <string>

#include "gtest/gtest.h"
#include "tests/cli/program.h"

namespace kinglet {

class CliModelTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const ProgramResult made = RunKinglet(
        {"make-model", "--preset", "tiny", "--context", "256", "--window", "0", "-o", Model()});
    ASSERT_EQ(made.status, 0) << made.err;
  }

  static std::string Model() { return testing::TempDir() + "cli_tiny.gguf"; }
};

}  // namespace kinglet

#endif  // TESTS_CLI_MODEL_FIXTURE_H_
