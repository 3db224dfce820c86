// kinglet classify on real networks and images.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/cli/program.h"
#include "tests/support/testdata.h"

namespace kinglet {
namespace {

using nlohmann::json;
using testing::HasSubstr;

TEST(ClassifyTest, ABurgerIsACheeseburger) {
  KL_REQUIRE_TESTDATA();
  const std::string folder = TestDataFolder();
  const ProgramResult result = RunKinglet(
      {"classify", folder + "/cnn/mobilenet_v1_0.25_224_f32.tflite", folder + "/images/burger.jpg",
       "--labels", folder + "/images/imagenet_labels.txt", "--json"});
  ASSERT_EQ(result.status, 0) << result.err;
  const json found = json::parse(result.out, nullptr, false);
  ASSERT_TRUE(found.is_object()) << result.out;
  EXPECT_GT(found["arena_bytes"], 224 * 224 * 3);
  ASSERT_EQ(found["images"].size(), 1u);
  const json& top = found["images"][0]["top"];
  ASSERT_EQ(top.size(), 5u);
  EXPECT_EQ(top[0]["label"], "cheeseburger");
  EXPECT_GT(top[0]["score"], 0.9);
  EXPECT_GT(found["images"][0]["run_ns"], 0);
}

TEST(ClassifyTest, SaysWhatIsNoImage) {
  KL_REQUIRE_TESTDATA();
  const std::string network = TestDataFolder() + "/cnn/mobilenet_v1_0.25_224_f32.tflite";
  const ProgramResult result = RunKinglet({"classify", network, network});
  EXPECT_NE(result.status, 0);
  EXPECT_THAT(result.err, HasSubstr("expected a JPEG, PNG, BMP or GIF image"));
}

}  // namespace
}  // namespace kinglet
