#include <pcre2.h>

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace {

// The matches of pattern in text, one after the other, as a pre-tokenizer takes them.
std::vector<std::string> Split(const std::string& pattern, const std::string& text) {
  int error_code = 0;
  PCRE2_SIZE error_offset = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                   PCRE2_UTF | PCRE2_UCP, &error_code, &error_offset, nullptr);
  if (code == nullptr) return {"pattern error at byte " + std::to_string(error_offset)};
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  pcre2_match_data* match = pcre2_match_data_create_from_pattern(code, nullptr);
  std::vector<std::string> pieces;
  size_t start = 0;
  while (start < text.size() && pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()),
                                            text.size(), start, 0, match, nullptr) > 0) {
    const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(match);
    pieces.push_back(text.substr(bounds[0], bounds[1] - bounds[0]));
    start = bounds[1];
  }
  pcre2_match_data_free(match);
  pcre2_code_free(code);
  return pieces;
}

using Pieces = std::vector<std::string>;

TEST(Pcre2Test, UnicodePropertiesMatchLettersAndNumbersOfAnyScript) {
  EXPECT_EQ(Split("\\p{L}+|\\p{N}+", "na\u00efve \u0416\u0437\u4e2d 42\u0664"),
            (Pieces{"na\u00efve", "\u0416\u0437\u4e2d", "42\u0664"}));
}

TEST(Pcre2Test, SplitsAsGpt2DoesWithItsLookahead) {
  EXPECT_EQ(
      Split("'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
            "It's  7 birds!"),
      (Pieces{"It", "'s", " ", " 7", " birds", "!"}));
}

TEST(Pcre2Test, BrokenPatternIsReportedWithItsPlace) {
  EXPECT_EQ(Split("ab(", "ab"), (Pieces{"pattern error at byte 3"}));
}

}  // namespace
