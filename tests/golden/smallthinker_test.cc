// Tiny SmallThinker models against logits of an independent numpy implementation (make_goldens.py).
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "tests/support/kinglet_test.h"
#include "tests/support/npy.h"

namespace kinglet {
namespace {

constexpr char kFolder[] = "tests/golden/";

std::vector<int32_t> GoldenTokens() {
  std::ifstream file(std::string(kFolder) + "tokens.txt");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::vector<int32_t> tokens;
  for (absl::string_view word : absl::StrSplit(text, absl::ByAnyChar(", \n"), absl::SkipEmpty())) {
    int32_t token = -1;
    EXPECT_TRUE(absl::SimpleAtoi(word, &token)) << word;
    tokens.push_back(token);
  }
  return tokens;
}

class SmallThinkerGoldenTest : public testing::TestWithParam<const char*> {
 protected:
  void Compare(kl_runtime* runtime, int32_t batch) {
    const std::string name = std::string(kFolder) + GetParam();
    const Handle<kl_model> model = LoadModel(runtime, name + ".gguf");
    ASSERT_NE(model, nullptr);
    const std::vector<int32_t> tokens = GoldenTokens();
    ASSERT_GE(tokens.size(), 20u);
    const Handle<kl_session> session = MakeGreedySession(model.get(), {64, batch});
    EXPECT_LE(LargestDifference(AllLogits(session.get(), tokens), ReadNpyRows(name + ".logits.npy")), 1e-4);
  }
};

TEST_P(SmallThinkerGoldenTest, ReferenceKernelsGiveTheGoldenLogits) { Compare(MakeReferenceRuntime().get(), 32); }
TEST_P(SmallThinkerGoldenTest, FastKernelsGiveTheGoldenLogits) { Compare(MakeRuntime(WithThreads(2)).get(), 32); }
// The window and the ring rows must hold when tokens arrive one by one and in odd batches.
TEST_P(SmallThinkerGoldenTest, LogitsDoNotDependOnTheBatch) {
  Compare(MakeRuntime(WithThreads(2)).get(), 1);
  Compare(MakeRuntime(WithThreads(2)).get(), 5);
}

INSTANTIATE_TEST_SUITE_P(Variants, SmallThinkerGoldenTest,
                         testing::Values("sigmoid_hybrid", "softmax_hybrid", "sigmoid_rope", "softmax_rope_untied",
                                         "sigmoid_hybrid_down_transposed", "no_gating_key"));

}  // namespace
}  // namespace kinglet
