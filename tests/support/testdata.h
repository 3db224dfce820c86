// Where a test finds the data that the repository does not hold.
//
// Such data lies in a folder that `bazel test --test_arg=--testdata=FOLDER` names; main() of every
// kl_cc_test and kl_benchmark takes that flag off the command line before anything else reads it.
// Without the flag a test that needs data says so and is skipped:
//
//   TEST(GgufLoaderTest, ReadsARealFile) {
//     KL_REQUIRE_TESTDATA();
//     const std::string path = kinglet::TestDataFolder() + "/llm/stories260K-f32.gguf";
//     ...
//
// Thread safety: the folder is set once, before the first test, and only read afterwards.
#ifndef TESTS_SUPPORT_TESTDATA_H_
#define TESTS_SUPPORT_TESTDATA_H_

#include <string>

#include "gtest/gtest.h"

namespace kinglet {

// The folder given by --testdata=FOLDER, without a trailing slash; empty when none was given.
const std::string& TestDataFolder();

// Sets the folder from the first --testdata=FOLDER in argv[1..*argc) and removes every such flag.
// Called by main().
void TakeTestDataFlag(int* argc, char** argv);

}  // namespace kinglet

// Skips the running test, visibly, when no test data was given. For the body of a TEST or SetUp().
#define KL_REQUIRE_TESTDATA()                                                    \
  if (::kinglet::TestDataFolder().empty())                                       \
  GTEST_SKIP() << "needs the test data folder, and none was given; run it with " \
                  "bazel test --test_arg=--testdata=FOLDER"

#endif  // TESTS_SUPPORT_TESTDATA_H_
