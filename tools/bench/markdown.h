// Tables for people.
#ifndef KINGLET_TOOLS_BENCH_MARKDOWN_H_
#define KINGLET_TOOLS_BENCH_MARKDOWN_H_

#include <string>
#include <vector>

#include "tools/bench/result.h"

namespace kinglet::tools {

// Rows padded to columns; the first row is the heading. `right`: which columns stand to the right.
std::string AlignTable(const std::vector<std::vector<std::string>>& rows,
                       const std::vector<bool>& right);

// llama-bench's table. Further columns where there is something in them: bytes a second against the
// roof, the figures of an earlier run. A line below says what the prompts were.
std::string MarkdownTable(const std::vector<BenchResult>& results);

// One table a profile.
std::string ProfileTables(const std::vector<BenchResult>& results);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_BENCH_MARKDOWN_H_
