#include "loaders/common/json_file.h"

#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

using testing::HasSubstr;

nlohmann::json Parse(const std::string& text) {
  auto value = ParseJsonObject("f.json", 0, text);
  EXPECT_TRUE(value.ok()) << value.status();
  return value.ok() ? *std::move(value) : nlohmann::json::object();
}

TEST(ParseJsonObjectTest, RefusesWhatIsNoObject) {
  for (const char* text :
       {"", "{", "[]", "3", "null", "{\"a\":}", "{}{}", "{\"a\":1,}", "{\"a\":NaN}"}) {
    EXPECT_FALSE(ParseJsonObject("f.json", 0, text).ok()) << text;
  }
}

TEST(ParseJsonObjectTest, SameKeyInDifferentObjectsIsFine) {
  EXPECT_TRUE(ParseJsonObject("f.json", 0, R"({"a":{"a":1},"b":[{"a":1},{"a":2}]})").ok());
  EXPECT_FALSE(ParseJsonObject("f.json", 0, R"({"b":[{"a":1,"a":2}]})").ok());
}

TEST(ParseJsonObjectTest, DepthIsCountedOutsideOfStrings) {
  EXPECT_TRUE(ParseJsonObject("f.json", 0, "{\"" + std::string(100, '{') + "\\\"[[\":1}").ok());
  const auto deep = ParseJsonObject("f.json", 8, "{\"a\":" + std::string(100000, '['));
  EXPECT_THAT(std::string(deep.status().message()), HasSubstr("at byte 76"));
}

TEST(ReadJsonFileTest, MissingFileIsNotFound) {
  TempFolder folder;
  EXPECT_EQ(ReadJsonFile(folder.path() + "/none.json").status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_FALSE(ReadJsonFile(folder.Write("empty.json", "")).ok());
  EXPECT_TRUE(ReadJsonFile(folder.Write("good.json", "{\"a\": 1}")).ok());
}

TEST(JsonFieldsTest, AbsentAndNullFieldsGiveTheDefault) {
  const nlohmann::json object = Parse(R"({"null": null})");
  JsonFields fields("f.json", object);
  EXPECT_EQ(fields.Int("null"), std::nullopt);
  EXPECT_EQ(fields.Float("absent"), std::nullopt);
  EXPECT_EQ(fields.Text("null"), "");
  EXPECT_TRUE(fields.Ints("absent").empty());
  EXPECT_EQ(fields.Object("null"), nullptr);
  EXPECT_TRUE(fields.status().ok());
}

TEST(JsonFieldsTest, FirstErrorIsKept) {
  const nlohmann::json object = Parse(R"({"a": "text", "b": [1, "x"]})");
  JsonFields fields("f.json", object);
  EXPECT_EQ(fields.Int("a"), std::nullopt);
  fields.Ints("b");
  EXPECT_THAT(std::string(fields.status().message()),
              HasSubstr("f.json: field \"a\": expected an integer, found string"));
}

TEST(JsonFieldsTest, OneNumberReadsAsAListOfOne) {
  const nlohmann::json object = Parse(R"({"a": 3, "b": [1, 2]})");
  JsonFields fields("f.json", object);
  EXPECT_EQ(fields.Ints("a"), std::vector<int64_t>{3});
  EXPECT_EQ(fields.Ints("b"), (std::vector<int64_t>{1, 2}));
}

TEST(JsonIntTest, TakesWholeNumbersThatFit) {
  const nlohmann::json object = Parse(
      R"({"float": 1e6, "half": 0.5, "huge": 1e300, "above": 9223372036854775808, "low": -9223372036854775808})");
  EXPECT_EQ(JsonInt(object["float"]), 1000000);
  EXPECT_EQ(JsonInt(object["half"]), std::nullopt);
  EXPECT_EQ(JsonInt(object["huge"]), std::nullopt);
  EXPECT_EQ(JsonInt(object["above"]), std::nullopt);
  EXPECT_EQ(JsonInt(object["low"]), std::numeric_limits<int64_t>::min());
}

}  // namespace
}  // namespace kinglet
