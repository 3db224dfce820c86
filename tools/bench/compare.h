// Figures of an earlier run, to put beside new ones: JSON of this program's or of llama-bench's.
#ifndef KINGLET_TOOLS_BENCH_COMPARE_H_
#define KINGLET_TOOLS_BENCH_COMPARE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tools/bench/result.h"
#include "tools/common/report.h"

namespace kinglet::tools {

struct EarlierResult {
  std::string model_filename;
  int64_t n_threads = 0, n_prompt = 0, n_gen = 0, n_depth = 0;
  double tokens_per_second = 0;
};

// `text`: an array (-o json) or an object a line (-o jsonl). `path` is for messages.
Failure ParseEarlier(const std::string& path, const std::string& text,
                     std::vector<EarlierResult>* earlier);

// Tokens a second of the same test with as many threads, of a model of the same file name where
// there are several; 0 when there is none.
double FindEarlier(const std::vector<EarlierResult>& earlier, const BenchResult& result);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_BENCH_COMPARE_H_
