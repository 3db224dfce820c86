// Reading the values of options, and guessing what a mistyped name was meant to be.
#ifndef KINGLET_TOOLS_COMMON_OPTION_VALUES_H_
#define KINGLET_TOOLS_COMMON_OPTION_VALUES_H_

#include <cstdint>
#include <string>
#include <vector>

namespace kinglet::tools {

struct IntegerRange {
  int64_t least, most;
};

// Each parser returns what is wrong with the text, or "".
std::string ParseInteger(const std::string& text, IntegerRange range, int64_t* value);
// Appends to the list: commas, ranges 1-4, 1-7+2 (step), 1-64*2 (factor).
std::string ParseIntegerList(const std::string& text, IntegerRange range,
                             std::vector<int64_t>* list);
// 1500000, 512MiB, 1.5GiB, 2GB.
std::string ParseByteCount(const std::string& text, uint64_t* bytes);

// The entries of `known` closest to `word` (few edits), best first, at most three.
std::vector<std::string> NearMisses(const std::string& word, const std::vector<std::string>& known);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_COMMON_OPTION_VALUES_H_
