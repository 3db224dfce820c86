#include "core/text/utf8.h"

#include "gtest/gtest.h"

namespace kinglet {
namespace {

TEST(Utf8Test, ReadsBackEveryCodePoint) {
  for (uint32_t code_point = 0; code_point <= 0x10FFFF; code_point++) {
    if (code_point >= 0xD800 && code_point <= 0xDFFF) continue;
    std::string text;
    AppendUtf8(code_point, &text);
    const Utf8Unit unit = ReadUtf8(text, 0);
    ASSERT_EQ(Utf8Kind::kCharacter, unit.kind) << code_point;
    ASSERT_EQ(text.size(), unit.length_bytes) << code_point;
    ASSERT_EQ(code_point, DecodeUtf8(text, 0, unit.length_bytes));
    for (size_t cut = 1; cut < text.size(); cut++) {
      const Utf8Unit part = ReadUtf8(absl::string_view(text).substr(0, cut), 0);
      ASSERT_EQ(Utf8Kind::kIncomplete, part.kind) << code_point;
      ASSERT_EQ(cut, part.length_bytes);
    }
  }
}

TEST(Utf8Test, RefusesOverlongFormsSurrogatesAndLargeValues) {
  for (const char* bad : {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xE0\x9F\xBF",
                          "\xED\xA0\x80", "\xED\xBF\xBF", "\xF0\x80\x80\x80", "\xF0\x8F\xBF\xBF",
                          "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFE", "\xFF"}) {
    const Utf8Unit unit = ReadUtf8(bad, 0);
    EXPECT_EQ(Utf8Kind::kInvalid, unit.kind) << bad;
    EXPECT_EQ(1, unit.length_bytes) << bad;
  }
}

// The example of the Unicode standard, table 3-11.
TEST(Utf8Test, ReplacesMaximalSubparts) {
  EXPECT_EQ("a\uFFFD\uFFFD\uFFFDb\uFFFDc\uFFFD\uFFFDd",
            ReplaceInvalidUtf8("a\xF1\x80\x80\xE1\x80\xC2"
                               "b\x80"
                               "c\x80\xBF"
                               "d"));
  EXPECT_EQ("x\uFFFD", ReplaceInvalidUtf8("x\xF0\x9F\x98"));
}

TEST(Utf8Test, FindsTheValidPrefix) {
  EXPECT_EQ(0u, ValidUtf8Length("", 0));
  EXPECT_EQ(20u, ValidUtf8Length("twenty ascii letters", 0));
  EXPECT_EQ(9u, ValidUtf8Length("123456789\xFF", 0));
  EXPECT_EQ(10u, ValidUtf8Length("12345678\xC3\xA9\xE2\x82", 0));
  EXPECT_EQ(2u, ValidUtf8Length("\xFF\xC3\xA9\xFF", 1));
}

}  // namespace
}  // namespace kinglet
