#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "gtest/gtest.h"

namespace {

using nlohmann::json;

TEST(NlohmannJsonTest, ReadsNumbersTextAndNesting) {
  const json value = json::parse(R"({"n":[1,-2.5,18446744073709551615],"t":"\u00e9"})");
  EXPECT_EQ(value["n"][0], 1);
  EXPECT_EQ(value["n"][1], -2.5);
  EXPECT_EQ(value["n"][2].get<uint64_t>(), UINT64_MAX);
  EXPECT_EQ(value["t"], "\xc3\xa9");
}

TEST(NlohmannJsonTest, RefusesBrokenTextWithoutThrowing) {
  EXPECT_TRUE(json::parse("{\"a\":[1,}", nullptr, false).is_discarded());
  EXPECT_TRUE(json::parse("\"\xff\"", nullptr, false).is_discarded());
}

TEST(NlohmannJsonTest, WhatIsWrittenReadsBackEqual) {
  const json value = {{"name", "kinglet"}, {"layers", {1, 2, 3}}, {"scale", 0.1}};
  EXPECT_EQ(json::parse(value.dump()), value);
}

}  // namespace
